//! Lines that belong together: what failed, and what followed from it.

use jiff::{SignedDuration, Timestamp};

use super::{LogFinding, UnknownFailure, Weight};
use crate::catalogue::Subject;
use crate::transcript::Depth;

/// Lines that name no run belong to what failed this near before them.
const NEAR_LINES: u64 = 30;
/// And no longer ago than this.
const NEAR_TIME: SignedDuration = SignedDuration::from_secs(60);

/// Which finding: its signature's place in the table, and what it is in.
pub(super) type FindingKey = (usize, Subject);

/// One failure with its echoes, as far as it has been read.
#[derive(Debug, Default)]
pub(super) struct Incident {
    run: Option<String>,
    last_line: u64,
    last_at: Option<Timestamp>,
    /// Whether its cause is known: all else that is said in it follows from that.
    pub(super) explained: bool,
    /// What was found in it that gives way to a cause, and how it was before.
    pub(super) provisional: Vec<(FindingKey, Option<LogFinding>)>,
    /// The line nearest to the cause, where nothing in the catalogue names it.
    pub(super) unknown: Option<UnknownFailure>,
}

impl Incident {
    /// Whether a line is of the same failure. Only what the line itself says counts, so
    /// that it does not matter how the log was cut.
    pub(super) fn takes(&self, run: Option<&str>, line: u64, at: Option<Timestamp>) -> bool {
        if let (Some(own), Some(run)) = (self.run.as_deref(), run) {
            return own == run;
        }
        let soon = match (self.last_at, at) {
            (Some(last), Some(at)) => at.duration_since(last).abs() <= NEAR_TIME,
            _ => true,
        };
        self.last_line > 0 && line.saturating_sub(self.last_line) <= NEAR_LINES && soon
    }

    pub(super) fn goes_on(&mut self, run: Option<&str>, line: u64, at: Option<Timestamp>) {
        if self.run.is_none() {
            self.run = run.map(str::to_owned);
        }
        self.last_line = line;
        self.last_at = at.or(self.last_at);
    }

    /// Keeps what is nearer to the cause; of two that are alike, the earlier one.
    pub(super) fn add_unknown(
        &mut self,
        depth: Depth,
        weight: Weight,
        failure: impl FnOnce() -> UnknownFailure,
    ) {
        match &mut self.unknown {
            Some(known) if known.depth <= depth => known.weight = known.weight.max(weight),
            known => {
                let weight = known.as_ref().map_or(weight, |known| known.weight.max(weight));
                *known = Some(UnknownFailure { weight, ..failure() });
            }
        }
    }
}
