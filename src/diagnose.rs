//! What a log says: which known failures are in it, of which kind, in the order
//! in which to look at them. Of any length, in bounded memory.
//!
//! ```text
//! bytes ─▶ blocks of whole lines ─▶ finder (one pass) ─▶ line ─▶ catalogue ─▶ findings
//! ```

mod finder;
mod line;
mod scan;
pub mod since;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::catalogue::{FailureKind, Rank, Signature};
pub use scan::Scan;

/// A known failure that a log shows.
#[derive(Debug, Clone, Serialize)]
pub struct LogFinding {
    /// What is known of it.
    #[serde(flatten)]
    pub signature: Signature,
    /// How many lines show it.
    pub count: u64,
    /// Whether only OpenClaw's own summary says it.
    #[serde(skip)]
    pub rank: Rank,
    /// The line that shows it first.
    pub first: Quote,
    /// When it was seen last, where the log says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<Timestamp>,
}

/// A line that is quoted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Quote {
    /// Its number, from 1.
    pub line: u64,
    /// When it was written, where the log says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// What matters of it.
    pub text: String,
}

/// What a log says.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Diagnosis {
    /// Known failures, in the order of the catalogue: an earlier one explains the later
    /// ones.
    pub findings: Vec<LogFinding>,
    /// The last line that speaks of an error, where nothing known was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unknown: Option<Quote>,
    /// How many lines were read.
    pub lines: u64,
    /// How many bytes were read.
    pub bytes: u64,
}

/// What was seen last so long before the newest failure is over.
const OVER: SignedDuration = SignedDuration::from_hours(1);

impl Diagnosis {
    /// The finding to begin with: the first that is no noise and not over.
    pub fn main(&self) -> Option<&LogFinding> {
        self.findings.iter().find(|finding| !finding.is_noise() && !self.is_over(finding))
    }

    /// Whether it was not seen for an hour before the newest failure: something
    /// else is wrong by now.
    pub fn is_over(&self, finding: &LogFinding) -> bool {
        let failures = self.findings.iter().filter(|finding| !finding.is_noise());
        let newest = failures.filter_map(|finding| finding.last).max();
        match (finding.last, newest) {
            (Some(last), Some(newest)) => newest.duration_since(last) > OVER,
            _ => false,
        }
    }
}

impl LogFinding {
    /// Whether it is only mentioned: such a line never makes a turn fail.
    pub fn is_noise(&self) -> bool {
        self.signature.kind == FailureKind::Cosmetic
    }
}
