//! The live installation: find it, plan, stage the pinned packages beside the
//! live ones, save what is there, swap, prove, and put everything back if the
//! proof fails.
//!
//! Nothing here prints. What happens is told as [`Step`]s while it happens and
//! as an [`Outcome`] at the end. [`Apply::go_on`] comes first in every command:
//! it finishes, or puts back, what a killed codexpin left.

mod backup;
mod course;
mod error;
mod journal;
mod outcome;
mod plan;
mod proof;
mod saved_config;
mod stage;
mod swap;
mod target;

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

pub use backup::{BackupError, Saved, SavedKind};
use course::{Course, OnStep};
pub use error::ApplyError;
pub use journal::{Journal, JournalError, Operation, Phase, Record};

pub use outcome::{Kept, Note, Outcome, Step};
pub use plan::{Change, Facts, Plan, PlanError, Versions, Warning};
pub use proof::{NoQuestion, Proof};
use saved_config::Restored;
pub use saved_config::{SavedBy, SavedConfig};
pub use stage::StageError;
pub use swap::{Identity, Part, PartKind, SwapError};
pub use target::{Target, TargetError, Wanted, file_integrity};

use crate::fs::{self, Lock};
use crate::installation::{
    Config, Installation, InstallationError, LiveMachine, Package, ServiceLimits, ServiceState,
    refuses,
};
use crate::npm::run::Npm;
use crate::release::Version;

/// What apply and undo work with.
#[derive(Debug)]
pub struct Apply<'a> {
    /// The user's shell, home and processes.
    pub surroundings: &'a LiveMachine,
    /// Installs the pinned packages.
    pub npm: &'a Npm,
    /// Where backups are, one directory each; the locks are in `locks` beside it.
    pub backups: Utf8PathBuf,
    /// How long the service may take.
    pub limits: ServiceLimits,
    /// The clock.
    pub now: fn() -> Timestamp,
    /// Ctrl-C: before the swap it ends the apply, after it puts back.
    pub stop: &'a CancellationToken,
}

impl Apply<'_> {
    /// What applying `target` would change. Touches nothing, and needs no lock.
    pub async fn plan(
        &self,
        installation: &Installation,
        target: &Target,
    ) -> Result<Plan, ApplyError> {
        installation.may_be_changed()?;
        let now = Config::read(&installation.config).map_err(BackupError::Io)?;
        let journals = Journal::all(&self.backups)?;
        let refused = |config: &&Config| {
            config.last_touched().is_some_and(|by| refuses(target.core.version, by))
        };
        let saved_config = match now.as_ref().filter(refused) {
            Some(now) => SavedConfig::find(installation, target, now, &journals),
            None => Ok(None),
        };
        let facts = Facts {
            config_written_by: now.and_then(|config| config.last_touched()),
            saved_config: saved_config.map_err(BackupError::Io)?,
            service: self.service_state(installation).await?,
        };
        Ok(Plan::new(installation, target, &facts)?)
    }

    async fn service_state(
        &self,
        installation: &Installation,
    ) -> Result<Option<ServiceState>, ApplyError> {
        match &installation.service {
            Some(service) => Ok(Some(service.state(self.surroundings).await?)),
            None => Ok(None),
        }
    }

    /// Finishes, or puts back, every apply that was killed. Nothing to do is
    /// the usual case.
    pub async fn go_on<P: Proof>(
        &self,
        proof: &P,
        on_step: OnStep<'_>,
    ) -> Result<Vec<Outcome>, ApplyError> {
        let mut outcomes = Vec::new();
        for journal in self.unfinished()? {
            let _lock = self.lock(&journal.record.installation)?;
            // While the lock was waited for, its holder may have finished it.
            let journal = Journal::read(&journal.directory)?;
            if journal.record.phase.is_finished() {
                continue;
            }
            outcomes.push(self.course(journal, proof, &mut *on_step).resume().await?);
        }
        Ok(outcomes)
    }

    /// The applies and undos that were killed, oldest first.
    pub fn unfinished(&self) -> Result<Vec<Journal>, ApplyError> {
        let mut journals = Journal::all(&self.backups)?;
        journals.retain(|journal| !journal.record.phase.is_finished());
        Ok(journals)
    }

    /// Does what the plan says.
    pub async fn apply<P: Proof>(
        &self,
        installation: &Installation,
        target: &Target,
        plan: &Plan,
        proof: &P,
        on_step: OnStep<'_>,
    ) -> Result<Outcome, ApplyError> {
        if plan.is_already_as_pinned() {
            return Ok(Outcome::AlreadyAsPinned { installed: plan.from });
        }
        let _lock = self.lock(installation)?;
        self.check_current(installation, plan.from.core)?;
        let at = (self.now)();
        let name = format!("{}-{}-to-{}", stamp(at), plan.from.core, plan.to.core);
        let mut parts = Vec::new();
        let mut earlier_config = None;
        for change in &plan.changes {
            match change {
                Change::Core { directory, .. } => {
                    parts.push(part(PartKind::Core, directory, installation.core.root(), at)?);
                }
                Change::Plugin { project, .. } => {
                    let beside = installation.state.join("npm");
                    parts.push(part(PartKind::Plugin, project, &beside, at)?);
                }
                Change::Config { saved, .. } => earlier_config = Some(saved.content()?),
                Change::Restart { .. } => {}
            }
        }
        let mut record = Record::new(Operation::Apply, at, installation, plan.to, parts);
        let kept = earlier_config.map(|content| {
            let path = Journal::earlier_config(&self.backups, &name);
            record.config_from = Some(path.clone());
            (path, content)
        });
        let journal = self.begin(&name, record).await?;
        if let Some((path, content)) = kept {
            fs::write_private(&path, &content).map_err(BackupError::Io)?;
        }
        self.course(journal, proof, on_step).run(Some(target)).await
    }

    /// What `undo` would go back to: the newest backup, or the named one, whose
    /// packages are still kept.
    pub fn undoable(
        &self,
        installation: &Installation,
        backup: Option<&str>,
    ) -> Result<Journal, ApplyError> {
        let fits = |journal: &&Journal| {
            let record = &journal.record;
            let kept = |part: &Part| !part.is_live(part.before) && part.has(part.before);
            record.installation.core.directory == installation.core.directory
                && backup.is_none_or(|name| name == journal.name())
                && record.phase == Phase::Done
                && record.parts.iter().all(kept)
        };
        let journals = Journal::all(&self.backups)?;
        let found = journals.iter().rev().find(fits).cloned();
        found.ok_or_else(|| ApplyError::NothingToUndo { backup: backup.map(str::to_owned) })
    }

    /// Goes back to what a backup holds. It is an apply of its own: journaled,
    /// proved, and undone by the next `undo`.
    pub async fn undo<P: Proof>(
        &self,
        installation: &Installation,
        undone: &Journal,
        proof: &P,
        on_step: OnStep<'_>,
    ) -> Result<Outcome, ApplyError> {
        let _lock = self.lock(installation)?;
        self.check_current(installation, installation.core.version)?;
        let at = (self.now)();
        let to = undone.record.from;
        let name = format!("{}-{}-to-{}", stamp(at), installation.core.version, to.core);
        let mut parts = Vec::new();
        for part in undone.record.parts.clone() {
            let before = Identity::of(&part.live).map_err(StageError::Io)?;
            parts.push(Part { before, after: Some(part.before), ..part });
        }
        let mut record = Record::new(Operation::Undo, at, installation, to, parts);
        let config = Restored::by_undoing(installation, undone).map_err(BackupError::Io)?;
        (record.config_from, record.config_beside) = (config.in_place, config.beside);
        let journal = self.begin(&name, record).await?;
        self.course(journal, proof, on_step).run(None).await
    }

    async fn begin(&self, name: &str, mut record: Record) -> Result<Journal, ApplyError> {
        let state = self.service_state(&record.installation).await?;
        record.service_wanted = state.as_ref().is_some_and(ServiceState::is_wanted);
        record.service_ran = state.as_ref().is_some_and(ServiceState::is_running);
        Ok(Journal::begin(&self.backups, name, record)?)
    }

    fn course<'a, P: Proof>(
        &'a self,
        journal: Journal,
        proof: &'a P,
        on_step: OnStep<'a>,
    ) -> Course<'a, P> {
        Course { apply: self, proof, journal, on_step, notes: Vec::new() }
    }

    /// Under the lock: nobody has changed anything since it was looked at.
    fn check_current(
        &self,
        installation: &Installation,
        planned: Version,
    ) -> Result<(), ApplyError> {
        let directory = &installation.core.directory;
        for journal in self.unfinished()? {
            if journal.record.installation.core.directory == *directory {
                return Err(ApplyError::Unfinished { backup: journal.directory });
            }
        }
        let found = Package::read(directory).map_err(InstallationError::from)?.version;
        if found == planned { Ok(()) } else { Err(ApplyError::Changed { planned, found }) }
    }

    fn lock(&self, installation: &Installation) -> Result<Lock, ApplyError> {
        let directory = installation.core.directory.as_str();
        let hash = file_integrity(directory.as_bytes());
        let name: String =
            hash.chars().skip(7).filter(char::is_ascii_alphanumeric).take(16).collect();
        let locks = self.backups.with_file_name("locks");
        Ok(Lock::try_take(&locks.join(format!("{name}.lock")))?)
    }
}

/// A live directory, and its place in a hidden directory beside it. npm takes
/// no notice of a name that begins with a full stop.
fn part(
    kind: PartKind,
    live: &Utf8Path,
    beside: &Utf8Path,
    at: Timestamp,
) -> Result<Part, ApplyError> {
    let other = beside.join(format!(".codexpin-{}", stamp(at)));
    Ok(Part {
        kind,
        live: live.to_owned(),
        other: other.join(live.file_name().unwrap_or("openclaw")),
        before: Identity::of(live).map_err(StageError::Io)?,
        after: None,
    })
}

fn stamp(at: Timestamp) -> String {
    at.strftime("%Y%m%dT%H%M%SZ").to_string()
}
