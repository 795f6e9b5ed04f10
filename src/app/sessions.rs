//! The searches of this machine, and what they found.

use camino::Utf8PathBuf;
use jiff::Timestamp;
use serde::Serialize;

use super::context::Context;
use crate::catalogue::Catalogue;
use crate::release::Version;
use crate::search::Outcome;
use crate::session::journal;
use crate::session::summary::SessionSummary;

/// The sessions of this machine.
#[derive(Debug, Serialize)]
pub struct SessionList {
    /// The newest first.
    pub sessions: Vec<ListedSession>,
    /// Those whose journals cannot be read, and why.
    pub unreadable: Vec<String>,
}

/// A session.
#[derive(Debug, Serialize)]
pub struct ListedSession {
    /// Its name, by which `resume` and `report` find it.
    pub id: String,
    /// Where it is.
    pub directory: Utf8PathBuf,
    /// When it was begun.
    pub begun: Timestamp,
    /// The first candidate of its line: the good end, or with `find_fix` the newest.
    pub from: Version,
    /// The last candidate.
    pub to: Version,
    /// Whether the first release was looked for that answers again.
    pub find_fix: bool,
    /// The routes that were asked through.
    pub routes: Vec<String>,
    /// How many checks it has made.
    pub checks: usize,
    /// How it ended.
    pub end: SessionEnd,
    /// The last good candidate, as far as it is known.
    pub last_good: Option<Version>,
    /// The first bad one, as far as it is known.
    pub first_bad: Option<Version>,
}

/// How a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SessionEnd {
    /// The first bad candidate is known.
    Found,
    /// It is one of several.
    Range,
    /// No answer was likely enough.
    Inconclusive,
    /// Both ends answer.
    NoRegression,
    /// The good end does not answer.
    GoodEndIsBad,
    /// The good end does not answer, and the bad one does.
    EndsReversed,
    /// Every release that was to be asked was asked.
    Scanned,
    /// An end could not be judged.
    EndSkipped,
    /// `resume` goes on with it.
    Unfinished,
}

impl SessionEnd {
    pub(super) fn of(outcome: Option<&Outcome>) -> Self {
        match outcome {
            Some(Outcome::Found { .. }) => Self::Found,
            Some(Outcome::Range { .. }) => Self::Range,
            Some(Outcome::Inconclusive { .. }) => Self::Inconclusive,
            Some(Outcome::NoRegression) => Self::NoRegression,
            Some(Outcome::GoodEndIsBad) => Self::GoodEndIsBad,
            Some(Outcome::EndsReversed) => Self::EndsReversed,
            Some(Outcome::Scanned) => Self::Scanned,
            Some(Outcome::EndSkipped { .. }) => Self::EndSkipped,
            None => Self::Unfinished,
        }
    }
}

/// Lists the sessions, without going on with any.
pub fn sessions(context: &Context) -> SessionList {
    let directory = context.directories.sessions();
    let mut list = SessionList { sessions: Vec::new(), unreadable: Vec::new() };
    let catalogue = Catalogue::built_in();
    for id in journal::sessions(&directory).into_iter().rev() {
        match SessionSummary::read(&directory, Some(&id), &catalogue) {
            Ok(summary) => list.sessions.extend(listed(summary)),
            Err(error) => list.unreadable.push(error.to_string()),
        }
    }
    list
}

/// None for a line without candidates, which no session has.
pub(super) fn listed(summary: SessionSummary) -> Option<ListedSession> {
    let (last_good, first_bad) = summary.ends();
    let SessionSummary { id, directory, begun, request, checks, outcome, .. } = summary;
    let at = |place: usize| request.line.get(place).map(|candidate| candidate.core);
    Some(ListedSession {
        from: at(0)?,
        to: request.line.last()?.core,
        find_fix: request.find_fix,
        routes: request.question.routes.iter().map(ToString::to_string).collect(),
        checks: checks.len(),
        end: SessionEnd::of(outcome.as_ref()),
        last_good: last_good.and_then(at),
        first_bad: first_bad.and_then(at),
        id,
        directory,
        begun,
    })
}
