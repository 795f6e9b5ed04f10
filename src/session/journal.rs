//! The session on disk: one line of JSON an answer, fsynced before the next step.
//!
//! A line that a crash cut short is the last one, and it is left out: that check is
//! made again. Checks that come after the end of the search are of the newest releases.

mod contents;

use std::fs::File;
use std::io::{self, Write as _};

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use self::contents::{FORMAT, JournalEntry, whole};
pub(super) use self::contents::{JournalContents, parse};
use super::record::CheckRecord;
use super::{format3, format4};
use crate::explain::{Class, Explain};
use crate::fs::{Lock, LockError, foreign, sync_directory};
use crate::host::HostPort;
use crate::node::Node;
use crate::question::{Question, Upstream};
use crate::release::Version;
use crate::release::pairing::Candidate;
use crate::search::{Outcome, SearchPlan};

pub(super) const FILE: &str = "journal.jsonl";

/// What a session was asked to do: enough to go on with it after any end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SessionRequest {
    /// What is asked of every candidate.
    pub question: Question,
    /// The candidates, the good end first.
    pub line: Vec<Candidate>,
    /// The Node of each candidate, in the same order; none where there is none.
    pub nodes: Vec<Option<Node>>,
    /// Where the pin goes.
    pub pin_file: Utf8PathBuf,
    /// How the line is searched.
    #[serde(default = "format4::plan")]
    pub search: SearchPlan,
    /// Whether the first release is looked for that answers again; the line begins with the
    /// newest then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub find_fix: bool,
    /// The places that are asked one after the other, in this order, where no boundary is
    /// looked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scan: Option<Vec<usize>>,
    /// The newest releases, which are asked once a boundary is found: whether it is mended
    /// there. Their places follow those of the line.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub newest: Vec<Candidate>,
    /// Whether releases are asked that earlier sessions asked the same, too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fresh: bool,
    /// How many turns the account may be asked for, over all parts of the session;
    /// none where no account is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_turns: Option<usize>,
    /// The account whose login is lent, as a hash: a login of the same name can come to
    /// be another account's. None where nothing says whose it is, as with an API key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
}

impl SessionRequest {
    /// The candidate with this place: on the line, or after it.
    pub fn candidate(&self, place: usize) -> &Candidate {
        let length = self.line.len();
        if place < length { &self.line[place] } else { &self.newest[place - length] }
    }

    /// Refuses to go on with another login than the session began with: its answers
    /// would not speak of the same account.
    pub fn accepts(&self, upstream: &Upstream) -> Result<(), JournalError> {
        let begun_with = &self.question.upstream;
        if begun_with == upstream {
            return Ok(());
        }
        Err(JournalError::OtherUpstream {
            begun_with: Box::new(begun_with.clone()),
            offered: Box::new(upstream.clone()),
        })
    }
}

/// A session's journal, open for its one writer.
#[derive(Debug)]
pub struct Journal {
    directory: Utf8PathBuf,
    file: File,
    request: SessionRequest,
    begun: Timestamp,
    checks: Vec<CheckRecord>,
    outcome: Option<Outcome>,
    newest_checks: Vec<CheckRecord>,
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
    #[error(
        "{path} has format {found}; this codexpin knows formats {} to {FORMAT}",
        format3::FORMAT
    )]
    OtherFormat {
        /// The journal.
        path: Utf8PathBuf,
        /// Its format.
        found: u32,
    },
    /// It was begun with another login than the one that could be lent now.
    #[error("the session was begun with {begun_with}, and what could answer now is {offered}")]
    OtherUpstream {
        /// Who answered so far.
        begun_with: Box<Upstream>,
        /// Who would answer from now on.
        offered: Box<Upstream>,
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

impl Explain for JournalError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Lock(error) => return error.hint(),
            Self::Missing { .. } | Self::NothingToResume { .. } | Self::NoSession { .. } => {
                "begin one: `codexpin bisect GOOD BAD`".to_owned()
            }
            Self::OtherUpstream { .. } => {
                "make that login usable again, or begin anew: `codexpin bisect GOOD BAD`".to_owned()
            }
            Self::OtherFormat { .. } => {
                "use the codexpin that wrote it, or begin anew: `codexpin bisect GOOD BAD`"
                    .to_owned()
            }
            Self::Io { .. } => {
                format!("set {} to a directory that can be written to", crate::env::STATE_DIR)
            }
            Self::Damaged { .. } => {
                "mend that line by hand, or begin anew: `codexpin bisect GOOD BAD`".to_owned()
            }
        })
    }

    fn class(&self) -> Class {
        match self {
            Self::Missing { .. } | Self::NothingToResume { .. } | Self::NoSession { .. } => {
                Class::Usage
            }
            Self::OtherUpstream { .. } | Self::OtherFormat { .. } => Class::Failure,
            Self::Lock(_) | Self::Io { .. } | Self::Damaged { .. } => Class::Infrastructure,
        }
    }
}

impl Journal {
    /// Begins a session under `sessions`; its id is the time and the ends.
    pub fn begin(
        sessions: &Utf8Path,
        request: SessionRequest,
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
            checks: Vec::new(),
            outcome: None,
            newest_checks: Vec::new(),
            _alone: alone,
        };
        journal.write(&JournalEntry::Begun {
            format: FORMAT,
            at: now,
            request: Box::new(request),
        })?;
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
        let text = foreign::read(&path, foreign::ANY).map_err(io)?;
        let mut file = File::options().append(true).open(&path).map_err(io)?;
        let parsed = parse(&path, &text)?;
        if parsed.format == FORMAT {
            // A line without its end was cut short by a crash.
            file.set_len(whole(&text).len() as u64).map_err(io)?;
        } else {
            // Rewritten as a whole: a journal has lines of one format only.
            let lines = parsed.lines().map_err(|error| io(error.into()))?;
            crate::fs::write_atomic(&path, &lines).map_err(io)?;
            file = File::options().append(true).open(&path).map_err(io)?;
        }
        let JournalContents { begun, request, checks, concluded, newest_checks, .. } = parsed;
        let outcome = concluded.map(|(_, outcome)| outcome);
        Ok(Self { directory, file, request, begun, checks, outcome, newest_checks, _alone: alone })
    }

    /// Lets the installs that are left reach these places, too. It is kept: the journal
    /// says what the candidates from here on were installed with.
    pub fn open_installs_to(&mut self, places: &[HostPort]) -> Result<(), JournalError> {
        let open = &mut self.request.question.open_install;
        let more: Vec<_> = places.iter().filter(|place| !open.contains(place)).cloned().collect();
        if more.is_empty() {
            return Ok(());
        }
        open.extend(more);
        let path = self.directory.join(FILE);
        let io = |source| JournalError::Io { path: path.clone(), source };
        let text = foreign::read(&path, foreign::ANY).map_err(io)?;
        let contents = JournalContents { request: self.request.clone(), ..parse(&path, &text)? };
        let lines = contents.lines().map_err(|error| io(error.into()))?;
        crate::fs::write_atomic(&path, &lines).map_err(io)?;
        self.file = File::options().append(true).open(&path).map_err(io)?;
        Ok(())
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
    pub fn request(&self) -> &SessionRequest {
        &self.request
    }

    /// When it was begun.
    pub fn begun(&self) -> Timestamp {
        self.begun
    }

    /// Every check of the search so far.
    pub fn checks(&self) -> &[CheckRecord] {
        &self.checks
    }

    /// Every check of a newest release, after the end of the search.
    pub fn newest_checks(&self) -> &[CheckRecord] {
        &self.newest_checks
    }

    /// How many turns the lent account was asked for. One that was under way when
    /// codexpin was killed is not among them.
    pub fn turns_taken(&self) -> usize {
        let lent = self.request.question.upstream.lending().is_some();
        let checks = self.checks.iter().chain(&self.newest_checks);
        checks.filter(|_| lent).map(|check| check.observations.len()).sum()
    }

    /// What the search found, where it has ended.
    pub fn outcome(&self) -> Option<&Outcome> {
        self.outcome.as_ref()
    }

    /// Where the output of a check goes, without an ending.
    pub fn logs_for(&self, ask: u32, core: Version) -> Utf8PathBuf {
        self.directory.join("logs").join(format!("{ask:02}-{core}"))
    }

    /// Where the state of the good end is kept, if the others are to meet it.
    pub fn carried_state(&self) -> Utf8PathBuf {
        self.directory.join("state-of-the-good-end")
    }

    /// Writes a check; it is on disk when this returns.
    pub fn record(&mut self, check: &CheckRecord) -> Result<(), JournalError> {
        self.write(&JournalEntry::Checked(Box::new(check.clone())))?;
        let has_ended = self.outcome.is_some();
        let checks = if has_ended { &mut self.newest_checks } else { &mut self.checks };
        checks.push(check.clone());
        Ok(())
    }

    /// Writes the end.
    pub fn conclude(&mut self, outcome: &Outcome) -> Result<(), JournalError> {
        if self.outcome.as_ref() != Some(outcome) {
            self.write(&JournalEntry::Concluded {
                at: Timestamp::now(),
                outcome: outcome.clone(),
            })?;
            self.outcome = Some(outcome.clone());
        }
        Ok(())
    }

    fn write(&mut self, entry: &JournalEntry) -> Result<(), JournalError> {
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
        let path = directory.join(id).join(FILE);
        let text = foreign::read(&path, foreign::ANY).unwrap_or_default();
        let mut lines = text.split(|byte| *byte == b'\n');
        text.is_empty() || lines.any(|line| line.starts_with(br#"{"entry":"concluded""#))
    };
    let mut ids = sessions(directory);
    ids.retain(|id| !ended(id));
    ids
}
