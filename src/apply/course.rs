//! The course of one apply or undo: forward through its phases, or back.
//! Every step can be done twice, so a kill anywhere is followed by the same step.

use camino::{Utf8Path, Utf8PathBuf};
use tokio_util::sync::CancellationToken;

use super::backup::{self, Saved, SavedKind};
use super::journal::{Journal, Phase};
use super::proof::{self, Proof};
use super::stage::{Stage, size_of};
use super::swap::{Identity, Part, PartKind};
use super::target::Target;
use super::{Apply, ApplyError, Kept, Note, Outcome, Step};
use crate::failpoint::reach;
use crate::fs;
use crate::installation::Installation;
use crate::installation::Package;
use crate::installation::{Config, refuses};

/// What is told while it happens.
pub(super) type OnStep<'a> = &'a mut (dyn FnMut(Step) + Send);

pub(super) struct Course<'a, P> {
    pub(super) apply: &'a Apply<'a>,
    pub(super) proof: &'a P,
    pub(super) journal: Journal,
    pub(super) on_step: OnStep<'a>,
    pub(super) notes: Vec<Note>,
}

impl<P: Proof> Course<'_, P> {
    /// From the beginning. A failure before the swap leaves everything as it
    /// was and is an error; one after it is a roll-back.
    pub(super) async fn run(&mut self, target: Option<&Target>) -> Result<Outcome, ApplyError> {
        if let Err(error) = self.make_ready(target).await {
            self.abandon(&error.to_string()).await?;
            return Err(error);
        }
        self.forward().await
    }

    /// From where a codexpin was killed.
    pub(super) async fn resume(&mut self) -> Result<Outcome, ApplyError> {
        let phase = self.journal.record.phase;
        (self.on_step)(Step::GoingOn { backup: self.journal.directory.clone(), phase });
        if phase <= Phase::Stopping {
            let why = "codexpin was killed before anything was swapped".to_owned();
            self.abandon(&why).await?;
            return Ok(self.rolled_back(why));
        }
        if phase == Phase::RollingBack {
            let why = self.journal.record.why.clone().unwrap_or_default();
            return self.put_back(why).await;
        }
        self.forward().await
    }

    fn installation(&self) -> Installation {
        self.journal.record.installation.clone()
    }

    /// Stages, stops the service, saves everything.
    async fn make_ready(&mut self, target: Option<&Target>) -> Result<(), ApplyError> {
        reach("prepared");
        if let Some(target) = target {
            self.stage(target).await?;
        }
        self.journal.enter(Phase::Staged)?;
        reach("staged");
        if self.apply.stop.is_cancelled() {
            return Err(ApplyError::Stopped);
        }
        self.journal.enter(Phase::Stopping)?;
        reach("stopping");
        let installation = self.installation();
        if let Some(service) = &installation.service {
            (self.on_step)(Step::Stopping { unit: service.unit.clone() });
            service.stop(self.apply.surroundings).await?;
        }
        reach("stopped");
        self.journal.record.saved = backup::save(&installation, &self.journal.directory)?;
        let files = self.journal.record.saved.len();
        (self.on_step)(Step::Saved { backup: self.journal.directory.clone(), files });
        self.journal.enter(Phase::BackedUp)?;
        reach("backed-up");
        Ok(())
    }

    async fn stage(&mut self, target: &Target) -> Result<(), ApplyError> {
        let installation = self.installation();
        let logs = self.journal.directory.clone();
        for index in 0..self.journal.record.parts.len() {
            let part = self.journal.record.parts[index].clone();
            let holder = part.other.parent().unwrap_or(&part.other);
            fs_err::create_dir_all(holder).map_err(super::stage::StageError::Io)?;
            let stage = Stage {
                npm: self.apply.npm,
                installation: &installation,
                logs: &logs,
                stop: self.apply.stop,
            };
            let version = self.journal.record.to.of(part.kind);
            (self.on_step)(Step::Staging { part: part.kind, version });
            match (part.kind, &target.plugin, &installation.plugin) {
                (PartKind::Core, _, _) => stage.core(&target.core, &part.other).await?,
                (PartKind::Plugin, Some(wanted), Some(plugin)) => {
                    stage.plugin(plugin, &part.live, wanted, &part.other).await?;
                }
                // The plan has no plugin part without both.
                (PartKind::Plugin, _, _) => {}
            }
            reach(if part.kind == PartKind::Core { "staged-core" } else { "staged-plugin" });
            let after = Identity::of(&part.other).map_err(super::stage::StageError::Io)?;
            self.journal.record.parts[index].after = Some(after);
        }
        Ok(())
    }

    /// Swaps, starts, proves. Whatever fails here is put back.
    async fn forward(&mut self) -> Result<Outcome, ApplyError> {
        let failed = match self.swap_and_start().await {
            Ok(()) => match self.journal.enter(Phase::Proving) {
                Ok(()) => self.prove().await.err(),
                Err(error) => Some(error.to_string()),
            },
            Err(error) => Some(error.to_string()),
        };
        match failed {
            Some(why) => self.put_back(why).await,
            None => self.finish(),
        }
    }

    async fn swap_and_start(&mut self) -> Result<(), ApplyError> {
        for part in self.journal.record.parts.clone() {
            let (phase, before, after) = match part.kind {
                PartKind::Core => (Phase::SwappingCore, "swapping-core", "swapped-core"),
                PartKind::Plugin => (Phase::SwappingPlugin, "swapping-plugin", "swapped-plugin"),
            };
            self.journal.enter(phase)?;
            reach(before);
            if let Some(tree) = part.after {
                part.make_live(tree)?;
            }
            reach(after);
            let to = self.journal.record.to.of(part.kind);
            (self.on_step)(Step::Swapped { part: part.kind, version: to });
        }
        self.journal.enter(Phase::Starting)?;
        reach("starting");
        let installation = self.installation();
        relink(&installation)?;
        self.place_config(&installation)?;
        if let Some(service) = installation.service.filter(|_| self.journal.record.service_wanted) {
            (self.on_step)(Step::Starting { unit: service.unit.clone() });
            service.start(self.apply.surroundings).await?;
        }
        reach("started");
        Ok(())
    }

    fn place_config(&mut self, installation: &Installation) -> Result<(), ApplyError> {
        let config = &installation.config;
        if let Some(saved) = &self.journal.record.config_from {
            let content = fs_err::read(saved).map_err(backup::BackupError::Io)?;
            if fs_err::read(config).ok().as_ref() != Some(&content) {
                backup::replace(config, &content).map_err(backup::BackupError::Io)?;
                (self.on_step)(Step::ConfigPlaced { path: config.clone(), saved: saved.clone() });
            }
        }
        if let Some(saved) = &self.journal.record.config_beside {
            let content = fs_err::read(saved).map_err(backup::BackupError::Io)?;
            let beside = Utf8PathBuf::from(format!("{config}.{}", self.journal.name()));
            fs::write_private(&beside, &content).map_err(backup::BackupError::Io)?;
            self.notes.push(Note::ConfigKept { path: config.clone(), saved: beside });
        }
        Ok(())
    }

    async fn prove(&mut self) -> Result<(), String> {
        reach("proving");
        let (apply, installation) = (self.apply, self.installation());
        let to = self.journal.record.to.core;
        (self.on_step)(Step::Proving { version: to });
        let scratch = self.journal.directory.join("home");
        proof::version(apply.surroundings, &installation, to, &scratch, apply.stop).await?;
        let _ = fs::remove(&scratch);
        if self.journal.record.service_wanted {
            proof::service(apply.surroundings, &installation, apply.limits, apply.stop).await?;
        }
        let mut now = installation;
        now.core = Package::read(&now.core.directory).map_err(|error| error.to_string())?;
        self.proof.ask(&now).await?;
        if apply.stop.is_cancelled() {
            return Err("interrupted".to_owned());
        }
        reach("proved");
        Ok(())
    }

    fn finish(&mut self) -> Result<Outcome, ApplyError> {
        self.journal.enter(Phase::Done)?;
        reach("done");
        self.notes.extend(self.config_that_nothing_tried());
        let record = &self.journal.record;
        let kept = |part: &Part| {
            let path = part.other.clone();
            path.exists().then(|| Kept { bytes: size_of(&path), path })
        };
        Ok(Outcome::Done {
            operation: record.operation,
            from: record.from,
            to: record.to,
            backup: self.journal.directory.clone(),
            kept: record.parts.iter().filter_map(kept).collect(),
            removed: self.remove_older_generations(),
            notes: std::mem::take(&mut self.notes),
        })
    }

    /// A service that came up has read the config; without one nothing has.
    fn config_that_nothing_tried(&self) -> Option<Note> {
        let record = &self.journal.record;
        let (path, refused_by) = (record.installation.config.clone(), record.to.core);
        let config = Config::read(&path).ok().flatten().filter(|_| !record.service_wanted)?;
        let written_by = config.last_touched().filter(|by| refuses(refused_by, *by))?;
        Some(Note::ConfigFromNewer { path, written_by, refused_by })
    }

    /// One generation is kept for `undo`. What cannot be removed stays: it is
    /// only disk space, and the next time tries again.
    fn remove_older_generations(&self) -> Vec<Utf8PathBuf> {
        let holder = |part: &Part| {
            let holder = part.other.parent()?;
            holder.file_name()?.starts_with(".codexpin-").then(|| holder.to_owned())
        };
        let record = &self.journal.record;
        let mine: Vec<_> = record.parts.iter().filter_map(holder).collect();
        let core = &record.installation.core.directory;
        let journals = Journal::all(&self.apply.backups).unwrap_or_default();
        let older = journals.iter().filter(|j| j.record.installation.core.directory == *core);
        let mut removed: Vec<_> = older
            .flat_map(|journal| journal.record.parts.iter().filter_map(holder))
            .filter(|holder| !mine.contains(holder) && holder.exists())
            .collect();
        removed.sort();
        removed.dedup();
        removed.retain(|holder| fs::remove(holder).is_ok());
        removed
    }

    /// Before the swap: the live installation was only stopped, if that.
    async fn abandon(&mut self, why: &str) -> Result<(), ApplyError> {
        let stopped = self.journal.record.phase >= Phase::Stopping;
        self.journal.record.why = Some(why.to_owned());
        let done = async {
            if stopped {
                self.start_as_before().await?;
            }
            self.remove_staged()?;
            self.journal.enter(Phase::RolledBack)?;
            Ok::<_, ApplyError>(())
        };
        done.await.map_err(|error| self.stuck(why, &error))
    }

    /// After the swap: exchanges back, restores what changed, starts again.
    async fn put_back(&mut self, why: String) -> Result<Outcome, ApplyError> {
        (self.on_step)(Step::PuttingBack { why: why.clone() });
        self.journal.record.why = Some(why.clone());
        let done = async {
            self.journal.enter(Phase::RollingBack)?;
            reach("rolling-back");
            let installation = self.installation();
            if let Some(service) = &installation.service {
                service.stop(self.apply.surroundings).await?;
            }
            for part in self.journal.record.parts.iter().rev() {
                part.make_live(part.before)?;
                reach("put-back");
            }
            relink(&installation)?;
            self.restore_files()?;
            reach("restored");
            self.start_as_before().await?;
            if !self.is_undo() {
                self.remove_staged()?;
            }
            self.journal.enter(Phase::RolledBack)?;
            reach("rolled-back");
            Ok::<_, ApplyError>(())
        };
        done.await.map_err(|error| self.stuck(&why, &error))?;
        Ok(self.rolled_back(why))
    }

    fn rolled_back(&mut self, why: String) -> Outcome {
        let record = &self.journal.record;
        Outcome::RolledBack {
            operation: record.operation,
            from: record.from,
            to: record.to,
            why,
            backup: self.journal.directory.clone(),
            notes: std::mem::take(&mut self.notes),
        }
    }

    /// Config and unit as they were; databases only if migrated; an agent's
    /// files never, see [`SavedKind::State`].
    fn restore_files(&mut self) -> Result<(), ApplyError> {
        let directory = &self.journal.directory;
        for saved in &self.journal.record.saved {
            let Saved { path, schema, .. } = saved;
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
        }
        Ok(())
    }

    /// Starts the service if it was wanted; waits for it only if it ran.
    async fn start_as_before(&mut self) -> Result<(), ApplyError> {
        let record = &self.journal.record;
        let (wanted, ran) = (record.service_wanted, record.service_ran);
        let Some(service) = record.installation.service.clone().filter(|_| wanted) else {
            return Ok(());
        };
        (self.on_step)(Step::Starting { unit: service.unit.clone() });
        let started = service.start(self.apply.surroundings).await;
        if ran {
            started?;
            // Not to be cut short by Ctrl-C: this is the way back.
            let stop = CancellationToken::new();
            service.wait_ready(self.apply.surroundings, self.apply.limits, &stop).await?;
        }
        Ok(())
    }

    fn remove_staged(&self) -> Result<(), ApplyError> {
        if self.is_undo() {
            return Ok(());
        }
        for part in &self.journal.record.parts {
            if let Some(holder) = part.other.parent() {
                fs::remove(holder).map_err(super::stage::StageError::Io)?;
            }
        }
        Ok(())
    }

    fn is_undo(&self) -> bool {
        self.journal.record.operation == super::Operation::Undo
    }

    fn stuck(&self, why: &str, error: &ApplyError) -> ApplyError {
        ApplyError::Stuck {
            why: why.to_owned(),
            error: error.to_string(),
            backup: self.journal.directory.clone(),
            parts: self.journal.record.parts.clone(),
        }
    }
}

/// npm's link in `bin` leads to the entry point of the release that is live,
/// whatever its name; a new link replaces the old one in one step.
fn relink(installation: &Installation) -> Result<(), ApplyError> {
    let link = installation.link();
    let io = super::stage::StageError::Io;
    let Ok(entry) = installation.entry() else { return Ok(()) };
    let leads_there = link.canonicalize_utf8().is_ok_and(|target| target == entry);
    if leads_there || !link.is_symlink() {
        return Ok(());
    }
    let relative = entry.strip_prefix(&installation.prefix).unwrap_or(&entry);
    let fresh = link.with_file_name(".codexpin-link");
    fs::remove(&fresh).map_err(io)?;
    let target = Utf8Path::new("..").join(relative);
    fs_err::os::unix::fs::symlink(target, &fresh).map_err(io)?;
    fs_err::rename(&fresh, &link).map_err(io)?;
    Ok(())
}
