//! `codexpin bisect` and `codexpin resume`.

use super::output::{CommandOutput, OutputArguments};
use super::question::QuestionArguments;
use super::{PinFileArgument, exit};
use crate::app::AppError;
use crate::app::bisect::{BisectReport, BisectRequest, ResumeRequest, bisect, resume};
use crate::app::context::Context;
use crate::exit_code::ExitCode;
use crate::host::HostPort;
use crate::report;

#[derive(Debug, clap::Args)]
pub(super) struct Bisect {
    /// A release that answers: a version, a dist-tag, `installed` or a date.
    #[arg(required_unless_present = "resume")]
    good: Option<String>,
    /// A newer release that does not.
    #[arg(required_unless_present = "resume")]
    bad: Option<String>,
    /// Which releases between the ends are candidates.
    #[arg(long, value_enum, default_value_t = Candidates::Stable)]
    channel: Candidates,
    #[command(flatten)]
    question: QuestionArguments,
    #[command(flatten)]
    file: PinFileArgument,
    /// Let every candidate meet the state that the good end left, its session in it,
    /// instead of a fresh one.
    #[arg(long)]
    carry_state: bool,
    /// Count every failure between the ends, and not only the one that the bad end shows.
    #[arg(long)]
    any_failure: bool,
    /// Go on with a session that was interrupted: the newest, or the one named. The
    /// same as `codexpin resume`.
    #[arg(long, value_name = "SESSION", num_args = 0..=1, default_missing_value = "", conflicts_with_all = ["good", "bad", "channel", "carry_state", "any_failure", "routes", "require", "probe", "exec", "through", "config", "upgrade", "upstream", "relay", "api_key_env", "timeout", "reply"])]
    resume: Option<String>,
    #[command(flatten)]
    pub(super) output: OutputArguments,
}

/// Go on with a session that was interrupted.
#[derive(Debug, clap::Args)]
pub(super) struct Resume {
    /// The session. [default: the newest that is unfinished]
    session: Option<String>,
    /// How many turns the account may be asked for, over all parts of the session.
    /// [default: what the session began with]
    #[arg(long, value_name = "N")]
    max_turns: Option<usize>,
    /// Let the installs that are left reach this host, too. May be given several times.
    #[arg(long, value_name = "HOST[:PORT]")]
    open_install: Vec<HostPort>,
    #[command(flatten)]
    pub(super) output: OutputArguments,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Candidates {
    /// Releases and their corrections.
    Stable,
    /// Betas as well.
    Beta,
}

impl Bisect {
    pub(super) async fn run(
        self,
        context: &Context,
        output: &CommandOutput,
    ) -> Result<ExitCode, AppError> {
        if let Some(session) = self.resume {
            let session = Some(session).filter(|session| !session.is_empty());
            let max_turns = self.question.upstream.max_turns;
            let open_install = self.question.open_install;
            let request = ResumeRequest { session, max_turns, open_install };
            return finish(output.of(resume(context, request)).await?, output);
        }
        let request = BisectRequest {
            // clap sees to it that both are there.
            good: self.good.unwrap_or_default(),
            bad: self.bad.unwrap_or_default(),
            betas: self.channel == Candidates::Beta,
            question: self.question.request(),
            pin_file: self.file.pin_file,
            carry_state: self.carry_state,
            any_failure: self.any_failure,
        };
        finish(output.of(bisect(context, request)).await?, output)
    }
}

impl Resume {
    pub(super) async fn run(
        self,
        context: &Context,
        output: &CommandOutput,
    ) -> Result<ExitCode, AppError> {
        let request = ResumeRequest {
            session: self.session,
            max_turns: self.max_turns,
            open_install: self.open_install,
        };
        finish(output.of(resume(context, request)).await?, output)
    }
}

/// What was found is told even where the pin could not be written.
fn finish(report: BisectReport, output: &CommandOutput) -> Result<ExitCode, AppError> {
    report::bisect::print(&report, output.form);
    if let Some(Err(error)) = report.pinned {
        return Err(error);
    }
    Ok(exit::of_search(&report.conclusion.outcome))
}
