//! The command line: one file a command, from arguments to a request, a call
//! and an exit code. clap lives here only.

mod apply;
mod bisect;
mod cache;
mod check;
mod context;
mod failure;
mod lab;
mod loopback;
mod npm;
mod pin;
mod releases;
mod size;

use camino::Utf8PathBuf;
use clap::{Parser, Subcommand};

use crate::exit_code::ExitCode;
use crate::report::terminal;
use context::Context;
pub use failure::Failure;

/// Find the OpenClaw release where the agent stopped answering, pin the last
/// good one, roll back to it.
#[derive(Debug, Parser)]
#[command(name = "codexpin", version, max_term_width = 100, arg_required_else_help = true)]
#[command(
    after_help = "Start with:\n  codexpin bisect 2026.5.18 2026.7.1    find the first bad release, pin the last good one\n  codexpin apply                        roll this machine back to the pin"
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the releases that the registry has.
    #[command(visible_alias = "ls")]
    Releases(releases::Releases),
    /// Ask one release for a reply: exit 0 good, 1 bad, 125 skip.
    Check(check::Check),
    /// Find the first bad release between a good and a bad one, and pin the last good one.
    Bisect(bisect::Bisect),
    /// Check a release and make it the current pin.
    Pin(pin::Pin),
    /// List the pins.
    Pins(pin::Pins),

    /// Roll this machine to the current pin, with backup and proof.
    Apply(apply::Apply),
    /// Put back what the last apply replaced.
    Undo(apply::Undo),
    /// Look at, or trim, what is kept on disk.
    Cache(cache::Cache),
    /// Run the loopback upstream in the foreground.
    Loopback(loopback::Serve),
}

/// The pin file, for every command that reads or writes it.
#[derive(Debug, Clone, clap::Args)]
struct PinFileArgument {
    /// The pin file.
    #[arg(long, value_name = "FILE", default_value = crate::pin::FILE_NAME)]
    pin_file: Utf8PathBuf,
}

/// What is asked of a candidate, for every command that asks.
#[derive(Debug, Clone, clap::Args)]
struct QuestionArguments {
    /// The route that turns are sent through: provider/model or provider/model@harness.
    #[arg(long, default_value = crate::route::Route::DEFAULT)]
    route: crate::route::Route,
    /// Who answers the model requests.
    #[arg(long, value_enum, default_value_t = UpstreamName::Loopback)]
    upstream: UpstreamName,
    /// How long a turn may take, in seconds.
    #[arg(long, value_name = "S", default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: u64,
    /// The text that the agent is asked to reply with.
    #[arg(long, value_name = "TEXT", default_value = "OK")]
    reply: String,
}

/// Who answers the model requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum UpstreamName {
    /// The embedded service: no account, no tokens.
    Loopback,
}

impl QuestionArguments {
    fn question(&self) -> Result<crate::check::Question, Failure> {
        if self.route.harness.as_deref() == Some("codex") {
            return Err(Failure::usage(format!(
                "the route {} asks for the codex harness, which this codexpin cannot run yet",
                self.route
            ))
            .with_hint("leave out `@codex`: the embedded harness is what is tested"));
        }
        let reply = self.reply.trim();
        if reply.is_empty() || reply.contains('\n') || reply.len() > 200 {
            return Err(Failure::usage("--reply takes one line of 1 to 200 characters".to_owned()));
        }
        let UpstreamName::Loopback = self.upstream;
        Ok(crate::check::Question {
            route: self.route.clone(),
            reply: reply.to_owned(),
            time_limit: std::time::Duration::from_secs(self.timeout),
        })
    }
}

/// Runs the command and tells what went wrong, if anything did.
pub async fn run(cli: Cli) -> ExitCode {
    let result = match Context::of_this_process() {
        Ok(context) => dispatch(cli.command, &context).await,
        Err(failure) => Err(failure),
    };
    result.unwrap_or_else(|failure| {
        terminal::error(&failure.message, failure.hint.as_deref());
        failure.code
    })
}

async fn dispatch(command: Command, context: &Context) -> Result<ExitCode, Failure> {
    match command {
        Command::Releases(releases) => releases.run(context).await,
        Command::Check(check) => check.run(context).await,
        Command::Bisect(bisect) => bisect.run(context).await,
        Command::Pin(pin) => pin.run(context).await,
        Command::Pins(pins) => pins.run(context),
        Command::Apply(apply) => apply.run(context).await,
        Command::Undo(undo) => undo.run(context).await,
        Command::Cache(cache) => cache.run(context).await,
        Command::Loopback(serve) => serve.run(context).await,
    }
}
