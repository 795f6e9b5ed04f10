//! The interface between a search and the session that drives it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Contradiction, Outcome, Purpose};

/// One request to ask a candidate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// Its number, from 1; no two answers of a search have the same.
    pub id: u32,
    /// The candidate's place on the line.
    pub place: usize,
    /// Why it is asked.
    #[serde(flatten)]
    pub reason: Reason,
}

/// Why a candidate is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "reason")]
pub enum Reason {
    /// It is an end of the line.
    End,
    /// It halves what is left.
    Search,
    /// Its failure was a surprise: does it fail again?
    Recheck {
        /// The ask with the surprising answer.
        of: u32,
    },
    /// It answered before. Does it still, now that another one failed?
    Control {
        /// The ask that failed.
        of: u32,
    },
    /// It is about to be pinned: does it answer reliably?
    Pin,
}

/// Identifies a failure.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FailureKey(pub String);

impl fmt::Display for FailureKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What an answer says, as far as a search is concerned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reading {
    /// The candidate answers.
    Good,
    /// It fails, in this way.
    Bad(FailureKey),
    /// It cannot be judged.
    Skip,
    /// What every candidate shares failed: the account, the service, the network.
    Shared,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Ask this. It counts as running from now on.
    Ask(Ask),
    /// Nothing, until one of the running asks is answered.
    Wait,
    /// Stop for now: going on would count for nothing.
    Pause(Pause),
    /// The search is over, whatever is still running.
    Done(Outcome),
}

/// Why a search pauses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pause {
    /// The answer to this ask is about what all candidates share.
    Shared {
        /// The ask.
        ask: u32,
    },
    /// A candidate that answered before does not any more.
    Control {
        /// The ask that was the control.
        ask: u32,
    },
}

/// Whether a candidate may be pinned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pinning {
    /// It answered often enough.
    Ready,
    /// This has to be asked first.
    After(Ask),
    /// It answers now and then, and fails now and then.
    Refused,
}

/// What a search takes for true so far.
#[derive(Debug, Clone, PartialEq)]
pub struct Belief {
    /// The last good candidate; the good end until one is known. Under noise, the last one
    /// before which the first bad one hardly is.
    pub last_good: usize,
    /// The first bad candidate; the bad end until one is known.
    pub first_bad: usize,
    /// How many candidates between the two are not judged.
    pub left: usize,
    /// About how many checks are to come.
    pub checks_left: u32,
    /// Whether both ends were found to be what they were given as.
    pub verified: bool,
    /// The places that stand for the ends: others where an end cannot be judged.
    pub ends: (usize, usize),
    /// How likely the likeliest answer is right; none where answers are taken for certain.
    pub confidence: Option<f64>,
    /// Where the line broke before, and was mended: the first candidate that was seen to
    /// fail, and the first one after it that answered again.
    pub earlier_stretch: Option<(usize, usize)>,
}

/// Decides a search from its answers.
pub trait Strategy: fmt::Debug + Send {
    /// Takes an answer in. None is ever forgotten.
    fn learn(&mut self, ask: &Ask, reading: Reading);

    /// Ends a pause, or begins anew after an interruption. A failure that still waits for
    /// its control is dropped: a control made later says nothing about that time.
    fn go_on(&mut self);

    /// What to do next, while these asks are running.
    fn next(&self, running: &[Ask]) -> Next;

    /// What it would say if it had to end now.
    fn so_far(&self) -> Outcome;

    /// Whether a candidate may be pinned: one that passes now and then must not be.
    fn pinning(&self, place: usize) -> Pinning;

    /// The places that are worth installing while these asks are running, with the
    /// chance that each is asked; the likeliest first.
    fn wanted(&self, running: &[Ask]) -> Vec<(usize, f64)>;

    /// What it takes for true so far.
    fn belief(&self) -> Belief;

    /// What it makes of an answer.
    fn purpose(&self, ask: u32) -> Purpose;

    /// Whether an answer decides what its candidate counts as.
    fn counts(&self, ask: u32) -> bool;

    /// The candidates that answered both ways, in the order of the line.
    fn contradictions(&self) -> Vec<Contradiction>;
}
