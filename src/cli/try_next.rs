//! `codexpin try-next`.

use super::output::{CommandOutput, OutputArguments};
use super::question::{FreshArgument, ThroughName};
use super::{PinFileArgument, exit};
use crate::app::AppError;
use crate::app::context::Context;
use crate::app::question::QuestionRequest;
use crate::app::try_next::{TryNextRequest, try_next};
use crate::app::upstream::{UpstreamChoice, UpstreamRequest};
use crate::exit_code::ExitCode;
use crate::question::{AskBy, Probe, Require, Upgrade};
use crate::report;
use crate::route::Route;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "It asks as an update would leave things: with a copy of your openclaw.json, after the release's own `openclaw doctor --fix`, of the loopback upstream, so that nothing is spent. What was found once is not asked again.\n\nExit status: 0 it answers, or nothing is newer; 1 it does not answer, or a pin knows it to be bad; 125 it cannot be judged."
)]
pub(super) struct TryNextArguments {
    /// Where an update would go: a dist-tag or a version.
    #[arg(default_value = "latest")]
    target: String,
    /// The route that a turn is sent through. May be given several times. [default: the
    /// config's]
    #[arg(long = "route", value_name = "ROUTE")]
    routes: Vec<Route>,
    /// What a turn consists of: text, tool, multitool or multitool=N.
    #[arg(long, default_value_t = Probe::Text)]
    probe: Probe,
    /// Who runs the turn: `openclaw agent --local`, or the release's own Gateway.
    #[arg(long, value_enum, default_value_t = ThroughName::Local)]
    through: ThroughName,
    /// How long a turn may take, in seconds.
    #[arg(long, value_name = "S", default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: u64,
    /// Let `sh` run this where something new was found: it reads it, as JSON, from its
    /// standard input.
    #[arg(long, value_name = "CMD")]
    notify: Option<String>,
    #[command(flatten)]
    known: FreshArgument,
    #[command(flatten)]
    file: PinFileArgument,
    #[command(flatten)]
    pub(super) output: OutputArguments,
}

impl TryNextArguments {
    pub(super) async fn run(
        self,
        context: &Context,
        output: &CommandOutput,
    ) -> Result<ExitCode, AppError> {
        let request = TryNextRequest {
            target: self.target,
            question: QuestionRequest {
                routes: self.routes,
                require: Require::All,
                ask: AskBy::Probe(self.probe),
                through: self.through.through(),
                config: None,
                upgrade: Upgrade::Doctor,
                open_install: Vec::new(),
                unenclosed: false,
                upstream: UpstreamRequest {
                    choice: UpstreamChoice::Loopback,
                    relay: false,
                    api_key_env: None,
                    max_turns: None,
                    earlier: None,
                },
                timeout_s: self.timeout,
                reply: "OK".to_owned(),
            },
            pin_file: self.file.pin_file,
            fresh: self.known.fresh,
            notify: self.notify,
        };
        let found = output.of(try_next(context, request)).await?;
        report::try_next::print(&found, output.form);
        Ok(exit::of_next(&found.state))
    }
}
