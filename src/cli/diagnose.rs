//! `codexpin diagnose`.

use camino::Utf8PathBuf;

use super::exit;
use super::output::{CommandOutput, JsonArgument};
use crate::app::AppError;
use crate::app::context::Context;
use crate::app::diagnose::{DiagnoseRequest, Follower, ReadLog, diagnose};
use crate::diagnose::LogFinding;
use crate::exit_code::ExitCode;
use crate::report::{OutputForm, diagnose as report};

/// Read a log and say what happened, of which kind, and what to do next.
///
/// Exit status: 0 nothing is wrong, 1 a known failure is in it, 3 only errors that
/// codexpin does not know.
#[derive(Debug, clap::Args)]
pub(super) struct Diagnose {
    /// A Gateway log, an agent's JSON reply or npm's output; `-` is stdin. Without
    /// it, what the live Gateway wrote: its unit's journal, or OpenClaw's log file.
    file: Option<Utf8PathBuf>,
    /// Only what was written since then: 2h, 3d, or a time. [default for the live
    /// Gateway: 24h]
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// Go on reading until Ctrl-C, and tell what comes.
    #[arg(long, conflicts_with = "json")]
    follow: bool,
    #[command(flatten)]
    pub(super) output: JsonArgument,
}

impl Diagnose {
    pub(super) async fn run(
        self,
        context: &Context,
        output: &CommandOutput,
    ) -> Result<ExitCode, AppError> {
        let request = DiagnoseRequest { file: self.file, since: self.since, follow: self.follow };
        let log = diagnose(context, &request, &mut AsItComes).await?;
        // What was followed has been told.
        if !request.follow {
            report::print(&log.diagnosis, &log.name, output.form);
        }
        Ok(exit::of_diagnosis(&log.diagnosis))
    }
}

/// Prints what a followed log says.
struct AsItComes;

impl Follower for AsItComes {
    fn begun(&mut self, log: &ReadLog) {
        report::print(&log.diagnosis, &log.name, OutputForm::Text);
        report::following(&log.name);
    }

    fn came(&mut self, finding: &LogFinding, times: u64) {
        report::came(finding, times);
    }
}
