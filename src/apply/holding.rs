//! Keeping what is installed, what is applied, or what is gone back to from updating itself.

use camino::{Utf8Path, Utf8PathBuf};

use super::hold::{Hold, HoldChange, HoldError};
use super::hold_choice::HoldTarget;
use super::journal::Operation;
use super::plan::PlanFacts;
use super::{
    Apply, ApplyError, ApplyJournal, ApplyOutcome, ApplyRecord, ApplyTarget, NoProver, Plan, Step,
    Versions, name_of, stamp,
};
use crate::config;
use crate::installation::{Installation, ManagedPlugin};

impl Apply<'_> {
    /// What an apply holds, with the config at `config`; or why it cannot. Nothing where it
    /// is not to, and nothing holds so far.
    pub(super) fn hold_of_apply(
        &self,
        installation: &Installation,
        target: &ApplyTarget,
        config: &Utf8Path,
        current: Option<Hold>,
    ) -> (Option<HoldChange>, Option<String>) {
        if !self.hold && current.is_none() {
            return (None, None);
        }
        let versions = Versions { core: target.core.version, plugin: None };
        let (after, refused) = match self.held(installation, versions, config, current.as_ref()) {
            Ok(after) => (Some(after), None),
            Err(error) => (None, Some(error.to_string())),
        };
        let change = HoldChange { before: current, after };
        (Some(change).filter(|change| !change.is_nothing()), refused)
    }

    /// The hold that was there before comes back with what it held. One that was made since
    /// stays, and holds what is installed then.
    pub(super) fn hold_of_undo(
        &self,
        installation: &Installation,
        undone: &ApplyJournal,
        current: Option<Hold>,
        config: Option<&Step>,
    ) -> Option<HoldChange> {
        let to = undone.record.from;
        let since = |hold: &Option<Hold>| hold.as_ref().map(|hold| hold.since);
        let of_undone = undone.record.hold_change();
        let after = match (of_undone, &current) {
            (Some(change), _) if since(&change.after) == since(&current) => change.before.clone(),
            (_, None) => None,
            (_, Some(hold)) => {
                let config = match config {
                    Some(Step::PutConfig { saved, .. }) => &saved.path,
                    _ => &installation.config,
                };
                self.held(installation, to, config, Some(hold)).ok()
            }
        };
        let change = HoldChange { before: current, after }.of(to);
        (!change.is_nothing()).then_some(change)
    }

    /// What holding what is installed takes, whatever holds it so far. Touches nothing.
    pub async fn plan_hold(&self, installation: &Installation) -> Result<Plan, ApplyError> {
        let current = self.current_hold(installation)?;
        let versions = Versions {
            core: installation.core.version,
            plugin: installation.plugin.as_ref().map(ManagedPlugin::version),
        };
        let config = &installation.config;
        let mut hold = self.held(installation, versions, config, current.as_ref())?;
        // What moved although it was held is held anew.
        if current.as_ref().is_some_and(|current| current.versions != versions) {
            hold.since = (self.now)();
        }
        self.plan_hold_change(installation, HoldChange { before: current, after: Some(hold) }).await
    }

    /// What letting it go takes. Touches nothing.
    pub async fn plan_unhold(&self, installation: &Installation) -> Result<Plan, ApplyError> {
        let current = self.current_hold(installation)?;
        let is_written = current.as_ref().is_some_and(|hold| !hold.settings.is_empty());
        if is_written {
            // A config that cannot be read cannot be brought back to what it was.
            config::read(&installation.config, &self.gateway_environment())?;
        }
        self.plan_hold_change(installation, HoldChange { before: current, after: None }).await
    }

    async fn plan_hold_change(
        &self,
        installation: &Installation,
        change: HoldChange,
    ) -> Result<Plan, ApplyError> {
        let facts = PlanFacts { hold: Some(change), ..self.facts(installation).await? };
        Ok(Plan::of_hold(installation, &facts))
    }

    /// Takes the steps of a hold, or of letting go.
    pub async fn change_hold(
        &self,
        operation: Operation,
        installation: &Installation,
        plan: &Plan,
    ) -> Result<ApplyOutcome, ApplyError> {
        if plan.steps.is_empty() {
            return Ok(match self.current_hold(installation)? {
                Some(hold) => ApplyOutcome::AlreadyHeld { held: hold.versions, since: hold.since },
                None => ApplyOutcome::NotHeld { installed: plan.from },
            });
        }
        let _lock = self.lock(installation)?;
        self.check_current(installation, plan.from.core)?;
        self.tell(plan);
        let at = (self.now)();
        let name = format!("{}-{operation}-{}", stamp(at), plan.from.core);
        let record = ApplyRecord::new(operation, at, installation, plan, Vec::new());
        let condition = self.condition(installation).await?;
        let journal = self.begin(&name, record, condition, || Ok(()))?;
        Box::pin(self.transaction(journal, &NoProver).run(None)).await
    }

    /// What keeps this installation from updating itself.
    pub(super) fn current_hold(
        &self,
        installation: &Installation,
    ) -> Result<Option<Hold>, ApplyError> {
        Ok(Hold::read(&self.hold_record(installation))?)
    }

    pub(super) fn hold_record(&self, installation: &Installation) -> Utf8PathBuf {
        hold_record(&self.backups, &installation.core.directory)
    }

    fn held(
        &self,
        installation: &Installation,
        versions: Versions,
        config: &Utf8Path,
        current: Option<&Hold>,
    ) -> Result<Hold, HoldError> {
        let environment = self.gateway_environment();
        let now = (self.now)();
        HoldTarget { installation, versions, config, environment: &environment, current, now }
            .hold()
    }
}

/// The record of what holds the installation with this core, beside the backups.
pub fn hold_record(backups: &Utf8Path, core: &Utf8Path) -> Utf8PathBuf {
    backups.with_file_name("holds").join(format!("{}.json", name_of(core)))
}
