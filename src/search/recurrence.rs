//! A line that broke, was mended, and broke again: whether the answers say so.

use super::hypotheses::fit;
use super::tally::Tally;

/// An earlier stretch of bad candidates, by the candidates that were asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct EarlierStretch {
    /// The first one that is bad.
    pub(super) first_bad: usize,
    /// The first one after it that is good again.
    pub(super) good_again: usize,
}

/// So much better the answers have to fit: a Bayes factor.
const CONVINCING: f64 = 10.0;

impl EarlierStretch {
    /// The stretch that the answers speak for; none where one change explains them.
    ///
    /// Either model is averaged over all places at which the line may change, so that the
    /// one with more changes has to earn them.
    pub(super) fn of(tallies: &[Tally]) -> Option<Self> {
        let asked: Vec<usize> = (0..tallies.len())
            .filter(|place| tallies[*place].passes + tallies[*place].fails > 0)
            .collect();
        let first_fail = asked.iter().position(|place| tallies[*place].fails > 0)?;
        let passed_later = asked[first_fail + 1..].iter().any(|place| tallies[*place].passes > 0);
        if !passed_later || asked.len() < 4 {
            return None;
        }
        let sums = Sums::over(asked.iter().map(|place| tallies[*place]));
        let all = asked.len();
        let one: Vec<f64> = (0..=all).map(|cut| sums.fit(&[(cut, all)])).collect();
        let mut best = (f64::NEG_INFINITY, 0, 0);
        let mut twice = Vec::new();
        for first_bad in 1..all - 2 {
            for good_again in first_bad + 1..all - 1 {
                for bad_again in good_again + 1..all {
                    let fit = sums.fit(&[(first_bad, good_again), (bad_again, all)]);
                    twice.push(fit);
                    if fit > best.0 {
                        best = (fit, first_bad, good_again);
                    }
                }
            }
        }
        let largest = one.iter().chain(&twice).copied().fold(f64::NEG_INFINITY, f64::max);
        let is_convincing = mean(&twice, largest) > CONVINCING * mean(&one, largest);
        let (_, first_bad, good_again) = best;
        is_convincing.then(|| Self { first_bad: asked[first_bad], good_again: asked[good_again] })
    }
}

/// Passes and fails of all candidates before each.
struct Sums(Vec<(u32, u32)>);

impl Sums {
    fn over(tallies: impl Iterator<Item = Tally>) -> Self {
        let mut sums = vec![(0, 0)];
        let (mut passes, mut fails) = (0, 0);
        for tally in tallies {
            passes += tally.passes;
            fails += tally.fails;
            sums.push((passes, fails));
        }
        Self(sums)
    }

    /// How well the answers fit if the candidates of these stretches are bad, and all
    /// others good; the logarithm of their likelihood.
    fn fit(&self, bad: &[(usize, usize)]) -> f64 {
        let (all_passes, all_fails) = self.0[self.0.len() - 1];
        let (mut passes, mut fails) = (0, 0);
        for (from, to) in bad {
            passes += self.0[*to].0 - self.0[*from].0;
            fails += self.0[*to].1 - self.0[*from].1;
        }
        fit((all_passes - passes, all_fails - fails), (passes, fails))
    }
}

/// The mean of likelihoods beside the largest one.
fn mean(fits: &[f64], largest: f64) -> f64 {
    let count = f64::from(u32::try_from(fits.len()).unwrap_or(u32::MAX));
    fits.iter().map(|fit| f64::exp(fit - largest)).sum::<f64>() / count
}
