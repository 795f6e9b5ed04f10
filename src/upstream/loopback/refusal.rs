//! How the services refuse, in their own words: for what a release does wrong, and for
//! the faults that imitate them.

use serde_json::{Value, json};

use super::answer::{Content, LoopbackAnswer};
use crate::observation::RequestKind;

/// A page shaped like the challenge that Cloudflare answers for `chatgpt.com` on paths
/// which the backend no longer has (openclaw issues 66633 and 62142); written
/// for this, not captured. The letters `dns` are in it on purpose: some
/// releases take them for a failed DNS lookup.
const CHALLENGE: &str = r#"<!DOCTYPE html><html lang="en-US"><head><title>Just a moment...</title><meta http-equiv="Content-Type" content="text/html; charset=UTF-8"><meta http-equiv="X-UA-Compatible" content="IE=Edge"><meta name="robots" content="noindex,nofollow"><meta name="viewport" content="width=device-width,initial-scale=1"><link rel="dns-prefetch" href="https://challenges.cloudflare.com"><meta http-equiv="refresh" content="360"></head><body><div class="main-wrapper" role="main"><div class="main-content"><noscript><div class="h2"><span id="challenge-error-text">Enable JavaScript and cookies to continue</span></div></noscript></div></div><script>(function(){window._cf_chl_opt={cvId:'3',cZone:'chatgpt.com',cType:'managed'};}());</script></body></html>
"#;

/// Cloudflare's challenge, as it is answered on paths that the backend does not have.
pub(super) fn challenge() -> LoopbackAnswer {
    LoopbackAnswer {
        headers: &[
            ("server", "cloudflare"),
            ("cf-mitigated", "challenge"),
            ("cf-ray", "0000000000000000-LOOP"),
            ("cache-control", "private, no-store"),
        ],
        content: Content::Html(CHALLENGE),
        ..LoopbackAnswer::empty(403, RequestKind::Refused)
    }
    .noted("Cloudflare page: the backend has no such path")
}

/// The public API's error object.
pub(super) fn error(message: &str, kind: &str, code: Option<&str>) -> Value {
    json!({"error": {"message": message, "type": kind, "param": null, "code": code}})
}

/// codexpin's own refusal: the release has asked too often within one turn.
pub(super) fn limited() -> LoopbackAnswer {
    let said = error("too many requests within one turn", "requests", Some("codexpin_limit"));
    LoopbackAnswer::json(429, RequestKind::Limited, said).noted("the limit of one turn")
}

/// What `chatgpt.com` says to an access token that has ended.
pub(super) fn token_expired() -> Value {
    json!({
        "error": {
            "message": "Provided authentication token is expired. Please try signing in again.",
            "type": null,
            "code": "token_expired",
            "param": null,
        },
        "status": 401,
    })
}

/// What `auth.openai.com` says to a refresh token that was used before.
pub(super) fn refresh_token_reused() -> Value {
    error(
        "Your refresh token has already been used to generate a new access token. Please try \
         signing in again.",
        "invalid_request_error",
        Some("refresh_token_reused"),
    )
}

/// What `api.openai.com` says to a `ChatGPT` login.
pub(super) fn missing_scope() -> Value {
    error(
        "You have insufficient permissions for this operation. Missing scopes: \
         api.responses.write. Check that you have the correct role in your organization \
         (Reader, Writer, Owner) and project (Member, Owner), and if you're using a \
         restricted API key, that it has the necessary scopes.",
        "invalid_request_error",
        Some("missing_scope"),
    )
}
