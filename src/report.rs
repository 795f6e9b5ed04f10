//! The only code that prints: what a person reads at night, and what a program
//! reads. The answer first, then why, then what to do next.
//!
//! stdout is data, stderr is people. Colours are dropped where no terminal is
//! (`NO_COLOR` and `CLICOLOR_FORCE` are honoured); nothing means anything by
//! colour alone.

pub mod apply;
pub mod bisect;
pub mod cache;
pub mod changes;
pub mod check;
pub mod diagnose;
pub mod doctor;
mod egress;
mod history;
pub mod issue;
mod json_lines;
pub mod login;
pub mod loopback;
mod markdown;
mod options;
mod paint;
pub mod pins;
pub mod progress;
pub mod releases;
pub mod reporter;
pub mod routes;
pub mod scan;
pub mod session_log;
pub mod sessions;
pub mod signatures;
pub mod status;
pub mod terminal;
pub mod try_next;

use std::time::Duration;

use serde::Serialize;

use crate::verdict::{Evidence, Failure};

/// The format of every JSON object that codexpin prints.
const FORMAT: u32 = 1;

/// One versioned JSON object.
#[derive(Serialize)]
struct Versioned<T: Serialize> {
    format: u32,
    #[serde(flatten)]
    content: T,
}

/// How a result is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OutputForm {
    /// For a person.
    #[default]
    Text,
    /// One JSON object.
    Json,
    /// The same object on one line, after a line for each event.
    JsonLines,
}

impl From<bool> for OutputForm {
    /// By whether `--json` is given.
    fn from(json: bool) -> Self {
        if json { Self::Json } else { Self::Text }
    }
}

fn print_json(content: &impl Serialize) {
    match serde_json::to_string_pretty(&Versioned { format: FORMAT, content }) {
        Ok(text) => terminal::print_json(&text),
        Err(error) => terminal::error(&format!("cannot write JSON: {error}"), None),
    }
}

/// Prints a result as JSON if that is its form; false where it is for a person.
fn print_if_json(form: OutputForm, content: &impl Serialize) -> bool {
    match form {
        OutputForm::Text => return false,
        OutputForm::Json => print_json(content),
        OutputForm::JsonLines => json_lines::line(&Versioned { format: FORMAT, content }),
    }
    true
}

/// `7.1 s`, `48 s`, `3 min 12 s`.
fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds < 10.0 {
        format!("{seconds:.1} s")
    } else if seconds < 60.0 {
        format!("{seconds:.0} s")
    } else {
        let whole = duration.as_secs();
        format!("{} min {} s", whole / 60, whole % 60)
    }
}

/// `2026-11-27 10:20 UTC`.
fn minute(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// `stderr line 8`, `upstream request 2`, `reply`.
fn place(evidence: &Evidence) -> String {
    match (evidence.source, evidence.line) {
        (crate::verdict::EvidenceSource::Upstream, Some(line)) => {
            format!("upstream request {line}")
        }
        (source, Some(line)) => format!("{source} line {line}"),
        (source, None) => source.to_string(),
    }
}

/// A failure in two lines: what it is, and the line that decided.
fn failure_lines(failure: &Failure) -> [String; 2] {
    let title = format!("{}  [{}]", failure.title, failure.key());
    let evidence = format!("{}  ({})", failure.evidence.text, place(&failure.evidence));
    [title, evidence]
}

/// The beginning of a long line: the whole of it is in the ending.
fn brief(text: &str) -> String {
    const LONGEST: usize = 64;
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", text[..at].trim_end()),
        None => text.to_owned(),
    }
}

/// `1 check`, `3 checks`.
pub(crate) fn counted(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_as_exact_as_a_reader_needs() {
        for (ms, text) in [(7_123, "7.1 s"), (48_400, "48 s"), (192_000, "3 min 12 s")] {
            assert_eq!(duration(Duration::from_millis(ms)), text);
        }
    }
}
