//! A session as its journal tells it, for who only wants to know: it is not held,
//! and another codexpin may be at work in it.

use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;

use super::journal::{self, Checked, JournalError, Request, counting};
use crate::search::{Mark, Outcome};

/// What a journal tells.
#[derive(Debug, Clone)]
pub struct Story {
    /// The session's name.
    pub id: String,
    /// Where it is.
    pub directory: Utf8PathBuf,
    /// When it was begun.
    pub begun: Timestamp,
    /// What was asked for.
    pub request: Request,
    /// Every check so far.
    pub checked: Vec<Checked>,
    /// What the search found, where it has ended.
    pub outcome: Option<Outcome>,
}

impl Story {
    /// Reads the session with this id, or the newest one.
    pub fn read(sessions: &Utf8Path, id: Option<&str>) -> Result<Self, JournalError> {
        let newest = || {
            let none = || JournalError::NoSession { directory: sessions.to_owned() };
            journal::sessions(sessions).pop().ok_or_else(none)
        };
        let id = id.map_or_else(newest, |id| Ok(id.to_owned()))?;
        let directory = sessions.join(&id);
        let path = directory.join(journal::FILE);
        let text = match fs_err::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(JournalError::Missing { id, directory: sessions.to_owned() });
            }
            Err(source) => return Err(JournalError::Io { path, source }),
        };
        let told = journal::parse(&path, &text)?;
        let (begun, request) = (told.begun, told.request);
        Ok(Self { id, directory, begun, request, checked: told.checked, outcome: told.outcome })
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
            Some(Outcome::EndSkipped { .. }) | None => {
                let places = |mark| {
                    let marked = counting(&self.checked).filter(move |c| c.mark() == mark);
                    marked.map(|checked| checked.place)
                };
                let bad = places(Mark::Bad).min();
                (places(Mark::Good).filter(|good| bad.is_none_or(|bad| *good < bad)).max(), bad)
            }
        }
    }
}
