//! One record for each request, in order of arrival. None holds a token.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::handshake::HandshakeError;
use crate::observation::{Credential, RequestKind, RequestRecord, Scheme};
use crate::redact;

/// How many records are kept. Requests beyond are counted; those that ask for a turn, and
/// the first and the last of the others, are kept longest.
const MOST: usize = 2_000;
/// How many of the first are kept in any case.
const FIRST: usize = 200;
/// Longest text of the client's that a record keeps, in characters.
const LONGEST_TEXT: usize = 512;

/// The records of one upstream, shared by its connections.
#[derive(Debug, Clone)]
pub(super) struct Ledger {
    start: Instant,
    records: Arc<Mutex<Records>>,
}

#[derive(Debug, Default)]
struct Records {
    /// By their place in the order of arrival.
    kept: BTreeMap<usize, RequestRecord>,
    arrived: usize,
}

impl Records {
    /// A candidate may ask without end.
    fn make_room(&mut self) {
        if self.kept.len() < MOST {
            return;
        }
        let later = || self.kept.iter().skip(FIRST);
        let first = later().find(|(_, record)| !record.is_for_a_turn()).or_else(|| later().next());
        if let Some(sequence) = first.map(|(sequence, _)| *sequence) {
            self.kept.remove(&sequence);
        }
    }
}

impl Ledger {
    pub(super) fn new() -> Self {
        Self { start: Instant::now(), records: Arc::default() }
    }

    pub(super) fn records(&self) -> Vec<RequestRecord> {
        let records = self.lock();
        let left_out = records.arrived - records.kept.len();
        let mut kept: Vec<_> = records.kept.values().cloned().collect();
        if let Some(last) = kept.last_mut().filter(|_| left_out > 0) {
            let note = last.note.take().map(|note| format!("{note}; ")).unwrap_or_default();
            last.note = Some(format!("{note}{left_out} requests before it are left out"));
        }
        kept
    }

    /// Enters a request at its head, before anything can go wrong with its body.
    pub(super) fn open(&self, head: Head<'_>) -> LedgerEntry {
        let elapsed = self.start.elapsed();
        let mut records = self.lock();
        records.make_room();
        let sequence = records.arrived;
        records.arrived += 1;
        let record = RequestRecord {
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
        };
        records.kept.insert(sequence, record);
        LedgerEntry { ledger: self.clone(), sequence }
    }

    /// Whether as many requests for a turn were answered, as asked for or with a fault, as
    /// one turn may ask.
    pub(super) fn is_spent(&self, most: Option<usize>) -> bool {
        let answered = [RequestKind::Answered, RequestKind::Faulted];
        let turns = || self.lock().kept.values().filter(|r| answered.contains(&r.kind)).count();
        most.is_some_and(|most| turns() >= most)
    }

    fn lock(&self) -> MutexGuard<'_, Records> {
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
        if let Some(record) = self.ledger.lock().kept.get_mut(&self.sequence) {
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
    fn of_requests_without_end_a_bounded_number_is_kept_and_every_turn_among_them() {
        let ledger = Ledger::new();
        let ask = |path| {
            ledger.open(Head {
                scheme: Scheme::Https,
                host: "chatgpt.com",
                port: 443,
                method: "POST",
                path_and_query: path,
                websocket: false,
                credential: Credential::None,
            })
        };
        for number in 0..20_000 {
            let turn = number == 9_999;
            let path = if turn { "/backend-api/codex/responses" } else { "/other" };
            let entry = ask(path);
            entry.settle(
                Some(200),
                if turn { RequestKind::Answered } else { RequestKind::Declined },
            );
        }
        let records = ledger.records();
        assert_eq!(records.len(), MOST);
        assert!(records.iter().any(|record| record.is_answered_turn() && record.sequence == 9_999));
        assert_eq!((records[0].sequence, records[MOST - 1].sequence), (0, 19_999));
        let note = records[MOST - 1].note.as_deref();
        assert_eq!(note, Some("18000 requests before it are left out"));
    }

    #[test]
    fn a_text_without_end_is_cut() {
        assert_eq!(shortened(&"ä".repeat(100_000)).chars().count(), LONGEST_TEXT + 3);
    }
}
