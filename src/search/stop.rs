//! When a search under noise has its answer, and which check it lacks until then.

use super::Outcome;
use super::hypotheses::{Group, Posterior};

/// How sure an answer has to be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct StopRule {
    /// How likely the answer has to be right.
    pub(super) confidence: f64,
    /// How often the last good candidate has to pass and the first bad one to fail.
    pub(super) repeat: u32,
}

/// What is to be done next.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Decision {
    /// This candidate is asked.
    Ask(usize),
    /// The answer is there.
    Done(Outcome),
}

/// Less than this, and a check says nothing. Bits.
const WORTHLESS: f64 = 1e-3;

/// By this much an answer has to be less likely wrong where it calls others wrong.
const SURER: f64 = 3.0;

/// What a check of an installed candidate costs beside one that has to be installed first.
const INSTALLED: f64 = 0.9;

impl StopRule {
    pub(super) fn next(self, posterior: &Posterior) -> Decision {
        let groups = posterior.groups();
        let likeliest = groups.iter().max_by(|a, b| a.chance.total_cmp(&b.chance));
        let sure = |group: &&Group| group.chance >= self.needed(posterior, group);
        let Some(group) = likeliest.filter(sure) else {
            return match most_telling(posterior) {
                Some(place) => Decision::Ask(place),
                None => Decision::Done(self.interval(posterior)),
            };
        };
        match self.lacks(posterior, group) {
            Some(place) => Decision::Ask(place),
            None if is_observed(posterior, group) => {
                Decision::Done(answer(group, posterior.length()))
            }
            None => Decision::Done(self.interval(posterior)),
        }
    }

    /// The neighbour of the boundary that has not answered often enough.
    fn lacks(self, posterior: &Posterior, group: &Group) -> Option<usize> {
        let (first, last) = (*group.first_bad.start(), *group.first_bad.end());
        let good = first.checked_sub(1).filter(|good| posterior.tally(*good).passes < self.repeat);
        let bad = Some(last)
            .filter(|bad| *bad < posterior.length() && posterior.tally(*bad).fails < self.repeat);
        bad.into_iter().chain(good).find(|place| !posterior.tally(*place).untestable)
    }

    /// How likely this answer has to be: surer where it takes answers for wrong, since how
    /// often that happens is known from few of them.
    fn needed(self, posterior: &Posterior, group: &Group) -> f64 {
        if posterior.calls_answers_wrong(group) {
            1.0 - (1.0 - self.confidence) / SURER
        } else {
            self.confidence
        }
    }

    /// About how many checks are to come: one for each bit that is not known, and those of
    /// the neighbours.
    pub(super) fn checks_left(self, posterior: &Posterior) -> u32 {
        let groups = posterior.groups();
        let bits: f64 =
            groups.iter().map(|group| -group.chance * group.chance.max(1e-9).log2()).sum();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most 14")]
        let bits = bits.ceil() as u32;
        let likeliest = groups.iter().max_by(|a, b| a.chance.total_cmp(&b.chance));
        let neighbours = likeliest.filter(|group| group.chance > 0.5).map_or(2, |group| {
            let (first, last) = (*group.first_bad.start(), *group.first_bad.end());
            let passes = first
                .checked_sub(1)
                .map_or(0, |good| self.repeat.saturating_sub(posterior.tally(good).passes));
            let fails = if last < posterior.length() {
                self.repeat.saturating_sub(posterior.tally(last).fails)
            } else {
                0
            };
            passes + fails
        });
        bits + neighbours
    }

    /// What can be said where nothing more is to be learnt.
    pub(super) fn interval(self, posterior: &Posterior) -> Outcome {
        let likely = posterior.interval(1.0 - self.confidence);
        Outcome::Inconclusive {
            last_good: likely.start().checked_sub(1),
            first_bad: Some(*likely.end()).filter(|last| *last < posterior.length()),
        }
    }
}

/// The candidate whose answer is expected to say the most for its cost.
fn most_telling(posterior: &Posterior) -> Option<usize> {
    let gains = posterior.gains();
    let worth = |place: usize| {
        let tally = posterior.tally(place);
        let cost = if tally.passes + tally.fails > 0 { INSTALLED } else { 1.0 };
        gains[place] / cost
    };
    let askable = (0..posterior.length()).filter(|place| !posterior.tally(*place).untestable);
    let best = askable.max_by(|a, b| worth(*a).total_cmp(&worth(*b)));
    best.filter(|place| gains[*place] > WORTHLESS)
}

/// Whether the candidates beside the boundary were seen to answer and to fail, and are not
/// only supposed to.
fn is_observed(posterior: &Posterior, group: &Group) -> bool {
    let (first, last) = (*group.first_bad.start(), *group.first_bad.end());
    let good = first.checked_sub(1).is_none_or(|good| posterior.tally(good).passes > 0);
    good && (last == posterior.length() || posterior.tally(last).fails > 0)
}

fn answer(group: &Group, length: usize) -> Outcome {
    let (first, last) = (*group.first_bad.start(), *group.first_bad.end());
    match (first, last) {
        // Nothing can be judged at all.
        (0, last) if last == length => Outcome::Inconclusive { last_good: None, first_bad: None },
        (0, _) => Outcome::GoodEndIsBad,
        (_, last) if last == length => Outcome::NoRegression,
        (first, last) if first == last => Outcome::Found { last_good: first - 1, first_bad: last },
        (first, last) => Outcome::Range { last_good: first - 1, first_bad: last },
    }
}
