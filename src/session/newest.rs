//! Once a boundary is found: whether the newest releases are mended. The finding stands by
//! then, in the journal too, and whatever goes wrong here is only a reason why one of them
//! was not asked.

use std::time::Instant;

use serde::Serialize;

use super::check_pool::CheckPool;
use super::error::SessionError;
use super::journal::{Journal, SessionRequest};
use super::lab::Lab;
use super::reading::{explain, scan_of_newest};
use super::record::CheckRecord;
use super::{Session, jobs, learn, paused};
use crate::release::Version;
use crate::search::{LineScan, Mark, Next, Outcome, Strategy as _};
use crate::verdict::{Failure, SkipReason, Verdict};

/// A newest release, and what is known of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NewestRelease {
    /// The core release.
    pub core: Version,
    /// What it shows.
    #[serde(flatten)]
    pub state: NewestState,
}

/// What a newest release shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum NewestState {
    /// It answers: going forward is open.
    Answers,
    /// It does not.
    Fails {
        /// In this way.
        failure: Box<Failure>,
    },
    /// It answers now and then.
    Flakes,
    /// It cannot be judged.
    NotJudged {
        /// Why not.
        why: SkipReason,
    },
    /// It was not asked.
    NotAsked {
        /// Why not, in words.
        why: String,
    },
}

/// Asks those newest releases that the search has not judged, and says what is known of
/// all. `checks` are those of the search, with what it made of them.
pub async fn ask<L: Lab>(
    session: &Session<'_, L>,
    journal: &mut Journal,
    checks: &[CheckRecord],
) -> Vec<NewestRelease> {
    let places = unknown(journal.request(), journal.outcome(), checks);
    let mut newest = journal.newest_checks().to_vec();
    let request = journal.request();
    let mut scan = scan_of_newest(request, places, checks, &mut newest, session.catalogue);
    scan.go_on();
    let mut pool = CheckPool::new(session, jobs(journal));
    let ended = drive(session, journal, &mut scan, &mut pool).await;
    pool.end().await;
    let mut newest = journal.newest_checks().to_vec();
    explain(&scan, &mut newest);
    let why = ended.err().map_or_else(|| NOT_ASKED.to_owned(), |error| error.to_string());
    known(journal.request(), journal.outcome(), checks, &newest, &why)
}

/// Why one was not asked, where nothing was in the way.
pub(super) const NOT_ASKED: &str = "the session ended before";

/// The places of the newest releases of which the search knows nothing.
pub fn unknown(
    request: &SessionRequest,
    outcome: Option<&Outcome>,
    checks: &[CheckRecord],
) -> Vec<usize> {
    let is_unknown = |place: &usize| {
        let core = request.candidate(*place).core;
        is_after_boundary(request, outcome, core)
            && !checks.iter().any(|check| check.counts && check.core == core)
    };
    let length = request.line.len();
    (length..length + request.newest.len()).filter(is_unknown).collect()
}

/// What is known of the newest releases; of those that were not asked, `why`.
pub fn known(
    request: &SessionRequest,
    outcome: Option<&Outcome>,
    checks: &[CheckRecord],
    newest_checks: &[CheckRecord],
    why: &str,
) -> Vec<NewestRelease> {
    let state = |core: Version| {
        let own = newest_checks.iter().chain(checks).filter(|check| check.core == core);
        let counting: Vec<_> = own.filter(|check| check.counts).collect();
        let shows = |mark: Mark| counting.iter().any(|check| check.mark() == mark);
        match counting.last().map(|check| &check.verdict) {
            _ if shows(Mark::Good) && shows(Mark::Bad) => NewestState::Flakes,
            Some(Verdict::Good) => NewestState::Answers,
            Some(Verdict::Bad { failure }) => {
                NewestState::Fails { failure: Box::new(failure.clone()) }
            }
            Some(Verdict::Skip { reason }) => NewestState::NotJudged { why: reason.clone() },
            None => NewestState::NotAsked { why: why.to_owned() },
        }
    };
    let cores = request.newest.iter().map(|candidate| candidate.core);
    let cores = cores.filter(|core| is_after_boundary(request, outcome, *core));
    cores.map(|core| NewestRelease { core, state: state(core) }).collect()
}

/// Only what is not older than the first bad release can be mended.
fn is_after_boundary(request: &SessionRequest, outcome: Option<&Outcome>, core: Version) -> bool {
    match outcome {
        Some(Outcome::Found { first_bad, .. } | Outcome::Range { first_bad, .. }) => {
            core >= request.line[*first_bad].core
        }
        _ => false,
    }
}

async fn drive<L: Lab>(
    session: &Session<'_, L>,
    journal: &mut Journal,
    scan: &mut LineScan,
    pool: &mut CheckPool<L>,
) -> Result<(), NotAllAsked> {
    let (begun, before) = (Instant::now(), journal.newest_checks().len());
    loop {
        let checked = journal.newest_checks().len() - before;
        match scan.next(pool.running()) {
            Next::Done(_) => return Ok(()),
            Next::Pause(pause) => return Err(paused(pause, journal).into()),
            Next::Ask(ask) if pool.running().is_empty() => {
                if session.limits.reached(checked, begun.elapsed()).is_some() {
                    return Err(NotAllAsked::Limit);
                }
                let logs = journal.logs_for(ask.id, journal.request().candidate(ask.place).core);
                pool.begin(ask, logs);
            }
            Next::Ask(_) | Next::Wait => {
                let result = pool.result(scan.wanted(pool.running())).await;
                let result = result.map_err(SessionError::from)?;
                learn(session, journal, scan, result)?;
            }
        }
    }
}

/// Why not all of them were asked.
#[derive(Debug, thiserror::Error)]
enum NotAllAsked {
    #[error(transparent)]
    Session(#[from] SessionError),
    #[error("no more checks, or no more time, were allowed")]
    Limit,
}
