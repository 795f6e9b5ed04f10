//! Which answer a request gets: facts in, answer out, and nothing else. Both
//! are plain data, so every rule can be read, and tested, in a table.

use http::Method;
use serde_json::json;

use super::answer::LoopbackAnswer;
use super::request::{LoopbackService, RequestFacts};
use super::{chatgpt, openai};
use crate::observation::RequestKind;

/// Decides the answer to a request.
pub(super) fn decide(facts: &RequestFacts) -> LoopbackAnswer {
    match facts.service {
        LoopbackService::Elsewhere => LoopbackAnswer::json(
            403,
            RequestKind::Blocked,
            json!({"error": "the loopback upstream does not speak for this host"}),
        ),
        // A tunnel from the loopback to itself would have it speak TLS as 127.0.0.1.
        LoopbackService::Own if facts.method == Method::CONNECT => {
            LoopbackAnswer::empty(403, RequestKind::Blocked)
        }
        _ if facts.method == Method::CONNECT => LoopbackAnswer::empty(200, RequestKind::Tunnel),
        LoopbackService::ChatGpt => chatgpt::answer(facts),
        LoopbackService::Api => openai::api(facts),
        LoopbackService::Auth => openai::auth(facts),
        LoopbackService::Own => openai::own(facts),
    }
}

#[cfg(test)]
mod tests;
