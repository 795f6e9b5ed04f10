//! How a command's events and its result are shown.

use std::pin::Pin;
use std::sync::Arc;

use super::VerboseArgument;
use crate::app::AppError;
use crate::app::context::Watching;
use crate::event::{Event, Events, SystemClock};
use crate::exit_code::ExitCode;
use crate::explain::Class;
use crate::report::reporter::Reporter;
use crate::report::{OutputForm, terminal};

/// How a result is printed, for every command that can print JSON.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub(super) struct JsonArgument {
    /// Print one JSON object.
    #[arg(long)]
    pub(super) json: bool,
}

/// The same for a command whose events a program can follow.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub(super) struct OutputArguments {
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    /// Print a JSON object a line: first one that names the format, then each event as
    /// it happens, last the object that --json prints.
    #[arg(long, conflicts_with = "json")]
    json_lines: bool,
}

impl OutputArguments {
    pub(super) fn form(self) -> OutputForm {
        match (self.json, self.json_lines) {
            (_, true) => OutputForm::JsonLines,
            (true, false) => OutputForm::Json,
            (false, false) => OutputForm::Text,
        }
    }
}

/// Shows one command: its events as they come, then its result.
#[derive(Debug)]
pub(super) struct CommandOutput {
    pub(super) form: OutputForm,
    reporter: Reporter,
    clock: SystemClock,
    events: Events,
}

impl CommandOutput {
    pub(super) fn start(form: OutputForm, command: &str) -> Self {
        let clock = SystemClock::start();
        let reporter = Reporter::start(form, command);
        let events = reporter.events(clock);
        Self { form, reporter, clock, events }
    }

    /// What the work is watched with.
    pub(super) fn watching(&self, verbose: VerboseArgument) -> Watching {
        Watching {
            events: self.events.clone(),
            clock: Arc::new(self.clock),
            show_log: verbose.verbose.then(|| Box::new(terminal::say) as Box<_>),
        }
    }

    /// Has the work stop where nobody can read its events any more.
    pub(super) fn stop_when_unread(&self, stop: impl Fn() + Send + Sync + 'static) {
        self.reporter.when_unread(stop);
    }

    /// Waits for the work, and takes its bars away before anything is printed.
    pub(super) fn of<'a, T: 'a>(
        &'a self,
        work: impl Future<Output = T> + 'a,
    ) -> Pin<Box<dyn Future<Output = T> + 'a>> {
        Box::pin(async {
            let result = work.await;
            self.reporter.end();
            result
        })
    }

    /// The exit status at the end; what went wrong is shown.
    pub(super) fn end(&self, result: Result<ExitCode, AppError>) -> ExitCode {
        self.reporter.end();
        let result = match (result, terminal::stdout_error()) {
            // A result that nobody got is none; and a full disk is what stopped the work.
            (Ok(_), Some(why)) => Err(AppError::unwritten(why)),
            (Err(error), Some(why)) if error.class() == Class::Interrupted => {
                Err(AppError::unwritten(why).maybe_hint(error.hint().map(str::to_owned)))
            }
            (result, _) => result,
        };
        result.unwrap_or_else(|error| {
            let exit_code = ExitCode::from(error.class());
            self.events.tell(Event::Failed {
                message: error.to_string(),
                hint: error.hint().map(str::to_owned),
                exit_status: exit_code.number(),
            });
            exit_code
        })
    }
}
