//! What candidates have shown, kept from one session to the next: the same question is not
//! asked twice of the same installed files.
//!
//! ```text
//! check ─▶ observations ─ keep ─▶ answers/<hash of all that decides them>
//! later session ─ find ─▶ the same observations, judged anew
//! ```

mod key;

use std::collections::BTreeSet;
use std::io;
use std::sync::{Mutex, PoisonError};

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

pub use key::{AnswerKey, AskedWith};

use crate::catalogue::Catalogue;
use crate::fs::{create_private_dir, foreign, write_atomic_private};
use crate::observation::{AgentEnding, Isolation, Observation};
use crate::question::Upstream;
use crate::release::Version;
use crate::verdict::{self, Verdict};

/// Counts up when these files change.
const FORMAT: u32 = 1;
/// How long an answer of an account's service counts: it changes without any release.
const LIVE_AGE: SignedDuration = SignedDuration::from_hours(24);
/// How many answers are kept: the oldest goes first.
const MOST: usize = 500;
/// One answer has at most a few bounded outputs a route.
const LARGEST: u64 = 16 << 20;

/// What is known of an answer before its observations are read.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AnswerHead {
    format: u32,
    /// When the candidate was asked.
    pub at: Timestamp,
    /// What it was asked, and everything else that decides the answer.
    pub key: AnswerKey,
    /// What was made of it then.
    pub verdict: Verdict,
}

/// The answers on disk.
#[derive(Debug, Clone)]
pub struct AnswerStore {
    directory: Utf8PathBuf,
    /// Judges what is to be kept.
    catalogue: Catalogue,
}

impl AnswerStore {
    /// The answers in this directory, which need not be there yet.
    pub fn new(directory: Utf8PathBuf, catalogue: Catalogue) -> Self {
        Self { directory, catalogue }
    }

    /// Keeps what a check saw, where it says something of the candidate and of nothing else:
    /// a limit of time, a machine in trouble and a candidate that was not enclosed are no
    /// answers.
    pub fn keep(&self, key: &AnswerKey, observations: &[Observation]) -> io::Result<()> {
        let verdict = verdict::judge_all(observations, key.question().require, &self.catalogue);
        let is_whole = |seen: &Observation| {
            seen.ending != AgentEnding::TimedOut
                && seen.enclosure == Isolation::Namespace { shared_tmp: None }
        };
        let at = observations.iter().map(|seen| seen.started).min();
        let (Verdict::Good | Verdict::Bad { .. }, Some(at)) = (&verdict, at) else { return Ok(()) };
        if !observations.iter().all(is_whole) {
            return Ok(());
        }
        let head = AnswerHead { format: FORMAT, at, key: key.clone(), verdict };
        let mut text = serde_json::to_vec(&head)?;
        for seen in observations {
            text.push(b'\n');
            serde_json::to_writer(&mut text, seen)?;
        }
        create_private_dir(&self.directory)?;
        write_atomic_private(&self.path(key), &text)?;
        self.forget_oldest()
    }

    /// What a check saw that asked just this. One that cannot be read is none.
    pub fn find(&self, key: &AnswerKey, now: Timestamp) -> Option<Vec<Observation>> {
        let text = foreign::read(&self.path(key), LARGEST).ok()?;
        let mut lines = text.split(|byte| *byte == b'\n');
        let head = AnswerHead::parse(lines.next()?)?;
        if head.key != *key || !head.counts(now) {
            return None;
        }
        let seen: Option<Vec<_>> = lines.map(|line| serde_json::from_slice(line).ok()).collect();
        seen.filter(|seen| seen.len() == key.question().routes.len())
    }

    fn path(&self, key: &AnswerKey) -> Utf8PathBuf {
        self.directory.join(format!("{}.jsonl", key.hash()))
    }

    fn forget_oldest(&self) -> io::Result<()> {
        let mut kept = files(&self.directory);
        if kept.len() <= MOST {
            return Ok(());
        }
        kept.sort_by_cached_key(|path| fs::metadata(path).and_then(|file| file.modified()).ok());
        let too_many = kept.len() - MOST;
        kept.iter().take(too_many).try_for_each(|path| crate::fs::remove(path))
    }
}

impl AnswerHead {
    fn parse(line: &[u8]) -> Option<Self> {
        serde_json::from_slice::<Self>(line).ok().filter(|head| head.format == FORMAT)
    }

    /// Whether it still says something. What comes from the future, after the clock was set
    /// back, does not.
    fn counts(&self, now: Timestamp) -> bool {
        let age = now.duration_since(self.at);
        let is_live = self.key.question().upstream != Upstream::Loopback;
        self.key.is_of_this_codexpin() && !age.is_negative() && (!is_live || age < LIVE_AGE)
    }
}

/// The answers as one session or check has the use of them.
#[derive(Debug)]
pub struct KnownAnswers {
    store: AnswerStore,
    /// The releases that are asked themselves from now on: one answer speaks once.
    asked: Mutex<BTreeSet<Version>>,
    asks_all: bool,
}

impl KnownAnswers {
    /// To be kept, and used again for the first ask of each release but `asked`.
    pub fn used_again(store: AnswerStore, asked: impl IntoIterator<Item = Version>) -> Self {
        Self { store, asked: Mutex::new(asked.into_iter().collect()), asks_all: false }
    }

    /// To be kept, for others: everything is asked.
    pub fn only_kept(store: AnswerStore) -> Self {
        Self { store, asked: Mutex::default(), asks_all: true }
    }

    /// What is known of a release, the first time that it is asked.
    pub fn of_first_ask(&self, key: &AnswerKey) -> Option<Vec<Observation>> {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let is_first = asked.insert(key.core());
        (is_first && !self.asks_all).then(|| self.store.find(key, Timestamp::now())).flatten()
    }

    /// See [`AnswerStore::keep`].
    pub fn keep(&self, key: &AnswerKey, observations: &[Observation]) -> io::Result<()> {
        self.store.keep(key, observations)
    }
}

/// All answers in a directory that still count, the oldest first.
pub fn heads(directory: &Utf8Path, now: Timestamp) -> Vec<AnswerHead> {
    let head = |path: Utf8PathBuf| {
        let text = foreign::read(&path, LARGEST).ok()?;
        AnswerHead::parse(text.split(|byte| *byte == b'\n').next()?)
    };
    let mut heads: Vec<_> = files(directory).into_iter().filter_map(head).collect();
    heads.retain(|head| head.counts(now));
    heads.sort_by_key(|head| head.at);
    heads
}

fn files(directory: &Utf8Path) -> Vec<Utf8PathBuf> {
    let entries = directory.read_dir_utf8().into_iter().flatten().flatten();
    entries
        .map(camino::Utf8DirEntry::into_path)
        .filter(|path| path.extension() == Some("jsonl"))
        .collect()
}

#[cfg(test)]
mod tests;
