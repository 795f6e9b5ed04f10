//! One bisection: it drives the search, installs ahead, writes every
//! observation down before the next step, and can go on after any end.
//!
//! ```text
//! search ─▶ next ─▶ [ lab: install ahead ∥ check ] ─▶ journal ─▶ search
//! ```

pub mod journal;
pub mod lab;
pub mod story;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::catalogue::Catalogue;
use crate::event::{Event, Events};
use crate::question::Purpose;
use crate::release::Version;
use crate::release::pairing::Candidate;
use crate::search::{Mark, Outcome, Search, Step};
use crate::verdict::{self, SkipReason, Verdict};
use journal::{Checked, Journal, JournalError, counting};
use lab::{Lab, LabError};

/// How a session ended.
#[derive(Debug, Clone)]
pub struct Conclusion {
    /// What the search found.
    pub outcome: Outcome,
    /// Every check, in order.
    pub checked: Vec<Checked>,
    /// How many prefixes were made, not counting those that were there already.
    pub installs: usize,
    /// How long it took, this time. An earlier part of a resumed session is not in it.
    pub elapsed: Duration,
}

impl Conclusion {
    /// The last check of the candidate with this place on the line.
    pub fn check_of(&self, place: usize) -> Option<&Checked> {
        self.checked.iter().rev().find(|checked| checked.place == place)
    }
}

/// A session stopped before its end. All that it saw is in its journal.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The lab cannot work: infrastructure, or the user's stop.
    #[error(transparent)]
    Lab(#[from] LabError),
    /// The journal cannot be written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// What the account says is about itself, whichever release asks.
    #[error("the account cannot be asked now: {title} ({evidence}){}", until.map(|at| format!("; it is free again at {at:.0}")).unwrap_or_default())]
    Account {
        /// What is wrong.
        title: String,
        /// In the candidate's or the service's words.
        evidence: String,
        /// When to come back, where the service said so.
        until: Option<Timestamp>,
    },
    /// A candidate failed, and one that answered before now fails too.
    #[error(
        "{core} answered before and does not now: it is the account, the service or the network, not a release ({why})"
    )]
    Control {
        /// The candidate that answered before.
        core: Version,
        /// What it says now.
        why: String,
    },
}

/// What a session works with, besides its journal.
#[derive(Debug)]
pub struct Session<'a, L: Lab> {
    /// The candidates, the good end first.
    pub line: &'a [Candidate],
    /// Installs and asks them.
    pub lab: &'a L,
    /// What is known of failures.
    pub catalogue: &'a Catalogue,
    /// Who is told what happens.
    pub events: &'a Events,
    /// The user's stop.
    pub stop: &'a CancellationToken,
}

/// Drives a search to its end.
pub async fn run<L: Lab>(
    session: &Session<'_, L>,
    journal: &mut Journal,
) -> Result<Conclusion, SessionError> {
    let begun = Instant::now();
    let line = session.line;
    let mut search = Search::over(line.len());
    for checked in counting(journal.checked()) {
        search.record(checked.place, checked.mark());
    }
    let mut installs = Installs::new(session);
    let outcome = loop {
        tell_progress(&search, line, session.events);
        let place = match search.next() {
            Step::Done(outcome) => break outcome,
            Step::Check(place) => place,
        };
        let mut queue = vec![place];
        queue.extend(search.ahead());
        installs.keep_only(&queue);
        let verdict = match installs.take(place, &queue).await {
            Ok(ready) => {
                let check = ask(session, &ready, place, journal);
                installs.while_waiting_for(check, &queue).await?
            }
            Err(LabError::Skip(reason)) => {
                let verdict = Verdict::Skip { reason };
                let checked = Checked {
                    place,
                    core: line[place].core,
                    verdict,
                    observations: Vec::new(),
                    purpose: Purpose::Search,
                };
                note(journal, &checked, 0, session.events)?
            }
            Err(error) => return Err(error.into()),
        };
        if verdict == Mark::Bad && is_controlled(place, journal) {
            let (good, _) = search.interval();
            let ready = installs.take(good, &[good]).await?;
            let control = control(session, &ready, good, journal);
            installs.while_waiting_for(control, &[]).await?;
        }
        search.record(place, verdict);
    };
    let made = installs.made;
    installs.end().await;
    journal.conclude(&outcome)?;
    Ok(Conclusion {
        outcome,
        checked: journal.checked().to_vec(),
        installs: made,
        elapsed: begun.elapsed(),
    })
}

/// Checks a candidate. A failure that this line has not shown yet is a
/// surprise: the candidate is asked once more before it counts.
async fn ask<L: Lab>(
    session: &Session<'_, L>,
    ready: &L::Ready,
    place: usize,
    journal: &mut Journal,
) -> Result<Mark, SessionError> {
    let Session { line, lab, catalogue, events, stop } = session;
    let core = line[place].core;
    let require = journal.request().question.require;
    let surprise = |c: &Checked| c.place == place && c.purpose == Purpose::Surprise;
    let mut asked_before = journal.checked().iter().any(surprise);
    loop {
        events.tell(Event::CheckStarted { core });
        let number = journal.checked().len();
        let observations = lab.check(ready, &journal.logs_for(number, core), stop).await?;
        let verdict = verdict::judge_all(&observations, require, catalogue);
        let purpose = if speaks_of_the_account(&verdict, journal) {
            Purpose::Pause
        } else if !asked_before && is_surprise(&verdict, place, line.len(), journal) {
            Purpose::Surprise
        } else if is_another(&verdict, place, line.len(), journal) {
            Purpose::Another
        } else if verdict.mark() == Mark::Bad && is_controlled(place, journal) {
            Purpose::Controlled
        } else {
            Purpose::Search
        };
        let elapsed = observations.iter().map(|observation| observation.elapsed_ms).sum();
        let checked = Checked { place, core, verdict, observations, purpose };
        let mark = note(journal, &checked, elapsed, events)?;
        if purpose == Purpose::Pause {
            return Err(pause(&checked));
        }
        if purpose != Purpose::Surprise {
            return Ok(mark);
        }
        asked_before = true;
    }
}

/// The ends are expected to be what they were given as. Between them a failure
/// is expected to be one that was seen before.
fn is_surprise(verdict: &Verdict, place: usize, length: usize, journal: &Journal) -> bool {
    let Verdict::Bad { failure } = verdict else { return false };
    if place == length - 1 {
        return false;
    }
    let seen = counting(journal.checked()).filter_map(|c| c.verdict.failure());
    !seen.into_iter().any(|known| known.key() == failure.key())
}

/// Whether a candidate between the ends fails in another way than the bad end.
fn is_another(verdict: &Verdict, place: usize, length: usize, journal: &Journal) -> bool {
    let Verdict::Bad { failure } = verdict else { return false };
    if journal.request().any_failure || place == 0 || place == length - 1 {
        return false;
    }
    let bad_end = counting(journal.checked()).find(|checked| checked.place == length - 1);
    let sought = bad_end.and_then(|checked| checked.verdict.failure());
    sought.is_some_and(|sought| sought.key() != failure.key())
}

/// Whether a failure of this candidate counts only after a control. The
/// loopback cannot have an outage, and before the good end nothing answers.
fn is_controlled(place: usize, journal: &Journal) -> bool {
    place > 0 && journal.request().question.upstream.lending().is_some()
}

/// What every candidate would meet: skipping one of them after the other would
/// only use up the account.
const OF_ALL: [&str; 7] = [
    "usage-limit",
    "rate-limit",
    "login-refused",
    "login-used-elsewhere",
    "service-outage",
    "cloudflare-challenge",
    "network",
];

/// Whether a lent login, the service or the network is what failed. A candidate
/// that wants to renew the login is only skipped: others may not.
fn speaks_of_the_account(verdict: &Verdict, journal: &Journal) -> bool {
    let lent = journal.request().question.upstream.lending().is_some();
    match verdict {
        Verdict::Skip { reason: SkipReason::NotTheRelease { failure } } => {
            lent && OF_ALL.contains(&failure.signature.as_str())
        }
        _ => false,
    }
}

fn pause(checked: &Checked) -> SessionError {
    let failure = checked.verdict.failure();
    let wait =
        checked.observations.iter().flat_map(|o| &o.requests).filter_map(|r| r.retry_after_s);
    let wait = wait.max().and_then(|seconds| i64::try_from(seconds).ok());
    SessionError::Account {
        title: failure.map(|failure| failure.title.clone()).unwrap_or_default(),
        evidence: failure.map(|failure| failure.evidence.text.clone()).unwrap_or_default(),
        until: wait.and_then(|seconds| {
            Timestamp::now().checked_add(SignedDuration::from_secs(seconds)).ok()
        }),
    }
}

/// Asks a candidate that answered once more. That it does again is what makes a
/// failure the other candidate's own.
async fn control<L: Lab>(
    session: &Session<'_, L>,
    ready: &L::Ready,
    place: usize,
    journal: &mut Journal,
) -> Result<(), SessionError> {
    let Session { line, lab, catalogue, events, stop } = session;
    let core = line[place].core;
    events.tell(Event::CheckStarted { core });
    let logs = journal.logs_for(journal.checked().len(), core);
    let observations = lab.check(ready, &logs, stop).await?;
    let require = journal.request().question.require;
    let verdict = verdict::judge_all(&observations, require, catalogue);
    let why = match &verdict {
        Verdict::Good => None,
        Verdict::Bad { failure } => Some(failure.evidence.text.clone()),
        Verdict::Skip { reason } => Some(reason.to_string()),
    };
    let elapsed = observations.iter().map(|observation| observation.elapsed_ms).sum();
    let checked = Checked { place, core, verdict, observations, purpose: Purpose::Control };
    note(journal, &checked, elapsed, events)?;
    match why {
        None => Ok(()),
        Some(why) => Err(SessionError::Control { core, why }),
    }
}

/// On disk before anything else happens.
fn note(
    journal: &mut Journal,
    checked: &Checked,
    elapsed_ms: u64,
    events: &Events,
) -> Result<Mark, JournalError> {
    journal.record(checked)?;
    crate::failpoint::reach("session-recorded");
    let (core, verdict, purpose) = (checked.core, checked.verdict.clone(), checked.purpose);
    let mark = checked.mark();
    events.tell(Event::CheckFinished { core, verdict, elapsed_ms, purpose });
    Ok(mark)
}

fn tell_progress(search: &Search, line: &[Candidate], events: &Events) {
    let (last_good, first_bad) = search.interval();
    events.tell(Event::Search {
        last_good: line[last_good].core,
        first_bad: line[first_bad].core,
        left: search.left(),
        checks: search.checks_left(),
        verified: search.ends_verified(),
    });
}

type Installed<R> = (usize, Result<R, LabError>);

/// Installs under way and done: the one that is needed first, then those that
/// may be needed next.
struct Installs<'a, L: Lab> {
    line: &'a [Candidate],
    lab: &'a L,
    events: &'a Events,
    stop: CancellationToken,
    running: JoinSet<Installed<L::Ready>>,
    stops: BTreeMap<usize, CancellationToken>,
    done: BTreeMap<usize, Result<L::Ready, LabError>>,
    made: usize,
}

impl<'a, L: Lab> Installs<'a, L> {
    fn new(session: &Session<'a, L>) -> Self {
        let Session { line, lab, events, stop, .. } = session;
        Self {
            line,
            lab,
            events,
            stop: stop.child_token(),
            running: JoinSet::new(),
            stops: BTreeMap::new(),
            done: BTreeMap::new(),
            made: 0,
        }
    }

    /// Ends the installs that the search no longer has a use for.
    fn keep_only(&mut self, wanted: &[usize]) {
        for (place, stop) in &self.stops {
            if !wanted.contains(place) && !stop.is_cancelled() {
                stop.cancel();
                self.events.tell(Event::InstallDropped { core: self.line[*place].core });
            }
        }
        self.done.retain(|place, _| wanted.contains(place));
    }

    fn top_up(&mut self, queue: &[usize]) {
        for place in queue {
            if self.running.len() >= self.lab.installers() {
                return;
            }
            if self.done.contains_key(place) || self.stops.contains_key(place) {
                continue;
            }
            let stop = self.stop.child_token();
            self.stops.insert(*place, stop.clone());
            let install = self.lab.install(&self.line[*place], self.events.clone(), stop);
            let place = *place;
            self.running.spawn(async move { (place, install.await) });
        }
    }

    fn finished(&mut self, (place, result): Installed<L::Ready>) {
        let stopped = self.stops.remove(&place).is_some_and(|stop| stop.is_cancelled());
        if let Ok(ready) = &result {
            self.made += usize::from(!L::reused(ready));
        }
        if !stopped || result.is_ok() {
            self.done.insert(place, result);
        }
    }

    async fn take(&mut self, place: usize, queue: &[usize]) -> Result<L::Ready, LabError> {
        loop {
            if let Some(result) = self.done.remove(&place) {
                return result;
            }
            self.top_up(queue);
            match self.running.join_next().await {
                Some(Ok(installed)) => self.finished(installed),
                Some(Err(panicked)) => {
                    return Err(LabError::Infrastructure(panicked.to_string().into()));
                }
                None => return Err(LabError::Stopped),
            }
            if self.stop.is_cancelled() {
                return Err(LabError::Stopped);
            }
        }
    }

    async fn while_waiting_for<T>(&mut self, work: impl Future<Output = T>, queue: &[usize]) -> T {
        let mut work = std::pin::pin!(work);
        // The one being checked needs no install any more.
        let queue = queue.get(1..).unwrap_or_default();
        loop {
            self.top_up(queue);
            tokio::select! {
                result = &mut work => return result,
                Some(Ok(installed)) = self.running.join_next() => self.finished(installed),
            }
        }
    }

    /// Ends what is still running and waits until it has.
    async fn end(mut self) {
        self.stop.cancel();
        while self.running.join_next().await.is_some() {}
    }
}

/// Why a session was skipped over a candidate, for callers that only have the error.
impl From<SkipReason> for LabError {
    fn from(reason: SkipReason) -> Self {
        Self::Skip(reason)
    }
}

#[cfg(test)]
mod tests;
