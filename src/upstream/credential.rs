//! What kind of credential a request carries. The credential itself goes no further.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, header};
use serde_json::Value;

use crate::observation::Credential;

/// The claim that makes a JWT an access token of a ChatGPT login
/// (`codex-rs/login`, `openai/codex`).
const CHATGPT_CLAIM: &str = "https://api.openai.com/auth";

impl Credential {
    /// Reads the kind from a request's headers.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let Some(value) = headers.get(header::AUTHORIZATION) else { return Self::None };
        let Some((scheme, token)) = value.to_str().ok().and_then(|text| text.split_once(' '))
        else {
            return Self::Other;
        };
        let token = token.trim();
        if scheme.eq_ignore_ascii_case("bearer") { Self::of_token(token) } else { Self::Other }
    }

    /// Reads the kind from a bearer token's shape.
    pub(super) fn of_token(token: &str) -> Self {
        if token.starts_with("sk-") {
            Self::ApiKey
        } else if is_chatgpt_token(token) {
            Self::ChatGptToken
        } else {
            Self::Other
        }
    }
}

fn is_chatgpt_token(token: &str) -> bool {
    let parts: Vec<_> = token.split('.').collect();
    let [_, payload, _] = parts.as_slice() else { return false };
    URL_SAFE_NO_PAD
        .decode(payload.trim_end_matches('='))
        .ok()
        .and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok())
        .is_some_and(|claims| claims.get(CHATGPT_CLAIM).is_some())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A token shaped like a ChatGPT login's, with a made-up signature.
    pub(in crate::upstream) fn chatgpt_token(canary: &str) -> String {
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let header = part(serde_json::json!({"alg": "RS256", "typ": "JWT"}));
        let payload = part(serde_json::json!({
            "exp": 4_102_444_800_u64,
            CHATGPT_CLAIM: {"chatgpt_account_id": canary, "chatgpt_plan_type": "pro"},
        }));
        format!("{header}.{payload}.{}", URL_SAFE_NO_PAD.encode(canary))
    }

    #[test]
    fn the_kind_of_a_credential_is_read_from_its_shape() {
        let claimless = format!("h.{}.s", URL_SAFE_NO_PAD.encode("{}"));
        for (authorization, kind) in [
            (None, Credential::None),
            (Some(format!("Bearer {}", chatgpt_token("x"))), Credential::ChatGptToken),
            (Some(format!("bearer {}", chatgpt_token("x"))), Credential::ChatGptToken),
            (Some("Bearer sk-canary".to_owned()), Credential::ApiKey),
            (Some(format!("Bearer {claimless}")), Credential::Other),
            (Some("Bearer a.b.c".to_owned()), Credential::Other),
            (Some("Bearer".to_owned()), Credential::Other),
            (Some("Basic sk-canary".to_owned()), Credential::Other),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(text) = &authorization {
                headers.insert(header::AUTHORIZATION, text.parse().unwrap());
            }
            assert_eq!(Credential::of(&headers), kind, "{authorization:?}");
        }
    }
}
