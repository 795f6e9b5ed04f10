//! From an observation to a verdict: good, bad with a failure, or skip with a
//! reason. Pure, and the heart of what codexpin promises: a release is blamed
//! only for what is its own.
//!
//! In this order: the pass rule; what the upstream saw; the earliest line of
//! the output that the [catalogue](crate::catalogue) knows, raw words before
//! friendly ones; then what remains, an unknown failure with its best line and
//! a fingerprint that tells it from other unknown ones.

mod evidence;
mod fingerprint;
mod judge;
mod pass;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::search::Mark;
pub use judge::{judge, judge_all, passes};

/// What a check says about a candidate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "verdict")]
pub enum Verdict {
    /// It answers.
    Good,
    /// It does not, and that is its own failure.
    Bad {
        /// What failed.
        failure: Failure,
    },
    /// It could not be judged.
    Skip {
        /// Why not.
        reason: SkipReason,
    },
}

/// A failure with its evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Its name in the catalogue, or `unknown`.
    pub signature: String,
    /// What is wrong, in one line.
    pub title: String,
    /// The line that decided.
    pub evidence: Evidence,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// Whether the configuration has its part in it: another setting may answer.
    pub of_route: bool,
    /// What tells it from others of its signature. Of an unknown failure: what its best line
    /// is without numbers, names and paths, shortened to eight hexadecimal digits; of a
    /// check command: its exit status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
}

impl Failure {
    /// Identifies it among other failures: its name, and its fingerprint where it has one.
    pub fn key(&self) -> String {
        match &self.fingerprint {
            Some(fingerprint) => format!("{}-{fingerprint}", self.signature),
            None => self.signature.clone(),
        }
    }
}

/// A quoted line and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// Which output.
    pub source: EvidenceSource,
    /// The line's number there, from 1; in `upstream` the request's number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// The line, shortened.
    pub text: String,
}

/// Where evidence was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EvidenceSource {
    /// The agent's stdout.
    Stdout,
    /// The agent's stderr.
    Stderr,
    /// What the Gateway wrote.
    Gateway,
    /// What the upstream saw.
    Upstream,
    /// The reply and what it says of itself.
    Reply,
    /// How the process ended.
    Process,
}

impl fmt::Display for EvidenceSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
            Self::Gateway => "gateway",
            Self::Upstream => "upstream",
            Self::Reply => "reply",
            Self::Process => "process",
        })
    }
}

/// Why a candidate could not be judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "reason")]
pub enum SkipReason {
    /// npm cannot install it here.
    CannotInstall {
        /// npm's reason, in one line.
        why: String,
    },
    /// A piece of it is missing that the registry does not have.
    Incomplete {
        /// What it said.
        failure: Failure,
    },
    /// A piece of it is missing that the route cannot do without.
    Missing {
        /// The piece.
        piece: String,
    },
    /// codexpin stopped it, because it took more of the machine than it may.
    Limited {
        /// What it took.
        why: String,
    },
    /// The user's own check command says so.
    CommandSaysSo,
    /// The machine, the network or the account.
    NotTheRelease {
        /// What is in the way.
        failure: Failure,
    },
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CannotInstall { why } => write!(f, "cannot be installed here: {why}"),
            Self::Incomplete { failure } => write!(f, "incomplete candidate: {}", failure.title),
            Self::Missing { piece } => write!(f, "incomplete candidate: {piece}"),
            Self::Limited { why } => write!(f, "codexpin stopped it: {why}"),
            Self::CommandSaysSo => f.write_str("the check command says skip (125)"),
            Self::NotTheRelease { failure } => f.write_str(&failure.title),
        }
    }
}

impl SkipReason {
    /// The failure behind it, where the candidate was asked at all.
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::CannotInstall { .. }
            | Self::Missing { .. }
            | Self::Limited { .. }
            | Self::CommandSaysSo => None,
            Self::Incomplete { failure } | Self::NotTheRelease { failure } => Some(failure),
        }
    }
}

impl Verdict {
    /// What the search makes of it.
    pub fn mark(&self) -> Mark {
        match self {
            Self::Good => Mark::Good,
            Self::Bad { .. } => Mark::Bad,
            Self::Skip { .. } => Mark::Skip,
        }
    }

    /// What failed, whatever was made of it.
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Good => None,
            Self::Bad { failure } => Some(failure),
            Self::Skip { reason } => reason.failure(),
        }
    }
}

#[cfg(test)]
mod tests;
