//! A tunnel: bytes both ways, passed on unread.

use std::sync::Arc;

use http::{Response, StatusCode};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use serde_json::json;

use super::answer::{LiveBody, answer, empty};
use super::host::Host;
use super::network::Network;
use super::proxy::LiveProxy;
use crate::observation::RequestKind;
use crate::upstream::ledger::LedgerEntry;

impl LiveProxy {
    /// Reaches the service first, so that the candidate learns whether it can be.
    pub(super) async fn pass(
        self: &Arc<Self>,
        network: &Network,
        host: Host,
        upgrade: OnUpgrade,
        entry: LedgerEntry,
    ) -> Response<LiveBody> {
        let mut out = match network.connect(host.name(), 443).await {
            Ok(out) => out,
            Err(error) => {
                entry.settle(Some(502), RequestKind::Unreachable);
                entry.note(error.to_string());
                return answer(StatusCode::BAD_GATEWAY, &json!({"error": error.to_string()}));
            }
        };
        entry.settle(Some(200), RequestKind::Passed);
        self.tasks.spawn(async move {
            let Ok(upgraded) = upgrade.await else { return };
            // Ends when either side closes, and then closes the other.
            let copied = tokio::io::copy_bidirectional(&mut TokioIo::new(upgraded), &mut out).await;
            if let Ok((sent, received)) = copied {
                entry.note(format!("{sent} bytes sent, {received} received"));
            }
        });
        empty(StatusCode::OK)
    }
}
