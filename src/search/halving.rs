//! Halving the line, where a candidate's answers are always the same: both ends are
//! verified first, then the interval between the last good and the first bad candidate is
//! halved, a skipped candidate being evidence of nothing. An end that cannot be judged
//! moves inwards. Where skips stand next to the boundary the answer is a range.
//!
//! With several asks under way it asks what halving would come to next if the running
//! ones turn out one way or the other. The answer is that of asking one by one, for
//! any line: what was asked ahead and turns out to lie off the path does not count.

use super::bisection::{Bisection, BisectionStep};
use super::policy::{Answers, CandidateState, PASSES_BEFORE_PIN};
use super::{
    Ask, Belief, Contradiction, Mark, Next, NoisePolicy, Outcome, Pinning, Purpose, Reading,
    Reason, Strategy,
};

/// The halving of a line of candidates.
#[derive(Debug, Clone)]
pub struct Halving {
    length: usize,
    seeks_good_end: bool,
    answers: Answers,
}

/// How often an end is what it was given as.
const END: f64 = 0.9;

/// Something that halving may come to.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Prospect {
    place: usize,
    reason: Reason,
    chance: f64,
}

impl Halving {
    /// Over a line of this many candidates, the good end first.
    ///
    /// # Panics
    /// With fewer than two: a line has two ends.
    pub fn over(length: usize, policy: NoisePolicy) -> Self {
        assert!(length >= 2, "a line has two ends");
        Self { length, seeks_good_end: false, answers: Answers::new(length, policy) }
    }

    /// The same, where the good end is not given: something that answers is looked for from
    /// the bad end back, in growing steps.
    #[must_use]
    pub fn seeking_good_end(self, seeks_good_end: bool) -> Self {
        Self { seeks_good_end, ..self }
    }

    /// Halves from the beginning, as far as the candidates on the way are settled.
    fn follow(mut path: Bisection, states: &[CandidateState]) -> (Bisection, BisectionStep) {
        loop {
            let step = path.step();
            let (BisectionStep::End(place, _) | BisectionStep::Inside(place)) = step else {
                return (path, step);
            };
            let CandidateState::Settled(mark) = states[place] else { return (path, step) };
            path.record(place, mark);
        }
    }

    fn path(&self, states: &[CandidateState]) -> (Bisection, BisectionStep) {
        Self::follow(Bisection::over(self.length, self.seeks_good_end), states)
    }

    /// What is worth asking while these asks are running, the likeliest first.
    fn prospects(&self, states: &[CandidateState], running: &[Ask]) -> Vec<Prospect> {
        let mut found = Vec::new();
        let path = Bisection::over(self.length, self.seeks_good_end);
        self.look_ahead(path, 1.0, states, running, &mut found);
        // The sort is stable: of equally likely asks, the one that follows a good answer
        // comes first.
        found.sort_by(|a, b| b.chance.total_cmp(&a.chance));
        found
    }

    fn look_ahead(
        &self,
        path: Bisection,
        chance: f64,
        states: &[CandidateState],
        running: &[Ask],
        found: &mut Vec<Prospect>,
    ) {
        let (path, step) = Self::follow(path, states);
        let (place, end) =
            match step {
                BisectionStep::End(place, mark) => (place, Some(mark)),
                BisectionStep::Inside(place) => (place, None),
                BisectionStep::Nothing(outcome) => {
                    let again = self.unconfirmed(&outcome);
                    found.extend(again.filter(|(place, _)| !is_running(*place, running)).map(
                        |(place, of)| Prospect { place, reason: Reason::Recheck { of }, chance },
                    ));
                    return;
                }
            };
        let reason = match states[place] {
            CandidateState::AwaitsRecheck(of) => Reason::Recheck { of },
            CandidateState::AwaitsControl(of) => Reason::Control { of },
            _ if end.is_some() => Reason::End,
            _ => Reason::Search,
        };
        let asked = match reason {
            Reason::Control { .. } => self.answers.control_for(place),
            _ => Some(place),
        };
        let is_asked_now = running.iter().any(|ask| match (ask.reason, reason) {
            (Reason::Control { of }, Reason::Control { of: wanted }) => of == wanted,
            (Reason::Control { .. }, _) | (_, Reason::Control { .. }) => false,
            _ => ask.place == place,
        });
        let pending =
            is_asked_now || matches!(reason, Reason::Recheck { .. } | Reason::Control { .. });
        if let Some(asked) = asked
            && !is_asked_now
            && !self.is_being_rechecked(reason, running)
        {
            match found.iter_mut().find(|known| (known.place, known.reason) == (asked, reason)) {
                Some(known) => known.chance += chance,
                None => found.push(Prospect { place: asked, reason, chance }),
            }
        }
        // An end is taken for what it was given as even before it is asked. A place between
        // them is followed both ways once its ask is running, each with its probability.
        let foreseen = match end {
            Some(mark) => vec![(mark, END)],
            None if pending => path.expectations(place).to_vec(),
            None => Vec::new(),
        };
        for (mark, share) in foreseen {
            let mut path = path.clone();
            path.record(place, mark);
            self.look_ahead(path, chance * share, states, running, found);
        }
    }

    /// A boundary that rests on one failure of one candidate, which no other one shows:
    /// that candidate, and the ask that it failed.
    fn unconfirmed(&self, outcome: &Outcome) -> Option<(usize, u32)> {
        let (Outcome::Found { first_bad, .. } | Outcome::Range { first_bad, .. }) = outcome else {
            return None;
        };
        self.answers.single_failure(*first_bad).map(|ask| (*first_bad, ask))
    }

    /// Whether another candidate is asked again just now for the same failure: what
    /// that shows may settle this one too.
    fn is_being_rechecked(&self, reason: Reason, running: &[Ask]) -> bool {
        let Reason::Recheck { of } = reason else { return false };
        let key = self.answers.key(of);
        running.iter().any(|ask| match ask.reason {
            Reason::Recheck { of } => self.answers.key(of) == key,
            _ => false,
        })
    }
}

impl Strategy for Halving {
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
        let states = self.answers.states();
        let (_, step) = self.path(&states);
        let ends_are_known = !matches!(step, BisectionStep::End(..));
        if let BisectionStep::Nothing(outcome) = step
            && self.unconfirmed(&outcome).is_none()
        {
            return Next::Done(outcome);
        }
        // Nothing between the ends is asked before both are known: if one of them is not
        // what it was given as, those checks would be wasted.
        let may_be_asked =
            |prospect: &Prospect| prospect.reason != Reason::Search || ends_are_known;
        let prospects = self.prospects(&states, running);
        match prospects.into_iter().find(may_be_asked) {
            Some(Prospect { place, reason, .. }) => {
                Next::Ask(Ask { id: self.answers.next_id(running), place, reason })
            }
            None => Next::Wait,
        }
    }

    fn so_far(&self) -> Outcome {
        let (path, step) = self.path(&self.answers.states());
        if let BisectionStep::Nothing(outcome) = step {
            return outcome;
        }
        let (last_good, first_bad) = path.interval();
        let known =
            |place: usize, mark| self.answers.states()[place] == CandidateState::Settled(mark);
        Outcome::Inconclusive {
            last_good: Some(last_good).filter(|place| known(*place, Mark::Good)),
            first_bad: Some(first_bad).filter(|place| known(*place, Mark::Bad)),
        }
    }

    fn pinning(&self, place: usize) -> Pinning {
        let wanted = if self.answers.policy.shared_upstream { PASSES_BEFORE_PIN } else { 1 };
        if self.answers.passes(place) >= wanted {
            return Pinning::Ready;
        }
        Pinning::After(Ask { id: self.answers.next_id(&[]), place, reason: Reason::Pin })
    }

    fn wanted(&self, running: &[Ask]) -> Vec<(usize, f64)> {
        let prospects = self.prospects(&self.answers.states(), running);
        prospects.into_iter().map(|prospect| (prospect.place, prospect.chance)).collect()
    }

    fn belief(&self) -> Belief {
        let (path, _) = self.path(&self.answers.states());
        let (last_good, first_bad) = path.interval();
        Belief {
            last_good,
            first_bad,
            left: path.left(),
            checks_left: path.checks_left(),
            verified: path.ends_verified(),
            ends: path.ends(),
            confidence: None,
            earlier_stretch: None,
        }
    }

    fn purpose(&self, ask: u32) -> Purpose {
        self.answers.purpose(ask)
    }

    fn counts(&self, ask: u32) -> bool {
        self.answers.counts(ask)
    }

    fn contradictions(&self) -> Vec<Contradiction> {
        self.answers.contradictions()
    }
}

fn is_running(place: usize, running: &[Ask]) -> bool {
    let asks = running.iter().filter(|ask| !matches!(ask.reason, Reason::Control { .. }));
    asks.into_iter().any(|ask| ask.place == place)
}
