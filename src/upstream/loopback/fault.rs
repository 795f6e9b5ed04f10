//! Faults on purpose: what the services answer when something is wrong, for
//! turns whose path and credential are right. Bodies and headers are those that
//! `codex-rs` (`openai/codex`: `codex-api/src/api_bridge.rs`, `rate_limits.rs`,
//! `endpoint/responses_websocket.rs`) reads, and that users' logs show.

use serde_json::{Value, json};

use super::answer::{Content, Flow, LoopbackAnswer};
use super::refusal::{challenge, error, missing_scope, token_expired};
use super::request::{LoopbackService, RequestFacts};
use crate::observation::RequestKind;
use crate::question::Fault;

impl Fault {
    /// Whether a WebSocket is refused when it is to be opened. Other faults
    /// show in the answers on it.
    pub(super) fn refuses_upgrade(self) -> bool {
        matches!(
            self,
            Self::CloudflarePage
                | Self::TokenExpired
                | Self::RefreshTokenReused
                | Self::MissingScope
                | Self::ServerError
                | Self::ConnectionReset
        )
    }

    /// The answer to a turn that `sound` would have been the answer to.
    pub(super) fn answer(self, facts: &RequestFacts, sound: LoopbackAnswer) -> LoopbackAnswer {
        let json = |status, value| LoopbackAnswer::json(status, RequestKind::Faulted, value);
        let flowing = |flow| match sound.content.clone() {
            Content::Turn { model, output, .. } => {
                let content = Content::Turn { model, output, flow };
                LoopbackAnswer { kind: RequestKind::Faulted, content, ..sound.clone() }
            }
            _ => LoopbackAnswer { kind: RequestKind::Faulted, ..sound.clone() },
        };
        let answer = match self {
            Self::CloudflarePage => LoopbackAnswer { kind: RequestKind::Faulted, ..challenge() },
            Self::TokenExpired | Self::RefreshTokenReused => json(401, token_expired()),
            Self::MissingScope => json(401, missing_scope()),
            Self::UsageLimit => LoopbackAnswer {
                headers: &[
                    ("x-codex-primary-used-percent", "100.0"),
                    ("x-codex-primary-window-minutes", "300"),
                    ("x-codex-primary-reset-after-seconds", "3600"),
                    ("x-codex-secondary-used-percent", "40.0"),
                    ("x-codex-secondary-window-minutes", "10080"),
                    ("x-codex-secondary-reset-after-seconds", "86400"),
                ],
                ..json(429, usage_limit(facts.now))
            },
            Self::RateLimit => LoopbackAnswer {
                headers: &[("retry-after", "2"), ("retry-after-ms", "2000")],
                ..json(429, rate_limit(facts))
            },
            Self::BadRequestNoBody => {
                LoopbackAnswer { content: Content::Empty, ..json(400, Value::Null) }
            }
            Self::ServerError => json(500, server_error()),
            Self::UnknownModel => unknown_model(facts),
            Self::StreamStops => flowing(Flow::Stops),
            Self::StreamNeverStarts => flowing(Flow::NeverStarts),
            Self::StreamDrips => flowing(Flow::Drips),
            Self::ConnectionReset => {
                LoopbackAnswer { content: Content::Reset, ..json(0, Value::Null) }
            }
            Self::WebsocketClosedEarly if facts.websocket => flowing(Flow::Closes),
            Self::WebsocketClosedEarly => return sound,
        };
        answer.noted(format!("fault: {self}"))
    }
}

fn usage_limit(now: i64) -> Value {
    json!({"error": {
        "type": "usage_limit_reached",
        "message": "The usage limit has been reached",
        "plan_type": "pro",
        "resets_at": now + 3600,
        "resets_in_seconds": 3600,
    }})
}

fn rate_limit(facts: &RequestFacts) -> Value {
    let model = facts.model().unwrap_or("this model");
    let message = format!(
        "Rate limit reached for {model} on tokens per min (TPM): Limit 30000, Used 29500, \
         Requested 1500. Please try again in 2s. Visit \
         https://platform.openai.com/account/rate-limits to learn more."
    );
    error(&message, "tokens", Some("rate_limit_exceeded"))
}

fn server_error() -> Value {
    error(
        "The server had an error while processing your request. Sorry about that!",
        "server_error",
        None,
    )
}

fn unknown_model(facts: &RequestFacts) -> LoopbackAnswer {
    let model = facts.model().unwrap_or_default();
    if facts.service == LoopbackService::ChatGpt {
        let detail = format!(
            "The '{model}' model is not supported when using Codex with a ChatGPT account."
        );
        return LoopbackAnswer::json(400, RequestKind::Faulted, json!({"detail": detail}));
    }
    let message = format!("The model `{model}` does not exist or you do not have access to it.");
    let value = error(&message, "invalid_request_error", Some("model_not_found"));
    LoopbackAnswer::json(404, RequestKind::Faulted, value)
}

#[cfg(test)]
mod tests;
