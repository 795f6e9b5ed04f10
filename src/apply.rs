//! The live installation: find it, plan, stage the pinned packages beside the
//! live ones, save what is there, swap, prove, and put everything back if the
//! proof fails.
//!
//! Nothing here prints. What happens is told as [`Step`]s while it happens and
//! as an [`Outcome`] at the end. [`Apply::go_on`] comes first in every command:
//! it finishes, or puts back, what a killed codexpin left.

mod backup;
mod config;
mod course;
pub mod installation;
mod journal;
mod lockfile;
mod package;
mod plan;
mod proof;
mod service;
mod stage;
mod swap;
mod target;
mod unit;

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

pub use backup::{BackupError, Saved, SavedKind};
use config::Config;
use course::{Course, OnStep};
pub use installation::{Installation, InstallationError, ManagedPlugin, Surroundings};
pub use journal::{Journal, JournalError, Operation, Phase, Record};
pub use lockfile::{LockFile, LockFileError};
pub use package::{Package, PackageError};
pub use plan::{Change, Facts, Plan, PlanError, Versions, Warning};
pub use proof::{NoQuestion, Proof};
pub use service::{Limits, Service, ServiceError, ServiceState};
pub use stage::StageError;
pub use swap::{Identity, Part, PartKind, SwapError};
pub use target::{Target, TargetError, Wanted, file_integrity};

use crate::exit_code::ExitCode;
use crate::fs::{Lock, LockError};
use crate::prefix::npm::{Meaning, Npm, NpmError};
use crate::release::Version;

/// What apply and undo work with.
#[derive(Debug)]
pub struct Apply<'a> {
    /// The user's shell, home and processes.
    pub surroundings: &'a Surroundings,
    /// Installs the pinned packages.
    pub npm: &'a Npm,
    /// Where backups are, one directory each; the locks are in `locks` beside it.
    pub backups: Utf8PathBuf,
    /// How long the service may take.
    pub limits: Limits,
    /// The clock.
    pub now: fn() -> Timestamp,
    /// Ctrl-C: before the swap it ends the apply, after it puts back.
    pub stop: &'a CancellationToken,
}

/// Something that happens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "step")]
pub enum Step {
    /// An earlier apply was killed; it is finished or put back.
    GoingOn {
        /// Its backup.
        backup: Utf8PathBuf,
        /// How far it had come.
        phase: Phase,
    },
    /// npm installs beside the live package.
    Staging {
        /// Core or plugin.
        part: PartKind,
        /// The release.
        version: Version,
    },
    /// The service is stopped.
    Stopping {
        /// Its unit file.
        unit: Utf8PathBuf,
    },
    /// Everything is in the backup.
    Saved {
        /// The backup.
        backup: Utf8PathBuf,
        /// How many files.
        files: usize,
    },
    /// A release is live.
    Swapped {
        /// Core or plugin.
        part: PartKind,
        /// The release.
        version: Version,
    },
    /// A saved config is in place.
    ConfigPlaced {
        /// The config.
        path: Utf8PathBuf,
        /// The saved one.
        saved: Utf8PathBuf,
    },
    /// The service is started.
    Starting {
        /// Its unit file.
        unit: Utf8PathBuf,
    },
    /// Version, service and reply are asked for.
    Proving {
        /// The release.
        version: Version,
    },
    /// It failed; everything is put back.
    PuttingBack {
        /// Why.
        why: String,
    },
}

/// A directory that is kept so that `undo` is an exchange.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Kept {
    /// Where.
    pub path: Utf8PathBuf,
    /// What it takes on the disk.
    pub bytes: u64,
}

/// Something to know afterwards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "note")]
pub enum Note {
    /// The release had changed the file; it is as it was.
    Restored {
        /// The file.
        path: Utf8PathBuf,
    },
    /// The release had migrated the database, which is one-way: it is as it
    /// was before. What the release wrote is in the backup, under `after`. A
    /// login that it refreshed meanwhile may have to be done again.
    DatabaseRestored {
        /// The database.
        path: Utf8PathBuf,
        /// Its schema after the migration.
        migrated: i64,
        /// Its schema again.
        schema: i64,
    },
    /// The config was edited since the backup: the edits stay, the saved one
    /// is beside it.
    ConfigKept {
        /// The config.
        path: Utf8PathBuf,
        /// The saved one.
        saved: Utf8PathBuf,
    },
}

/// How an apply, an undo, or the going on with one ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "outcome")]
pub enum Outcome {
    /// Nothing to do.
    AlreadyAsPinned {
        /// What is installed.
        installed: Versions,
    },
    /// As it was to be.
    Done {
        /// Apply or undo.
        operation: Operation,
        /// What was installed.
        from: Versions,
        /// What is installed.
        to: Versions,
        /// The backup.
        backup: Utf8PathBuf,
        /// What is kept for `undo`.
        kept: Vec<Kept>,
        /// Older generations that are gone now.
        removed: Vec<Utf8PathBuf>,
        /// What to know.
        notes: Vec<Note>,
    },
    /// As it was.
    RolledBack {
        /// Apply or undo.
        operation: Operation,
        /// What is installed, as before.
        from: Versions,
        /// What was to be.
        to: Versions,
        /// Why.
        why: String,
        /// The backup.
        backup: Utf8PathBuf,
        /// What to know.
        notes: Vec<Note>,
    },
}

impl Outcome {
    /// The exit status that says this.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::AlreadyAsPinned { .. } | Self::Done { .. } => ExitCode::Success,
            Self::RolledBack { .. } => ExitCode::RolledBack,
        }
    }
}

/// It could not be done. But for `Stuck`, the live installation is as it was.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// Another codexpin is at this installation.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The installation cannot be handled.
    #[error(transparent)]
    Installation(#[from] InstallationError),
    /// The pin does not fit the installation.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The packages could not be made ready.
    #[error(transparent)]
    Stage(#[from] StageError),
    /// The service could not be asked, stopped or started.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// Files could not be saved or put back.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// The journal could not be written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A tree could not be exchanged.
    #[error(transparent)]
    Swap(#[from] SwapError),
    /// An earlier apply was killed and must be finished first.
    #[error("an earlier apply was not finished: {backup}")]
    Unfinished {
        /// Its backup.
        backup: Utf8PathBuf,
    },
    /// The installation is not the one that the plan was made for.
    #[error("openclaw changed from {planned} to {found} since the plan was made")]
    Changed {
        /// What the plan says.
        planned: Version,
        /// What is there.
        found: Version,
    },
    /// There is nothing to go back to.
    #[error("{}", match .backup {
        Some(name) => format!("there is no backup {name} that can be undone"),
        None => "there is nothing to undo".to_owned(),
    })]
    NothingToUndo {
        /// The backup that was asked for.
        backup: Option<String>,
    },
    /// Putting back failed: this says where everything is.
    #[error("{why}; and putting it back failed: {error}")]
    Stuck {
        /// Why it was put back.
        why: String,
        /// What failed then.
        error: String,
        /// Copies of config, unit and state.
        backup: Utf8PathBuf,
        /// Where the package trees are.
        parts: Vec<Part>,
    },
    /// Interrupted before the swap.
    #[error("interrupted; nothing was changed")]
    Stopped,
}

impl ApplyError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Installation(error) => error.hint(),
            Self::Plan(error) => error.hint(),
            Self::Stage(error) => error.hint(),
            Self::Service(error) => error.hint(),
            Self::Unfinished { .. } | Self::Changed { .. } => {
                Some("run the command again".to_owned())
            }
            Self::NothingToUndo { .. } => Some(
                "one generation is kept; `codexpin apply VERSION` installs another release"
                    .to_owned(),
            ),
            Self::Stuck { backup, parts, .. } => {
                let places = parts.iter().map(|Part { live, other, .. }| {
                    format!("; the package as it was is {live} or {other}")
                });
                let again = "run it again to try once more; copies of config and state are in";
                Some(format!("{again} {backup}{}", places.collect::<String>()))
            }
            Self::Lock(_) | Self::Backup(_) | Self::Journal(_) | Self::Swap(_) | Self::Stopped => {
                None
            }
        }
    }

    /// The exit status that says this.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Stopped | Self::Stage(StageError::Npm(NpmError::Stopped)) => {
                ExitCode::Interrupted
            }
            Self::Stage(StageError::Npm(NpmError::Failed { failure, .. }))
                if failure.meaning() == Meaning::Infrastructure =>
            {
                ExitCode::Infrastructure
            }
            Self::Service(_) => ExitCode::Infrastructure,
            _ => ExitCode::RollbackFailed,
        }
    }
}

impl Apply<'_> {
    /// What applying `target` would change. Touches nothing, and needs no lock.
    pub async fn plan(
        &self,
        installation: &Installation,
        target: &Target,
    ) -> Result<Plan, ApplyError> {
        let config = Config::read(&installation.config).map_err(BackupError::Io)?;
        let journals = Journal::all(&self.backups)?;
        let saved = journals.iter().rev().find(|journal| {
            journal.record.installation.config == installation.config
                && journal.record.from.core == target.core.version
        });
        let facts = Facts {
            config_written_by: config.and_then(|config| config.last_touched()),
            saved_config: saved.and_then(Journal::saved_config),
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
            let notes = Vec::new();
            let mut course = Course { apply: self, proof, journal, on_step: &mut *on_step, notes };
            outcomes.push(course.resume().await?);
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
        let mut config_from = None;
        for change in &plan.changes {
            match change {
                Change::Core { directory, .. } => {
                    parts.push(part(PartKind::Core, directory, installation.core.root(), at)?);
                }
                Change::Plugin { project, .. } => {
                    let beside = installation.state.join("npm");
                    parts.push(part(PartKind::Plugin, project, &beside, at)?);
                }
                Change::Config { saved, .. } => config_from = Some(saved.clone()),
                Change::Restart { .. } => {}
            }
        }
        let mut record = Record::new(Operation::Apply, at, installation, plan.to, parts);
        record.config_from = config_from;
        self.begin(&name, record, proof, on_step, Some(target)).await
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
        (record.config_from, record.config_beside) = config_to_restore(installation, undone)?;
        self.begin(&name, record, proof, on_step, None).await
    }

    async fn begin<P: Proof>(
        &self,
        name: &str,
        mut record: Record,
        proof: &P,
        on_step: OnStep<'_>,
        target: Option<&Target>,
    ) -> Result<Outcome, ApplyError> {
        let state = self.service_state(&record.installation).await?;
        record.service_wanted = state.as_ref().is_some_and(ServiceState::is_wanted);
        record.service_ran = state.as_ref().is_some_and(ServiceState::is_running);
        let journal = Journal::begin(&self.backups, name, record)?;
        Course { apply: self, proof, journal, on_step, notes: Vec::new() }.run(target).await
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

/// The config that the backup saved comes back if nobody edited it since:
/// `OpenClaw`'s own stamp, and what the undone apply itself put in place, are
/// no edits. Otherwise it is laid beside the edited one.
fn config_to_restore(
    installation: &Installation,
    undone: &Journal,
) -> Result<(Option<Utf8PathBuf>, Option<Utf8PathBuf>), ApplyError> {
    let read = |path: &Utf8Path| Config::read(path).map_err(BackupError::Io);
    let Some(copy) = undone.saved_config() else { return Ok((None, None)) };
    let (Some(saved), Some(now)) = (read(&copy)?, read(&installation.config)?) else {
        return Ok((None, None));
    };
    let placed = match &undone.record.config_from {
        Some(placed) => read(placed)?,
        None => None,
    };
    let unedited = now.same_but_for_stamp(&saved)
        || placed.is_some_and(|placed| now.same_but_for_stamp(&placed));
    Ok(if unedited { (Some(copy), None) } else { (None, Some(copy)) })
}
