//! The search where an answer may be wrong: it asks what is expected to say the most,
//! as often as needed, and ends when one answer is likely enough.
//!
//! One ask at a time: each answer changes what is worth asking next.

use super::bisection::steps_back;
use super::hypotheses::Posterior;
use super::policy::{Answers, PASSES_BEFORE_PIN};
use super::recurrence::EarlierStretch;
use super::stop::{Decision, StopRule};
use super::tally::Tally;
use super::{
    Ask, Belief, Contradiction, Next, NoisePolicy, Outcome, Pinning, Purpose, Reading, Reason,
    Strategy,
};

/// How likely a candidate has to be good for a pin: a whole team goes back to it.
const PINNABLE: f64 = 0.9995;

/// A candidate that was asked this often and is still in doubt stays so.
const MOST_ASKS_BEFORE_PIN: u32 = 15;

/// The search of a line whose candidates flake.
#[derive(Debug, Clone)]
pub struct Bayes {
    length: usize,
    seeks_good_end: bool,
    begins_at_good_end: bool,
    answers: Answers,
    rule: StopRule,
}

impl Bayes {
    /// Over a line of this many candidates, the good end first. `confidence` is how likely
    /// the answer has to be right, `repeat` how often the candidates beside the boundary
    /// have to answer.
    ///
    /// # Panics
    /// With fewer than two: a line has two ends.
    pub fn over(length: usize, policy: NoisePolicy, confidence: f64, repeat: u32) -> Self {
        assert!(length >= 2, "a line has two ends");
        let answers = Answers::new(length, policy);
        let rule = StopRule { confidence, repeat };
        Self { length, seeks_good_end: false, begins_at_good_end: false, answers, rule }
    }

    /// The same, where the good end is not given: something that answers is looked for from
    /// the bad end back, in growing steps.
    #[must_use]
    pub fn seeking_good_end(self, seeks_good_end: bool) -> Self {
        Self { seeks_good_end, ..self }
    }

    /// The same, with the good end first: a command that cannot be run is known by that.
    #[must_use]
    pub fn beginning_at_good_end(self, begins_at_good_end: bool) -> Self {
        Self { begins_at_good_end, ..self }
    }

    /// What it comes to with these answers.
    fn step(&self, tallies: Vec<Tally>) -> Decision {
        if let Some(place) = self.needed_first(&tallies) {
            return Decision::Ask(place);
        }
        if let Some(decision) = self.ends_reversed(&tallies) {
            return decision;
        }
        let (good_end, bad_end) = (tallies[0], tallies[self.length - 1]);
        match self.rule.next(&self.posterior_of(tallies)) {
            // What is said of both ends has to have been seen of both.
            Decision::Done(Outcome::GoodEndIsBad) if bad_end.is_unasked() => {
                Decision::Ask(self.length - 1)
            }
            Decision::Done(Outcome::NoRegression)
                if good_end.is_unasked() && !self.seeks_good_end =>
            {
                Decision::Ask(0)
            }
            decision => decision,
        }
    }

    /// Whether the good end fails and the bad one answers, each once more often than an
    /// answer beside a boundary has to be borne out: no place of a boundary explains that.
    fn ends_reversed(&self, tallies: &[Tally]) -> Option<Decision> {
        let last = self.length - 1;
        let (good_end, bad_end) = (tallies[0], tallies[last]);
        let is_reversed = good_end.fails > 0
            && good_end.passes == 0
            && bad_end.passes > 0
            && bad_end.fails == 0
            && !self.seeks_good_end;
        let needed = self.rule.repeat + 1;
        let open = [(0, good_end.fails), (last, bad_end.passes)];
        let open =
            open.into_iter().find(|(place, seen)| *seen < needed && !tallies[*place].untestable);
        let decision =
            open.map_or(Decision::Done(Outcome::EndsReversed), |(place, _)| Decision::Ask(place));
        is_reversed.then_some(decision)
    }

    /// What has to be known before anything else: a control where failures need one, and
    /// the failure that is looked for.
    fn needed_first(&self, tallies: &[Tally]) -> Option<usize> {
        let is_open = |place: usize| {
            let Tally { passes, fails, untestable } = tallies[place];
            !untestable && passes + fails < 2
        };
        let last = self.length - 1;
        let has_control = tallies.iter().any(|tally| tally.passes > 0);
        let needs_control = self.answers.policy.shared_upstream || self.begins_at_good_end;
        let wants_control = needs_control && !has_control && is_open(0);
        let wants_failure =
            self.answers.policy.same_failure && tallies[last].fails == 0 && is_open(last);
        if self.seeks_good_end && !has_control {
            let unasked = |place: &usize| tallies[*place].is_unasked();
            return [last].into_iter().chain(steps_back(self.length)).find(unasked);
        }
        wants_control.then_some(0).or(wants_failure.then_some(last))
    }

    fn posterior(&self) -> Posterior {
        self.posterior_of(self.answers.tallies())
    }

    /// Where the line broke, was mended and broke again, the search is for where it broke
    /// last: the earlier stretch is left out.
    fn posterior_of(&self, mut tallies: Vec<Tally>) -> Posterior {
        if let Some(stretch) = self.earlier_stretch(&tallies) {
            for tally in &mut tallies[stretch.first_bad..stretch.good_again] {
                *tally = Tally { untestable: true, ..Tally::default() };
            }
        }
        Posterior::of(tallies)
    }

    /// A stretch that was mended. What is looked for by name is one failure, from one
    /// release on.
    fn earlier_stretch(&self, tallies: &[Tally]) -> Option<EarlierStretch> {
        EarlierStretch::of(tallies).filter(|_| !self.answers.policy.same_failure)
    }

    fn ask(&self, place: usize, reason: Reason) -> Ask {
        Ask { id: self.answers.next_id(&[]), place, reason }
    }
}

impl Strategy for Bayes {
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
        if !running.is_empty() {
            return Next::Wait;
        }
        if let Some((of, place)) = self.answers.awaited_control() {
            return Next::Ask(self.ask(place, Reason::Control { of }));
        }
        match self.step(self.answers.tallies()) {
            Decision::Done(outcome) => Next::Done(outcome),
            Decision::Ask(place) if place == 0 || place == self.length - 1 => {
                Next::Ask(self.ask(place, Reason::End))
            }
            Decision::Ask(place) => Next::Ask(self.ask(place, Reason::Search)),
        }
    }

    fn so_far(&self) -> Outcome {
        self.rule.interval(&self.posterior())
    }

    fn pinning(&self, place: usize) -> Pinning {
        let posterior = self.posterior();
        let Tally { passes, fails, untestable } = posterior.tally(place);
        if passes >= PASSES_BEFORE_PIN && posterior.chance_bad(place) <= 1.0 - PINNABLE {
            return Pinning::Ready;
        }
        if untestable || passes + fails >= MOST_ASKS_BEFORE_PIN {
            return Pinning::Refused;
        }
        Pinning::After(self.ask(place, Reason::Pin))
    }

    fn wanted(&self, running: &[Ask]) -> Vec<(usize, f64)> {
        let tallies = self.answers.tallies();
        let after = |tallies: Vec<Tally>, chance: f64| match self.step(tallies) {
            Decision::Ask(place) => Some((place, chance)),
            Decision::Done(_) => None,
        };
        let Some(ask) = running.first() else { return after(tallies, 1.0).into_iter().collect() };
        let bad = self.posterior_of(tallies.clone()).chance_bad(ask.place);
        let (mut passed, mut failed) = (tallies.clone(), tallies);
        passed[ask.place].passes += 1;
        failed[ask.place].fails += 1;
        let mut places: Vec<_> =
            [after(passed, 1.0 - bad), after(failed, bad)].into_iter().flatten().collect();
        places.sort_by(|a, b| b.1.total_cmp(&a.1));
        places.dedup_by_key(|(place, _)| *place);
        places
    }

    fn belief(&self) -> Belief {
        let posterior = self.posterior();
        let last = self.length - 1;
        let (last_good, first_bad) = match self.so_far() {
            Outcome::Inconclusive { last_good, first_bad } => {
                (last_good.unwrap_or(0), first_bad.unwrap_or(last))
            }
            _ => (0, last),
        };
        let inside = last_good + 1..first_bad.max(last_good + 1);
        let left = inside.filter(|place| !posterior.tally(*place).untestable).count();
        let groups = posterior.groups();
        let confidence = groups.iter().map(|group| group.chance).fold(0.0, f64::max);
        Belief {
            last_good,
            first_bad,
            left,
            checks_left: self.rule.checks_left(&posterior),
            verified: posterior.chance_of(0..=0) < 0.05
                && posterior.chance_of(self.length..=self.length) < 0.05,
            ends: (0, last),
            confidence: Some(confidence),
            earlier_stretch: self
                .earlier_stretch(&self.answers.tallies())
                .map(|stretch| (stretch.first_bad, stretch.good_again)),
        }
    }

    fn purpose(&self, ask: u32) -> Purpose {
        self.answers.purpose_as_evidence(ask)
    }

    fn counts(&self, ask: u32) -> bool {
        let stretch = self.earlier_stretch(&self.answers.tallies());
        let posterior = self.posterior();
        self.answers.speaks(ask, |place| {
            stretch.is_some_and(|s| (s.first_bad..s.good_again).contains(&place))
                || posterior.chance_bad(place) > 0.5
        })
    }

    fn contradictions(&self) -> Vec<Contradiction> {
        self.answers.contradictions()
    }
}
