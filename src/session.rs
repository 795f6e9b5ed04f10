//! One bisection: it asks what the search wants, writes every answer down before the
//! next step, and can go on after any end.
//!
//! ```text
//! search ─▶ next ─▶ [ lab: install ahead ∥ check ] ─▶ journal ─▶ learn ─▶ search
//! ```

mod check_pool;
pub mod error;
mod format3;
pub mod job;
pub mod journal;
pub mod lab;
mod prefetch;
mod reading;
pub mod record;
pub mod summary;

use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::catalogue::Catalogue;
use crate::event::{Event, Events};
use crate::question::{StateCarry, Variation};
use crate::release::pairing::Candidate;
use crate::search::{Belief, Contradiction, Halving, Next, Outcome, Pause, Strategy};
use crate::verdict::{self, Verdict};
use check_pool::{CheckPool, CheckResult};
use error::SessionError;
use job::Job;
use journal::Journal;
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
    let ended = drive(session, journal, &mut search, &mut pool).await;
    // However it ended, no check and no install is left running.
    let installs = pool.end().await;
    let outcome = ended?;
    journal.conclude(&outcome)?;
    let mut checks = journal.checks().to_vec();
    reading::explain(&search, &mut checks);
    let contradictions = search.contradictions();
    Ok(Conclusion { outcome, checks, contradictions, installs, elapsed: begun.elapsed() })
}

async fn drive<L: Lab>(
    session: &Session<'_, L>,
    journal: &mut Journal,
    search: &mut Halving,
    pool: &mut CheckPool<L>,
) -> Result<Outcome, SessionError> {
    let mut belief = search.belief();
    tell(&belief, &journal.request().line, session.events);
    loop {
        match search.next(pool.running()) {
            Next::Done(outcome) => return Ok(outcome),
            Next::Pause(pause) => return Err(paused(pause, journal)),
            Next::Ask(ask) if pool.running().len() < session.parallel => {
                let logs = journal.logs_for(ask.id, journal.request().line[ask.place].core);
                pool.begin(ask, logs);
            }
            Next::Ask(_) | Next::Wait => {
                let result = pool.result(search.wanted(pool.running())).await?;
                learn(session, journal, search, result)?;
                let now = search.belief();
                if now != belief {
                    belief = now;
                    tell(&belief, &journal.request().line, session.events);
                }
            }
        }
    }
}

/// Judges what a check saw, writes it down, and only then lets anything follow from it.
fn learn<L: Lab>(
    session: &Session<'_, L>,
    journal: &mut Journal,
    search: &mut Halving,
    CheckResult { ask, seen }: CheckResult,
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
    let core = journal.request().line[ask.place].core;
    let record = CheckRecord { ask, core, verdict, observations, purpose, counts: false };
    journal.record(&record)?;
    crate::failpoint::reach(crate::failpoint::Failpoint::SessionRecorded);
    let elapsed_ms = record.elapsed_ms();
    let verdict = record.verdict;
    session.events.tell(Event::CheckFinished { core, verdict, elapsed_ms, purpose });
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
    request.line.iter().enumerate().map(job).collect()
}

fn paused(pause: Pause, journal: &Journal) -> SessionError {
    let (Pause::Shared { ask } | Pause::Control { ask }) = pause;
    match journal.checks().iter().find(|check| check.ask.id == ask) {
        Some(check) => SessionError::paused(pause, check),
        None => LabError::Infrastructure("the search paused without a check".into()).into(),
    }
}

fn tell(belief: &Belief, line: &[Candidate], events: &Events) {
    events.tell(Event::Search {
        last_good: line[belief.last_good].core,
        first_bad: line[belief.first_bad].core,
        left: belief.left,
        checks: belief.checks_left,
        verified: belief.verified,
    });
}

#[cfg(test)]
mod tests;
