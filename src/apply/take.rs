//! What each step does, and what taking it back does.

use camino::{Utf8Path, Utf8PathBuf};

use super::backup::{self, BackupError, SavedFile, SavedKind};
use super::exchange::Identity;
use super::hold::{Hold, HoldChange};
use super::proof::{self, ProofResult, Prover};
use super::stage::{StageError, Staging};
use super::step::Step;
use super::target::ApplyTarget;
use super::transaction::Transaction;
use super::{ApplyError, Note, PartKind};
use crate::config;
use crate::event::Event;
use crate::failpoint::{Failpoint, Moment, StepName, reach};
use crate::fs;
use crate::installation::{Installation, NpmGlobal, Package, PackageManager as _, Service as _};
use crate::release::PackageName;

/// For the middle of a step.
fn during(name: StepName) -> impl Fn() + Copy + Send + Sync {
    move || reach(Failpoint::Step(name, Moment::During))
}

fn during_revert(name: StepName) -> impl Fn() + Copy + Send + Sync {
    move || reach(Failpoint::Revert(name, Moment::During))
}

impl<P: Prover> Transaction<'_, P> {
    /// Takes one step.
    pub(super) async fn take(
        &mut self,
        step: &Step,
        target: Option<&ApplyTarget>,
    ) -> Result<(), ApplyError> {
        let half_done = during(step.name());
        let events = &self.apply.events;
        match step {
            Step::Stage { part, .. } => self.stage(*part, target).await?,
            Step::Stop { unit } => {
                events.tell(Event::ApplyStopping { unit: unit.clone() });
                self.stop_service(half_done).await?;
                events.tell(Event::ApplyStopped { unit: unit.clone() });
            }
            Step::Save => {
                let (installation, backup) = (self.installation(), &self.journal.directory);
                self.journal.record.saved = backup::save(&installation, backup, half_done)?;
                let files = self.journal.record.saved.len();
                let backup = self.journal.directory.clone();
                self.apply.events.tell(Event::ApplySaved { backup, files });
            }
            Step::Exchange { part, to, .. } => {
                if let Some(index) = self.part(*part) {
                    let part = &self.journal.record.parts[index];
                    if let Some(tree) = part.after {
                        part.make_live(tree, half_done)?;
                    }
                }
                events.tell(Event::ApplySwapped { package: package(*part), version: *to });
            }
            Step::Relink { link, leads_to } => {
                // Where the command is a file that somebody wrote by hand, it stays as it is.
                if let (Some(_), Ok(entry)) = (leads_to, self.installation().entry()) {
                    let installation = self.installation();
                    self.manager().relink(&installation, link, &entry, half_done)?;
                }
            }
            Step::PutConfig { path, saved } => {
                let content = fs_err::read(&saved.path).map_err(BackupError::Io)?;
                half_done();
                if fs_err::read(path).ok().as_ref() != Some(&content) {
                    let replaced = self.broken_config();
                    backup::replace(path, &content).map_err(BackupError::Io)?;
                    self.notes.extend(replaced);
                    let (path, saved) = (path.clone(), saved.path.clone());
                    events.tell(Event::ApplyConfigPlaced { path, saved });
                }
            }
            Step::LayConfigBeside { path, saved, beside } => {
                let content = fs_err::read(saved).map_err(BackupError::Io)?;
                half_done();
                fs::write_private(beside, &content).map_err(BackupError::Io)?;
                self.notes.push(Note::ConfigKept { path: path.clone(), saved: beside.clone() });
            }
            Step::CarryState { carry, .. } => {
                let state = &self.journal.record.installation.state;
                carry.take(state, &self.aside(), half_done)?;
            }
            Step::Hold { change } => {
                self.change_hold(change, half_done).await?;
                let means = change.after.as_ref().map(Hold::means);
                self.apply.events.tell(Event::ApplyHeld { means });
            }
            Step::Start { unit } => {
                events.tell(Event::ApplyStarting { unit: unit.clone() });
                self.start_service(half_done).await?;
                events.tell(Event::ApplyStarted { unit: unit.clone() });
            }
            // `Transaction::take_proof` does these: a proof has three answers, not two.
            Step::Prove { .. } => {}
        }
        Ok(())
    }

    /// Takes one step back. It may have been half done, or not at all.
    pub(super) async fn put_back(&mut self, step: &Step) -> Result<(), ApplyError> {
        let half_done = during_revert(step.name());
        match step {
            Step::Stage { part, .. } => {
                let staged = self.part(*part).map(|index| &self.journal.record.parts[index]);
                half_done();
                if let Some(holder) = staged.and_then(|part| part.other.parent()) {
                    fs::remove(holder).map_err(StageError::Io)?;
                }
            }
            Step::Stop { unit } => {
                let record = &self.journal.record;
                let (wanted, ran) = (record.service_wanted, record.service_ran);
                if !wanted {
                    half_done();
                    return Ok(());
                }
                self.apply.events.tell(Event::ApplyStarting { unit: unit.clone() });
                let started = self.start_service(half_done).await;
                // A service that was down before is started, but its failure to come up is not
                // the apply's.
                if ran {
                    started?;
                    self.wait_for_service().await?;
                }
            }
            Step::Save => self.restore_files(half_done)?,
            Step::Exchange { part, .. } => {
                if let Some(index) = self.part(*part) {
                    let part = &self.journal.record.parts[index];
                    part.make_live(part.before, half_done)?;
                }
            }
            Step::Relink { link, leads_to } => {
                if let Some(target) = leads_to {
                    self.manager().lead(link, target, half_done)?;
                }
            }
            Step::LayConfigBeside { beside, .. } => {
                half_done();
                fs::remove(beside).map_err(BackupError::Io)?;
                self.notes.retain(|note| !matches!(note, Note::ConfigKept { .. }));
            }
            Step::CarryState { carry, .. } => {
                let state = &self.journal.record.installation.state;
                carry.put_back(state, &self.aside(), half_done)?;
            }
            Step::Hold { change } => self.change_hold(&change.reversed(), half_done).await?,
            Step::Start { .. } => self.stop_service(half_done).await?,
            // Taking back `Save` restores the config too.
            Step::PutConfig { .. } | Step::Prove { .. } => half_done(),
        }
        Ok(())
    }

    /// What to tell of the live config before another takes its place.
    fn broken_config(&self) -> Option<Note> {
        let path = self.journal.record.installation.config.clone();
        let broken = self.journal.saved_config()?;
        let error = config::read(&path, &self.apply.gateway_environment()).err()?;
        Some(Note::ConfigReplaced { path, problem: error.to_string(), broken })
    }

    /// Where files go that are in a release's way.
    fn aside(&self) -> Utf8PathBuf {
        self.journal.directory.join("aside")
    }

    async fn change_hold(
        &self,
        change: &HoldChange,
        half_done: impl Fn() + Send,
    ) -> Result<(), ApplyError> {
        let installation = &self.journal.record.installation;
        change.take(&self.apply.hold_record(installation), half_done)?;
        // systemd keeps to the drop-ins that it has read.
        match installation.service(self.apply.machine) {
            Some(service) if change.wants_restart() => Ok(service.reload().await?),
            _ => Ok(()),
        }
    }

    fn manager(&self) -> NpmGlobal<'_> {
        NpmGlobal::new(self.apply.npm)
    }

    async fn stage(
        &mut self,
        kind: PartKind,
        target: Option<&ApplyTarget>,
    ) -> Result<(), ApplyError> {
        let (Some(index), Some(target)) = (self.part(kind), target) else { return Ok(()) };
        let installation = self.installation();
        let part = self.journal.record.parts[index].clone();
        let holder = part.other.parent().unwrap_or(&part.other);
        fs_err::create_dir_all(holder).map_err(StageError::Io)?;
        let version = self.journal.record.to.of(kind);
        self.apply.events.tell(Event::ApplyStaging { package: package(kind), version });
        let staging = Staging {
            manager: &self.manager(),
            installation: &installation,
            logs: &self.journal.directory,
            stop: self.apply.stop,
        };
        match (kind, &target.plugin, &installation.plugin) {
            (PartKind::Core, _, _) => {
                staging.core(&target.core, &part.other, during(StepName::StageCore)).await?;
            }
            (PartKind::Plugin, Some(pinned), Some(plugin)) => {
                let half_done = during(StepName::StagePlugin);
                staging.plugin(plugin, &part.live, pinned, &part.other, half_done).await?;
            }
            // Cannot happen: the plan has a plugin part only if both are there.
            (PartKind::Plugin, _, _) => {}
        }
        let after = Identity::of(&part.other).map_err(StageError::Io)?;
        self.journal.record.parts[index].after = Some(after);
        Ok(())
    }

    async fn stop_service(&self, half_done: impl Fn() + Send) -> Result<(), ApplyError> {
        let Some(service) = self.journal.record.installation.service(self.apply.machine) else {
            return Ok(());
        };
        half_way(service.stop(), half_done).await?;
        Ok(())
    }

    async fn start_service(&self, half_done: impl Fn() + Send) -> Result<(), ApplyError> {
        let Some(service) = self.journal.record.installation.service(self.apply.machine) else {
            return Ok(());
        };
        half_way(service.start(), half_done).await?;
        Ok(())
    }

    async fn wait_for_service(&self) -> Result<(), ApplyError> {
        let Some(service) = self.journal.record.installation.service(self.apply.machine) else {
            return Ok(());
        };
        Ok(service.wait_ready(self.apply.limits, &Self::never_stopped()).await?)
    }

    /// Config and unit as they were; databases only if migrated; an agent's
    /// files never, see [`SavedKind::State`].
    fn restore_files(&mut self, half_done: impl Fn()) -> Result<(), ApplyError> {
        let directory = &self.journal.directory;
        for saved in &self.journal.record.saved {
            let SavedFile { path, schema, .. } = saved;
            match saved.kind {
                SavedKind::Config | SavedKind::Unit => {
                    if saved.put_back(directory)? {
                        self.notes.push(Note::Restored { path: path.clone() });
                    }
                }
                SavedKind::Database => {
                    if let Some(migrated) = saved.put_back_if_migrated(directory)? {
                        let (path, schema) = (path.clone(), schema.unwrap_or_default());
                        self.notes.push(Note::DatabaseRestored { path, migrated, schema });
                    }
                }
                SavedKind::State | SavedKind::Manifest => {}
            }
            half_done();
        }
        Ok(())
    }

    pub(super) async fn prove_version(&self, half_done: impl Fn() + Send) -> ProofResult {
        let (apply, installation) = (self.apply, self.installation());
        let scratch = self.journal.directory.join("home");
        let wanted = self.journal.record.to.core;
        let asked = proof::version(apply.machine, &installation, wanted, &scratch, apply.stop);
        let result = half_way(asked, half_done).await;
        let _ = fs::remove(&scratch);
        result
    }

    pub(super) async fn prove_service(&self, half_done: impl Fn() + Send) -> ProofResult {
        let (apply, installation) = (self.apply, self.installation());
        let asked = proof::service(apply.machine, &installation, apply.limits, apply.stop);
        half_way(asked, half_done).await
    }

    pub(super) async fn prove_reply(&self, half_done: impl Fn() + Send) -> ProofResult {
        match self.changed_installation() {
            Ok(now) => half_way(self.prover.ask(&now), half_done).await,
            Err(failed) => failed,
        }
    }

    pub(super) async fn prove_live_reply(&self, half_done: impl Fn() + Send) -> ProofResult {
        match self.changed_installation() {
            Ok(now) => half_way(self.prover.ask_live(&now), half_done).await,
            Err(failed) => failed,
        }
    }

    /// The installation with the release that is live now.
    fn changed_installation(&self) -> Result<Installation, ProofResult> {
        let mut now = self.installation();
        let read = |directory: &Utf8Path| {
            Package::read(directory).map_err(|error| ProofResult::Failed(error.to_string()))
        };
        now.core = read(&now.core.directory)?;
        if let Some(plugin) = &mut now.plugin {
            plugin.package = read(&plugin.package.directory)?;
        }
        Ok(now)
    }
}

fn package(kind: PartKind) -> PackageName {
    match kind {
        PartKind::Core => PackageName::CORE,
        PartKind::Plugin => PackageName::PLUGIN,
    }
}

/// Does it, and calls `half_done` once it is under way.
async fn half_way<T>(work: impl Future<Output = T>, half_done: impl Fn()) -> T {
    let mut work = std::pin::pin!(work);
    let mut told = false;
    std::future::poll_fn(move |context| {
        let state = work.as_mut().poll(context);
        if !told {
            told = true;
            half_done();
        }
        state
    })
    .await
}
