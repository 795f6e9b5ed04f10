//! `codexpin status` and `codexpin history`.

use super::PinFileArgument;
use super::output::{CommandOutput, JsonArgument};
use crate::app::AppError;
use crate::app::context::Context;
use crate::app::history::{history, prune};
use crate::app::status::status;
use crate::exit_code::ExitCode;
use crate::report;

#[derive(Debug, clap::Args)]
#[command(after_help = "It only reads. `codexpin doctor` says what is wrong.")]
pub(super) struct StatusArguments {
    #[command(flatten)]
    file: PinFileArgument,
    #[command(flatten)]
    pub(super) output: JsonArgument,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "`codexpin undo BACKUP` goes back to what one of them replaced. --prune leaves the newest backup that can be undone, and of the others what was done and openclaw.json as it was."
)]
pub(super) struct HistoryArguments {
    /// Free what no undo needs, the oldest backup first.
    #[arg(long)]
    prune: bool,
    #[command(flatten)]
    pub(super) output: JsonArgument,
}

impl StatusArguments {
    pub(super) async fn run(
        self,
        context: &Context,
        output: &CommandOutput,
    ) -> Result<ExitCode, AppError> {
        let found = output.of(status(context, &self.file.pin_file)).await?;
        report::status::print(&found, output.form);
        Ok(ExitCode::Success)
    }
}

impl HistoryArguments {
    pub(super) async fn run(
        self,
        context: &Context,
        output: &CommandOutput,
    ) -> Result<ExitCode, AppError> {
        if self.prune {
            let pruned = output.of(prune(context)).await?;
            report::status::print_pruned(&pruned, output.form);
        } else {
            let found = output.of(history(context)).await?;
            report::status::print_history(&found, output.form);
        }
        Ok(ExitCode::Success)
    }
}
