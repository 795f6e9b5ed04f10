//! What the service says where it does not answer a turn: as little of it as a
//! record may hold.

use http::{HeaderMap, StatusCode, header};
use jiff::Timestamp;
use serde_json::Value;

use super::host::{Host, is_turn};
use crate::observation::{Credential, RequestKind};
use crate::upstream::code::{self, is_word};
use crate::upstream::ledger::LedgerEntry;

/// Marks Cloudflare's challenge, which is answered on paths that the backend does not
/// have.
const CHALLENGE: &str = "cf-mitigated";

/// What is kept of a refusal. Of its body only a code: the rest can hold account data.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Refusal {
    /// How long the service wants to be left alone. Seconds.
    pub(super) retry_after_s: Option<u64>,
    /// The error's code.
    pub(super) code: Option<String>,
    /// Both, in words for the record.
    pub(super) note: Option<String>,
}

impl Refusal {
    pub(super) fn of(headers: &HeaderMap, body: &[u8], now: Timestamp) -> Self {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        Self::said(headers, &body, now)
    }

    /// The same from an event of a WebSocket, whose headers are its own.
    pub(super) fn said(headers: &HeaderMap, body: &Value, now: Timestamp) -> Self {
        let error = body.get("error").or_else(|| body.get("detail")).unwrap_or(body);
        let number = |name| error.get(name).or_else(|| body.get(name)).and_then(Value::as_u64);
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let until = |at: u64| at.saturating_sub(now.as_second().try_into().unwrap_or(0));
        let waits = [
            text(header::RETRY_AFTER.as_str()).and_then(|value| seconds(value, now)),
            number("resets_in_seconds"),
            number("resets_at").map(until),
        ];
        // The longest one counts: a request before that would be refused again.
        let retry_after_s = waits.into_iter().flatten().max();
        let code = code::of(body);
        let notes = [
            text(CHALLENGE).filter(|value| is_word(value)).map(|v| format!("{CHALLENGE}: {v}")),
            code.clone(),
            retry_after_s.map(|wait| format!("come back in {wait} s")),
        ];
        let notes: Vec<_> = notes.into_iter().flatten().collect();
        Self { retry_after_s, code, note: (!notes.is_empty()).then(|| notes.join(", ")) }
    }
}

impl LedgerEntry {
    /// Enters what a refusal tells of its request.
    pub(super) fn refused(&self, refusal: Refusal) {
        self.change(|record| {
            record.retry_after_s = refusal.retry_after_s;
            record.code = refusal.code;
        });
        if let Some(note) = refusal.note {
            self.note(note);
        }
    }
}

/// What became of a request that was passed on, by the service's answer.
pub(super) fn kind(
    host: Host,
    path: &str,
    credential: Credential,
    status: StatusCode,
    headers: &HeaderMap,
) -> RequestKind {
    let wrong_service = host == Host::Api
        && credential == Credential::ChatGptToken
        && status == StatusCode::UNAUTHORIZED;
    if status == StatusCode::SWITCHING_PROTOCOLS {
        RequestKind::Upgraded
    } else if !is_turn(path) {
        RequestKind::Forwarded
    } else if status.is_success() {
        RequestKind::Answered
    } else if headers.contains_key(CHALLENGE) || wrong_service {
        // These two are certain, and the release's fault: it asked at the wrong place.
        RequestKind::Refused
    } else {
        RequestKind::Forwarded
    }
}

/// `Retry-After`: seconds, or a date (RFC 9110, 10.2.3).
fn seconds(value: &str, now: Timestamp) -> Option<u64> {
    if let Ok(seconds) = value.trim().parse() {
        return Some(seconds);
    }
    let at = jiff::fmt::rfc2822::parse(value.trim()).ok()?.timestamp();
    Some(at.as_second().saturating_sub(now.as_second()).try_into().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(headers: &[(&'static str, &'static str)], body: &str) -> (Option<u64>, String) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, http::HeaderValue::from_static(value));
        }
        let now = "2026-11-21T08:00:00Z".parse().unwrap();
        let said = Refusal::of(&map, body.as_bytes(), now);
        (said.retry_after_s, said.note.unwrap_or_default())
    }

    #[test]
    fn a_record_keeps_the_code_and_the_wait_and_no_other_text() {
        let limit = r#"{"error": {"type": "usage_limit_reached", "message": "Hello canary@example.test",
            "plan_type": "pro", "resets_in_seconds": 3600}}"#;
        assert_eq!(
            refusal(&[("retry-after", "2")], limit),
            (Some(3600), "usage_limit_reached, come back in 3600 s".to_owned())
        );
        let page = refusal(&[("cf-mitigated", "challenge")], "<html>canary</html>");
        assert_eq!(page, (None, "cf-mitigated: challenge".to_owned()));
        let date = refusal(&[("retry-after", "Sat, 21 Nov 2026 08:00:30 GMT")], "");
        assert_eq!(date, (Some(30), "come back in 30 s".to_owned()));
        let late = refusal(&[], r#"{"error": {"code": "x", "resets_at": 1}}"#);
        assert_eq!(late, (Some(0), "x, come back in 0 s".to_owned()));
        for body in [
            r#"{"error": {"code": "user canary"}}"#,
            r#"{"error": {"code": "eyJCANARY"}}"#,
            r#"{"detail": "canary"}"#,
            "[]",
            "",
        ] {
            assert_eq!(refusal(&[], body), (None, String::new()), "{body}");
        }
    }

    #[test]
    fn only_a_turn_is_answered_and_only_what_is_certain_is_refused() {
        use RequestKind::{Answered, Forwarded, Refused, Upgraded};
        let mut challenged = HeaderMap::new();
        challenged.insert(CHALLENGE, http::HeaderValue::from_static("challenge"));
        let none = HeaderMap::new();
        let (turn, other) = ("/backend-api/codex/responses", "/backend-api/codex/models");
        let chatgpt = Credential::ChatGptToken;
        for (host, path, credential, status, headers, expected) in [
            (Host::ChatGpt, turn, chatgpt, 200, &none, Answered),
            (Host::ChatGpt, turn, chatgpt, 101, &none, Upgraded),
            (Host::ChatGpt, other, chatgpt, 200, &none, Forwarded),
            (Host::ChatGpt, turn, chatgpt, 429, &none, Forwarded),
            (Host::ChatGpt, turn, chatgpt, 401, &none, Forwarded),
            (Host::ChatGpt, turn, chatgpt, 403, &none, Forwarded),
            (Host::ChatGpt, turn, chatgpt, 403, &challenged, Refused),
            (Host::ChatGpt, other, chatgpt, 403, &challenged, Forwarded),
            (Host::Api, "/v1/responses", chatgpt, 401, &none, Refused),
            (Host::Api, "/v1/responses", Credential::ApiKey, 401, &none, Forwarded),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(kind(host, path, credential, status, headers), expected, "{path} {status}");
        }
    }
}
