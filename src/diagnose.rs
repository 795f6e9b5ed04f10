//! What a log says: which known failures are in it, whose they are, in the order
//! in which to look at them, and what helps. Of any length, in bounded memory.
//!
//! ```text
//! bytes ─▶ blocks of whole lines ─▶ finder (one pass) ─▶ transcript::Line
//!       ─▶ catalogue, else sign ─▶ incident (cause and echoes) ─▶ findings ─▶ next steps
//! ```

mod finder;
mod incident;
pub mod next;
mod ownership;
mod scan;
pub mod since;
mod turns;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::catalogue::{FailureKind, Rank, Signature, Subject};
use crate::transcript::Depth;
pub use scan::Scan;

/// A known failure that a log shows.
#[derive(Debug, Clone, Serialize)]
pub struct LogFinding {
    /// What is known of it; kind, subject and remedy as they are meant in this log.
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
    /// The last line that shows it.
    #[serde(skip)]
    pub last_line: u64,
    /// Whether all its lines may be a person's prose about a log.
    #[serde(skip)]
    loose: bool,
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

/// How much a failure without a name matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Weight {
    /// A warning, or only an echo.
    #[default]
    Warns,
    /// Something failed.
    Fails,
    /// A turn, or the Gateway, ended with it.
    Ends,
}

/// A failure that the catalogue does not have.
#[derive(Debug, Clone, Serialize)]
pub struct UnknownFailure {
    /// The line nearest to its cause.
    #[serde(flatten)]
    pub quote: Quote,
    /// What it is in, as far as the line tells.
    pub subject: Subject,
    #[serde(skip)]
    depth: Depth,
    #[serde(skip)]
    weight: Weight,
    /// Whether it may be a person's prose about a log.
    #[serde(skip)]
    loose: bool,
}

/// What a log says.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Diagnosis {
    /// Known failures, in the order of the catalogue: an earlier one explains the later
    /// ones.
    pub findings: Vec<LogFinding>,
    /// What failed, where nothing known explains it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unknown: Option<UnknownFailure>,
    /// The last turn that ended with a reply.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answered: Option<Quote>,
    /// When the last line was written, where the log says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub newest: Option<Timestamp>,
    /// The release that the log names as the running one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release: Option<String>,
    /// How many lines were read.
    pub lines: u64,
    /// How many bytes were read.
    pub bytes: u64,
}

/// What was seen last so long before the newest failure is over.
const OVER: SignedDuration = SignedDuration::from_hours(1);
/// A log of fewer lines in which no turn ends cannot tell that all is well.
const SHORT: u64 = 50;
/// Nor can one that ended so long ago.
const OLD: SignedDuration = SignedDuration::from_hours(48);

/// What a log without a failure is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Silence {
    /// Turns ended well in it, or it is long enough.
    Tells,
    /// It is short, and no turn ends in it.
    TooShort,
    /// It ended long ago.
    TooOld(Timestamp),
}

impl Diagnosis {
    /// The finding to begin with: one that can be why nobody answers before one that
    /// cannot, what is not over before what is, a cause before how it ended.
    pub fn main(&self) -> Option<&LogFinding> {
        let failures = self.findings.iter().filter(|finding| !finding.is_noise());
        let of_nobodys_turn = |finding: &LogFinding| !finding.is_of_the_turn();
        let first = failures.min_by_key(|finding| {
            (of_nobodys_turn(finding), self.is_over(finding), finding.signature.generic)
        })?;
        // What ended a turn, and has no name, goes before what ends none.
        let unknown = self.unknown.as_ref().filter(|unknown| unknown.weight == Weight::Ends);
        (unknown.is_none() || first.is_of_the_turn()).then_some(first)
    }

    /// Whether something else is wrong by now, or nothing any more: it was not seen for an
    /// hour before the newest failure, or a turn was answered since.
    pub fn is_over(&self, finding: &LogFinding) -> bool {
        let failures = self.findings.iter().filter(|finding| !finding.is_noise());
        let newest = failures.filter_map(|finding| finding.last).max();
        let long_ago = match (finding.last, newest) {
            (Some(last), Some(newest)) => newest.duration_since(last) > OVER,
            _ => false,
        };
        // Only what stops every turn is disproved by one.
        let stops_turns = finding.signature.is_of_a_network()
            || matches!(
                finding.signature.subject,
                Subject::Route | Subject::Account | Subject::Service
            );
        long_ago || (stops_turns && self.answered_since(finding.last_line))
    }

    /// Whether a turn was answered after this line.
    pub fn answered_since(&self, line: u64) -> bool {
        self.answered.as_ref().is_some_and(|answered| answered.line > line)
    }

    /// What it is worth that no failure is in it.
    pub fn silence(&self, now: Timestamp) -> Silence {
        match self.newest {
            Some(newest) if now.duration_since(newest) > OLD => Silence::TooOld(newest),
            _ if self.answered.is_none() && self.lines < SHORT => Silence::TooShort,
            _ => Silence::Tells,
        }
    }
}

impl LogFinding {
    /// Whether it is only mentioned: such a line never makes a turn fail.
    pub fn is_noise(&self) -> bool {
        self.signature.kind == FailureKind::Cosmetic
    }

    /// Whether it can be why nobody answers.
    pub fn is_of_the_turn(&self) -> bool {
        ownership::is_of_the_turn(self.signature.subject)
    }
}
