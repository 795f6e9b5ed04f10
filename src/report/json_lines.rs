//! Events as JSON lines on stdout, for a program that follows along:
//!
//! ```text
//! {"format":1,"codexpin":"0.1.0","command":"check"}
//! {"at":"2026-05-19T12:00:00.5Z","since_start_ms":12,"event":"install-started","core":"2026.5.19"}
//! ...
//! {"format":1,...}
//! ```
//!
//! The first line names the format, the last one is the object that `--json`
//! prints; every line between them is an event.

use serde::Serialize;

use super::{FORMAT, terminal};
use crate::event::TimedEvent;

#[derive(Serialize)]
struct FirstLine<'a> {
    format: u32,
    codexpin: &'static str,
    command: &'a str,
}

/// Prints the line that names the format.
pub(super) fn begin(command: &str) {
    line(&FirstLine { format: FORMAT, codexpin: env!("CARGO_PKG_VERSION"), command });
}

/// Prints an event.
pub(super) fn event(event: &TimedEvent) {
    line(event);
}

/// Prints one object on one line.
pub(super) fn line(content: &impl Serialize) {
    match serde_json::to_string(content) {
        Ok(text) => terminal::print_json(&text),
        Err(error) => terminal::error(&format!("cannot write JSON: {error}"), None),
    }
}
