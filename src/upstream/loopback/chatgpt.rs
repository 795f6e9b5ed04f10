//! `chatgpt.com`: the Codex backend of ChatGPT logins, and how it refuses.

use serde_json::json;

use super::answer::LoopbackAnswer;
use super::refusal::challenge;
use super::request::RequestFacts;
use super::turn::responses;
use crate::observation::Credential;
use crate::observation::RequestKind;

/// Where turns are asked for.
const RESPONSES: &str = "/backend-api/codex/responses";

/// Decides for `chatgpt.com`.
pub(super) fn answer(facts: &RequestFacts) -> LoopbackAnswer {
    match facts.path.as_str() {
        RESPONSES if facts.credential != Credential::ChatGptToken => unauthorized(),
        RESPONSES => responses(facts),
        path if path.ends_with("/responses") => challenge(),
        _ => LoopbackAnswer::not_found(),
    }
}

fn unauthorized() -> LoopbackAnswer {
    let error = json!({"detail": "Unauthorized"});
    LoopbackAnswer::json(401, RequestKind::Refused, error).noted("no ChatGPT token")
}
