//! One record for each request, in order of arrival. None holds a token.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::handshake::HandshakeError;
use crate::observation::{Credential, RequestKind, RequestRecord, Scheme};
use crate::redact;

/// Longest text of the client's that a record keeps, in characters.
const LONGEST_TEXT: usize = 512;

/// The records of one upstream, shared by its connections.
#[derive(Debug, Clone)]
pub(super) struct Ledger {
    start: Instant,
    records: Arc<Mutex<Vec<RequestRecord>>>,
}

impl Ledger {
    pub(super) fn new() -> Self {
        Self { start: Instant::now(), records: Arc::default() }
    }

    pub(super) fn records(&self) -> Vec<RequestRecord> {
        self.lock().clone()
    }

    /// Enters a request at its head, before anything can go wrong with its body.
    pub(super) fn open(&self, head: Head<'_>) -> LedgerEntry {
        let elapsed = self.start.elapsed();
        let mut records = self.lock();
        let sequence = records.len();
        records.push(RequestRecord {
            sequence,
            elapsed,
            scheme: head.scheme,
            host: shortened(head.host),
            port: head.port,
            method: shortened(head.method),
            path: shortened(head.path_and_query),
            status: None,
            kind: RequestKind::Unanswered,
            websocket: head.websocket,
            model: None,
            credential: head.credential,
            called: None,
            returned: None,
            retry_after_s: None,
            code: None,
            note: None,
        });
        LedgerEntry { ledger: self.clone(), sequence }
    }

    /// Whether as many requests for a turn were answered, as asked for or with a fault, as
    /// one turn may ask.
    pub(super) fn is_spent(&self, most: Option<usize>) -> bool {
        let answered = [RequestKind::Answered, RequestKind::Faulted];
        let turns = || self.lock().iter().filter(|r| answered.contains(&r.kind)).count();
        most.is_some_and(|most| turns() >= most)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<RequestRecord>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is known of a request from its head.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head<'a> {
    pub(super) scheme: Scheme,
    pub(super) host: &'a str,
    pub(super) port: u16,
    pub(super) method: &'a str,
    pub(super) path_and_query: &'a str,
    pub(super) websocket: bool,
    pub(super) credential: Credential,
}

/// The record of a request that is being answered.
#[derive(Debug, Clone)]
pub(super) struct LedgerEntry {
    ledger: Ledger,
    sequence: usize,
}

impl LedgerEntry {
    pub(super) fn sequence(&self) -> usize {
        self.sequence
    }

    pub(super) fn model(&self, model: Option<&str>) {
        self.change(|record| record.model = model.map(shortened));
    }

    pub(super) fn settle(&self, status: Option<u16>, kind: RequestKind) {
        self.change(|record| (record.status, record.kind) = (status, kind));
    }

    /// A tunnel in which no TLS could be spoken.
    pub(super) fn no_handshake(&self, why: HandshakeError) {
        let (kind, note) = match why {
            HandshakeError::Left => (
                RequestKind::Unanswered,
                "the client left before the end of the TLS handshake".to_owned(),
            ),
            HandshakeError::Failed(why) => (RequestKind::TlsFailed, why),
        };
        self.settle(Some(200), kind);
        self.note(note);
    }

    pub(super) fn note(&self, note: impl Into<String>) {
        let note = shortened(&note.into());
        self.change(|record| record.note = Some(note));
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut RequestRecord)) {
        if let Some(record) = self.ledger.lock().get_mut(self.sequence) {
            change(record);
        }
    }
}

/// What a client sent, with secrets masked and cut to a bounded length.
fn shortened(text: &str) -> String {
    let text = redact::line(text);
    match text.char_indices().nth(LONGEST_TEXT) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_values_leave_the_path_and_the_rest_of_it_stays() {
        for (path, kept) in [
            (
                "/backend-api/codex/models?client_version=0.1",
                "/backend-api/codex/models?client_version=0.1",
            ),
            ("/cb?code=canary&x=1", "/cb?code=[token]&x=1"),
            ("/cb?Access_Token=canary", "/cb?Access_Token=[token]"),
            (
                "/cb?client_secret=canary&refresh_token=canary",
                "/cb?client_secret=[token]&refresh_token=[token]",
            ),
            ("/cb?x=sk-canary", "/cb?x=[token]"),
            ("/cb?eyJcanary.eyJ.x", "/cb?[token]"),
            ("/files/eyJcanary.eyJ.x/list", "/files/[token]/list"),
            ("/plain", "/plain"),
            ("", ""),
        ] {
            assert_eq!(shortened(path), kept, "{path}");
        }
    }

    #[test]
    fn a_text_without_end_is_cut() {
        assert_eq!(shortened(&"ä".repeat(100_000)).chars().count(), LONGEST_TEXT + 3);
    }
}
