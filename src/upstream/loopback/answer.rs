//! An answer as data: what is sent, how, and what the record of the request says of it.

use std::borrow::Cow;

use serde_json::{Value, json};

use super::responses::Output;
use crate::observation::{RequestKind, ToolCall, ToolReturn};
use crate::upstream::code;
use crate::upstream::ledger::LedgerEntry;

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
    /// Enters the answer in the record of its request.
    pub(super) fn answered(&self, answer: &LoopbackAnswer) {
        // A connection that is reset sends no status; the answer says 0.
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
