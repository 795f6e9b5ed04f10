//! A session as its journal has it, for reading only: it is not locked, and another
//! codexpin may be at work in it.

use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;

use super::journal::{self, JournalError, SessionRequest};
use super::reading::search_of;
use super::record::CheckRecord;
use crate::catalogue::Catalogue;
use crate::fs::foreign;
use crate::search::{Mark, Outcome};

/// What a journal holds.
#[derive(Debug, Clone)]
pub struct SessionSummary {
    /// The session's name.
    pub id: String,
    /// Where it is.
    pub directory: Utf8PathBuf,
    /// When it was begun.
    pub begun: Timestamp,
    /// What was asked for.
    pub request: SessionRequest,
    /// Every check so far.
    pub checks: Vec<CheckRecord>,
    /// What the search found, where it has ended.
    pub outcome: Option<Outcome>,
}

impl SessionSummary {
    /// Reads the session with this id, or the newest one; `catalogue` tells its failures
    /// apart.
    pub fn read(
        sessions: &Utf8Path,
        id: Option<&str>,
        catalogue: &Catalogue,
    ) -> Result<Self, JournalError> {
        let newest = || {
            let none = || JournalError::NoSession { directory: sessions.to_owned() };
            journal::sessions(sessions).pop().ok_or_else(none)
        };
        let id = id.map_or_else(newest, |id| Ok(id.to_owned()))?;
        let directory = sessions.join(&id);
        let path = directory.join(journal::FILE);
        let text = match foreign::read(&path, foreign::ANY) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(JournalError::Missing { id, directory: sessions.to_owned() });
            }
            Err(source) => return Err(JournalError::Io { path, source }),
        };
        let journal::JournalContents { begun, request, mut checks, concluded, .. } =
            journal::parse(&path, &text)?;
        search_of(&request, &mut checks, catalogue);
        let outcome = concluded.map(|(_, outcome)| outcome);
        Ok(Self { id, directory, begun, request, checks, outcome })
    }

    /// The last good candidate and the first bad one, as places on the line; as far
    /// as they are known, where the search has not ended.
    pub fn ends(&self) -> (Option<usize>, Option<usize>) {
        match self.outcome {
            Some(
                Outcome::Found { last_good, first_bad } | Outcome::Range { last_good, first_bad },
            ) => (Some(last_good), Some(first_bad)),
            Some(Outcome::NoRegression) => (self.request.line.len().checked_sub(1), None),
            Some(Outcome::GoodEndIsBad) => (None, Some(0)),
            Some(Outcome::Inconclusive { last_good, first_bad }) => (last_good, first_bad),
            Some(Outcome::EndSkipped { .. }) | None => {
                let places = |mark| {
                    let counting = self.checks.iter().filter(|check| check.counts);
                    counting.filter(move |check| check.mark() == mark).map(CheckRecord::place)
                };
                let bad = places(Mark::Bad).min();
                (places(Mark::Good).filter(|good| bad.is_none_or(|bad| *good < bad)).max(), bad)
            }
        }
    }
}
