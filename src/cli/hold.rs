//! `codexpin hold` and `codexpin unhold`.

use super::apply::agree;
use super::exit;
use super::output::{CommandOutput, OutputArguments};
use crate::app::AppError;
use crate::app::apply::LiveApply;
use crate::app::context::Context;
use crate::apply::Operation;
use crate::exit_code::ExitCode;
use crate::report::apply::ApplyReport;

/// What both take.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit status: 0 done, or nothing to do; 5 the Gateway did not come up with it, and all was put back; 6 refused, or it could not be put back."
)]
pub(super) struct HoldArguments {
    /// Print what would change, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Do not ask before changing the installation.
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    pub(super) output: OutputArguments,
}

impl HoldArguments {
    pub(super) async fn run(
        self,
        context: &Context,
        output: &CommandOutput,
        operation: Operation,
    ) -> Result<ExitCode, AppError> {
        let live = LiveApply::of_undo(context).await?;
        let mut report = ApplyReport::new(output.form);
        if !self.dry_run {
            report.recovered(output.of(live.recover()).await?);
        }
        let prepared = output.of(live.prepare_hold(operation)).await?;
        report.hold(&prepared.plan, operation, self.dry_run);
        if !prepared.plan.steps.is_empty() {
            if self.dry_run {
                report.end();
                return Ok(ExitCode::Success);
            }
            let core = prepared.installation.core.version;
            let again = format!("codexpin {operation} --yes");
            agree(self.yes, output.form, &format!("{operation} {core}?"), &again)?;
        }
        let outcome = output.of(prepared.run()).await?;
        let exit_code = exit::of_apply(&outcome);
        report.outcome(outcome);
        report.end();
        Ok(exit_code)
    }
}
