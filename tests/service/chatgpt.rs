//! `chatgpt.com`: the Codex backend of ChatGPT logins.

use std::sync::Arc;

use axum::body::Body;
use http::{Method, Response};
use hyper::upgrade::OnUpgrade;
use serde_json::{Value, json};

use super::Shared;
use super::book::Guest;
use super::ledger::{Kind, Ticket};
use super::model::Reply;
use super::refusal::{self, Refusal};
use super::request::Asked;
use super::{socket, turn};

const RESPONSES: &str = "/backend-api/codex/responses";

/// What is answered, or why nothing is.
pub(super) fn answer(
    shared: &Arc<Shared>,
    asked: &Asked,
    upgrade: Option<OnUpgrade>,
    mut ticket: Ticket,
) -> Result<Response<Body>, Box<(Refusal, Ticket)>> {
    let path = asked.path();
    if path != RESPONSES {
        let known = path.starts_with("/backend-api/") && !path.ends_with("/responses");
        return Err(Box::new((
            if known { refusal::not_found() } else { refusal::challenge() },
            ticket,
        )));
    }
    if let Some(upgrade) = upgrade {
        ticket.kind(Kind::Upgrade);
        let access = Access::of(asked);
        return match access.guest(shared) {
            Ok(_) => Ok(socket::open(shared, asked, upgrade, access, ticket)),
            Err(refusal) => Err(Box::new((refusal, ticket))),
        };
    }
    if asked.parts.method != Method::POST {
        return Err(Box::new((refusal::not_found(), ticket)));
    }
    ticket.kind(Kind::Turn);
    let reply = Access::of(asked).guest(shared).and_then(|guest| {
        let request = asked.json()?;
        strict(&request)?;
        admit(shared, &guest, &request, false).map(|reply| (guest, reply))
    });
    match reply {
        Ok((guest, reply)) => {
            ticket.status(200, None);
            ticket.running(&guest.account);
            Ok(turn::stream(shared, &reply, ticket))
        }
        Err(refusal) => Err(Box::new((refusal, ticket))),
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
    guest: &Guest,
    request: &Value,
    keep: bool,
) -> Result<Reply, Refusal> {
    let mut limits = shared.limits.lock().unwrap();
    if limits.outage {
        return Err(refusal::outage());
    }
    let reply = shared.memory.lock().unwrap().answer(request, keep)?;
    limits.admit(&guest.account, guest.plan)?;
    Ok(reply)
}

/// What a request shows at the door.
#[derive(Debug, Clone)]
pub(super) struct Access {
    token: Option<String>,
    account: Option<String>,
}

impl Access {
    fn of(asked: &Asked) -> Self {
        let text = |text: Option<&str>| text.map(str::to_owned);
        Self { token: text(asked.bearer()), account: text(asked.header("chatgpt-account-id")) }
    }

    pub(super) fn guest(&self, shared: &Shared) -> Result<Guest, Refusal> {
        if shared.limits.lock().unwrap().outage {
            return Err(refusal::outage());
        }
        shared.book.lock().unwrap().let_in(self.token.as_deref(), self.account.as_deref())
    }

    pub(super) fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }
}
