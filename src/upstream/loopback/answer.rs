//! Which answer a request gets: facts in, answer out, and nothing else. Both
//! are plain data, so every rule can be read, and tested, in a table.

use http::Method;
use serde_json::{Value, json};

use super::prompt::TurnRequest;
use super::{chatgpt, openai};
use crate::observation::Credential;
use crate::observation::RequestKind;

/// Whom a client wants to speak to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Service {
    /// `chatgpt.com`: the backend of ChatGPT logins.
    ChatGpt,
    /// `api.openai.com`: the public API.
    Api,
    /// `auth.openai.com`: logins and their renewal.
    Auth,
    /// The loopback's own port, as a custom provider's base URL.
    Own,
    /// Anybody else.
    Elsewhere,
}

impl Service {
    /// The service behind a host and port that came through the proxy.
    pub(super) fn of(host: &str, port: u16) -> Self {
        match (host.trim_end_matches('.'), port) {
            ("chatgpt.com", 80 | 443) => Self::ChatGpt,
            ("api.openai.com", 80 | 443) => Self::Api,
            ("auth.openai.com", 80 | 443) => Self::Auth,
            _ => Self::Elsewhere,
        }
    }
}

/// Everything that an answer depends on.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    pub(super) service: Service,
    pub(super) method: Method,
    /// Without the query.
    pub(super) path: String,
    pub(super) websocket: bool,
    pub(super) credential: Credential,
    pub(super) body: RequestBody,
}

/// What came as a request's body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RequestBody {
    /// None, or one that no answer depends on.
    Ignored,
    Turn(TurnRequest),
    TooLarge,
    /// Why it could not be read.
    Unreadable(&'static str),
}

/// An answer, as data. [`super::proxy`] writes it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) kind: RequestKind,
    pub(super) headers: &'static [(&'static str, &'static str)],
    pub(super) content: Content,
    pub(super) note: Option<&'static str>,
}

/// The body of an answer.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Content {
    Empty,
    Json(Value),
    Html(&'static str),
    /// A whole turn, as a stream of events or as one object.
    Turn {
        model: String,
        text: String,
        stream: bool,
    },
}

impl Answer {
    pub(super) fn json(status: u16, kind: RequestKind, content: Value) -> Self {
        Self { status, kind, headers: &[], content: Content::Json(content), note: None }
    }

    pub(super) fn noted(self, note: &'static str) -> Self {
        Self { note: Some(note), ..self }
    }

    /// What the service has and the loopback has not. Clients go on without it.
    pub(super) fn not_found() -> Self {
        Self::json(404, RequestKind::Declined, json!({"detail": "Not Found"}))
            .noted("accepted 404: clients go on without it")
    }
}

/// Decides the answer to a request.
pub(super) fn answer(facts: &Facts) -> Answer {
    match facts.service {
        Service::Elsewhere => Answer::json(
            403,
            RequestKind::Blocked,
            json!({"error": "the loopback upstream does not speak for this host"}),
        ),
        // CONNECT to one's own plain port makes no sense, and no loop either.
        Service::Own if facts.method == Method::CONNECT => {
            Answer { status: 403, kind: RequestKind::Blocked, ..tunnel() }
        }
        _ if facts.method == Method::CONNECT => tunnel(),
        Service::ChatGpt => chatgpt::answer(facts),
        Service::Api => openai::api(facts),
        Service::Auth => openai::auth(facts),
        Service::Own => openai::own(facts),
    }
}

fn tunnel() -> Answer {
    Answer {
        status: 200,
        kind: RequestKind::Tunnel,
        headers: &[],
        content: Content::Empty,
        note: None,
    }
}

/// A request on the path where turns are asked for, with a credential that may.
pub(super) fn turn(facts: &Facts) -> Answer {
    let invalid = |status, message: &str, note| {
        let error = openai::error(message, "invalid_request_error", None);
        Answer::json(status, RequestKind::Malformed, error).noted(note)
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
        RequestBody::Turn(TurnRequest { model: Some(model), stream, reply }) => Answer {
            status: 200,
            kind: RequestKind::Answered,
            headers: &[],
            content: Content::Turn { model: model.clone(), text: reply.clone(), stream: *stream },
            note: None,
        },
    }
}

/// A WebSocket on the path where turns are asked for: 426. Codex CLI and the
/// embedded runtime of 2026.9.x try one and fall back to POST when it fails.
pub(super) fn no_websocket() -> Answer {
    let error =
        openai::error("Upgrade to WebSocket is not available.", "invalid_request_error", None);
    Answer::json(426, RequestKind::Declined, error).noted("clients fall back to POST")
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
