//! `codexpin log` and `codexpin replay`.

use camino::Utf8PathBuf;

use super::output::{CommandOutput, JsonArgument};
use crate::app::AppError;
use crate::app::context::Context;
use crate::app::session_log::{log, replay};
use crate::exit_code::ExitCode;
use crate::report;

#[derive(Debug, clap::Args)]
pub(super) struct LogArguments {
    /// The session, finished or not. [default: the newest]
    session: Option<String>,
    #[command(flatten)]
    pub(super) output: JsonArgument,
}

#[derive(Debug, clap::Args)]
pub(super) struct ReplayArguments {
    /// The journal, such as another machine's journal.jsonl.
    file: Utf8PathBuf,
    #[command(flatten)]
    pub(super) output: JsonArgument,
}

impl LogArguments {
    pub(super) fn run(
        self,
        context: &Context,
        output: &CommandOutput,
    ) -> Result<ExitCode, AppError> {
        report::session_log::print(&log(context, self.session.as_deref())?, output.form);
        Ok(ExitCode::Success)
    }
}

impl ReplayArguments {
    pub(super) fn run(
        self,
        context: &Context,
        output: &CommandOutput,
    ) -> Result<ExitCode, AppError> {
        report::session_log::print(&replay(context, &self.file)?, output.form);
        Ok(ExitCode::Success)
    }
}
