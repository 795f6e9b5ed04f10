//! Whether the newest releases answer again.

use std::fmt::Write as _;

use super::SessionEnding;
use crate::release::Version;
use crate::session::newest::{NewestRelease, NewestState};
use crate::verdict::Failure;

impl SessionEnding<'_> {
    /// A line for each thing that is known of them; nothing where they were left out.
    pub(super) fn whether_mended(&self, text: &mut String, first_bad: Version) {
        let own =
            self.conclusion.checks.iter().find(|check| check.counts && check.core == first_bad);
        let own = own.and_then(|check| check.verdict.failure());
        for line in lines(self.newest, first_bad, own) {
            let _ = writeln!(text, "{line}");
        }
    }

    /// The command that goes forward, where that is open.
    pub(super) fn forward(&self, text: &mut String) {
        let answers = |newest: &&NewestRelease| newest.state == NewestState::Answers;
        // A stable one comes first.
        if let Some(NewestRelease { core, .. }) = self.newest.iter().find(answers) {
            let _ = writeln!(
                text,
                "      codexpin pin {core:<13} or go forward: pin it, then codexpin apply"
            );
        }
    }
}

/// The same for any report. `own` is the failure of the first bad release.
pub(in crate::report) fn lines(
    newest: &[NewestRelease],
    first_bad: Version,
    own: Option<&Failure>,
) -> Vec<String> {
    let mut lines = Vec::new();
    let mut still_bad = Vec::new();
    for NewestRelease { core, state } in newest {
        match state {
            NewestState::Fails { .. } if *core == first_bad => {
                lines.push(format!("nothing newer than {core} to go forward to"));
            }
            NewestState::Fails { failure } => {
                let other = own.is_some_and(|own| own.key() != failure.key());
                let how = if other { format!(" ({})", failure.key()) } else { String::new() };
                still_bad.push(format!("{core}{how}"));
            }
            NewestState::Answers => lines.push(format!("fixed in {core}: going forward is open")),
            NewestState::Flakes => {
                lines.push(format!("{core} answers now and then, and fails now and then"));
            }
            NewestState::NotJudged { why } => {
                lines.push(format!("whether {core} is fixed could not be judged: {why}"));
            }
            NewestState::NotAsked { why } => {
                lines.push(format!("whether {core} is fixed was not asked: {why}"));
            }
        }
    }
    if !still_bad.is_empty() {
        lines.insert(0, format!("still bad in {}", still_bad.join(" and in ")));
    }
    lines
}
