//! One check as the journal keeps it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::observation::Observation;
use crate::release::Version;
use crate::search::{Ask, Mark, Purpose};
use crate::verdict::Verdict;

/// One check, or one candidate that could not be checked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckRecord {
    /// The ask that it answers.
    #[serde(flatten)]
    pub ask: Ask,
    /// The candidate's core release.
    pub core: Version,
    /// What the check says.
    pub verdict: Verdict,
    /// What was seen through each route; nothing where it could not be installed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub observations: Vec<Observation>,
    /// When the candidate was asked, where that was before the session came to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_since: Option<Timestamp>,
    /// What the search made of it when it was written. Worked out anew whenever a
    /// journal is read.
    #[serde(default)]
    pub purpose: Purpose,
    /// Whether it decides what its candidate counts as.
    #[serde(skip)]
    pub counts: bool,
}

impl CheckRecord {
    /// The candidate's place on the line.
    pub fn place(&self) -> usize {
        self.ask.place
    }

    /// What it shows, as far as the search is concerned.
    pub fn mark(&self) -> Mark {
        match self.purpose {
            Purpose::Another => Mark::Skip,
            _ => self.verdict.mark(),
        }
    }

    /// How long the agent took; 0 where it was not asked. Milliseconds.
    pub fn elapsed_ms(&self) -> u64 {
        self.observations.iter().map(|observation| observation.elapsed_ms).sum()
    }
}
