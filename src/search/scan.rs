//! Asking each of several candidates for itself, in a given order: what a whole line shows,
//! and not only where it breaks.
//!
//! Where answers are certain, a failure that nothing else has shown is asked again, once.
//! Where they may be wrong, one that passes is good; one that fails is asked again until it
//! has failed as often as asked for, or has passed, and then some more.

use std::cmp::Ordering;

use super::policy::{Answers, CandidateState};
use super::tally::Tally;
use super::{
    AnswerKind, Ask, Belief, Contradiction, FailureKey, Next, NoisePolicy, Outcome, Pinning,
    Purpose, Reading, Reason, Strategy,
};

/// So many candidates are worth installing ahead: each is asked for certain, and each that
/// waits is kept on disk.
const AHEAD: usize = 2;

/// The asking of certain candidates.
#[derive(Debug, Clone)]
pub struct LineScan {
    length: usize,
    /// The candidates that are asked, in this order.
    places: Vec<usize>,
    kind: AnswerKind,
    answers: Answers,
}

impl LineScan {
    /// Over a line of this many candidates, of which these places are asked.
    pub fn over(
        length: usize,
        shared_upstream: bool,
        kind: AnswerKind,
        places: Vec<usize>,
    ) -> Self {
        // No candidate is a bad end, of which a failure would be no surprise.
        let policy = NoisePolicy { same_failure: false, shared_upstream };
        Self { length, places, kind, answers: Answers::new(length + 1, policy) }
    }

    /// The same, where these failures of these candidates count already: with another
    /// candidate they are no surprise.
    #[must_use]
    pub fn knowing(mut self, failures: impl IntoIterator<Item = (usize, FailureKey)>) -> Self {
        self.answers.borne_out.extend(failures);
        self
    }

    /// What is still to be asked, in its order.
    fn open(&self) -> Vec<(usize, Reason)> {
        match self.kind {
            AnswerKind::Deterministic => self.open_where_certain(),
            AnswerKind::Flaky { repeat, .. } => self.open_under_noise(repeat),
        }
    }

    fn open_where_certain(&self) -> Vec<(usize, Reason)> {
        let states = self.answers.states();
        let open = |place: &usize| match states[*place] {
            CandidateState::Unknown => Some((*place, Reason::Search)),
            CandidateState::Settled(_) => None,
            CandidateState::AwaitsRecheck(of) => Some((*place, Reason::Recheck { of })),
            CandidateState::AwaitsControl(of) => {
                Some((self.answers.control_for(*place)?, Reason::Control { of }))
            }
        };
        self.places.iter().filter_map(open).collect()
    }

    fn open_under_noise(&self, repeat: u32) -> Vec<(usize, Reason)> {
        let tallies = self.answers.tallies();
        let is_open = |place: &&usize| {
            let Tally { passes, fails, untestable } = tallies[**place];
            let is_settled = match (passes, fails) {
                (0, 0) => false,
                (_, 0) => true,
                (0, fails) => fails >= repeat,
                (passes, fails) => passes + fails > 2 * repeat,
            };
            !is_settled && !untestable
        };
        let awaited = self.answers.awaited_control();
        let control = awaited.map(|(of, place)| (place, Reason::Control { of }));
        let places = self.places.iter().filter(is_open).map(|place| (*place, Reason::Search));
        control.into_iter().chain(places).collect()
    }

    /// Whether more answers than not are failures.
    fn is_bad(&self, place: usize) -> bool {
        let Tally { passes, fails, .. } = self.answers.tallies()[place];
        passes.cmp(&fails) == Ordering::Less
    }
}

impl Strategy for LineScan {
    fn learn(&mut self, ask: &Ask, reading: Reading) {
        self.answers.add(ask.clone(), reading);
    }

    fn go_on(&mut self) {
        self.answers.go_on();
    }

    fn next(&self, running: &[Ask]) -> Next {
        if let Some(pause) = self.answers.pause() {
            return Next::Pause(pause);
        }
        let open = self.open();
        let is_running = |(place, _): &(usize, Reason)| running.iter().any(|r| r.place == *place);
        match open.iter().find(|open| !is_running(open)) {
            Some((place, reason)) => {
                let id = self.answers.next_id(running);
                Next::Ask(Ask { id, place: *place, reason: *reason })
            }
            None if running.is_empty() => Next::Done(Outcome::Scanned),
            None => Next::Wait,
        }
    }

    fn so_far(&self) -> Outcome {
        if self.open().is_empty() {
            return Outcome::Scanned;
        }
        Outcome::Inconclusive { last_good: None, first_bad: None }
    }

    /// No candidate is looked for that could be.
    fn pinning(&self, _place: usize) -> Pinning {
        Pinning::Refused
    }

    fn wanted(&self, running: &[Ask]) -> Vec<(usize, f64)> {
        let open = self.open();
        let places = open.iter().map(|(place, _)| *place);
        let ahead = places.filter(|place| !running.iter().any(|ask| ask.place == *place));
        ahead.take(AHEAD).map(|place| (place, 1.0)).collect()
    }

    fn belief(&self) -> Belief {
        let left = self.open().len();
        Belief {
            last_good: 0,
            first_bad: self.length - 1,
            left,
            checks_left: u32::try_from(left).unwrap_or(u32::MAX),
            verified: true,
            ends: (0, self.length - 1),
            confidence: None,
            earlier_stretch: None,
        }
    }

    fn purpose(&self, ask: u32) -> Purpose {
        match self.kind {
            AnswerKind::Deterministic => self.answers.purpose(ask),
            AnswerKind::Flaky { .. } => self.answers.purpose_as_evidence(ask),
        }
    }

    fn counts(&self, ask: u32) -> bool {
        match self.kind {
            AnswerKind::Deterministic => self.answers.counts(ask),
            AnswerKind::Flaky { .. } => self.answers.speaks(ask, |place| self.is_bad(place)),
        }
    }

    fn contradictions(&self) -> Vec<Contradiction> {
        self.answers.contradictions()
    }
}
