//! Brings the live installation to a pin. The [`Plan`] is a list of [`Step`]s: stage
//! the pinned packages beside the live ones, stop, save, exchange, start, prove. The
//! same list is shown, written to the journal, taken, and taken back where a proof
//! fails.
//!
//! Nothing here prints. What happens is reported as events while it happens and as an
//! [`ApplyOutcome`] at the end. [`Apply::go_on`] comes first in every command:
//! it finishes, or puts back, what a killed codexpin left.

mod backup;
mod carry;
mod config_choice;
mod earlier_config;
mod error;
mod exchange;
mod hold;
mod hold_choice;
mod holding;
mod install_script;
mod journal;
mod outcome;
mod plan;
mod proof;
mod prune;
mod schema;
mod space;
mod stage;
mod step;
mod take;
mod taken_over;
mod target;
mod transaction;
mod undo;
mod versions;
mod warning;

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

pub use backup::{BackupError, SavedFile, SavedKind};
pub use carry::{Carry, CarryError};
pub use earlier_config::{EarlierConfig, SavedBy};
pub use error::ApplyError;
pub use exchange::{ExchangeError, Identity, Part, PartKind};
pub use hold::{HeldSetting, Hold, HoldChange, HoldError, SettingBefore};
pub use holding::hold_record;
pub use install_script::PlannedScript;
pub use journal::{
    ApplyJournal, ApplyJournalError, ApplyRecord, Backups, Operation, Progress, Setback,
};
pub use outcome::{ApplyOutcome, KeptTree, Note};
pub use plan::{Plan, PlanError, PlanFacts};
pub use proof::{NoProver, ProofResult, Prover};
pub use prune::{PrunedBackup, prune};
pub use schema::StateDatabase;
pub use space::SpaceError;
pub use stage::StageError;
pub use step::{Proof, Step};
pub use taken_over::TakenOver;
pub use target::{ApplyTarget, ApplyTargetError, PinnedPackage, file_integrity};
use transaction::Transaction;
pub use versions::Versions;
pub use warning::Warning;

use crate::config::{self, Loaded};
use crate::env::Environment;
use crate::event::{Event, Events};
use crate::fs::{self, Lock};
use crate::installation::{
    self, Installation, InstallationError, LiveMachine, Package, Service as _, ServiceCondition,
    ServiceLimits,
};
use crate::log::Log;
use crate::login::Place;
use crate::npm::Registry;
use crate::npm::registry::Freshness;
use crate::npm::run::Npm;
use crate::openclaw::{Change, refuses_config_of};
use crate::release::{PackageName, Schemas, Version};

/// What apply and undo work with.
#[derive(Debug)]
pub struct Apply<'a> {
    /// The user's shell, home and processes.
    pub machine: &'a LiveMachine,
    /// Installs the pinned packages.
    pub npm: &'a Npm,
    /// Where they come from: a pin is held against it before npm is.
    pub registry: &'a Registry,
    /// Where backups are, one directory each; the locks are in `locks` beside it.
    pub backups: Utf8PathBuf,
    /// How long the service may take.
    pub limits: ServiceLimits,
    /// The clock.
    pub now: fn() -> Timestamp,
    /// Ctrl-C: before the exchange it ends the apply, after it puts back.
    pub stop: &'a CancellationToken,
    /// Gets an event for every step.
    pub events: Events,
    /// Whether the live agent is asked for a reply at the end: a turn of the user's account.
    pub live_check: bool,
    /// Whether an apply keeps `OpenClaw` from updating itself afterwards.
    pub hold: bool,
    /// Goes into the backup's directory.
    pub log: Log,
}

impl Apply<'_> {
    /// What applying `target` takes. Touches nothing, and needs no lock.
    pub async fn plan(
        &self,
        installation: &Installation,
        target: &ApplyTarget,
    ) -> Result<Plan, ApplyError> {
        installation.may_be_changed()?;
        let environment = self.gateway_environment();
        let now = config::read(&installation.config, &environment);
        let now = config_choice::broken_or_read(now)?;
        let journals = ApplyJournal::all(&self.backups)?.journals;
        let current = self.current_hold(installation)?;
        let find = |now: Option<&Loaded>| {
            let now = now.map(|now| config_choice::released(now.clone(), current.as_ref()));
            config_choice::find(installation, target, now.as_ref(), &journals, &environment)
        };
        let (config_written_by, earlier_config) = match &now {
            Ok(Some(config)) => {
                let written_by = config.last_touched();
                let refused = written_by.filter(|by| refuses_config_of(target.core.version, *by));
                (written_by, refused.and_then(|_| find(Some(config))))
            }
            Ok(None) => (None, None),
            Err(_) => (None, find(None)),
        };
        let replaced = earlier_config.is_some();
        let config = earlier_config.as_ref().map_or(&installation.config, |saved| &saved.path);
        let (hold, hold_refused) = self.hold_of_apply(installation, target, config, current);
        let facts = PlanFacts {
            hold,
            hold_refused,
            carry: self.carry(installation, installation.core.version, target.core.version)?,
            databases: schema::live(&installation.state, target.core.version)?,
            opens: self.opens(target.core.version).await?,
            config_written_by,
            config_broken: now.as_ref().err().map(ToString::to_string),
            earlier_config,
            scripted: install_script::installed(installation),
            live_check: self.live_check,
            ..self.facts(installation).await?
        };
        let plan = Plan::new(installation, target, &facts)?;
        // Before anything stops: no release starts with it. Where another takes its
        // place, or nothing is done, it is not needed.
        if let Err(broken) = now
            && !replaced
            && !plan.is_already_as_pinned()
        {
            return Err(broken.into());
        }
        for step in &plan.steps {
            if let Step::Stage { part, .. } = step
                && let Some((name, package)) = target.package(*part)
            {
                package.audit(name, self.registry).await?;
            }
        }
        if !plan.is_already_as_pinned() {
            self.check_no_other_gateway(installation).await?;
            space::check(installation, &plan, &self.backups)?;
            self.tell(&plan);
        }
        Ok(plan)
    }

    fn tell(&self, plan: &Plan) {
        self.events.tell(Event::ApplyPlanned {
            from: plan.from.core,
            from_plugin: plan.from.plugin,
            to: plan.to.core,
            to_plugin: plan.to.plugin,
            steps: plan.steps.iter().map(ToString::to_string).collect(),
        });
    }

    /// What has to move in the state directory.
    fn carry(
        &self,
        installation: &Installation,
        from: Version,
        to: Version,
    ) -> Result<Option<Carry>, ApplyError> {
        let place = Place::new(&installation.state, &self.machine.home)
            .with_environment(&self.gateway_environment());
        Ok(carry::find(&place, from, to)?)
    }

    /// What the registry says that a release opens, where it says it at all.
    async fn opens(&self, release: Version) -> Result<Option<Schemas>, ApplyError> {
        if !Change::SchemasInPackage.is_in(release) {
            return Ok(None);
        }
        let packument = self.registry.packument(&PackageName::CORE, Freshness::Cached).await;
        let packument =
            packument.map_err(|error| ApplyTargetError::Registry(Box::new(error)))?.packument;
        Ok(packument.releases.get(&release).and_then(|release| release.schemas))
    }

    /// What the live Gateway reads its config with.
    fn gateway_environment(&self) -> Environment {
        installation::gateway_environment(&self.machine.environment, &self.machine.home)
    }

    async fn facts(&self, installation: &Installation) -> Result<PlanFacts, ApplyError> {
        let condition = self.condition(installation).await?;
        Ok(PlanFacts {
            service_wanted: condition.is_some_and(ServiceCondition::is_wanted),
            link_leads_to: installation.link().read_link_utf8().ok(),
            ..PlanFacts::default()
        })
    }

    async fn condition(
        &self,
        installation: &Installation,
    ) -> Result<Option<ServiceCondition>, ApplyError> {
        match installation.service(self.machine) {
            Some(service) => Ok(Some(service.condition().await?)),
            None => Ok(None),
        }
    }

    /// Finishes, or puts back, every apply that was killed. Nothing to do is
    /// the usual case.
    pub async fn go_on<P: Prover>(&self, prover: &P) -> Result<Vec<ApplyOutcome>, ApplyError> {
        for damaged in ApplyJournal::all(&self.backups)?.damaged {
            self.events.warn(format!(
                "{damaged}; this backup is passed over, and an apply that was cut short there is not finished"
            ));
        }
        let mut outcomes = Vec::new();
        for journal in self.unfinished()? {
            let _lock = self.lock(&journal.record.installation)?;
            // Read again under the lock: its last holder may have finished this one.
            let journal = ApplyJournal::read(&journal.directory)?;
            if journal.record.progress.is_finished() {
                continue;
            }
            outcomes.push(Box::pin(self.transaction(journal, prover).resume()).await?);
        }
        Ok(outcomes)
    }

    /// The applies and undos that were killed, oldest first.
    pub fn unfinished(&self) -> Result<Vec<ApplyJournal>, ApplyError> {
        let mut journals = ApplyJournal::all(&self.backups)?.journals;
        journals.retain(|journal| !journal.record.progress.is_finished());
        Ok(journals)
    }

    /// Takes the steps of the plan.
    pub async fn apply<P: Prover>(
        &self,
        installation: &Installation,
        target: &ApplyTarget,
        plan: &Plan,
        prover: &P,
    ) -> Result<ApplyOutcome, ApplyError> {
        if plan.is_already_as_pinned() {
            return Ok(ApplyOutcome::AlreadyAsPinned { installed: plan.from });
        }
        let _lock = self.lock(installation)?;
        self.check_current(installation, plan.from.core)?;
        let at = (self.now)();
        let name = backup_name(at, plan.from.core, plan.to.core);
        let mut parts = Vec::new();
        let mut earlier_config = None;
        for step in &plan.steps {
            match step {
                Step::Exchange { part: kind, live, .. } => {
                    let beside = match kind {
                        PartKind::Core => installation.core.root().to_owned(),
                        PartKind::Plugin => installation.state.join("npm"),
                    };
                    parts.push(part(*kind, live, &beside, at)?);
                }
                Step::PutConfig { path, saved } => {
                    earlier_config = Some(saved.content(path, &self.gateway_environment())?);
                }
                _ => {}
            }
        }
        let mut record = ApplyRecord::new(Operation::Apply, at, installation, plan, parts);
        // OpenClaw rotates its copies of the config while it runs, so the step uses a copy
        // that codexpin makes beforehand.
        let own_copy = ApplyJournal::earlier_config(&self.backups, &name);
        for step in &mut record.steps {
            if let Step::PutConfig { saved, .. } = step {
                saved.path.clone_from(&own_copy);
            }
        }
        let condition = self.check_service(installation, plan).await?;
        let journal = self.begin(&name, record, condition, || match &earlier_config {
            Some(content) => fs::write_private(&own_copy, content),
            None => Ok(()),
        })?;
        Box::pin(self.transaction(journal, prover).run(Some(target))).await
    }

    async fn check_no_other_gateway(&self, installation: &Installation) -> Result<(), ApplyError> {
        match installation.other_gateway(self.machine).await? {
            Some((port, other)) => Err(ApplyError::OtherGateway { port, other }),
            None => Ok(()),
        }
    }

    /// The plan says whether the service starts at the end. It may have been stopped or
    /// started since the plan was made.
    async fn check_service(
        &self,
        installation: &Installation,
        plan: &Plan,
    ) -> Result<Option<ServiceCondition>, ApplyError> {
        let condition = self.condition(installation).await?;
        let starts = plan.steps.iter().any(|step| matches!(step, Step::Start { .. }));
        if condition.is_some_and(ServiceCondition::is_wanted) != starts {
            return Err(ApplyError::ServiceChanged { starts });
        }
        Ok(condition)
    }

    /// Writes the journal, and what belongs beside it. The first step comes after this.
    fn begin(
        &self,
        name: &str,
        mut record: ApplyRecord,
        condition: Option<ServiceCondition>,
        beside: impl FnOnce() -> std::io::Result<()>,
    ) -> Result<ApplyJournal, ApplyError> {
        record.service_wanted = condition.is_some_and(ServiceCondition::is_wanted);
        record.service_ran = condition == Some(ServiceCondition::Running);
        let journal = ApplyJournal::begin(&self.backups, name, record)?;
        beside().map_err(BackupError::Io)?;
        Ok(journal)
    }

    fn transaction<'a, P: Prover>(
        &'a self,
        journal: ApplyJournal,
        prover: &'a P,
    ) -> Transaction<'a, P> {
        self.log.keep_in(&journal.directory, &self.events);
        Transaction { apply: self, prover, journal, notes: Vec::new() }
    }

    /// Called under the lock: checks that nothing has changed since the plan was made.
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
        Ok(Lock::try_take(&lock_file(&self.backups, &installation.core.directory))?)
    }
}

/// The lock of the installation with this core.
fn lock_file(backups: &Utf8Path, core: &Utf8Path) -> Utf8PathBuf {
    backups.with_file_name("locks").join(format!("{}.lock", name_of(core)))
}

/// A file name for an installation.
fn name_of(core: &Utf8Path) -> String {
    let hash = file_integrity(core.as_str().as_bytes());
    hash.chars().skip(7).filter(char::is_ascii_alphanumeric).take(16).collect()
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

fn backup_name(at: Timestamp, from: Version, to: Version) -> String {
    format!("{}-{from}-to-{to}", stamp(at))
}
