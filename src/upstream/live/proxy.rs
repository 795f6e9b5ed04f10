//! Where a candidate's connections come in, and which of them get further.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;

use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::rt::{Read, Write};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpStream;

use super::answer::{LiveBody, answer, blocked, empty};
use super::host::Host;
use super::network::Network;
use super::relay::Relay;
use crate::observation::{Credential, RequestKind, Scheme};
use crate::proxy::ServerTasks;
use crate::upstream::ledger::{Head, Ledger, LedgerEntry};

/// Which way requests take, with what they need on it.
pub(super) enum Forwarder {
    Tunnel(Network),
    Relay(Relay),
}

/// What every connection shares.
pub(super) struct LiveProxy {
    pub(super) forwarder: Forwarder,
    pub(super) ledger: Ledger,
    pub(super) tasks: ServerTasks,
}

impl LiveProxy {
    /// Serves a connection.
    pub(super) async fn connected(self: Arc<Self>, stream: TcpStream) {
        self.serve(TokioIo::new(stream), None).await;
    }

    /// Speaks HTTP, as `host` in a tunnel of a relay, or as the proxy itself.
    async fn serve(
        self: Arc<Self>,
        io: impl Read + Write + Unpin + Send + 'static,
        host: Option<Host>,
    ) {
        let service = service_fn(move |request| {
            let proxy = Arc::clone(&self);
            async move { Ok::<_, Infallible>(proxy.respond(request, host).await) }
        });
        // An error here means that the client left or the service closed its connection.
        let _ = http1::Builder::new()
            .header_read_timeout(None)
            .serve_connection(io, service)
            .with_upgrades()
            .await;
    }

    async fn respond(
        self: Arc<Self>,
        request: Request<Incoming>,
        host: Option<Host>,
    ) -> Response<LiveBody> {
        if let (Some(host), Forwarder::Relay(relay)) = (host, &self.forwarder) {
            return relay.answer(&self.ledger, &self.tasks, request, host).await;
        }
        let uri = request.uri();
        let connect = request.method() == Method::CONNECT;
        let name = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_ascii_lowercase();
        let port = uri.port_u16().unwrap_or(if connect { 443 } else { 80 });
        let entry = self.ledger.open(Head {
            scheme: Scheme::Http,
            host: &name,
            port,
            method: request.method().as_str(),
            path_and_query: uri.path_and_query().map_or("", |path| path.as_str()),
            websocket: false,
            credential: Credential::of(request.headers()),
        });
        match (Host::of(&name, port).filter(|_| connect), &self.forwarder) {
            (None, _) => blocked(&entry),
            (Some(Host::Auth), Forwarder::Tunnel(_)) => {
                entry.settle(Some(403), RequestKind::RefreshRefused);
                entry.note("a login that is lent must not be renewed");
                answer(StatusCode::FORBIDDEN, &json!({"error": "a lent login is not renewed"}))
            }
            (Some(host), Forwarder::Tunnel(network)) => {
                self.pass(network, host, hyper::upgrade::on(request), entry).await
            }
            (Some(host), Forwarder::Relay(_)) => {
                entry.settle(Some(200), RequestKind::Tunnel);
                self.tasks.spawn(Arc::clone(&self).speak_as(
                    host,
                    hyper::upgrade::on(request),
                    entry,
                ));
                empty(StatusCode::OK)
            }
        }
    }

    /// Boxed, since the requests in it come back to `respond`.
    fn speak_as(
        self: Arc<Self>,
        host: Host,
        upgrade: hyper::upgrade::OnUpgrade,
        entry: LedgerEntry,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            let Forwarder::Relay(relay) = &self.forwarder else { return };
            match relay.authority.shake_hands(host.name(), upgrade).await {
                Ok(stream) => Arc::clone(&self).serve(TokioIo::new(stream), Some(host)).await,
                Err(why) => entry.no_handshake(why),
            }
        })
    }
}
