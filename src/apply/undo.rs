//! Going back to what a backup holds: an apply of its own.

use super::journal::Operation;
use super::plan::PlanFacts;
use super::{
    Apply, ApplyError, ApplyJournal, ApplyOutcome, ApplyRecord, Identity, NoProver, Part, PartKind,
    Plan, StageError, backup_name, config_choice, plan, schema, space,
};
use crate::installation::{Installation, Package};

impl Apply<'_> {
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

    /// What going back to what a backup holds takes. Touches nothing, and needs no lock.
    pub async fn plan_undo(
        &self,
        installation: &Installation,
        undone: &ApplyJournal,
    ) -> Result<Plan, ApplyError> {
        self.check_no_other_gateway(installation).await?;
        let at = (self.now)();
        let (to, replaced) = (undone.record.from, &undone.record.parts);
        let carry = self.carry(installation, installation.core.version, to.core)?;
        // The kept package says itself what it opens.
        let kept = replaced.iter().find(|part| part.kind == PartKind::Core);
        let opens = kept.and_then(|part| Package::read(&part.other).ok()?.schemas);
        let databases = schema::live(&installation.state, to.core)?;
        plan::check_databases(&databases, to.core, opens)?;
        let environment = self.gateway_environment();
        let current = self.current_hold(installation)?;
        let name = backup_name(at, installation.core.version, to.core);
        let current_hold = current.as_ref();
        let config =
            config_choice::step_of_undo(installation, undone, &name, current_hold, &environment)?;
        let hold = self.hold_of_undo(installation, undone, current, config.as_ref());
        let facts = PlanFacts { hold, carry, ..self.facts(installation).await? };
        let plan = Plan::of_undo(installation, to, replaced, config, &facts);
        space::check(installation, &plan, &self.backups)?;
        self.tell(&plan);
        Ok(plan)
    }

    /// Goes back to what a backup holds. It is an apply of its own: journaled,
    /// proved, and undone by the next `undo`.
    pub async fn undo(
        &self,
        installation: &Installation,
        undone: &ApplyJournal,
        plan: &Plan,
    ) -> Result<ApplyOutcome, ApplyError> {
        let _lock = self.lock(installation)?;
        self.check_current(installation, plan.from.core)?;
        let at = (self.now)();
        let name = backup_name(at, plan.from.core, plan.to.core);
        let mut parts = Vec::new();
        for part in undone.record.parts.clone() {
            let before = Identity::of(&part.live).map_err(StageError::Io)?;
            parts.push(Part { before, after: Some(part.before), ..part });
        }
        let record = ApplyRecord::new(Operation::Undo, at, installation, plan, parts);
        let condition = self.check_service(installation, plan).await?;
        let journal = self.begin(&name, record, condition, || Ok(()))?;
        Box::pin(self.transaction(journal, &NoProver).run(None)).await
    }
}
