//! One bisection: it asks what the search wants, writes every answer down before the
//! next step, and can go on after any end.
//!
//! ```text
//! search ─▶ next ─▶ [ lab: install ahead ∥ check ] ─▶ journal ─▶ learn ─▶ search
//! ```

mod check_pool;
pub mod error;
mod format3;
mod format4;
pub mod job;
pub mod journal;
pub mod lab;
pub mod newest;
mod prefetch;
mod reading;
pub mod record;
pub mod reversal;
pub mod summary;

use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::catalogue::Catalogue;
use crate::event::{Event, Events};
use crate::question::{StateCarry, Variation};
use crate::release::pairing::Candidate;
use crate::search::{Ask, Belief, Contradiction, Next, Outcome, Pause, Pinning, Strategy};
use crate::verdict::{self, Verdict};
use check_pool::{CheckPool, CheckResult};
use error::SessionError;
use job::Job;
use journal::{Journal, SessionRequest};
use lab::{Lab, LabError};
use record::CheckRecord;

/// How a session ended.
#[derive(Debug, Clone)]
pub struct Conclusion {
    /// What the search found.
    pub outcome: Outcome,
    /// Every check, in order.
    pub checks: Vec<CheckRecord>,
    /// The candidates that answered both ways.
    pub contradictions: Vec<Contradiction>,
    /// The places that stood for the ends, where an end could not be judged.
    pub ends: (usize, usize),
    /// Whether the last good candidate answered often enough to be pinned.
    pub pinnable: bool,
    /// How likely the outcome is right; none where answers were taken for certain.
    pub confidence: Option<f64>,
    /// Where the line broke before, and was mended: the first place that failed, and the
    /// first one after it that answered again.
    pub earlier_stretch: Option<(usize, usize)>,
    /// What ended it before its own end, where something did.
    pub limit: Option<LimitReached>,
    /// How many prefixes were made, not counting those that were there already.
    pub installs: usize,
    /// How long it took, this time. An earlier part of a resumed session is not in it.
    pub elapsed: Duration,
}

impl Conclusion {
    /// The last check of the candidate with this place on the line.
    pub fn check_of(&self, place: usize) -> Option<&CheckRecord> {
        self.checks.iter().rev().find(|check| check.place() == place)
    }

    /// How many of the checks an earlier session made.
    pub fn known(&self) -> usize {
        self.checks.iter().filter(|check| check.known_since.is_some()).count()
    }
}

/// How long a session may go on, this time.
#[derive(Debug, Clone, Copy, Default)]
pub struct SessionLimits {
    /// So many checks.
    pub checks: Option<usize>,
    /// So long; a check under way is still waited for.
    pub time: Option<Duration>,
}

/// The limit that ended a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitReached {
    /// All checks that were allowed are made.
    Checks(usize),
    /// Its time is over.
    Time(Duration),
}

/// What a session works with, besides its journal.
#[derive(Debug)]
pub struct Session<'a, L: Lab> {
    /// Installs and asks candidates.
    pub lab: &'a L,
    /// What is known of failures.
    pub catalogue: &'a Catalogue,
    /// Who is told what happens.
    pub events: &'a Events,
    /// The user's stop.
    pub stop: &'a CancellationToken,
    /// How many candidates may be asked at the same time.
    pub parallel: usize,
    /// How long it may go on.
    pub limits: SessionLimits,
}

/// Drives a search to its end.
pub async fn run<L: Lab>(
    session: &Session<'_, L>,
    journal: &mut Journal,
) -> Result<Conclusion, SessionError> {
    let begun = Instant::now();
    let mut checks = journal.checks().to_vec();
    let mut search = reading::search_of(journal.request(), &mut checks, session.catalogue);
    search.go_on();
    let mut pool = CheckPool::new(session, jobs(journal));
    let ended = match journal.outcome() {
        // It has ended: what was found then is told again.
        Some(outcome) => Ok((outcome.clone(), None)),
        None => drive(session, journal, search.as_mut(), &mut pool, begun).await,
    };
    // However it ended, no check and no install is left running.
    let installs = pool.end().await;
    let (outcome, limit) = ended?;
    if limit.is_none() {
        journal.conclude(&outcome)?;
    }
    let mut checks = journal.checks().to_vec();
    reading::explain(search.as_ref(), &mut checks);
    let Belief { ends, confidence, earlier_stretch, .. } = search.belief();
    let pinnable = outcome.last_good().is_some_and(|good| search.pinning(good) == Pinning::Ready);
    Ok(Conclusion {
        outcome,
        checks,
        contradictions: search.contradictions(),
        ends,
        pinnable,
        confidence,
        earlier_stretch,
        limit,
        installs,
        elapsed: begun.elapsed(),
    })
}

async fn drive<L: Lab>(
    session: &Session<'_, L>,
    journal: &mut Journal,
    search: &mut dyn Strategy,
    pool: &mut CheckPool<L>,
    begun: Instant,
) -> Result<(Outcome, Option<LimitReached>), SessionError> {
    let before = journal.checks().len();
    let mut belief = search.belief();
    tell(&belief, journal.request(), session.events);
    loop {
        let limit = session.limits.reached(journal.checks().len() - before, begun.elapsed());
        match next(search, pool.running()) {
            Next::Done(outcome) => return Ok((outcome, None)),
            Next::Pause(pause) => return Err(paused(pause, journal)),
            Next::Ask(_) if limit.is_some() && pool.running().is_empty() => {
                return Ok((search.so_far(), limit));
            }
            Next::Ask(ask) if limit.is_none() && pool.running().len() < session.parallel => {
                let logs = journal.logs_for(ask.id, journal.request().line[ask.place].core);
                pool.begin(ask, logs);
            }
            Next::Ask(_) | Next::Wait => {
                let result = pool.result(search.wanted(pool.running())).await?;
                learn(session, journal, search, result)?;
                let now = search.belief();
                let request = journal.request();
                tell_moved_ends(&belief, &now, &request.line, session.events);
                if now != belief {
                    belief = now;
                    tell(&belief, request, session.events);
                }
            }
        }
    }
}

/// What is next, what has to be asked before a pin included: a candidate that passes now
/// and then may not be the last good one at all, and then the search goes on.
fn next(search: &dyn Strategy, running: &[Ask]) -> Next {
    let next = search.next(running);
    let Next::Done(outcome) = &next else { return next };
    match outcome.last_good().map(|good| search.pinning(good)) {
        Some(Pinning::After(_)) if !running.is_empty() => Next::Wait,
        Some(Pinning::After(ask)) => Next::Ask(ask),
        _ => next,
    }
}

impl SessionLimits {
    /// What is left of them after so many checks and so long.
    #[must_use]
    pub fn after(self, checks: usize, elapsed: Duration) -> Self {
        Self {
            checks: self.checks.map(|limit| limit.saturating_sub(checks)),
            time: self.time.map(|limit| limit.saturating_sub(elapsed)),
        }
    }

    fn reached(self, checks: usize, elapsed: Duration) -> Option<LimitReached> {
        let checks = self.checks.filter(|limit| checks >= *limit).map(LimitReached::Checks);
        checks.or(self.time.filter(|limit| elapsed >= *limit).map(LimitReached::Time))
    }
}

/// Judges what a check saw, writes it down, and only then lets anything follow from it.
fn learn<L: Lab>(
    session: &Session<'_, L>,
    journal: &mut Journal,
    search: &mut dyn Strategy,
    CheckResult { ask, seen, known_since }: CheckResult,
) -> Result<(), SessionError> {
    let require = journal.request().question.require;
    let (verdict, observations) = match seen {
        Ok(seen) => (verdict::judge_all(&seen, require, session.catalogue), seen),
        Err(LabError::Skip(reason)) => (Verdict::Skip { reason: *reason }, Vec::new()),
        Err(error) => return Err(error.into()),
    };
    for line in observations.iter().flat_map(|seen| &seen.state_left_out) {
        session.events.warn(format!("not carried over to the other candidates: {line}"));
    }
    search.learn(&ask, reading::reading(&verdict, session.catalogue));
    let purpose = search.purpose(ask.id);
    let core = journal.request().candidate(ask.place).core;
    let record =
        CheckRecord { ask, core, verdict, observations, known_since, purpose, counts: false };
    journal.record(&record)?;
    crate::failpoint::reach(crate::failpoint::Failpoint::SessionRecorded);
    let elapsed_ms = record.elapsed_ms();
    let verdict = record.verdict;
    session.events.tell(Event::CheckFinished { core, verdict, elapsed_ms, purpose, known_since });
    Ok(())
}

/// What the lab is told of each candidate.
fn jobs(journal: &Journal) -> Vec<Job> {
    let request = journal.request();
    let state = |place| match place {
        _ if !request.question.carry_state => StateCarry::Fresh,
        0 => StateCarry::SaveTo(journal.carried_state()),
        _ => StateCarry::RestoreFrom(journal.carried_state()),
    };
    let job = |(place, candidate): (usize, &Candidate)| Job {
        candidate: candidate.clone(),
        question: request.question.clone(),
        variation: Variation { state: state(place), ..Variation::default() },
    };
    request.line.iter().chain(&request.newest).enumerate().map(job).collect()
}

fn paused(pause: Pause, journal: &Journal) -> SessionError {
    let (Pause::Shared { ask } | Pause::Control { ask }) = pause;
    let mut checks = journal.checks().iter().chain(journal.newest_checks());
    match checks.find(|check| check.ask.id == ask) {
        Some(check) => SessionError::paused(pause, check),
        None => LabError::Infrastructure("the search paused without a check".into()).into(),
    }
}

/// Says that another candidate stands for an end that cannot be judged.
fn tell_moved_ends(before: &Belief, now: &Belief, line: &[Candidate], events: &Events) {
    for (name, before, now) in
        [("good", before.ends.0, now.ends.0), ("bad", before.ends.1, now.ends.1)]
    {
        if before != now {
            let (before, now) = (line[before].core, line[now].core);
            events.note(format!("{before} cannot be judged: {now} stands for the {name} end"));
        }
    }
}

fn tell(belief: &Belief, request: &SessionRequest, events: &Events) {
    if let Some(asked) = &request.scan {
        events.tell(Event::Scan { left: belief.left, of: asked.len() });
        return;
    }
    let line = &request.line;
    events.tell(Event::Search {
        last_good: line[belief.last_good].core,
        first_bad: line[belief.first_bad].core,
        left: belief.left,
        checks: belief.checks_left,
        verified: belief.verified,
        confidence: belief.confidence,
    });
}

#[cfg(test)]
mod tests;
