//! The command line: one file a command, from arguments to a request, a call
//! and an exit code. clap lives here only.

mod apply;
mod bisect;
mod cache;
mod changes;
mod check;
mod context;
mod diagnose;
mod doctor;
mod lab;
mod live;
mod login;
mod loopback;
mod pin;
mod question;
mod releases;
mod report;
mod routes;
mod signatures;
mod size;
mod standalone;
mod upstream;

use camino::Utf8PathBuf;
use clap::{Parser, Subcommand};

use crate::app::AppError;
use crate::exit_code::ExitCode;
use crate::report::terminal;
use context::Context;

/// Find the OpenClaw release where the agent stopped answering, pin the last
/// good one, roll back to it.
#[derive(Debug, Parser)]
#[command(name = "codexpin", version, max_term_width = 100, arg_required_else_help = true)]
#[command(
    after_help = "Start with:\n  codexpin bisect 2026.5.18 2026.7.1    find the first bad release, pin the last good one\n  codexpin apply                        roll this machine back to the pin"
)]
pub struct Cli {
    /// Failures that you know, besides the built-in ones. [default:
    /// ~/.config/codexpin/signatures.toml, if it is there]
    #[arg(long, value_name = "FILE", global = true)]
    signatures: Option<Utf8PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the releases that the registry has.
    #[command(visible_alias = "ls")]
    Releases(releases::ReleasesArguments),
    /// Show which routes a release knows.
    Routes(routes::Routes),
    /// Ask one release for a reply: exit 0 good, 1 bad, 125 skip.
    Check(check::Check),
    /// Say what is wrong with the live installation, without changing it.
    Doctor(doctor::Doctor),
    /// Give codexpin a login of its own, to be lent instead of the live one.
    Login(login::LoginArguments),
    /// Find the first bad release between a good and a bad one, and pin the last good one.
    Bisect(bisect::Bisect),
    Resume(bisect::Resume),
    /// Check a release and make it the current pin.
    Pin(pin::PinArguments),
    /// List the pins.
    Pins(pin::Pins),
    /// Write a session up as an issue, in Markdown that is safe to paste.
    Report(report::Report),

    /// Roll this machine to the current pin, with backup and proof.
    Apply(apply::ApplyArguments),
    /// Put back what the last apply replaced.
    Undo(apply::UndoArguments),
    Diagnose(diagnose::Diagnose),
    /// Show the failures that codexpin knows by name.
    Signatures(signatures::Signatures),
    /// Look at, or trim, what is kept on disk.
    Cache(cache::Cache),
    /// Run the loopback upstream in the foreground.
    #[command(hide = true)]
    Loopback(loopback::Serve),

    // Words that are typed first, and are no commands.
    #[command(hide = true)]
    Status(NoCommandArguments),
    #[command(hide = true)]
    Rollback(NoCommandArguments),
    #[command(hide = true)]
    Rescue(NoCommandArguments),
}

/// Whatever follows a word that is no command.
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
struct NoCommandArguments {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    _rest: Vec<String>,
}

/// Leads from the word that was typed to the command that does it.
fn no_command(word: &str, hint: &str) -> AppError {
    AppError::usage(format!("there is no `codexpin {word}`")).with_hint(hint)
}

/// The pin file, for every command that reads or writes it.
#[derive(Debug, Clone, clap::Args)]
struct PinFileArgument {
    /// The pin file.
    #[arg(long, value_name = "FILE", default_value = crate::pin::FILE_NAME)]
    pin_file: Utf8PathBuf,
}

/// Runs the command and tells what went wrong, if anything did.
pub async fn run(cli: Cli) -> ExitCode {
    let result = match Context::of_this_process(cli.signatures) {
        Ok(context) => Box::pin(dispatch(cli.command, &context)).await,
        Err(failure) => Err(failure),
    };
    result.unwrap_or_else(|error| {
        terminal::error(&error.to_string(), error.hint());
        ExitCode::from(error.class())
    })
}

async fn dispatch(command: Command, context: &Context) -> Result<ExitCode, AppError> {
    match command {
        Command::Releases(releases) => releases.run(context).await,
        Command::Routes(routes) => routes.run(context).await,
        Command::Check(check) => check.run(context).await,
        Command::Doctor(doctor) => doctor.run(context).await,
        Command::Login(login) => login.run(context).await,
        Command::Bisect(bisect) => Box::pin(bisect.run(context)).await,
        Command::Resume(resume) => Box::pin(resume.run(context)).await,
        Command::Pin(pin) => pin.run(context).await,
        Command::Pins(pins) => pins.run(context),
        Command::Report(report) => report.run(context).await,
        Command::Apply(apply) => Box::pin(apply.run(context)).await,
        Command::Undo(undo) => Box::pin(undo.run(context)).await,
        Command::Diagnose(diagnose) => diagnose.run(context).await,
        Command::Signatures(signatures) => signatures.run(context),
        Command::Cache(cache) => cache.run(context).await,
        Command::Loopback(serve) => serve.run(context).await,
        Command::Status(_) => Err(no_command(
            "status",
            "`codexpin doctor` says what is wrong here; `codexpin check live` asks the live installation for a reply",
        )),
        Command::Rollback(_) => Err(no_command(
            "rollback",
            "`codexpin apply` rolls this machine to the current pin; `codexpin undo` takes the last apply back",
        )),
        Command::Rescue(_) => Err(no_command(
            "rescue",
            "first `codexpin doctor`, then `codexpin check live`; `codexpin apply` rolls this machine to the current pin",
        )),
    }
}
