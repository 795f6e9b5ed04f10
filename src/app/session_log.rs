//! A session's journal, told or replayed, without going on with it.

use camino::Utf8Path;
use serde::Serialize;

use super::AppError;
use super::context::Context;
use super::sessions::{ListedSession, SessionEnd, listed};
use crate::release::Version;
use crate::session::journal::JournalError;
use crate::session::newest::NewestRelease;
use crate::session::record::CheckRecord;
use crate::session::summary::SessionSummary;

/// What a journal holds.
#[derive(Debug, Serialize)]
pub struct SessionLog {
    /// The session and what it found; in a replay, what its strategy finds.
    #[serde(flatten)]
    pub session: ListedSession,
    /// Every check of the search, in its order.
    pub checked: Vec<CheckRecord>,
    /// Every check of a newest release after it.
    pub newest_checked: Vec<CheckRecord>,
    /// What is known of the newest releases.
    pub newest: Vec<NewestRelease>,
    /// Where it is a replay, what that adds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replay: Option<ReplayNotes>,
}

/// What a replay adds to a journal.
#[derive(Debug, Serialize)]
pub struct ReplayNotes {
    /// How the journal says that the session ended.
    pub recorded: SessionEnd,
    /// What would be asked next, where the search has not ended.
    pub next: Option<Version>,
}

/// The journal of this session. None: of the newest.
pub fn log(context: &Context, session: Option<&str>) -> Result<SessionLog, AppError> {
    let sessions = context.directories.sessions();
    let summary = SessionSummary::read(&sessions, session, context.catalogue()?)?;
    log_of(summary, None)
}

/// Feeds a journal, also one from another machine, to its strategy.
pub fn replay(context: &Context, file: &Utf8Path) -> Result<SessionLog, AppError> {
    let catalogue = context.catalogue()?;
    let summary = match SessionSummary::of_file(&context.cwd.join(file), catalogue) {
        Err(JournalError::Io { source, .. }) => {
            return Err(AppError::usage(format!("this journal cannot be read: {source}")).with_hint(
                "a session's journal is journal.jsonl in the directory that `codexpin log` names",
            ));
        }
        read => read?,
    };
    let (outcome, next) = summary.replayed(catalogue);
    let notes = ReplayNotes {
        recorded: SessionEnd::of(summary.outcome.as_ref()),
        next: next.map(|place| summary.request.candidate(place).core),
    };
    log_of(SessionSummary { outcome, ..summary }, Some(notes))
}

fn log_of(summary: SessionSummary, replay: Option<ReplayNotes>) -> Result<SessionLog, AppError> {
    let (checked, newest_checked) = (summary.checks.clone(), summary.newest_checks.clone());
    let newest = summary.newest.clone();
    let session =
        listed(summary).ok_or_else(|| AppError::usage("the journal has no candidates"))?;
    Ok(SessionLog { session, checked, newest_checked, newest, replay })
}
