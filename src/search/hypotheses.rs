//! What the answers so far say about where the first bad candidate is, where an answer
//! may be wrong.
//!
//! One hypothesis for each place of the first bad candidate, `0` being "the good end is
//! bad" and the length of the line "no regression". A good candidate fails now and then,
//! a bad one passes now and then; how often either happens is not known, and both rates
//! are integrated out (Beta-Bernoulli marginals). A candidate that cannot be judged is
//! evidence of nothing: the hypotheses between two others that can be told apart by
//! nobody's answers form one [`Group`].

use std::ops::RangeInclusive;

use super::tally::Tally;

/// How likely a false answer is before anything is seen: the two numbers of a Beta
/// distribution, false answers first.
type FalseAnswers = (f64, f64);

/// A good candidate fails by itself about one time in ten, if at all: a time-out, a slow
/// machine, a service.
const FALSE_FAIL: FalseAnswers = (0.8, 6.0);

/// That a bad candidate passes is rare.
const FALSE_PASS: FalseAnswers = (0.4, 9.0);

/// That the ends are not what they were given as. More for "no regression": the failure
/// may have been the user's machine or account.
const GOOD_END_IS_BAD: f64 = 0.03;
const NO_REGRESSION: f64 = 0.2;

/// The hypotheses with their probabilities.
#[derive(Debug, Clone)]
pub(super) struct Posterior {
    tallies: Vec<Tally>,
    /// By the place of the first bad candidate.
    chance: Vec<f64>,
    /// How likely the answers are under each hypothesis, beside the one they fit best.
    fit: Vec<f64>,
    /// How likely a good candidate is to fail, under each hypothesis.
    false_fail: Vec<f64>,
    /// How likely a bad candidate is to pass, under each hypothesis.
    false_pass: Vec<f64>,
}

/// Hypotheses that no candidate's answer can tell apart.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Group {
    /// Places of the first bad candidate.
    pub(super) first_bad: RangeInclusive<usize>,
    pub(super) chance: f64,
}

impl Posterior {
    pub(super) fn of(tallies: Vec<Tally>) -> Self {
        let length = tallies.len();
        let inside = (1.0 - GOOD_END_IS_BAD - NO_REGRESSION) / count(length - 1);
        let prior = |first_bad| match first_bad {
            0 => GOOD_END_IS_BAD,
            place if place == length => NO_REGRESSION,
            _ => inside,
        };
        let total = |of: fn(&Tally) -> u32| tallies.iter().map(of).sum::<u32>();
        let (passes, fails) = (total(|tally| tally.passes), total(|tally| tally.fails));
        let (mut good_passes, mut good_fails) = (0, 0);
        let (mut weights, mut evidence) = (vec![], vec![]);
        let (mut false_fail, mut false_pass) = (vec![], vec![]);
        for first_bad in 0..=length {
            let (bad_passes, bad_fails) = (passes - good_passes, fails - good_fails);
            let fit = fit((good_passes, good_fails), (bad_passes, bad_fails));
            weights.push(f64::ln(prior(first_bad)) + fit);
            evidence.push(fit);
            false_fail.push(next(FALSE_FAIL, good_fails, good_passes));
            false_pass.push(next(FALSE_PASS, bad_passes, bad_fails));
            if let Some(tally) = tallies.get(first_bad) {
                good_passes += tally.passes;
                good_fails += tally.fails;
            }
        }
        let (chance, fit) = (normalised(&weights), beside_largest(&evidence));
        Self { tallies, chance, fit, false_fail, false_pass }
    }

    /// How many candidates there are.
    pub(super) fn length(&self) -> usize {
        self.tallies.len()
    }

    pub(super) fn tally(&self, place: usize) -> Tally {
        self.tallies[place]
    }

    /// Whether, if this is true, a good candidate failed or a bad one passed.
    pub(super) fn calls_answers_wrong(&self, group: &Group) -> bool {
        let (good, rest) = self.tallies.split_at(*group.first_bad.start());
        let bad = rest.get(group.first_bad.end() - group.first_bad.start()..).unwrap_or_default();
        good.iter().any(|tally| tally.fails > 0) || bad.iter().any(|tally| tally.passes > 0)
    }

    /// How likely the first bad candidate is at one of these places.
    pub(super) fn chance_of(&self, first_bad: RangeInclusive<usize>) -> f64 {
        self.chance[first_bad].iter().sum()
    }

    /// How likely this candidate is bad.
    pub(super) fn chance_bad(&self, place: usize) -> f64 {
        self.chance_of(0..=place)
    }

    /// For each candidate, how much asking it is expected to say. Bits.
    pub(super) fn gains(&self) -> Vec<f64> {
        let sum = |values: &dyn Fn(usize) -> f64| {
            let mut total = 0.0;
            let mut sums = vec![0.0];
            for at in 0..self.chance.len() {
                total += self.chance[at] * values(at);
                sums.push(total);
            }
            sums
        };
        // What an answer would be, and how open that is even if the hypothesis were known:
        // the candidate is bad under the hypotheses up to its place, good under the others.
        let fails_if_bad = sum(&|at| 1.0 - self.false_pass[at]);
        let fails_if_good = sum(&|at| self.false_fail[at]);
        let open_if_bad = sum(&|at| entropy(self.false_pass[at]));
        let open_if_good = sum(&|at| entropy(self.false_fail[at]));
        let all = self.chance.len();
        let gain = |place: usize| {
            let split = place + 1;
            let fails = fails_if_bad[split] + fails_if_good[all] - fails_if_good[split];
            let open = open_if_bad[split] + open_if_good[all] - open_if_good[split];
            (entropy(fails) - open).max(0.0)
        };
        (0..self.tallies.len()).map(gain).collect()
    }

    /// The hypotheses, those put together that cannot be told apart; in their order.
    pub(super) fn groups(&self) -> Vec<Group> {
        let testable = (0..self.tallies.len()).filter(|place| !self.is_out_of_reach(*place));
        let (mut groups, mut from) = (Vec::new(), 0);
        for last in testable.chain([self.tallies.len()]) {
            groups.push(Group { first_bad: from..=last, chance: self.chance_of(from..=last) });
            from = last + 1;
        }
        groups
    }

    /// From the first to the last hypothesis that the evidence does not refute: under a
    /// refuted one it is less likely by this factor than under the one it fits best.
    pub(super) fn interval(&self, refuted: f64) -> RangeInclusive<usize> {
        let stands = |fit: &f64| *fit >= refuted;
        let from = self.fit.iter().position(stands).unwrap_or(0);
        let to = self.fit.iter().rposition(stands).unwrap_or(self.fit.len() - 1);
        from..=to
    }

    /// Whether nothing is known of this candidate and nothing ever will be.
    fn is_out_of_reach(&self, place: usize) -> bool {
        let Tally { passes, fails, untestable } = self.tallies[place];
        untestable && passes + fails == 0
    }
}

/// How likely these answers are: passes and fails of the good candidates, and of the bad
/// ones. The logarithm.
pub(super) fn fit(good: (u32, u32), bad: (u32, u32)) -> f64 {
    marginal(FALSE_FAIL, good.1, good.0) + marginal(FALSE_PASS, bad.0, bad.1)
}

/// The likelihood of so many false and true answers, in whatever order; its logarithm.
fn marginal((a, b): FalseAnswers, wrong: u32, right: u32) -> f64 {
    let rising =
        |from: f64, times: u32| (0..times).map(|n| f64::ln(from + f64::from(n))).sum::<f64>();
    rising(a, wrong) + rising(b, right) - rising(a + b, wrong + right)
}

/// How likely the next answer is false, after so many false and true ones.
fn next((a, b): FalseAnswers, wrong: u32, right: u32) -> f64 {
    (a + f64::from(wrong)) / (a + b + f64::from(wrong + right))
}

fn normalised(logarithms: &[f64]) -> Vec<f64> {
    let scaled = beside_largest(logarithms);
    let total: f64 = scaled.iter().sum();
    scaled.into_iter().map(|weight| weight / total).collect()
}

fn beside_largest(logarithms: &[f64]) -> Vec<f64> {
    let largest = logarithms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    logarithms.iter().map(|logarithm| f64::exp(logarithm - largest)).collect()
}

/// How open a question with this chance of a yes is. Bits.
fn entropy(chance: f64) -> f64 {
    let part = |chance: f64| if chance <= 0.0 { 0.0 } else { -chance * chance.log2() };
    part(chance) + part(1.0 - chance)
}

#[expect(clippy::cast_precision_loss, reason = "a line has some thousand places")]
fn count(places: usize) -> f64 {
    places as f64
}
