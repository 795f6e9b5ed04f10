//! `codexpin status` and `codexpin history`.

use super::PinFileArgument;
use super::output::{CommandOutput, JsonArgument};
use crate::app::AppError;
use crate::app::context::Context;
use crate::app::history::history;
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
    after_help = "It only reads. `codexpin undo BACKUP` goes back to what one of them replaced."
)]
pub(super) struct HistoryArguments {
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
        let found = output.of(history(context)).await?;
        report::status::print_history(&found, output.form);
        Ok(ExitCode::Success)
    }
}
