//! The session on disk: one line of JSON an event, fsynced before the next step.
//!
//! A line that a crash cut short is the last one, and it is left out: the check
//! that it would have told of is made again.

use std::fs::File;
use std::io::{self, Write as _};

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::fs::{Lock, LockError, sync_directory};
use crate::node::choice::Node;
use crate::observation::Observation;
use crate::question::{Purpose, Question};
use crate::release::Version;
use crate::release::pairing::Candidate;
use crate::search::{Mark, Outcome};
use crate::verdict::Verdict;

/// The format of the journal: 2 has questions of several routes, 3 says what
/// each check is for.
const FORMAT: u32 = 3;
pub(super) const FILE: &str = "journal.jsonl";

/// What a session was asked to do: enough to go on with it after any end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// What is asked of every candidate.
    pub question: Question,
    /// The candidates, the good end first.
    pub line: Vec<Candidate>,
    /// The Node of each candidate, in the same order; none where there is none.
    pub nodes: Vec<Option<Node>>,
    /// Where the pin goes.
    pub pin_file: Utf8PathBuf,
    /// Whether every failure counts, and not only that of the bad end.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub any_failure: bool,
}

/// One check, or one candidate that could not be checked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Checked {
    /// The candidate's place on the line.
    pub place: usize,
    /// Its core release.
    pub core: Version,
    /// What the check says.
    pub verdict: Verdict,
    /// What was seen through each route; nothing where it could not be installed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub observations: Vec<Observation>,
    /// What it is for.
    #[serde(default)]
    pub purpose: Purpose,
}

impl Checked {
    /// What the search makes of it.
    pub fn mark(&self) -> Mark {
        match self.purpose {
            Purpose::Another => Mark::Skip,
            _ => self.verdict.mark(),
        }
    }
}

/// The checks that count, in order.
pub fn counting(checked: &[Checked]) -> impl Iterator<Item = &Checked> {
    checked.iter().enumerate().filter_map(|(at, check)| {
        let passed =
            |next: &Checked| next.purpose == Purpose::Control && next.verdict == Verdict::Good;
        let counts = match check.purpose {
            Purpose::Search | Purpose::Another => true,
            Purpose::Controlled => checked.get(at + 1).is_some_and(passed),
            Purpose::Surprise | Purpose::Control | Purpose::Pause => false,
        };
        counts.then_some(check)
    })
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "entry")]
enum Entry {
    Begun { format: u32, at: Timestamp, request: Box<Request> },
    Checked(Box<Checked>),
    Concluded { at: Timestamp, outcome: Outcome },
}

/// A session's journal, open for its one writer.
#[derive(Debug)]
pub struct Journal {
    directory: Utf8PathBuf,
    file: File,
    request: Request,
    begun: Timestamp,
    checked: Vec<Checked>,
    outcome: Option<Outcome>,
    _alone: Lock,
}

/// The journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// There is no such session.
    #[error("there is no session {id} under {directory}")]
    Missing {
        /// What was asked for.
        id: String,
        /// Where sessions are.
        directory: Utf8PathBuf,
    },
    /// No session is unfinished.
    #[error("no unfinished session is under {directory}")]
    NothingToResume {
        /// Where sessions are.
        directory: Utf8PathBuf,
    },
    /// There is no session at all.
    #[error("no session is under {directory}")]
    NoSession {
        /// Where sessions are.
        directory: Utf8PathBuf,
    },
    /// A line cannot be understood, and it is not the last one.
    #[error("{path}:{line} cannot be read: {reason}")]
    Damaged {
        /// The journal.
        path: Utf8PathBuf,
        /// The line, from 1.
        line: usize,
        /// Why.
        reason: String,
    },
    /// Another codexpin wrote it.
    #[error("{path} has format {found}; this codexpin knows format {FORMAT}")]
    OtherFormat {
        /// The journal.
        path: Utf8PathBuf,
        /// Its format.
        found: u32,
    },
    /// Another codexpin is at it.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// It cannot be read or written.
    #[error("cannot keep the journal {path}: {source}")]
    Io {
        /// The journal.
        path: Utf8PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Journal {
    /// Begins a session under `sessions`; its id is the time and the ends.
    pub fn begin(
        sessions: &Utf8Path,
        request: Request,
        now: Timestamp,
    ) -> Result<Self, JournalError> {
        let ends = [request.line.first(), request.line.last()];
        let ends: Vec<_> = ends.into_iter().flatten().map(|c| c.core.to_string()).collect();
        let id = format!("{}_{}", now.strftime("%Y%m%d-%H%M%S"), ends.join("_"));
        let mut directory = sessions.join(&id);
        let mut again = 2;
        while directory.exists() {
            directory = sessions.join(format!("{id}_{again}"));
            again += 1;
        }
        let path = directory.join(FILE);
        let io = |source| JournalError::Io { path: path.clone(), source };
        crate::fs::create_private_dir(&directory.join("logs")).map_err(io)?;
        let alone = Lock::try_take(&directory.join("lock"))?;
        let file = File::options().append(true).create_new(true).open(&path).map_err(io)?;
        let mut journal = Self {
            directory,
            file,
            request: request.clone(),
            begun: now,
            checked: Vec::new(),
            outcome: None,
            _alone: alone,
        };
        journal.write(&Entry::Begun { format: FORMAT, at: now, request: Box::new(request) })?;
        sync_directory(&journal.directory).map_err(|source| journal.io(source))?;
        Ok(journal)
    }

    /// Opens the session with this id, or the newest unfinished one.
    pub fn resume(sessions: &Utf8Path, id: Option<&str>) -> Result<Self, JournalError> {
        if let Some(id) = id {
            let directory = sessions.join(id);
            if !directory.join(FILE).is_file() {
                let id = id.to_owned();
                return Err(JournalError::Missing { id, directory: sessions.to_owned() });
            }
            Self::open(directory)
        } else {
            let newest = unfinished(sessions).pop();
            let none = || JournalError::NothingToResume { directory: sessions.to_owned() };
            Self::open(sessions.join(newest.ok_or_else(none)?))
        }
    }

    fn open(directory: Utf8PathBuf) -> Result<Self, JournalError> {
        let alone = Lock::try_take(&directory.join("lock"))?;
        let path = directory.join(FILE);
        let io = |source| JournalError::Io { path: path.clone(), source };
        let text = fs::read(&path).map_err(io)?;
        let file = File::options().append(true).open(&path).map_err(io)?;
        // A line without its end was cut short by a crash.
        file.set_len(whole(&text).len() as u64).map_err(io)?;
        let Told { begun, request, checked, outcome } = parse(&path, &text)?;
        Ok(Self { directory, file, request, begun, checked, outcome, _alone: alone })
    }

    /// The session's name, to resume it by.
    pub fn id(&self) -> &str {
        self.directory.file_name().unwrap_or_default()
    }

    /// Where it is.
    pub fn directory(&self) -> &Utf8Path {
        &self.directory
    }

    /// What was asked for.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// When it was begun.
    pub fn begun(&self) -> Timestamp {
        self.begun
    }

    /// Every check so far.
    pub fn checked(&self) -> &[Checked] {
        &self.checked
    }

    /// What the search found, where it has ended.
    pub fn outcome(&self) -> Option<&Outcome> {
        self.outcome.as_ref()
    }

    /// Where the output of a check goes, without an ending.
    pub fn logs_for(&self, number: usize, core: Version) -> Utf8PathBuf {
        self.directory.join("logs").join(format!("{:02}-{core}", number + 1))
    }

    /// Takes a check down; on disk when this returns.
    pub fn record(&mut self, checked: &Checked) -> Result<(), JournalError> {
        self.write(&Entry::Checked(Box::new(checked.clone())))?;
        self.checked.push(checked.clone());
        Ok(())
    }

    /// Takes the end down.
    pub fn conclude(&mut self, outcome: &Outcome) -> Result<(), JournalError> {
        if self.outcome.as_ref() != Some(outcome) {
            self.write(&Entry::Concluded { at: Timestamp::now(), outcome: outcome.clone() })?;
            self.outcome = Some(outcome.clone());
        }
        Ok(())
    }

    fn write(&mut self, entry: &Entry) -> Result<(), JournalError> {
        let mut line = serde_json::to_vec(entry).map_err(|e| self.io(e.into()))?;
        line.push(b'\n');
        self.file
            .write_all(&line)
            .and_then(|()| self.file.sync_data())
            .map_err(|source| self.io(source))
    }

    fn io(&self, source: io::Error) -> JournalError {
        JournalError::Io { path: self.directory.join(FILE), source }
    }
}

/// What the lines of a journal tell.
pub(super) struct Told {
    pub(super) begun: Timestamp,
    pub(super) request: Request,
    pub(super) checked: Vec<Checked>,
    pub(super) outcome: Option<Outcome>,
}

/// Reads the lines that are whole.
pub(super) fn parse(path: &Utf8Path, text: &[u8]) -> Result<Told, JournalError> {
    let mut request = None;
    let (mut checked, mut outcome) = (Vec::new(), None);
    let lines = whole(text).split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    for (at, line) in lines.enumerate() {
        let damaged =
            |reason: String| JournalError::Damaged { path: path.to_owned(), line: at + 1, reason };
        if at == 0 {
            check_format(line, path)?;
        }
        match serde_json::from_slice(line).map_err(|error| damaged(error.to_string()))? {
            Entry::Begun { at, request: begun, .. } => request = Some((at, *begun)),
            Entry::Checked(entry) => checked.push(*entry),
            Entry::Concluded { outcome: concluded, .. } => outcome = Some(concluded),
        }
    }
    let (begun, request) = request.ok_or_else(|| JournalError::Damaged {
        path: path.to_owned(),
        line: 1,
        reason: "the session was never begun".to_owned(),
    })?;
    Ok(Told { begun, request, checked, outcome })
}

/// Without the line that a crash cut short, or that is being written.
fn whole(text: &[u8]) -> &[u8] {
    &text[..text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1)]
}

fn check_format(line: &[u8], path: &Utf8Path) -> Result<(), JournalError> {
    #[derive(Deserialize)]
    struct Format {
        format: u32,
    }
    match serde_json::from_slice::<Format>(line) {
        Ok(Format { format }) if format != FORMAT => {
            Err(JournalError::OtherFormat { path: path.to_owned(), found: format })
        }
        _ => Ok(()),
    }
}

/// The ids of all sessions, the oldest first.
pub fn sessions(sessions: &Utf8Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(sessions) else { return Vec::new() };
    let mut ids: Vec<_> =
        entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    ids.retain(|id| sessions.join(id).join(FILE).is_file());
    ids.sort();
    ids
}

/// The ids of the sessions that have not ended, the oldest first.
pub fn unfinished(directory: &Utf8Path) -> Vec<String> {
    let ended = |id: &String| {
        let text = fs::read(directory.join(id).join(FILE)).unwrap_or_default();
        let last = text.trim_ascii_end().rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
        text.is_empty() || last.starts_with(br#"{"entry":"concluded""#)
    };
    let mut ids = sessions(directory);
    ids.retain(|id| !ended(id));
    ids
}
