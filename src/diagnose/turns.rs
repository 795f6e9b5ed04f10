//! The turns of a log that began and have not ended: one that hangs leaves no other trace.

use jiff::{SignedDuration, Timestamp};

use super::{Quote, UnknownFailure, Weight};
use crate::catalogue::Subject;
use crate::transcript::{self, Depth, Line};

/// A turn that began so long before the log's end, and did not end, hangs.
const HANGS: SignedDuration = SignedDuration::from_mins(10);
/// So many turns are watched at once.
const TURNS: usize = 64;

/// Turns that began, by their runs.
#[derive(Debug, Default)]
pub(super) struct OpenTurns(Vec<(String, Quote)>);

impl OpenTurns {
    /// Takes in a line, which is of this run; `quote` quotes it.
    pub(super) fn watch(&mut self, line: &Line, run: Option<&str>, quote: impl FnOnce() -> Quote) {
        if let Some(begun) = transcript::turn_begun(&line.text) {
            if self.0.len() == TURNS {
                self.0.remove(0);
            }
            self.0.push((begun.to_owned(), quote()));
        } else if let Some(run) = run
            && line.text.contains("end")
        {
            self.0.retain(|(begun, _)| begun != run);
        }
    }

    /// The turn that began first and has not ended long after.
    pub(super) fn hung(&self, now: Timestamp) -> Option<UnknownFailure> {
        let hangs =
            |begun: &&(String, Quote)| begun.1.at.is_some_and(|at| now.duration_since(at) > HANGS);
        let (_, begun) = self.0.iter().find(hangs)?;
        let minutes = now.duration_since(begun.at?).as_mins();
        let text = format!("{} (no end of it {minutes} minutes later)", begun.text);
        Some(UnknownFailure {
            quote: Quote { text, ..begun.clone() },
            subject: Subject::Route,
            depth: Depth::Said,
            weight: Weight::Ends,
            loose: false,
        })
    }
}
