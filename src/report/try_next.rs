//! What an update would meet.

use std::fmt::Write as _;

use super::paint::Paint as _;
use super::{OutputForm, brief, check, print_if_json, terminal};
use crate::app::try_next::{NextReport, NextState};
use crate::verdict::Verdict;

/// Prints it, for a person or as JSON.
pub fn print(report: &NextReport, form: OutputForm) {
    if !print_if_json(form, report) {
        terminal::print(text(report).trim_end());
    }
}

fn text(report: &NextReport) -> String {
    let NextReport { installed, next, state } = report;
    match state {
        NextState::NothingNewer if next == installed => {
            format!("nothing newer: {installed} is installed, and an update would stay there\n")
        }
        NextState::NothingNewer => {
            format!("nothing newer: {installed} is installed, and an update would go to {next}\n")
        }
        NextState::KnownBad { first_bad, pin_file } => format!(
            "{}: {next} is the release that broke, by {pin_file}\n  why   {}: {}\n  next  {HOLD}\n",
            "bad".red().bold(),
            first_bad.signature,
            brief(&first_bad.evidence),
        ),
        NextState::Checked { check } => {
            let mut text = check::text(check);
            let _ = match check.verdict {
                Verdict::Good => writeln!(
                    text,
                    "  next  `openclaw update` goes there from {installed}; `codexpin pin installed` first makes {installed} what `codexpin apply` comes back to"
                ),
                Verdict::Bad { .. } => writeln!(text, "  next  {HOLD}"),
                Verdict::Skip { .. } => Ok(()),
            };
            text
        }
    }
}

const HOLD: &str = "`codexpin hold` keeps OpenClaw from updating itself to it";
