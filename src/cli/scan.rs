//! `codexpin scan`.

use super::bisect::{Candidates, LimitArguments, finish};
use super::output::{CommandOutput, OutputArguments};
use super::question::{FreshArgument, QuestionArguments};
use crate::app::AppError;
use crate::app::context::Context;
use crate::app::scan::{ScanRequest, scan};
use crate::exit_code::ExitCode;

#[derive(Debug, clap::Args)]
pub(super) struct ScanArguments {
    /// One end of the line: a version, a dist-tag, `installed` or a date. Or both, as
    /// FROM..TO.
    #[arg(value_name = "FROM")]
    from: String,
    /// The other end.
    #[arg(value_name = "TO")]
    to: Option<String>,
    /// Ask only each Nth release, and both ends.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    every: u16,
    /// Which releases between the ends are asked.
    #[arg(long, value_enum, default_value_t = Candidates::Stable)]
    channel: Candidates,
    #[command(flatten)]
    question: QuestionArguments,
    #[command(flatten)]
    known: FreshArgument,
    #[command(flatten)]
    limits: LimitArguments,
    #[command(flatten)]
    pub(super) output: OutputArguments,
}

impl ScanArguments {
    pub(super) async fn run(
        self,
        context: &Context,
        output: &CommandOutput,
    ) -> Result<ExitCode, AppError> {
        let request = ScanRequest {
            ends: both_ends(self.from, self.to)?,
            every: self.every.into(),
            betas: self.channel == Candidates::Beta,
            question: self.question.request(),
            fresh: self.known.fresh,
            limits: self.limits.limits(),
        };
        finish(output.of(scan(context, request)).await?, output)
    }
}

/// `FROM TO`, or `FROM..TO` in one word.
fn both_ends(from: String, to: Option<String>) -> Result<[String; 2], AppError> {
    let in_one = from.split_once("..").map(|(from, to)| [from.to_owned(), to.to_owned()]);
    match (in_one, to) {
        (Some(ends), None) if ends.iter().all(|end| !end.is_empty()) => Ok(ends),
        (None, Some(to)) => Ok([from, to]),
        _ => Err(AppError::usage("scan takes the two ends of a line")
            .with_hint("codexpin scan 2026.5.18 latest, or codexpin scan 2026.5.18..latest")),
    }
}
