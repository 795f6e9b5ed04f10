//! Writing to stdout and stderr: colours dropped where they do not belong, never a
//! secret, and no escape but codexpin's own colours.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the one place that prints")]

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::{Mutex, MutexGuard, PoisonError};

use indicatif::{MultiProgress, ProgressDrawTarget};

use super::paint::{Paint as _, rendered};
use crate::redact;
use crate::visible;

/// Why stdout can no longer be written to. Kept beside stdout, which is one for the process.
static STDOUT_ERROR: Mutex<Option<io::Error>> = Mutex::new(None);

/// A line of data. Where it cannot be written, [`stdout_is_lost`] and
/// [`stdout_error`] say so.
pub fn print(text: &str) {
    write_line(&shown(text));
}

/// The same for JSON.
pub(super) fn print_json(text: &str) {
    write_line(&redact::line(&visible::json(text)));
}

/// The same for what a program goes on with, such as a path of codexpin's own. A
/// terminal, which is no program, is spared what it would obey.
pub fn print_as_it_is(text: &str) {
    let at_terminal = io::stdout().is_terminal();
    write_line(&if at_terminal { visible::text(text) } else { text.into() });
}

/// Without secrets, and with nothing in it that a terminal obeys but codexpin's colours.
fn shown(text: &str) -> String {
    redact::line(&rendered(text)).into_owned()
}

fn write_line(text: &str) {
    let mut stdout = anstream::stdout();
    if let Err(error) = writeln!(stdout, "{text}").and_then(|()| stdout.flush()) {
        // The first error is the cause of those after it.
        lost().get_or_insert(error);
    }
}

fn lost() -> MutexGuard<'static, Option<io::Error>> {
    STDOUT_ERROR.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether something could not be written to stdout.
pub fn stdout_is_lost() -> bool {
    lost().is_some()
}

/// Why data could not be written to stdout. A reader that went away is no error.
pub fn stdout_error() -> Option<String> {
    let lost = lost();
    let error = lost.as_ref().filter(|error| error.kind() != io::ErrorKind::BrokenPipe)?;
    Some(format!("cannot write to stdout: {error}"))
}

/// The bars on this terminal, while there are any. There is one terminal, and a
/// line that is written without regard to them (a Ctrl-C is answered from
/// another task) would tear them apart.
static BARS: Mutex<Option<MultiProgress>> = Mutex::new(None);

fn bars() -> MutexGuard<'static, Option<MultiProgress>> {
    BARS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Begins to draw bars on stderr.
pub(super) fn begin_bars() -> MultiProgress {
    let drawn = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
    *bars() = Some(drawn.clone());
    drawn
}

/// No bars are drawn any more; those that are there go.
pub fn end_bars() {
    if let Some(drawn) = bars().take() {
        // A terminal that went away has no bars to clear.
        let _ = drawn.clear();
    }
}

/// A line for the person at the terminal; above the bars, where there are any.
pub fn say(text: &str) {
    let text = shown(text);
    let write = || {
        let _ = writeln!(anstream::stderr(), "{text}");
    };
    match bars().as_ref() {
        Some(drawn) => drawn.suspend(write),
        None => write(),
    }
}

/// A remark beside the work.
pub fn note(text: &str) {
    say(&format!("{} {text}", "note:".dimmed()));
}

/// Something that the reader should know and that stops nothing.
pub fn warning(text: &str) {
    say(&format!("{} {text}", "warning:".yellow().bold()));
}

/// What went wrong, and what to do about it.
pub fn error(message: &str, hint: Option<&str>) {
    say(&format!("{} {message}", "error:".red().bold()));
    if let Some(hint) = hint {
        say(&format!("{} {hint}", "hint:".cyan().bold()));
    }
}

/// How many columns a line on stdout has: those of the terminal, or 80.
pub(super) fn stdout_width() -> usize {
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok();
    let columns = size.map(|size| usize::from(size.ws_col)).filter(|columns| *columns > 0);
    columns.unwrap_or(80)
}

/// Whether a person is looking at stdout, and not a program.
pub(super) fn is_stdout_watched() -> bool {
    io::stdout().is_terminal()
}

/// Whether a person is looking at stderr.
pub fn is_watched() -> bool {
    std::io::stderr().is_terminal()
}

/// Asks for a yes. Without a terminal on both sides there is nobody to ask.
pub fn confirm(question: &str) -> Option<bool> {
    if !std::io::stdin().is_terminal() || !is_watched() {
        return None;
    }
    let _ = write!(anstream::stderr(), "{} [y/N] ", shown(question));
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).ok()?;
    Some(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}
