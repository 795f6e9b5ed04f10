//! `api.openai.com`: the public API, for keys.

use axum::body::Body;
use http::{Method, Response};
use serde_json::json;

use super::Shared;
use super::chatgpt::admit;
use super::ledger::{Kind, Ticket};
use super::refusal::{self, Refusal};
use super::request::Asked;
use super::turn;

/// What is answered, or why nothing is.
pub(super) fn answer(
    shared: &Shared,
    asked: &Asked,
    mut ticket: Ticket,
) -> Result<Response<Body>, Box<(Refusal, Ticket)>> {
    if asked.path() != "/v1/responses" || asked.parts.method != Method::POST {
        return Err(Box::new((refusal::not_found(), ticket)));
    }
    ticket.kind(Kind::Turn);
    let guest = shared.book.lock().unwrap().let_in_with_key(asked.bearer());
    let reply = guest.and_then(|guest| {
        let request = asked.json()?;
        // The public API stores unless it is told not to.
        let keep = request["store"] != json!(false);
        let reply = admit(shared, &guest, &request, keep)?;
        Ok((guest, reply, request["stream"] == json!(true)))
    });
    match reply {
        Ok((guest, reply, streamed)) => {
            ticket.status(200, None);
            ticket.running(&guest.account);
            if streamed {
                return Ok(turn::stream(shared, &reply, ticket));
            }
            ticket.finish();
            let body = Body::from(reply.whole().to_string());
            Ok(Response::builder().header("content-type", "application/json").body(body).unwrap())
        }
        Err(refusal) => Err(Box::new((refusal, ticket))),
    }
}
