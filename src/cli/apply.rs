//! `codexpin apply` and `codexpin undo`.

use super::output::{CommandOutput, OutputArguments};
use super::{PinFileArgument, exit};
use crate::app::AppError;
use crate::app::apply::{ApplyRequest, LiveApply};
use crate::app::context::Context;
use crate::exit_code::ExitCode;
use crate::explain::Class;
use crate::release::Version;
use crate::report::apply::ApplyReport;
use crate::report::{OutputForm, terminal};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit status: 0 applied and proved; 5 it failed its proof, and all was put back; 6 refused, or it could not be put back; 75 applied, but it could not be found out whether it answers (a full disk, an outage): nothing was put back, `codexpin check live` asks again."
)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(super) struct ApplyArguments {
    /// A pinned release; without it, the current pin.
    version: Option<Version>,
    #[command(flatten)]
    file: PinFileArgument,
    /// Print what would change, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Do not ask before changing the installation.
    #[arg(long, short)]
    yes: bool,
    /// Do not ask the live agent for a reply at the end: the proof is then one in a
    /// scratch home, with a made-up login.
    #[arg(long)]
    no_live_check: bool,
    /// Do not keep OpenClaw from updating itself afterwards. A hold that is there stays.
    #[arg(long)]
    no_hold: bool,
    #[command(flatten)]
    pub(super) output: OutputArguments,
}

#[derive(Debug, clap::Args)]
pub(super) struct UndoArguments {
    /// The backup to go back to, by name; without it, the newest.
    backup: Option<String>,
    /// Print what would change, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Do not ask before changing the installation.
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    pub(super) output: OutputArguments,
}

impl ApplyArguments {
    pub(super) async fn run(
        self,
        context: &Context,
        output: &CommandOutput,
    ) -> Result<ExitCode, AppError> {
        let request = ApplyRequest {
            version: self.version,
            pin_file: self.file.pin_file,
            live_check: !self.no_live_check,
            hold: !self.no_hold,
        };
        let mut report = ApplyReport::new(output.form);
        let live = match LiveApply::of_pin(context, &request).await {
            Ok(live) => live,
            Err(error) => {
                // With or without a pin here: it may have left the Gateway stopped.
                if !self.dry_run
                    && let Ok(live) = LiveApply::of_undo(context).await
                {
                    let recovered = output.of(live.recover()).await?;
                    if !recovered.is_empty() {
                        report.recovered(recovered);
                        report.end();
                    }
                }
                return Err(error);
            }
        };
        if !self.dry_run {
            report.recovered(output.of(live.recover()).await?);
        }
        let prepared = output.of(live.prepare()).await?;
        report.plan(&prepared.plan, &prepared.installation, self.dry_run);
        if self.dry_run || prepared.plan.is_already_as_pinned() {
            report.end();
            return Ok(ExitCode::Success);
        }
        let (from, to) = (prepared.plan.from.core, prepared.plan.to.core);
        agree(self.yes, output.form, &format!("roll {from} to {to}?"), "codexpin apply --yes")?;
        let outcome = output.of(prepared.run()).await?;
        let exit_code = exit::of_apply(&outcome);
        report.outcome(outcome);
        report.end();
        Ok(exit_code)
    }
}

impl UndoArguments {
    pub(super) async fn run(
        self,
        context: &Context,
        output: &CommandOutput,
    ) -> Result<ExitCode, AppError> {
        let live = LiveApply::of_undo(context).await?;
        let mut report = ApplyReport::new(output.form);
        if !self.dry_run {
            let recovered = output.of(live.recover()).await?;
            let last = recovered.last().cloned();
            let is_undone = live.is_undone(&recovered, self.backup.as_deref()).await?;
            report.recovered(recovered);
            if let Some(last) = last.filter(|_| is_undone) {
                report.end();
                return Ok(exit::of_settled_undo(&last));
            }
        }
        let prepared = output.of(live.prepare_undo(self.backup.as_deref())).await?;
        let back = prepared.back();
        report.undo(prepared.backup(), &prepared.plan, self.dry_run);
        if prepared.was_down() {
            report.was_down(back);
        }
        if self.dry_run {
            report.end();
            return Ok(ExitCode::Success);
        }
        agree(self.yes, output.form, &format!("go back to {back}?"), "codexpin undo --yes")?;
        let outcome = output.of(prepared.run()).await?;
        let exit_code = exit::of_apply(&outcome);
        report.outcome(outcome);
        report.end();
        Ok(exit_code)
    }
}

/// A yes, from the flag or from the person. Where a program reads the plan, nobody has
/// seen what the yes would be to.
pub(super) fn agree(
    yes: bool,
    form: OutputForm,
    question: &str,
    command: &str,
) -> Result<(), AppError> {
    if yes {
        return Ok(());
    }
    let answer = if form == OutputForm::Text { terminal::confirm(question) } else { None };
    match answer {
        Some(true) => Ok(()),
        Some(false) => Err(AppError::new(Class::Failure, "nothing was changed")),
        None => Err(AppError::usage("nobody is there to say yes; nothing was changed")
            .with_hint(format!("`{command}` does not ask"))),
    }
}
