//! `codexpin bisect` and `codexpin resume`.

use std::time::Duration;

use super::output::{CommandOutput, OutputArguments};
use super::question::{FreshArgument, QuestionArguments};
use super::{PinFileArgument, exit};
use crate::app::AppError;
use crate::app::bisect::{
    BisectAim, BisectReport, BisectRequest, ResumeRequest, SearchRequest, SessionLimits, bisect,
    resume, reversed_ends, turn_round,
};
use crate::app::context::Context;
use crate::exit_code::ExitCode;
use crate::host::HostPort;
use crate::report::{self, OutputForm, terminal};

#[derive(Debug, clap::Args)]
pub(super) struct Bisect {
    /// A release that answers: a version, a dist-tag, `installed` or a date.
    #[arg(required_unless_present_any = ["resume", "good_end", "bad_end"])]
    good: Option<String>,
    /// A newer release that does not.
    #[arg(required_unless_present_any = ["resume", "good_end", "bad_end"])]
    bad: Option<String>,
    /// Only a release that answers: the bad end is the installed one if that is newer, or
    /// else the latest.
    #[arg(long = "good", value_name = "RELEASE", conflicts_with_all = ["good", "bad"])]
    good_end: Option<String>,
    /// Only a release that does not answer: one that does is looked for from it back, in
    /// growing steps.
    #[arg(long = "bad", value_name = "RELEASE", conflicts_with_all = ["good", "bad"])]
    bad_end: Option<String>,
    /// Find the first release that answers again, between an older one that does not and a
    /// newer one that does.
    #[arg(long, conflicts_with = "carry_state")]
    find_fix: bool,
    /// Leave out whether the newest releases answer again, which is asked once the first bad
    /// one is found.
    #[arg(long, conflicts_with = "find_fix")]
    no_forward: bool,
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
    #[command(flatten)]
    known: FreshArgument,
    #[command(flatten)]
    search: SearchArguments,
    /// Go on with a session that was interrupted: the newest, or the one named. The
    /// same as `codexpin resume`.
    #[arg(long, value_name = "SESSION", num_args = 0..=1, default_missing_value = "", conflicts_with_all = ["good", "bad", "good_end", "bad_end", "find_fix", "no_forward", "channel", "carry_state", "fresh", "same_failure", "any_failure", "deterministic", "confidence", "repeat", "routes", "require", "probe", "exec", "through", "config", "upgrade", "upstream", "relay", "api_key_env", "timeout", "reply"])]
    resume: Option<String>,
    #[command(flatten)]
    pub(super) output: OutputArguments,
}

/// How a line is searched.
#[derive(Debug, Clone, clap::Args)]
struct SearchArguments {
    /// Count only the failure that the bad end shows; a release that fails in another way
    /// is passed over. [default: every failure counts]
    #[arg(long)]
    same_failure: bool,
    /// What is the default now.
    #[arg(long, hide = true, conflicts_with = "same_failure")]
    any_failure: bool,
    /// Take every answer for certain, also with the service itself or --exec: a release is
    /// asked again only where it surprises.
    #[arg(long, conflicts_with_all = ["confidence", "repeat"])]
    deterministic: bool,
    /// How likely the result has to be right, in per cent. [default: 99 with the service
    /// itself or --exec; the loopback's answers are taken for certain]
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    confidence: Option<f64>,
    /// How often the last good release has to pass, and the first bad one to fail.
    /// [default: 2 with the service itself or --exec, otherwise 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=20))]
    repeat: Option<u32>,
    #[command(flatten)]
    limits: LimitArguments,
}

/// How long a session may go on.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(super) struct LimitArguments {
    /// End after so many checks, with what is known by then.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_checks: Option<u32>,
    /// End after so many minutes, with what is known by then.
    #[arg(long, value_name = "MINUTES", value_parser = clap::value_parser!(u32).range(1..))]
    max_time: Option<u32>,
}

impl SearchArguments {
    fn request(&self) -> SearchRequest {
        SearchRequest {
            same_failure: self.same_failure,
            deterministic: self.deterministic,
            confidence: self.confidence,
            repeat: self.repeat,
            limits: self.limits.limits(),
        }
    }
}

impl LimitArguments {
    pub(super) fn limits(self) -> SessionLimits {
        SessionLimits {
            checks: self.max_checks.and_then(|checks| checks.try_into().ok()),
            time: self.max_time.map(|minutes| Duration::from_secs(u64::from(minutes) * 60)),
        }
    }
}

/// A probability in per cent: `95`, `99.5`, with or without the sign.
fn percent(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').unwrap_or(text).trim_end();
    match number.parse::<f64>() {
        Ok(percent) if (50.0..100.0).contains(&percent) => Ok(percent / 100.0),
        _ => Err("expected per cent from 50 to below 100, such as 95".to_owned()),
    }
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
    limits: LimitArguments,
    #[command(flatten)]
    pub(super) output: OutputArguments,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Candidates {
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
            let limits = self.search.limits.limits();
            let request = ResumeRequest { session, max_turns, open_install, limits };
            return finish(output.of(resume(context, request)).await?, output);
        }
        let mut request = BisectRequest {
            good: self.good.or(self.good_end),
            bad: self.bad.or(self.bad_end),
            aim: if self.find_fix {
                BisectAim::Fix
            } else {
                BisectAim::FirstBad { forward: !self.no_forward }
            },
            betas: self.channel == Candidates::Beta,
            question: self.question.request(),
            pin_file: self.file.pin_file,
            carry_state: self.carry_state,
            search: self.search.request(),
            fresh: self.known.fresh,
        };
        // Where nobody can be asked, the refusal names both ways.
        if output.form == OutputForm::Text
            && terminal::is_watched()
            && let Some((good, bad)) = output.of(reversed_ends(context, &request)).await?
        {
            let question = format!(
                "{good} is newer than {bad}. Find the first release after {bad} that answers again?"
            );
            if terminal::confirm(&question) == Some(true) {
                request.aim = BisectAim::Fix;
            }
        }
        let limits = request.search.limits;
        let report = output.of(bisect(context, request)).await?;
        finish_either_way(report, limits, context, output).await
    }
}

/// Where the ends turn out to be the other way round, the person is asked whether to go on
/// with the contrary search. Where nobody can be asked, the report names its command.
async fn finish_either_way(
    report: BisectReport,
    limits: SessionLimits,
    context: &Context,
    output: &CommandOutput,
) -> Result<ExitCode, AppError> {
    if output.form == OutputForm::Text
        && terminal::is_watched()
        && let Some((failing, answering)) = report.reversed()
    {
        let wanted = if failing < answering { "answers again" } else { "does not answer" };
        let question = format!(
            "{failing} does not answer and {answering} does. Find the first release between them that {wanted}?"
        );
        if terminal::confirm(&question) == Some(true) {
            let report = output.of(turn_round(context, &report, limits)).await?;
            return finish(report, output);
        }
    }
    finish(report, output)
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
            limits: self.limits.limits(),
        };
        let limits = request.limits;
        let report = output.of(resume(context, request)).await?;
        finish_either_way(report, limits, context, output).await
    }
}

/// What was found is told even where the pin could not be written.
pub(super) fn finish(report: BisectReport, output: &CommandOutput) -> Result<ExitCode, AppError> {
    if report.request.scan.is_some() {
        report::scan::print(&report, output.form);
    } else {
        report::bisect::print(&report, output.form);
    }
    if let Some(Err(error)) = report.pinned {
        return Err(error);
    }
    Ok(exit::of_search(&report.conclusion.outcome))
}
