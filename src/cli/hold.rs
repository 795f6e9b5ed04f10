//! `codexpin hold` and `codexpin unhold`.

use super::apply::agree;
use super::exit;
use super::output::{CommandOutput, OutputArguments};
use crate::app::AppError;
use crate::app::apply::{LiveApply, PreparedHold};
use crate::app::context::Context;
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
    pub(super) async fn hold(
        self,
        context: &Context,
        output: &CommandOutput,
    ) -> Result<ExitCode, AppError> {
        let live = LiveApply::of_undo(context).await?;
        let mut report = ApplyReport::new(output.form);
        self.recover(&live, &mut report, output).await?;
        let prepared = output.of(live.prepare_hold()).await?;
        report.hold(&prepared.plan, self.dry_run);
        self.finish(&prepared, report, output, "hold").await
    }

    pub(super) async fn unhold(
        self,
        context: &Context,
        output: &CommandOutput,
    ) -> Result<ExitCode, AppError> {
        let live = LiveApply::of_undo(context).await?;
        let mut report = ApplyReport::new(output.form);
        self.recover(&live, &mut report, output).await?;
        let prepared = output.of(live.prepare_unhold()).await?;
        report.unhold(&prepared.plan, self.dry_run);
        self.finish(&prepared, report, output, "unhold").await
    }

    async fn recover(
        &self,
        live: &LiveApply<'_>,
        report: &mut ApplyReport,
        output: &CommandOutput,
    ) -> Result<(), AppError> {
        if !self.dry_run {
            report.recovered(output.of(live.recover()).await?);
        }
        Ok(())
    }

    async fn finish(
        &self,
        prepared: &PreparedHold<'_>,
        mut report: ApplyReport,
        output: &CommandOutput,
        command: &str,
    ) -> Result<ExitCode, AppError> {
        if !prepared.plan.steps.is_empty() {
            if self.dry_run {
                report.end();
                return Ok(ExitCode::Success);
            }
            let core = prepared.installation.core.version;
            let again = format!("codexpin {command} --yes");
            agree(self.yes, output.form, &format!("{command} {core}?"), &again)?;
        }
        let outcome = output.of(prepared.run()).await?;
        let exit_code = exit::of_apply(&outcome);
        report.outcome(outcome);
        report.end();
        Ok(exit_code)
    }
}
