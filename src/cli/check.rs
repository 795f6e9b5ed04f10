//! `codexpin check`.

use super::exit;
use super::output::{CommandOutput, OutputArguments};
use super::question::QuestionArguments;
use crate::app::AppError;
use crate::app::check::{CheckExtras, CheckRequest, check};
use crate::app::context::Context;
use crate::exit_code::ExitCode;
use crate::report;
use crate::upstream::loopback::Fault;

#[derive(Debug, clap::Args)]
pub(super) struct Check {
    /// A version, a dist-tag, `installed` or a date; `live` asks the live
    /// installation itself, through its own Gateway. [default: the installed release,
    /// else latest]
    version: Option<String>,
    #[command(flatten)]
    question: QuestionArguments,
    /// What is to be wrong with every turn, to see what the release says to it.
    #[arg(long, value_name = "NAME", value_parser = super::loopback::faults(), hide_short_help = true)]
    fault: Option<Fault>,
    /// Where it fails, try in scratch what may make it answer.
    #[arg(long)]
    try_remedies: bool,
    /// Print every host and path that the release tried to reach.
    #[arg(long)]
    egress: bool,
    #[command(flatten)]
    pub(super) output: OutputArguments,
}

impl Check {
    pub(super) async fn run(
        self,
        context: &Context,
        output: &CommandOutput,
    ) -> Result<ExitCode, AppError> {
        let request = CheckRequest {
            version: self.version,
            question: self.question.request(),
            extras: CheckExtras {
                fault: self.fault,
                try_remedies: self.try_remedies,
                known_will_do: false,
            },
        };
        let report = output.of(check(context, request)).await?;
        report::check::print(&report, output.form, self.egress);
        Ok(exit::of_verdict(&report.verdict))
    }
}
