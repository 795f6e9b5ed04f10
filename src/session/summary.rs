//! A session as its journal has it, for reading only: it is not locked, and another
//! codexpin may be at work in it.

use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;

use super::journal::{self, JournalError, SessionRequest};
use super::newest::{self, NewestRelease};
use super::reading::{scan_of_newest, search_of};
use super::record::CheckRecord;
use crate::catalogue::Catalogue;
use crate::fs::foreign;
use crate::search::{Mark, Next, Outcome};

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
    /// Every check of the search so far.
    pub checks: Vec<CheckRecord>,
    /// Every check of a newest release, after the end of the search.
    pub newest_checks: Vec<CheckRecord>,
    /// Whether it is mended in the newest releases, as far as that was asked.
    pub newest: Vec<NewestRelease>,
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
        match Self::of_file(&directory.join(journal::FILE), catalogue) {
            Err(JournalError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                Err(JournalError::Missing { id, directory: sessions.to_owned() })
            }
            read => read,
        }
    }

    /// Reads a journal, wherever it is. Its session is named after its directory.
    pub fn of_file(path: &Utf8Path, catalogue: &Catalogue) -> Result<Self, JournalError> {
        let text = foreign::read(path, foreign::ANY)
            .map_err(|source| JournalError::Io { path: path.to_owned(), source })?;
        let directory = path.parent().unwrap_or(Utf8Path::new("")).to_owned();
        let id = directory.file_name().unwrap_or_default().to_owned();
        let journal::JournalContents {
            begun,
            request,
            mut checks,
            concluded,
            mut newest_checks,
            ..
        } = journal::parse(path, &text)?;
        search_of(&request, &mut checks, catalogue);
        let outcome = concluded.map(|(_, outcome)| outcome);
        let places = newest::unknown(&request, outcome.as_ref(), &checks);
        scan_of_newest(&request, places, &checks, &mut newest_checks, catalogue);
        let newest =
            newest::known(&request, outcome.as_ref(), &checks, &newest_checks, newest::NOT_ASKED);
        Ok(Self { id, directory, begun, request, checks, newest_checks, newest, outcome })
    }

    /// What its strategy makes of all answers, whatever the journal says of the end: an
    /// outcome, or the place that it would ask next. Neither where it would pause.
    pub fn replayed(&self, catalogue: &Catalogue) -> (Option<Outcome>, Option<usize>) {
        let mut search = search_of(&self.request, &mut self.checks.clone(), catalogue);
        search.go_on();
        match search.next(&[]) {
            Next::Done(outcome) => (Some(outcome), None),
            Next::Ask(ask) => (None, Some(ask.place)),
            Next::Wait | Next::Pause(_) => (None, None),
        }
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
            Some(Outcome::Scanned) => self.last_break(),
            Some(Outcome::EndsReversed) => (self.request.line.len().checked_sub(1), Some(0)),
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

    /// Of a line that was asked from end to end, the last place that fails after one that
    /// answers, with that one.
    fn last_break(&self) -> (Option<usize>, Option<usize>) {
        let mut counting: Vec<_> = self.checks.iter().filter(|check| check.counts).collect();
        counting.retain(|check| check.mark() != Mark::Skip);
        counting.sort_by_key(|check| check.place());
        counting.dedup_by_key(|check| check.place());
        let marks = counting.iter().map(|check| (check.place(), check.mark()));
        let marks: Vec<_> = marks.collect();
        let breaks = |pair: &&[(usize, Mark)]| (pair[0].1, pair[1].1) == (Mark::Good, Mark::Bad);
        if let Some(pair) = marks.windows(2).rfind(breaks) {
            return (Some(pair[0].0), Some(pair[1].0));
        }
        let good = marks.iter().rfind(|(_, mark)| *mark == Mark::Good);
        let bad = marks.first().filter(|_| good.is_none());
        (good.map(|(place, _)| *place), bad.map(|(place, _)| *place))
    }
}
