//! `chatgpt.com`: the Codex backend of ChatGPT logins.

use std::sync::Arc;

use axum::body::Body;
use http::{Method, Response};
use hyper::upgrade::OnUpgrade;
use serde_json::{Value, json};

use super::Shared;
use super::book::Principal;
use super::ledger::{EntryGuard, Kind};
use super::model::Reply;
use super::refusal::{self, Refusal};
use super::request::IncomingRequest;
use super::{socket, turn};

const RESPONSES: &str = "/backend-api/codex/responses";

/// What is answered, or why nothing is.
pub(super) fn answer(
    shared: &Arc<Shared>,
    asked: &IncomingRequest,
    upgrade: Option<OnUpgrade>,
    mut guard: EntryGuard,
) -> Result<Response<Body>, Box<(Refusal, EntryGuard)>> {
    let path = asked.path();
    if path != RESPONSES {
        let known = path.starts_with("/backend-api/") && !path.ends_with("/responses");
        return Err(Box::new((
            if known { refusal::not_found() } else { refusal::challenge() },
            guard,
        )));
    }
    if let Some(upgrade) = upgrade {
        guard.kind(Kind::Upgrade);
        let access = RequestCredential::of(asked);
        return match access.principal(shared) {
            Ok(_) => Ok(socket::open(shared, asked, upgrade, access, guard)),
            Err(refusal) => Err(Box::new((refusal, guard))),
        };
    }
    if asked.parts.method != Method::POST {
        return Err(Box::new((refusal::not_found(), guard)));
    }
    guard.kind(Kind::Turn);
    let reply = RequestCredential::of(asked).principal(shared).and_then(|principal| {
        let request = asked.json()?;
        strict(&request)?;
        admit(shared, &principal, &request, false).map(|reply| (principal, reply))
    });
    match reply {
        Ok((principal, reply)) => {
            guard.status(200, None);
            guard.running(&principal.account);
            Ok(turn::stream(shared, &reply, guard))
        }
        Err(refusal) => Err(Box::new((refusal, guard))),
    }
}

/// What this backend refuses and the public API does not.
fn strict(request: &Value) -> Result<(), Refusal> {
    if request["instructions"].as_str().is_none_or(str::is_empty) {
        return Err(refusal::instructions_required());
    }
    if request["store"] != json!(false) {
        return Err(refusal::store_must_be_false());
    }
    if request["stream"] != json!(true) {
        return Err(refusal::stream_must_be_true());
    }
    if request.get("previous_response_id").is_some_and(|id| !id.is_null()) {
        return Err(refusal::unsupported_parameter("previous_response_id"));
    }
    Ok(())
}

/// Lets a turn of the guest through the limits, and answers it.
pub(super) fn admit(
    shared: &Shared,
    principal: &Principal,
    request: &Value,
    keep: bool,
) -> Result<Reply, Refusal> {
    let mut limits = shared.limits.lock().unwrap();
    if limits.outage {
        return Err(refusal::outage());
    }
    let reply = shared.history.lock().unwrap().answer(request, keep)?;
    limits.admit(&principal.account, principal.plan)?;
    Ok(reply)
}

/// What a request shows at the door.
#[derive(Debug, Clone)]
pub(super) struct RequestCredential {
    token: Option<String>,
    account: Option<String>,
}

impl RequestCredential {
    fn of(asked: &IncomingRequest) -> Self {
        let text = |text: Option<&str>| text.map(str::to_owned);
        Self { token: text(asked.bearer()), account: text(asked.header("chatgpt-account-id")) }
    }

    pub(super) fn principal(&self, shared: &Shared) -> Result<Principal, Refusal> {
        if shared.limits.lock().unwrap().outage {
            return Err(refusal::outage());
        }
        shared.book.lock().unwrap().authenticate(self.token.as_deref(), self.account.as_deref())
    }

    pub(super) fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }
}
