//! `codexpin sessions`.

use super::output::JsonArgument;
use crate::app::context::Context;
use crate::app::sessions::sessions;
use crate::exit_code::ExitCode;
use crate::report::{self, OutputForm};

#[derive(Debug, clap::Args)]
pub(super) struct SessionsArguments {
    #[command(flatten)]
    pub(super) output: JsonArgument,
}

impl SessionsArguments {
    pub(super) fn run(&self, context: &Context) -> ExitCode {
        report::sessions::print(&sessions(context), OutputForm::from(self.output.json));
        ExitCode::Success
    }
}
