//! How the service says no. Texts are those in users' reports: openai/codex
//! 26173 (`store`), router-for-me/CLIProxyAPI 3654 (invalidated),
//! cnlimiter/codex-manager 36 (reused), diegosouzapw/OmniRoute 7522 (session
//! ended) and 1711 (instructions), looplj/axonhub 799 (not parsed); and what
//! `codex-rs` reads of a usage limit. Where none is known it is said below.

use serde_json::{Value, json};

/// A status with headers and a body.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: RefusalBody,
}

/// The body of a refusal.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum RefusalBody {
    Json(Value),
    Page(String),
    Text(&'static str),
}

impl Refusal {
    fn json(status: u16, body: Value) -> Self {
        Self { status, headers: Vec::new(), body: RefusalBody::Json(body) }
    }

    /// The short name of what is wrong, where it has one.
    pub(super) fn code(&self) -> Option<String> {
        let RefusalBody::Json(body) = &self.body else { return None };
        let error = &body["error"];
        let said = [&error["code"], &error["type"], &body["detail"]];
        said.into_iter().find_map(Value::as_str).map(str::to_owned)
    }

    /// As an event on a WebSocket, in the shape that `codex-rs` reads
    /// (`codex-api/src/endpoint/responses_websocket.rs`).
    pub(super) fn event(&self) -> Value {
        let error = match &self.body {
            RefusalBody::Json(body) => body.get("error").cloned().unwrap_or_else(|| body.clone()),
            RefusalBody::Page(_) => Value::Null,
            RefusalBody::Text(text) => json!({"type": "server_error", "message": text}),
        };
        let headers: serde_json::Map<_, _> =
            self.headers.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        json!({"type": "error", "status": self.status, "error": error, "headers": headers})
    }
}

fn error(message: &str, kind: &str, code: &str) -> Value {
    json!({"error": {"message": message, "type": kind, "param": null, "code": code}})
}

fn token(message: &str, kind: Option<&str>, code: &str) -> Refusal {
    let error = json!({"message": message, "type": kind, "code": code, "param": null});
    Refusal::json(401, json!({"error": error, "status": 401}))
}

fn detail(status: u16, text: &str) -> Refusal {
    Refusal::json(status, json!({"detail": text}))
}

/// No bearer at all.
pub(super) fn unauthorized() -> Refusal {
    detail(401, "Unauthorized")
}

/// A bearer that this service never issued.
pub(super) fn not_a_token() -> Refusal {
    detail(401, "Could not parse your authentication token. Please try signing in again.")
}

/// The header names another account than the token. The real text is not known.
pub(super) fn other_account() -> Refusal {
    detail(403, "Account mismatch")
}

pub(super) fn token_expired() -> Refusal {
    let text = "Provided authentication token is expired. Please try signing in again.";
    token(text, None, "token_expired")
}

pub(super) fn token_invalidated() -> Refusal {
    let text = "Your authentication token has been invalidated. Please try signing in again.";
    token(text, Some("invalid_request_error"), "token_invalidated")
}

pub(super) fn store_must_be_false() -> Refusal {
    detail(400, "Store must be set to false")
}

pub(super) fn stream_must_be_true() -> Refusal {
    detail(400, "Stream must be set to true")
}

pub(super) fn instructions_required() -> Refusal {
    detail(400, "Instructions are required")
}

pub(super) fn unsupported_parameter(name: &str) -> Refusal {
    detail(400, &format!("Unsupported parameter: {name}"))
}

pub(super) fn bad_request(text: &str) -> Refusal {
    Refusal::json(400, error(text, "invalid_request_error", "invalid_request"))
}

pub(super) fn unknown_response(id: &str) -> Refusal {
    let text = format!("Previous response with id '{id}' not found.");
    Refusal::json(400, error(&text, "invalid_request_error", "previous_response_not_found"))
}

pub(super) fn not_found() -> Refusal {
    detail(404, "Not Found")
}

/// 503 as the proxy in front of the real service words it.
pub(super) fn outage() -> Refusal {
    let text = "upstream connect error or disconnect/reset before headers. reset reason: overflow";
    Refusal { status: 503, headers: Vec::new(), body: RefusalBody::Text(text) }
}

pub(super) fn usage_limit(plan: &str, resets_at: u64, resets_in: u64) -> Refusal {
    let body = json!({"error": {
        "type": "usage_limit_reached",
        "message": "The usage limit has been reached",
        "plan_type": plan,
        "resets_at": resets_at,
        "resets_in_seconds": resets_in,
    }});
    let headers = vec![
        ("x-codex-plan-type", plan.to_owned()),
        ("x-codex-primary-used-percent", "100".to_owned()),
        ("x-codex-primary-window-minutes", "300".to_owned()),
        ("x-codex-primary-reset-at", resets_at.to_string()),
        ("x-codex-primary-reset-after-seconds", resets_in.to_string()),
    ];
    Refusal { headers, ..Refusal::json(429, body) }
}

pub(super) fn rate_limit() -> Refusal {
    let text = "Rate limit reached. Please try again in 1s.";
    let body = error(text, "requests", "rate_limit_exceeded");
    Refusal { headers: vec![("retry-after", "1".to_owned())], ..Refusal::json(429, body) }
}

/// The page that stands before paths which `chatgpt.com` does not have.
pub(super) fn challenge() -> Refusal {
    let page = "<!DOCTYPE html><html lang=\"en-US\"><head><title>Just a moment...</title>\
        <meta name=\"robots\" content=\"noindex,nofollow\">\
        <link rel=\"dns-prefetch\" href=\"//challenges.cloudflare.com\"></head>\
        <body><noscript>Enable JavaScript and cookies to continue</noscript>\
        <script>window._cf_chl_opt={cType:'managed'};</script></body></html>";
    let headers =
        vec![("cf-mitigated", "challenge".to_owned()), ("server", "cloudflare".to_owned())];
    Refusal { status: 403, headers, body: RefusalBody::Page(page.to_owned()) }
}

/// What the public API says to a ChatGPT login.
pub(super) fn missing_scopes() -> Refusal {
    let text = "You have insufficient permissions for this operation. Missing scopes: \
        api.responses.write. Check that you have the correct role in your organization \
        (Reader, Writer, Owner) and project (Member, Owner), and if you're using a restricted \
        API key, that it has the necessary scopes.";
    Refusal::json(401, error(text, "invalid_request_error", "missing_scope"))
}

pub(super) fn wrong_key() -> Refusal {
    let text = "Incorrect API key provided. You can find your API key at \
        https://platform.openai.com/account/api-keys.";
    Refusal::json(401, error(text, "invalid_request_error", "invalid_api_key"))
}

/// A refresh token that was shown before.
pub(super) fn refresh_reused() -> Refusal {
    let text = "Your refresh token has already been used to generate a new access token. \
        Please try signing in again.";
    Refusal::json(401, error(text, "invalid_request_error", "refresh_token_reused"))
}

/// A refresh token of a login that was ended.
pub(super) fn session_ended() -> Refusal {
    let text = "Your session has ended. Please log in again.";
    Refusal::json(401, error(text, "invalid_request_error", "refresh_token_invalidated"))
}

/// A refresh token that was never issued.
pub(super) fn unknown_refresh() -> Refusal {
    let text = "Could not validate your refresh token. Please try signing in again.";
    Refusal::json(401, error(text, "invalid_request_error", "refresh_token_expired"))
}

/// What OAuth says to a wrong code, client or verifier (RFC 6749, 5.2).
pub(super) fn invalid_grant(text: &str) -> Refusal {
    Refusal::json(400, json!({"error": "invalid_grant", "error_description": text}))
}

/// A device whose user has not yet typed the code: clients poll on at 403.
pub(super) fn device_pending() -> Refusal {
    let text = "Device authorization is unknown. Please try again.";
    Refusal::json(403, error(text, "invalid_request_error", "deviceauth_authorization_unknown"))
}
