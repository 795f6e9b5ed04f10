//! A turn, whichever service it is asked of: the model's answer, or what is wrong with
//! the request, or the fault.

use http::Method;

use super::answer::LoopbackAnswer;
use super::prompt::TurnRequest;
use super::request::{RequestBody, RequestFacts};
use super::{model, refusal};
use crate::observation::RequestKind;

/// A request on the path where turns are asked for, with a credential that
/// may: a turn, or a WebSocket to ask for turns on.
pub(super) fn responses(facts: &RequestFacts) -> LoopbackAnswer {
    if facts.websocket && facts.method == Method::GET {
        let opened = LoopbackAnswer::empty(101, RequestKind::Upgraded);
        return match facts.fault {
            Some(fault) if fault.refuses_upgrade() => fault.answer(facts, opened),
            _ => opened,
        };
    }
    let answer = turn(facts);
    match facts.fault {
        Some(fault) if answer.kind == RequestKind::Answered => fault.answer(facts, answer),
        _ => answer,
    }
}

/// A turn without a fault.
fn turn(facts: &RequestFacts) -> LoopbackAnswer {
    let invalid = |status, message: &str, note| {
        let error = refusal::error(message, "invalid_request_error", None);
        LoopbackAnswer::json(status, RequestKind::Malformed, error).noted(note)
    };
    match &facts.body {
        _ if facts.method != Method::POST => invalid(405, "Method Not Allowed", "not a POST"),
        RequestBody::TooLarge => invalid(413, "Request too large", "body beyond the limit"),
        RequestBody::Unreadable(why) => {
            invalid(400, "We could not parse the body of your request.", why)
        }
        RequestBody::Ignored => {
            invalid(400, "We could not parse the JSON body of your request.", "no JSON object")
        }
        RequestBody::Turn(TurnRequest { model: None, .. }) => {
            invalid(400, "Missing required parameter: 'model'.", "no model")
        }
        RequestBody::Turn(TurnRequest { previous: Some(id), .. }) => {
            let message = format!("Previous response with id '{id}' not found.");
            let code = Some("previous_response_not_found");
            let error = refusal::error(&message, "invalid_request_error", code);
            LoopbackAnswer::json(400, RequestKind::Malformed, error)
                .noted("goes on from no response of ours")
        }
        RequestBody::Turn(request @ TurnRequest { model: Some(name), .. }) => {
            model::run(request, name, &facts.script)
        }
    }
}
