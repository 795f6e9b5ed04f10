//! The steps of one apply or undo, taken in order or taken back. Every step, and
//! every taking back, can be done twice: after a kill it is simply done again.

use camino::Utf8PathBuf;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::exchange::{Part, PartKind};
use super::journal::{ApplyJournal, Progress, Setback};
use super::proof::{ProofResult, Prover};
use super::stage::size_of;
use super::step::{Proof, Step};
use super::target::ApplyTarget;
use super::{Apply, ApplyError, ApplyOutcome, KeptTree, Note};
use crate::config;
use crate::event::Event;
use crate::failpoint::{Failpoint, Moment, reach};
use crate::fs;
use crate::installation::Installation;
use crate::openclaw::refuses_config_of;

pub(super) struct Transaction<'a, P> {
    pub(super) apply: &'a Apply<'a>,
    pub(super) prover: &'a P,
    pub(super) journal: ApplyJournal,
    pub(super) notes: Vec<Note>,
}

/// Why the steps ended before the last one.
enum Halt {
    /// A step could not be taken.
    Error(Box<ApplyError>),
    /// A proof says no.
    Disproved(String),
    /// The user stopped it while something live differed already.
    Interrupted,
}

impl<P: Prover> Transaction<'_, P> {
    /// From the beginning. A failure before anything live differs is an error; one
    /// after that is a roll-back.
    pub(super) async fn run(
        &mut self,
        target: Option<&ApplyTarget>,
    ) -> Result<ApplyOutcome, ApplyError> {
        reach(Failpoint::ApplyPlanned);
        self.forward(target).await
    }

    /// From where a codexpin was killed.
    pub(super) async fn resume(&mut self) -> Result<ApplyOutcome, ApplyError> {
        self.apply.events.tell(Event::ApplyResumed {
            backup: self.journal.directory.clone(),
            step: self.journal.record.step_under_way(),
            back: match self.journal.record.progress {
                Progress::Forward { done, .. } => self.prepares_at(done),
                progress => matches!(progress, Progress::Back { .. }),
            },
        });
        match self.journal.record.progress {
            Progress::Forward { done, .. } if self.prepares_at(done) => {
                let why = "codexpin was killed before anything was swapped".to_owned();
                self.journal.record.setback = Setback::Killed;
                self.revert(&why).await?;
                Ok(self.rolled_back(why))
            }
            Progress::Back { .. } => {
                let why = self.journal.record.why.clone().unwrap_or_default();
                self.revert(&why).await?;
                Ok(self.rolled_back(why))
            }
            _ => {
                // If the machine was rebooted since, the service was started with it: the steps
                // that are left need it stopped.
                self.stop_before_exchange().await?;
                self.forward(None).await
            }
        }
    }

    fn prepares_at(&self, step: usize) -> bool {
        self.journal.record.steps.get(step).is_some_and(Step::is_preparation)
    }

    async fn stop_before_exchange(&self) -> Result<(), ApplyError> {
        let record = &self.journal.record;
        let Progress::Forward { done, .. } = record.progress else { return Ok(()) };
        let starts = record.steps.iter().position(|step| matches!(step, Step::Start { .. }));
        if starts.is_none_or(|start| done < start)
            && let Some(service) = record.installation.service(self.apply.machine)
        {
            crate::installation::Service::stop(&service).await?;
        }
        Ok(())
    }

    /// Takes the steps that are left, and takes all back where one fails.
    async fn forward(&mut self, target: Option<&ApplyTarget>) -> Result<ApplyOutcome, ApplyError> {
        let Err(halt) = self.take_steps(target).await else { return Ok(self.finish()) };
        let prepares = match self.journal.record.progress {
            Progress::Forward { done, .. } => self.prepares_at(done),
            _ => false,
        };
        let (setback, why) = match &halt {
            Halt::Error(error) => (Setback::StepFailed, error.to_string()),
            Halt::Disproved(why) => (Setback::Disproved, why.clone()),
            Halt::Interrupted => (Setback::Interrupted, "interrupted".to_owned()),
        };
        self.journal.record.setback = setback;
        if !prepares {
            self.apply.events.tell(Event::ApplyReverting { why: why.clone() });
        }
        self.revert(&why).await?;
        match halt {
            Halt::Error(error) if prepares => Err(*error),
            _ => Ok(self.rolled_back(why)),
        }
    }

    async fn take_steps(&mut self, target: Option<&ApplyTarget>) -> Result<(), Halt> {
        let Progress::Forward { done, .. } = self.journal.record.progress else { return Ok(()) };
        for index in done..self.journal.record.steps.len() {
            let step = self.journal.record.steps[index].clone();
            // Preparation changes nothing live: the user can stop here without a roll-back.
            if step.is_preparation() && self.apply.stop.is_cancelled() {
                return Err(Halt::Error(Box::new(ApplyError::Stopped)));
            }
            let span = tracing::info_span!("step", %step);
            if let Step::Prove { proof } = step {
                self.take_proof(index, proof).instrument(span).await?;
                continue;
            }
            // Recorded before the step starts, so that a resume after a kill knows that it may
            // be half done.
            self.enter(Progress::Forward { done: index, begun: true })?;
            let name = step.name();
            reach(Failpoint::Step(name, Moment::Before));
            let taken = self.take(&step, target).instrument(span).await;
            taken.map_err(|error| Halt::Error(Box::new(error)))?;
            reach(Failpoint::Step(name, Moment::After));
            self.enter(Progress::Forward { done: index + 1, begun: false })?;
        }
        Ok(())
    }

    fn enter(&mut self, progress: Progress) -> Result<(), Halt> {
        self.journal.enter(progress).map_err(|error| Halt::Error(Box::new(error.into())))
    }

    /// The release is live now: what prevents a proof, a full disk above all, is no
    /// reason to take it away again.
    async fn take_proof(&mut self, index: usize, proof: Proof) -> Result<(), Halt> {
        let core = self.journal.record.to.core;
        let unwritten = |error: super::ApplyJournalError| format!("the journal: {error}");
        let begun = self.journal.enter(Progress::Forward { done: index, begun: true });
        let name = Step::Prove { proof }.name();
        reach(Failpoint::Step(name, Moment::Before));
        if proof == Proof::Version {
            self.apply.events.tell(Event::ApplyProving { version: core });
        }
        let half_done = || reach(Failpoint::Step(name, Moment::During));
        let result = match proof {
            Proof::Version => self.prove_version(half_done).await,
            Proof::Service => self.prove_service(half_done).await,
            Proof::Reply => self.prove_reply(half_done).await,
            Proof::LiveReply => self.prove_live_reply(half_done).await,
        };
        if self.apply.stop.is_cancelled() {
            return Err(Halt::Interrupted);
        }
        match result {
            ProofResult::Proved => {}
            ProofResult::Failed(why) => {
                self.apply.events.tell(Event::ApplyProofFailed { version: core, why: why.clone() });
                return Err(Halt::Disproved(why));
            }
            ProofResult::Unproven(reason) => self.unproven(reason),
        }
        reach(Failpoint::Step(name, Moment::After));
        let done = self.journal.enter(Progress::Forward { done: index + 1, begun: false });
        if let Err(error) = begun.and(done) {
            self.unproven(unwritten(error));
        }
        Ok(())
    }

    fn unproven(&mut self, why: String) {
        let version = self.journal.record.to.core;
        self.apply.events.tell(Event::ApplyUnproven { version, why: why.clone() });
        self.journal.record.unproven.push(why);
    }

    fn finish(&mut self) -> ApplyOutcome {
        let core = self.journal.record.to.core;
        let end = if self.journal.record.unproven.is_empty() {
            Progress::Done
        } else {
            Progress::Unproven
        };
        // If the end cannot be recorded, the next run takes the apply for unfinished and
        // repeats the proofs: it is unproven until then.
        if let Err(error) = self.journal.enter(end) {
            self.unproven(format!("the journal: {error}"));
        }
        if self.journal.record.unproven.is_empty() {
            self.apply.events.tell(Event::ApplyProved { version: core });
        }
        reach(Failpoint::ApplyFinished);
        self.notes.extend(self.config_that_nothing_tried());
        let record = &self.journal.record;
        let kept = |part: &Part| {
            let path = part.other.clone();
            path.exists().then(|| KeptTree { bytes: size_of(&path), path })
        };
        let kept = record.parts.iter().filter_map(kept).collect();
        let (operation, from, to) = (record.operation, record.from, record.to);
        let (backup, why) = (self.journal.directory.clone(), record.unproven.clone());
        let notes = std::mem::take(&mut self.notes);
        if why.is_empty() {
            let removed = self.remove_older_generations();
            ApplyOutcome::Done { operation, from, to, backup, kept, removed, notes }
        } else {
            // Older generations are removed only once a release is proved.
            ApplyOutcome::Unproven { operation, from, to, why, backup, kept, notes }
        }
    }

    /// A service that came up has read the config; without one nothing has.
    fn config_that_nothing_tried(&self) -> Option<Note> {
        let record = &self.journal.record;
        if record.service_wanted {
            return None;
        }
        let (path, refused_by) = (record.installation.config.clone(), record.to.core);
        let config = match config::read(&path, &self.apply.gateway_environment()) {
            Ok(config) => config?,
            Err(error) => return Some(Note::ConfigBroken { path, problem: error.to_string() }),
        };
        let written_by = config.last_touched().filter(|by| refuses_config_of(refused_by, *by))?;
        Some(Note::ConfigFromNewer { path, written_by, refused_by })
    }

    /// One generation is kept for `undo`. What cannot be removed stays: it is
    /// only disk space, and the next time tries again.
    fn remove_older_generations(&self) -> Vec<Utf8PathBuf> {
        // A hold exchanges nothing: what the last apply kept stays.
        if !self.journal.record.operation.changes_release() {
            return Vec::new();
        }
        let holder = |part: &Part| {
            let holder = part.other.parent()?;
            holder.file_name()?.starts_with(".codexpin-").then(|| holder.to_owned())
        };
        let record = &self.journal.record;
        let mine: Vec<_> = record.parts.iter().filter_map(holder).collect();
        let core = &record.installation.core.directory;
        let all = ApplyJournal::all(&self.apply.backups).unwrap_or_default();
        let older = all.journals.iter().filter(|j| j.record.installation.core.directory == *core);
        let mut removed: Vec<_> = older
            .flat_map(|journal| journal.record.parts.iter().filter_map(holder))
            .filter(|holder| !mine.contains(holder) && holder.exists())
            .collect();
        removed.sort();
        removed.dedup();
        removed.retain(|holder| fs::remove(holder).is_ok());
        removed
    }

    /// Takes back, the last one first, every step that has begun.
    async fn revert(&mut self, why: &str) -> Result<(), ApplyError> {
        let left = match self.journal.record.progress {
            Progress::Forward { done, begun } => done + usize::from(begun),
            Progress::Back { left } => left,
            _ => return Ok(()),
        };
        self.journal.record.why = Some(why.to_owned());
        self.take_back(left).await.map_err(|error| self.stuck(why, &error))
    }

    async fn take_back(&mut self, left: usize) -> Result<(), ApplyError> {
        for index in (0..left).rev() {
            let step = self.journal.record.steps[index].clone();
            // Recorded before the step is taken back, as on the way forward.
            self.journal.enter(Progress::Back { left: index + 1 })?;
            let name = step.name();
            reach(Failpoint::Revert(name, Moment::Before));
            self.put_back(&step).await?;
            reach(Failpoint::Revert(name, Moment::After));
        }
        self.journal.enter(Progress::RolledBack)?;
        self.apply.events.tell(Event::ApplyReverted { version: self.journal.record.from.core });
        reach(Failpoint::ApplyReverted);
        Ok(())
    }

    fn rolled_back(&mut self, why: String) -> ApplyOutcome {
        let record = &self.journal.record;
        ApplyOutcome::RolledBack {
            operation: record.operation,
            from: record.from,
            to: record.to,
            why,
            setback: record.setback,
            backup: self.journal.directory.clone(),
            notes: std::mem::take(&mut self.notes),
        }
    }

    fn stuck(&self, why: &str, error: &ApplyError) -> ApplyError {
        ApplyError::Stuck {
            why: why.to_owned(),
            error: error.to_string(),
            backup: self.journal.directory.clone(),
            parts: self.journal.record.parts.clone(),
        }
    }

    pub(super) fn installation(&self) -> Installation {
        self.journal.record.installation.clone()
    }

    pub(super) fn part(&self, kind: PartKind) -> Option<usize> {
        self.journal.record.parts.iter().position(|part| part.kind == kind)
    }

    /// For the way back, which Ctrl-C does not cut short.
    pub(super) fn never_stopped() -> CancellationToken {
        CancellationToken::new()
    }
}
