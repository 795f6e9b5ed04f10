//! `codexpin diagnose`.

use camino::Utf8PathBuf;

use super::output::{CommandOutput, JsonArgument};
use super::{PinFileArgument, exit};
use crate::app::AppError;
use crate::app::context::Context;
use crate::app::diagnose::{DiagnoseRequest, Follower, ReadLog, diagnose};
use crate::diagnose::LogFinding;
use crate::exit_code::ExitCode;
use crate::report::OutputForm;
use crate::report::diagnose::{self as report, DiagnosisReport};

/// Read a log and say what happened, whose it is, and what to do next.
///
/// Exit status: 0 no failure is in it, 1 a known failure is in it, 3 only failures that
/// codexpin does not know.
#[derive(Debug, clap::Args)]
pub(super) struct Diagnose {
    /// A Gateway log, a journal, an agent's JSON reply, what the updater left, npm's output
    /// or an issue with any of them in it; `-` is stdin. Without it, what the live Gateway
    /// wrote: its unit's journal, or OpenClaw's log file.
    file: Option<Utf8PathBuf>,
    /// Only what was written since then: 2h, 3d, or a time. [default for the live
    /// Gateway: 24h]
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// Go on reading until Ctrl-C, and tell what comes.
    #[arg(long, conflicts_with = "json")]
    follow: bool,
    #[command(flatten)]
    pin: PinFileArgument,
    #[command(flatten)]
    pub(super) output: JsonArgument,
}

impl Diagnose {
    pub(super) async fn run(
        self,
        context: &Context,
        output: &CommandOutput,
    ) -> Result<ExitCode, AppError> {
        let Self { file, since, follow, pin, .. } = self;
        let request = DiagnoseRequest { file, since, follow, pin_file: pin.pin_file };
        let log = diagnose(context, &request, &mut AsItComes).await?;
        // What was followed has been told.
        if !request.follow {
            told(&log).print(output.form);
        }
        Ok(exit::of_diagnosis(&log.diagnosis))
    }
}

fn told(log: &ReadLog) -> DiagnosisReport<'_> {
    let ReadLog { name, diagnosis, hand, now } = log;
    DiagnosisReport { diagnosis, log: name, hand, now: *now }
}

/// Prints what a followed log says.
struct AsItComes;

impl Follower for AsItComes {
    fn begun(&mut self, log: &ReadLog) {
        told(log).print(OutputForm::Text);
        report::following(&log.name);
    }

    fn came(&mut self, finding: &LogFinding, times: u64) {
        report::came(finding, times);
    }
}
