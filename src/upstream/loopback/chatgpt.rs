//! `chatgpt.com`: the Codex backend of ChatGPT logins, and how it refuses.

use serde_json::json;

use super::answer::{Content, LoopbackAnswer, RequestFacts, responses};
use crate::observation::Credential;
use crate::observation::RequestKind;

/// Where turns are asked for.
const RESPONSES: &str = "/backend-api/codex/responses";

/// A page shaped like the challenge that stands before `chatgpt.com` on paths
/// which its backend no longer has (openclaw issues 66633 and 62142); written
/// for this, not captured. The letters `dns` are in it on purpose: some
/// releases take them for a failed DNS lookup.
const CHALLENGE: &str = r#"<!DOCTYPE html><html lang="en-US"><head><title>Just a moment...</title><meta http-equiv="Content-Type" content="text/html; charset=UTF-8"><meta http-equiv="X-UA-Compatible" content="IE=Edge"><meta name="robots" content="noindex,nofollow"><meta name="viewport" content="width=device-width,initial-scale=1"><link rel="dns-prefetch" href="https://challenges.cloudflare.com"><meta http-equiv="refresh" content="360"></head><body><div class="main-wrapper" role="main"><div class="main-content"><noscript><div class="h2"><span id="challenge-error-text">Enable JavaScript and cookies to continue</span></div></noscript></div></div><script>(function(){window._cf_chl_opt={cvId:'3',cZone:'chatgpt.com',cType:'managed'};}());</script></body></html>
"#;

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

/// The page that stands before a path which the backend does not have.
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
