//! What a search comes to.

use serde::{Deserialize, Serialize};

/// What a candidate counts as, once nothing more has to be asked of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mark {
    /// It answers.
    Good,
    /// It does not.
    Bad,
    /// It cannot be judged.
    Skip,
}

/// How a search ends. Numbers are places on the line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "outcome")]
pub enum Outcome {
    /// The first bad candidate comes right after the last good one.
    Found {
        /// The last good candidate.
        last_good: usize,
        /// The first bad candidate.
        first_bad: usize,
    },
    /// Everything between the last good and the first known bad was skipped:
    /// the first bad one is one of those, or `first_bad`.
    Range {
        /// The last good candidate.
        last_good: usize,
        /// The first candidate known to be bad.
        first_bad: usize,
    },
    /// It ended before one answer was likely enough: no more checks were allowed, or
    /// none would have said anything. What the last good and the first bad candidate
    /// were narrowed down to.
    Inconclusive {
        /// The first bad one comes after this; none where the good end may be bad.
        last_good: Option<usize>,
        /// The first bad one is not after this; none where there may be no regression.
        first_bad: Option<usize>,
    },
    /// Both ends answer.
    NoRegression,
    /// The good end does not answer, and neither does the bad one, as far as it can be judged.
    GoodEndIsBad,
    /// The good end does not answer and the bad one does: what happened between them is the
    /// contrary of what is looked for.
    EndsReversed,
    /// All that were to be asked were asked: no boundary was looked for.
    Scanned,
    /// An end could not be judged, so nothing between can be either.
    EndSkipped {
        /// The end's place.
        end: usize,
    },
}

impl Outcome {
    /// Every place that it names.
    pub fn places(&self) -> Vec<usize> {
        match *self {
            Self::Found { last_good, first_bad } | Self::Range { last_good, first_bad } => {
                vec![last_good, first_bad]
            }
            Self::Inconclusive { last_good, first_bad } => {
                last_good.into_iter().chain(first_bad).collect()
            }
            Self::EndSkipped { end } => vec![end],
            Self::NoRegression | Self::GoodEndIsBad | Self::EndsReversed | Self::Scanned => {
                Vec::new()
            }
        }
    }

    /// The candidate to go back to.
    pub fn last_good(&self) -> Option<usize> {
        match self {
            Self::Found { last_good, .. } | Self::Range { last_good, .. } => Some(*last_good),
            _ => None,
        }
    }
}

/// Two answers of one candidate that cannot both be its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contradiction {
    /// The candidate.
    pub place: usize,
    /// The asks that it passed.
    pub good: Vec<u32>,
    /// The asks that it failed.
    pub bad: Vec<u32>,
}
