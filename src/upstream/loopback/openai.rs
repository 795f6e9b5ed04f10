//! `api.openai.com`, `auth.openai.com`, and the loopback's own port, which
//! speaks like the first.

use super::answer::LoopbackAnswer;
use super::refusal::{error, missing_scope, refresh_token_reused};
use super::request::RequestFacts;
use super::turn::responses;
use crate::observation::Credential;
use crate::observation::RequestKind;
use crate::question::Fault;

/// Where turns are asked for.
const RESPONSES: &str = "/v1/responses";

/// Decides for `api.openai.com`: API keys are served, ChatGPT logins lack the scope.
pub(super) fn api(facts: &RequestFacts) -> LoopbackAnswer {
    if facts.path != RESPONSES {
        return LoopbackAnswer::not_found();
    }
    match facts.credential {
        Credential::ApiKey => responses(facts),
        Credential::ChatGptToken => {
            LoopbackAnswer::json(401, RequestKind::Refused, missing_scope())
                .noted("ChatGPT token sent to the public API")
        }
        Credential::None => refused(
            "You didn't provide an API key. You need to provide your API key in an \
             Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
            None,
            "no API key",
        ),
        Credential::Other => refused(
            "Incorrect API key provided. You can find your API key at \
             https://platform.openai.com/account/api-keys.",
            Some("invalid_api_key"),
            "no API key of OpenAI's",
        ),
    }
}

/// Decides for a base URL at the loopback's own port. Whatever key the config
/// names is good.
pub(super) fn own(facts: &RequestFacts) -> LoopbackAnswer {
    if facts.path == RESPONSES { responses(facts) } else { LoopbackAnswer::not_found() }
}

/// Decides for `auth.openai.com`: a login made for a check is never renewed.
pub(super) fn auth(facts: &RequestFacts) -> LoopbackAnswer {
    if facts.path != "/oauth/token" {
        LoopbackAnswer::not_found()
    } else if facts.fault == Some(Fault::RefreshTokenReused) {
        LoopbackAnswer::json(401, RequestKind::Faulted, refresh_token_reused())
            .noted(format!("fault: {}", Fault::RefreshTokenReused))
    } else {
        refused(
            "Could not validate your token. Please try signing in again.",
            Some("token_expired"),
            "a login made for a check must not be renewed",
        )
    }
}

fn refused(message: &str, code: Option<&str>, note: &'static str) -> LoopbackAnswer {
    LoopbackAnswer::json(401, RequestKind::Refused, error(message, "invalid_request_error", code))
        .noted(note)
}
