//! `codexpin sessions`.

use super::output::{CommandOutput, JsonArgument};
use crate::app::context::Context;
use crate::app::sessions::sessions;
use crate::exit_code::ExitCode;
use crate::report;

#[derive(Debug, clap::Args)]
pub(super) struct SessionsArguments {
    #[command(flatten)]
    pub(super) output: JsonArgument,
}

impl SessionsArguments {
    pub(super) fn run(self, context: &Context, output: &CommandOutput) -> ExitCode {
        report::sessions::print(&sessions(context), output.form);
        ExitCode::Success
    }
}
