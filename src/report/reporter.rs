//! Whoever is told the events of a command: a person at a terminal, and a program
//! that reads JSON lines.

use std::fmt;
use std::sync::{Arc, OnceLock};

use super::progress::ProgressDisplay;
use super::{OutputForm, json_lines, terminal};
use crate::event::{Clock, Events, TimedEvent};

/// Shows the events of one command. Clones show on the same lines.
#[derive(Clone)]
pub struct Reporter(Arc<Inner>);

struct Inner {
    form: OutputForm,
    display: ProgressDisplay,
    when_unread: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

impl Reporter {
    /// Begins to show the events of `command`: to a person on stderr, and with
    /// [`OutputForm::JsonLines`] to a program on stdout as well.
    pub fn start(form: OutputForm, command: &str) -> Self {
        if form == OutputForm::JsonLines {
            json_lines::begin(command);
        }
        let display = ProgressDisplay::default();
        Self(Arc::new(Inner { form, display, when_unread: OnceLock::new() }))
    }

    /// The stream that is shown here, with the time by `clock`.
    pub fn events(&self, clock: impl Clock + 'static) -> Events {
        let reporter = self.clone();
        Events::new(clock, move |event| reporter.show(&event))
    }

    /// What to do when nobody can read the JSON lines any more: stdout is closed or
    /// full. Only the first one counts.
    pub fn when_unread(&self, stop: impl Fn() + Send + Sync + 'static) {
        let _ = self.0.when_unread.set(Box::new(stop));
    }

    /// Shows what happened.
    pub fn show(&self, event: &TimedEvent) {
        self.0.display.show(event);
        if self.0.form == OutputForm::JsonLines {
            json_lines::event(event);
            if terminal::stdout_is_lost()
                && let Some(stop) = self.0.when_unread.get()
            {
                stop();
            }
        }
    }

    /// Takes the bars away; the lines stay. A later event brings bars back.
    pub fn end(&self) {
        self.0.display.end();
    }
}

impl fmt::Debug for Reporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reporter")
    }
}
