//! The command line: one file a command, from arguments to a plain request, a call of
//! [`crate::app`] and an exit code. clap lives here only.

mod apply;
mod bisect;
mod cache;
mod check;
mod diagnose;
mod doctor;
pub mod exit;
mod hold;
mod login;
mod loopback;
mod output;
mod pin;
mod question;
mod releases;
mod report;
mod routes;
mod scan;
mod session_log;
mod sessions;
mod signals;
mod signatures;
mod status;
mod try_next;
mod upstream;

use std::sync::Arc;

use camino::Utf8PathBuf;
use clap::{Parser, Subcommand};

use crate::app::AppError;
use crate::app::context::Context;
use crate::apply::Operation;
use crate::exit_code::ExitCode;
use crate::report::OutputForm;
use output::CommandOutput;

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
    #[command(flatten)]
    verbose: VerboseArgument,
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
    /// Ask every release of a line, and show where it breaks and where it is mended.
    Scan(scan::ScanArguments),
    /// List the sessions, what they found, and how to go on with those that were cut short.
    Sessions(sessions::SessionsArguments),
    /// Print a session's journal, one line a check.
    Log(session_log::LogArguments),
    /// Feed a journal, also one from another machine, to its search, and say what that finds.
    Replay(session_log::ReplayArguments),
    /// Ask, in scratch, the release that an update would go to. Made for a timer: it changes
    /// nothing.
    TryNext(try_next::TryNextArguments),
    /// Check a release and make it the current pin.
    Pin(pin::PinArguments),
    /// List the pins.
    Pins(pin::Pins),
    /// Write a session up as an issue, in Markdown that is safe to paste.
    Report(report::Report),

    /// Say what runs here, and how it stands to the pin.
    Status(status::StatusArguments),
    /// Roll this machine to the current pin, with backup and proof.
    Apply(apply::ApplyArguments),
    /// Put back what the last apply replaced.
    Undo(apply::UndoArguments),
    /// Keep OpenClaw from updating itself.
    Hold(hold::HoldArguments),
    /// Let OpenClaw update itself again, as it did before.
    Unhold(hold::HoldArguments),
    /// List what was done here, and what its backups take on disk.
    History(status::HistoryArguments),
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

/// Whether the log of codexpin's own doings is shown.
#[derive(Debug, Clone, Copy, clap::Args)]
struct VerboseArgument {
    /// Show what codexpin itself does, line by line: the programs that it starts, and
    /// how long each step takes.
    #[arg(long, short, global = true)]
    verbose: bool,
}

/// Runs the command and tells what went wrong, if anything did.
pub async fn run(cli: Cli) -> ExitCode {
    let output = CommandOutput::start(cli.command.form(), cli.command.name());
    let watching = output.watching(cli.verbose);
    let result = match Context::of_this_process(cli.signatures, watching).map(Arc::new) {
        Ok(context) => {
            signals::heed(Arc::clone(&context));
            if cli.command.stops_unread() {
                let stop = context.stop.clone();
                output.stop_when_unread(move || stop.cancel());
            }
            Box::pin(dispatch(cli.command, &context, &output)).await
        }
        Err(failure) => Err(failure),
    };
    output.end(result)
}

impl Command {
    fn form(&self) -> OutputForm {
        match self {
            Self::Check(check) => check.output.form(),
            Self::Bisect(bisect) => bisect.output.form(),
            Self::Resume(resume) => resume.output.form(),
            Self::Scan(scan) => scan.output.form(),
            Self::TryNext(next) => next.output.form(),
            Self::Apply(apply) => apply.output.form(),
            Self::Undo(undo) => undo.output.form(),
            Self::Hold(hold) | Self::Unhold(hold) => hold.output.form(),
            Self::Releases(releases) => OutputForm::from(releases.output.json),
            Self::Routes(routes) => OutputForm::from(routes.output.json),
            Self::Sessions(sessions) => OutputForm::from(sessions.output.json),
            Self::Log(log) => OutputForm::from(log.output.json),
            Self::Replay(replay) => OutputForm::from(replay.output.json),
            Self::Status(status) => OutputForm::from(status.output.json),
            Self::History(history) => OutputForm::from(history.output.json),
            Self::Doctor(doctor) => OutputForm::from(doctor.output.json),
            Self::Diagnose(diagnose) => OutputForm::from(diagnose.output.json),
            Self::Pins(pins) => OutputForm::from(pins.output.json),
            Self::Signatures(signatures) => OutputForm::from(signatures.output.json),
            Self::Cache(cache) => OutputForm::from(cache.output().json),
            _ => OutputForm::Text,
        }
    }

    /// The commands whose events a program can follow, by name.
    fn name(&self) -> &'static str {
        match self {
            Self::Check(_) => "check",
            Self::Bisect(_) => "bisect",
            Self::Resume(_) => "resume",
            Self::Scan(_) => "scan",
            Self::TryNext(_) => "try-next",
            Self::Apply(_) => "apply",
            Self::Undo(_) => "undo",
            Self::Hold(_) => "hold",
            Self::Unhold(_) => "unhold",
            _ => "",
        }
    }

    /// Whether its work is worth nothing without a reader. A machine that is being
    /// changed is brought to an end all the same.
    fn stops_unread(&self) -> bool {
        matches!(
            self,
            Self::Check(_) | Self::Bisect(_) | Self::Resume(_) | Self::Scan(_) | Self::TryNext(_)
        )
    }
}

async fn dispatch(
    command: Command,
    context: &Context,
    output: &CommandOutput,
) -> Result<ExitCode, AppError> {
    match command {
        Command::Releases(releases) => releases.run(context, output).await,
        Command::Routes(routes) => routes.run(context, output).await,
        Command::Check(check) => check.run(context, output).await,
        Command::Doctor(doctor) => doctor.run(context, output).await,
        Command::Login(login) => login.run(context, output).await,
        Command::Bisect(bisect) => Box::pin(bisect.run(context, output)).await,
        Command::Resume(resume) => Box::pin(resume.run(context, output)).await,
        Command::Scan(scan) => Box::pin(scan.run(context, output)).await,
        Command::TryNext(next) => Box::pin(next.run(context, output)).await,
        Command::Sessions(sessions) => Ok(sessions.run(context)),
        Command::Log(log) => log.run(context, output),
        Command::Replay(replay) => replay.run(context, output),
        Command::Pin(pin) => pin.run(context, output).await,
        Command::Pins(pins) => pins.run(context, output),
        Command::Report(report) => report.run(context).await,
        Command::Apply(apply) => Box::pin(apply.run(context, output)).await,
        Command::Undo(undo) => Box::pin(undo.run(context, output)).await,
        Command::Hold(hold) => Box::pin(hold.run(context, output, Operation::Hold)).await,
        Command::Unhold(hold) => Box::pin(hold.run(context, output, Operation::Unhold)).await,
        Command::Status(status) => Box::pin(status.run(context, output)).await,
        Command::History(history) => history.run(context, output).await,
        Command::Diagnose(diagnose) => diagnose.run(context, output).await,
        Command::Signatures(signatures) => signatures.run(context, output),
        Command::Cache(cache) => cache.run(context, output).await,
        Command::Loopback(serve) => serve.run(context).await,
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
