//! `api.openai.com`: the public API, for keys.

use axum::body::Body;
use http::{Method, Response};
use serde_json::json;

use super::Shared;
use super::chatgpt::admit;
use super::ledger::{EntryGuard, Kind};
use super::refusal::{self, Refusal};
use super::request::IncomingRequest;
use super::turn;

/// What is answered, or why nothing is.
pub(super) fn answer(
    shared: &Shared,
    asked: &IncomingRequest,
    mut guard: EntryGuard,
) -> Result<Response<Body>, Box<(Refusal, EntryGuard)>> {
    if asked.path() != "/v1/responses" || asked.parts.method != Method::POST {
        return Err(Box::new((refusal::not_found(), guard)));
    }
    guard.kind(Kind::Turn);
    let principal = shared.book.lock().unwrap().authenticate_key(asked.bearer());
    let reply = principal.and_then(|principal| {
        let request = asked.json()?;
        // The public API stores unless it is told not to.
        let keep = request["store"] != json!(false);
        let reply = admit(shared, &principal, &request, keep)?;
        Ok((principal, reply, request["stream"] == json!(true)))
    });
    match reply {
        Ok((principal, reply, streamed)) => {
            guard.status(200, None);
            guard.running(&principal.account);
            if streamed {
                return Ok(turn::stream(shared, &reply, guard));
            }
            guard.finish();
            let body = Body::from(reply.whole().to_string());
            Ok(Response::builder().header("content-type", "application/json").body(body).unwrap())
        }
        Err(refusal) => Err(Box::new((refusal, guard))),
    }
}
