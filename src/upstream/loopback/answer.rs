//! Which answer a request gets: facts in, answer out, and nothing else. Both
//! are plain data, so every rule can be read, and tested, in a table.

use std::borrow::Cow;
use std::sync::Arc;

use http::Method;
use serde_json::{Value, json};

use super::prompt::TurnRequest;
use super::responses::Output;
use super::script::Script;
use super::{chatgpt, model, openai};
use crate::observation::{Credential, RequestKind, ToolCall, ToolReturn};
use crate::question::Fault;
use crate::upstream::code;
use crate::upstream::ledger::LedgerEntry;

/// Whom a client wants to speak to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LoopbackService {
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

impl LoopbackService {
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
pub(super) struct RequestFacts {
    pub(super) service: LoopbackService,
    pub(super) method: Method,
    /// Without the query.
    pub(super) path: String,
    /// With GET: asked for. With POST: the request came as a message on one.
    pub(super) websocket: bool,
    pub(super) credential: Credential,
    pub(super) body: RequestBody,
    /// What the model does before it replies.
    pub(super) script: Arc<Script>,
    /// What is wrong on purpose.
    pub(super) fault: Option<Fault>,
    /// Seconds since 1970.
    pub(super) now: i64,
}

impl RequestFacts {
    /// The model that a turn's request names.
    pub(super) fn model(&self) -> Option<&str> {
        match &self.body {
            RequestBody::Turn(turn) => turn.model.as_deref(),
            _ => None,
        }
    }
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
pub(super) struct LoopbackAnswer {
    pub(super) status: u16,
    pub(super) kind: RequestKind,
    pub(super) headers: &'static [(&'static str, &'static str)],
    pub(super) content: Content,
    /// The tool that the content asks for.
    pub(super) called: Option<ToolCall>,
    /// What the request brought back from a tool.
    pub(super) returned: Option<ToolReturn>,
    pub(super) note: Option<Cow<'static, str>>,
}

impl LedgerEntry {
    /// What an answer tells of its request.
    pub(super) fn answered(&self, answer: &LoopbackAnswer) {
        // A reset connection has had no status.
        self.settle((answer.status > 0).then_some(answer.status), answer.kind);
        self.change(|record| {
            record.called.clone_from(&answer.called);
            record.returned.clone_from(&answer.returned);
            if let Content::Json(body) = &answer.content {
                record.code = code::of(body);
            }
        });
        if let Some(note) = &answer.note {
            self.note(note.as_ref());
        }
    }
}

/// The body of an answer.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Content {
    Empty,
    Json(Value),
    Html(&'static str),
    /// A turn, of which the flow says how it is sent.
    Turn {
        model: String,
        output: Output,
        flow: Flow,
    },
    /// No answer: the connection is reset.
    Reset,
}

/// How a turn is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    /// As one object.
    Object,
    /// As a stream of events.
    Stream,
    /// As a stream that ends before its last event.
    Stops,
    /// The head of an answer, and nothing after it.
    NeverStarts,
    /// As a stream that gives signs of life and never completes.
    Drips,
    /// One event, and then the WebSocket closes.
    Closes,
}

impl LoopbackAnswer {
    pub(super) fn json(status: u16, kind: RequestKind, content: Value) -> Self {
        Self { content: Content::Json(content), ..Self::empty(status, kind) }
    }

    pub(super) fn empty(status: u16, kind: RequestKind) -> Self {
        Self {
            status,
            kind,
            headers: &[],
            content: Content::Empty,
            called: None,
            returned: None,
            note: None,
        }
    }

    pub(super) fn noted(self, note: impl Into<Cow<'static, str>>) -> Self {
        Self { note: Some(note.into()), ..self }
    }

    /// What the service has and the loopback has not. Clients go on without it.
    pub(super) fn not_found() -> Self {
        Self::json(404, RequestKind::Declined, json!({"detail": "Not Found"}))
            .noted("accepted 404: clients go on without it")
    }
}

/// Decides the answer to a request.
pub(super) fn answer(facts: &RequestFacts) -> LoopbackAnswer {
    match facts.service {
        LoopbackService::Elsewhere => LoopbackAnswer::json(
            403,
            RequestKind::Blocked,
            json!({"error": "the loopback upstream does not speak for this host"}),
        ),
        // CONNECT to one's own plain port makes no sense, and no loop either.
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

/// A request on the path where turns are asked for, with a credential that
/// may: a turn, or a WebSocket to ask for turns on.
pub(super) fn responses(facts: &RequestFacts) -> LoopbackAnswer {
    if facts.websocket && facts.method == Method::GET {
        let opened = LoopbackAnswer::empty(101, RequestKind::Upgraded);
        return match facts.fault {
            Some(fault) if fault.refuses_upgrade() => fault.answer(facts, opened),
            _ => opened,
        };
    }
    let answer = turn(facts);
    match facts.fault {
        Some(fault) if answer.kind == RequestKind::Answered => fault.answer(facts, answer),
        _ => answer,
    }
}

/// A turn without a fault.
fn turn(facts: &RequestFacts) -> LoopbackAnswer {
    let invalid = |status, message: &str, note| {
        let error = openai::error(message, "invalid_request_error", None);
        LoopbackAnswer::json(status, RequestKind::Malformed, error).noted(note)
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
        RequestBody::Turn(TurnRequest { previous: Some(id), .. }) => {
            let message = format!("Previous response with id '{id}' not found.");
            let code = Some("previous_response_not_found");
            let error = openai::error(&message, "invalid_request_error", code);
            LoopbackAnswer::json(400, RequestKind::Malformed, error)
                .noted("goes on from no response of ours")
        }
        RequestBody::Turn(request @ TurnRequest { model: Some(name), .. }) => {
            model::run(request, name, &facts.script)
        }
    }
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
