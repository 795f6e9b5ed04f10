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
mod install_script;
mod journal;
mod outcome;
mod plan;
mod proof;
mod schema;
mod stage;
mod step;
mod take;
mod taken_over;
mod target;
mod transaction;
mod warning;

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

pub use backup::{BackupError, SavedFile, SavedKind};
pub use carry::{Carry, CarryError};
pub use earlier_config::{EarlierConfig, SavedBy};
pub use error::ApplyError;
pub use exchange::{ExchangeError, Identity, Part, PartKind};
pub use install_script::PlannedScript;
pub use journal::{
    ApplyJournal, ApplyJournalError, ApplyRecord, Backups, Operation, Progress, Setback,
};
pub use outcome::{ApplyOutcome, KeptTree, Note};
pub use plan::{Plan, PlanError, PlanFacts, Versions};
pub use proof::{NoProver, ProofResult, Prover};
pub use schema::StateDatabase;
pub use stage::StageError;
pub use step::{Proof, Step};
pub use taken_over::TakenOver;
pub use target::{ApplyTarget, ApplyTargetError, PinnedPackage, file_integrity};
use transaction::Transaction;
pub use warning::Warning;

use crate::config;
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
        let find = |now| config_choice::find(installation, target, now, &journals, &environment);
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
        let facts = PlanFacts {
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
        let name = backup_name(at, plan);
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

    /// What `undo` would go back to: the newest backup, or the named one, whose
    /// packages are still kept.
    pub fn undoable(
        &self,
        installation: &Installation,
        backup: Option<&str>,
    ) -> Result<ApplyJournal, ApplyError> {
        let fits = |journal: &&ApplyJournal| {
            journal.can_be_undone(installation) && backup.is_none_or(|name| name == journal.name())
        };
        let journals = ApplyJournal::all(&self.backups)?.journals;
        let found = journals.iter().rev().find(fits).cloned();
        found.ok_or_else(|| ApplyError::NothingToUndo { backup: backup.map(str::to_owned) })
    }

    /// Goes back to what a backup holds. It is an apply of its own: journaled,
    /// proved, and undone by the next `undo`.
    pub async fn undo(
        &self,
        installation: &Installation,
        undone: &ApplyJournal,
    ) -> Result<ApplyOutcome, ApplyError> {
        let _lock = self.lock(installation)?;
        self.check_current(installation, installation.core.version)?;
        self.check_no_other_gateway(installation).await?;
        let at = (self.now)();
        let (to, replaced) = (undone.record.from, &undone.record.parts);
        let carry = self.carry(installation, installation.core.version, to.core)?;
        // The kept package says itself what it opens.
        let kept = replaced.iter().find(|part| part.kind == PartKind::Core);
        let opens = kept.and_then(|part| Package::read(&part.other).ok()?.schemas);
        let databases = schema::live(&installation.state, to.core)?;
        plan::check_databases(&databases, to.core, opens)?;
        let facts = PlanFacts { carry, ..self.facts(installation).await? };
        let mut plan = Plan::of_undo(installation, to, replaced, None, &facts);
        let name = backup_name(at, &plan);
        let environment = self.gateway_environment();
        let config = config_choice::step_of_undo(installation, undone, &name, &environment)?;
        if let Some(config) = config {
            plan = Plan::of_undo(installation, to, replaced, Some(config), &facts);
        }
        self.tell(&plan);
        let mut parts = Vec::new();
        for part in undone.record.parts.clone() {
            let before = Identity::of(&part.live).map_err(StageError::Io)?;
            parts.push(Part { before, after: Some(part.before), ..part });
        }
        let record = ApplyRecord::new(Operation::Undo, at, installation, &plan, parts);
        let condition = self.check_service(installation, &plan).await?;
        let journal = self.begin(&name, record, condition, || Ok(()))?;
        Box::pin(self.transaction(journal, &NoProver).run(None)).await
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

fn backup_name(at: Timestamp, plan: &Plan) -> String {
    format!("{}-{}-to-{}", stamp(at), plan.from.core, plan.to.core)
}
