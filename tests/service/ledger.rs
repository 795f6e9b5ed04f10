//! Every request, from its begin to its end.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// What a request was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A turn, by POST or as a message on a WebSocket.
    Turn,
    /// A message on a WebSocket that only makes it ready.
    WarmUp,
    /// The opening of a WebSocket.
    Upgrade,
    /// A refresh token was presented.
    Refresh,
    /// An authorization code was presented.
    Exchange,
    /// Another step of a login.
    SignIn,
    /// Anything else at a host that is played.
    Other,
    /// A host that is not played.
    Refused,
}

/// Whose token a request carried, and which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bearer {
    /// The account's id; for an API key its label.
    pub(crate) account: String,
    /// Which login; none for an API key.
    pub(crate) login: Option<u32>,
    /// How often the login was refreshed before.
    pub(crate) generation: u32,
    /// Whether it is the refresh token.
    pub(crate) refresh: bool,
}

/// A request.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) kind: Kind,
    pub(crate) host: String,
    pub(crate) method: String,
    /// Without its query.
    pub(crate) path: String,
    /// None where there was no token, or one that the service never issued.
    pub(crate) bearer: Option<Bearer>,
    /// Whether a token came with it, known or not.
    pub(crate) token: bool,
    pub(crate) status: Option<u16>,
    /// The short name of what was wrong.
    pub(crate) code: Option<String>,
    /// `User-Agent`.
    pub(crate) agent: String,
    /// Since the start of the service.
    pub(crate) begun: Duration,
    /// The moment before the client had all of it, or the one when it left.
    pub(crate) ended: Option<Duration>,
    /// Whether the client stayed until the end.
    pub(crate) whole: bool,
}

impl Entry {
    /// The account that it was for.
    pub(crate) fn account(&self) -> Option<&str> {
        self.bearer.as_ref().map(|bearer| bearer.account.as_str())
    }
}

#[derive(Debug, Default)]
struct LedgerState {
    entries: Vec<Entry>,
    running: HashMap<String, usize>,
    most: HashMap<String, usize>,
}

/// The entries, and who waits for one.
#[derive(Debug, Clone)]
pub(super) struct Ledger {
    inner: Arc<(Mutex<LedgerState>, Condvar)>,
    start: Instant,
}

impl Ledger {
    pub(super) fn new() -> Self {
        Self { inner: Arc::default(), start: Instant::now() }
    }

    pub(super) fn begin(&self, mut entry: Entry) -> EntryGuard {
        entry.begun = self.start.elapsed();
        let mut number = 0;
        self.change(|inner| {
            number = inner.entries.len();
            inner.entries.push(entry);
        });
        EntryGuard { ledger: self.clone(), number, running: None }
    }

    pub(super) fn entries(&self) -> Vec<Entry> {
        self.inner.0.lock().unwrap().entries.clone()
    }

    pub(super) fn most_at_once(&self, account: &str) -> usize {
        self.inner.0.lock().unwrap().most.get(account).copied().unwrap_or(0)
    }

    pub(super) fn until(&self, patience: Duration, wanted: impl Fn(&[Entry]) -> bool) {
        let (inner, changed) = &*self.inner;
        let inner = inner.lock().unwrap();
        let (inner, timeout) =
            changed.wait_timeout_while(inner, patience, |inner| !wanted(&inner.entries)).unwrap();
        assert!(!timeout.timed_out(), "the ledger did not come to be as wanted: {inner:#?}");
    }

    fn change(&self, change: impl FnOnce(&mut LedgerState)) {
        let (inner, changed) = &*self.inner;
        change(&mut inner.lock().unwrap());
        changed.notify_all();
    }
}

/// An entry that is under way. Dropped, the client has left.
#[derive(Debug)]
pub(super) struct EntryGuard {
    ledger: Ledger,
    number: usize,
    /// The account whose turn this is.
    running: Option<String>,
}

impl EntryGuard {
    pub(super) fn kind(&self, kind: Kind) {
        self.ledger.change(|inner| inner.entries[self.number].kind = kind);
    }

    pub(super) fn bearer(&self, bearer: Option<Bearer>) {
        self.ledger.change(|inner| {
            let entry = &mut inner.entries[self.number];
            entry.bearer = bearer;
            entry.token = true;
        });
    }

    pub(super) fn status(&self, status: u16, code: Option<String>) {
        self.ledger.change(|inner| {
            let entry = &mut inner.entries[self.number];
            (entry.status, entry.code) = (Some(status), code);
        });
    }

    /// The turn of the account was let in, and is under way.
    pub(super) fn running(&mut self, account: &str) {
        self.running = Some(account.to_owned());
        self.ledger.change(|inner| {
            let running = inner.running.entry(account.to_owned()).or_default();
            *running += 1;
            let most = inner.most.entry(account.to_owned()).or_default();
            *most = (*most).max(*running);
        });
    }

    /// The client has all of it, or will have in a moment.
    pub(super) fn finish(mut self) {
        self.end(true);
    }

    fn end(&mut self, whole: bool) {
        let now = self.ledger.start.elapsed();
        let account = self.running.take();
        self.ledger.change(|inner| {
            let entry = &mut inner.entries[self.number];
            if entry.ended.is_none() {
                (entry.ended, entry.whole) = (Some(now), whole);
            }
            if let Some(running) = account.and_then(|account| inner.running.get_mut(&account)) {
                *running -= 1;
            }
        });
    }
}

impl Drop for EntryGuard {
    fn drop(&mut self) {
        self.end(false);
    }
}
