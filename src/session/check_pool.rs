//! The checks under way: each waits for its candidate's install, then asks it.

use std::sync::Arc;

use camino::Utf8PathBuf;
use jiff::Timestamp;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::Session;
use super::job::Job;
use super::lab::{self, Lab, LabError};
use super::prefetch::Prefetch;
use crate::event::{Event, Events};
use crate::observation::Observation;
use crate::search::Ask;

/// The checks under way, and the installs for them.
pub(super) struct CheckPool<L: Lab> {
    lab: L,
    events: Events,
    stop: CancellationToken,
    jobs: Arc<[Job]>,
    prefetch: Prefetch<L>,
    running: Vec<Ask>,
    checks: JoinSet<(CheckResult, Option<Arc<L::Ready>>)>,
}

/// How one ask went.
pub(super) struct CheckResult {
    pub(super) ask: Ask,
    pub(super) seen: Result<Vec<Observation>, LabError>,
    /// When it was answered, where that was before it was asked here.
    pub(super) known_since: Option<Timestamp>,
}

impl CheckResult {
    fn of(ask: Ask, seen: Result<Vec<Observation>, LabError>, begun: Timestamp) -> Self {
        let observations = seen.iter().flatten();
        let first = observations.map(|observation| observation.started).min();
        Self { ask, seen, known_since: first.filter(|first| *first < begun) }
    }
}

impl<L: Lab> CheckPool<L> {
    /// `jobs` is what each candidate of the line is asked.
    pub(super) fn new(session: &Session<'_, L>, jobs: Vec<Job>) -> Self {
        let jobs: Arc<[Job]> = jobs.into();
        let stop = session.stop.child_token();
        let (lab, events) = (session.lab.clone(), session.events.clone());
        let prefetch =
            Prefetch::new(lab.clone(), Arc::clone(&jobs), events.clone(), stop.child_token());
        let (running, checks) = (Vec::new(), JoinSet::new());
        Self { lab, events, stop, jobs, prefetch, running, checks }
    }

    /// The asks that have no answer yet.
    pub(super) fn running(&self) -> &[Ask] {
        &self.running
    }

    /// Begins a check: it installs its candidate first, unless that was done ahead.
    pub(super) fn begin(&mut self, ask: Ask, logs: Utf8PathBuf) {
        let install = self.prefetch.claim(ask.place);
        let (lab, events, stop) = (self.lab.clone(), self.events.clone(), self.stop.clone());
        let jobs = Arc::clone(&self.jobs);
        self.running.push(ask.clone());
        self.checks.spawn(async move {
            let job = &jobs[ask.place];
            match install.finished().await {
                Ok(ready) => {
                    events.tell(Event::CheckStarted { core: job.candidate.core });
                    let begun = Timestamp::now();
                    let (seen, ready) = lab::ask(&lab, ready, job, &logs, (&events, &stop)).await;
                    (CheckResult::of(ask, seen, begun), ready)
                }
                Err(error) => (CheckResult::of(ask, Err(error), Timestamp::now()), None),
            }
        });
    }

    /// Waits for the next answer. Meanwhile it installs what is `wanted`, and nothing
    /// else.
    pub(super) async fn result(
        &mut self,
        wanted: Vec<(usize, f64)>,
    ) -> Result<CheckResult, LabError> {
        let asked = |place| self.running.iter().any(|ask| ask.place == place);
        let wanted: Vec<_> = wanted.into_iter().filter(|(place, _)| !asked(*place)).collect();
        self.prefetch.keep_only(&wanted);
        let answered = tokio::select! {
            answered = self.checks.join_next() => answered,
            () = self.prefetch.first_install() => {
                // Guesses are worth installing from now on.
                self.prefetch.keep_only(&wanted);
                self.checks.join_next().await
            }
        };
        match answered {
            Some(Ok((result, ready))) => {
                self.running.retain(|ask| ask.id != result.ask.id);
                if let Some(ready) = ready {
                    // It may be asked again: a recheck or a control.
                    self.prefetch.put_back(result.ask.place, ready);
                }
                Ok(result)
            }
            Some(Err(panicked)) => Err(LabError::Infrastructure(panicked.to_string().into())),
            None => Err(LabError::Infrastructure("the search waits for nothing".into())),
        }
    }

    /// Ends what is still running, waits until it has, and says how many prefixes were made.
    pub(super) async fn end(mut self) -> usize {
        self.stop.cancel();
        while self.checks.join_next().await.is_some() {}
        self.prefetch.end().await
    }
}
