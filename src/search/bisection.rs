//! The bare halving of a line, one place after the other: no noise, nothing under
//! way.

use super::{Mark, Outcome};

/// What is known of a line's places.
#[derive(Debug, Clone)]
pub(super) struct Bisection {
    marks: Vec<Option<Mark>>,
    /// Whether the good end is not given: something that answers is looked for from the bad
    /// end back.
    seeks_good_end: bool,
}

/// What a bisection needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum BisectionStep {
    /// The mark of this place, which is, or stands for, an end that should be like that.
    End(usize, Mark),
    /// The mark of this place between the ends.
    Inside(usize),
    /// Nothing more.
    Nothing(Outcome),
}

/// An end of the line, or the place that stands for it.
enum EndState {
    /// It has to be asked.
    Unknown(usize),
    /// The nearest one that can be judged.
    Judged(usize, Mark),
    /// Nothing that could stand for it can be judged.
    Skipped,
}

impl Bisection {
    /// Over so many places, the good end first.
    ///
    /// # Panics
    /// With fewer than two: a line has two ends.
    pub(super) fn over(length: usize, seeks_good_end: bool) -> Self {
        assert!(length >= 2, "a line has two ends");
        Self { marks: vec![None; length], seeks_good_end }
    }

    pub(super) fn record(&mut self, place: usize, mark: Mark) {
        self.marks[place] = Some(mark);
    }

    pub(super) fn last(&self) -> usize {
        self.marks.len() - 1
    }

    pub(super) fn step(&self) -> BisectionStep {
        let last = self.last();
        // Where the bad end answers, nothing has to be looked for.
        if self.seeks_good_end && self.marks[last] == Some(Mark::Good) {
            return BisectionStep::Nothing(Outcome::NoRegression);
        }
        if self.seeks_good_end && self.marks[last].is_none() {
            return BisectionStep::End(last, Mark::Bad);
        }
        let good_end = match self.good_end() {
            EndState::Unknown(place) => return BisectionStep::End(place, Mark::Good),
            EndState::Judged(place, Mark::Good) => place,
            EndState::Judged(..) => return self.step_without_good_end(),
            EndState::Skipped => return BisectionStep::Nothing(Outcome::EndSkipped { end: 0 }),
        };
        match self.bad_end(good_end) {
            EndState::Unknown(place) => return BisectionStep::End(place, Mark::Bad),
            EndState::Judged(_, Mark::Bad) => {}
            // One between them that fails for certain is a boundary all the same.
            EndState::Judged(..) if self.marks.contains(&Some(Mark::Bad)) => {}
            EndState::Judged(..) => return BisectionStep::Nothing(Outcome::NoRegression),
            EndState::Skipped => return BisectionStep::Nothing(Outcome::EndSkipped { end: last }),
        }
        let (last_good, first_bad) = self.interval();
        match self.middle(last_good, first_bad) {
            Some(place) => BisectionStep::Inside(place),
            None if first_bad - last_good == 1 => {
                BisectionStep::Nothing(Outcome::Found { last_good, first_bad })
            }
            None => BisectionStep::Nothing(Outcome::Range { last_good, first_bad }),
        }
    }

    /// Where the good end does not answer, the bad one is asked too: the ends may be the other
    /// way round.
    fn step_without_good_end(&self) -> BisectionStep {
        match self.marks[self.last()] {
            None => BisectionStep::End(self.last(), Mark::Bad),
            Some(Mark::Good) => BisectionStep::Nothing(Outcome::EndsReversed),
            Some(Mark::Bad | Mark::Skip) => BisectionStep::Nothing(Outcome::GoodEndIsBad),
        }
    }

    /// The last good and the first bad place so far; the ends count as what they
    /// were given as until they are known.
    pub(super) fn interval(&self) -> (usize, usize) {
        let first_bad = self.marks.iter().position(|mark| *mark == Some(Mark::Bad));
        let first_bad = first_bad.filter(|at| *at > 0).unwrap_or(self.ends().1);
        let last_good = self.marks[..first_bad].iter().rposition(|mark| *mark == Some(Mark::Good));
        (last_good.unwrap_or(self.ends().0), first_bad)
    }

    /// The places that stand for the ends: the ends themselves, unless they cannot be
    /// judged.
    pub(super) fn ends(&self) -> (usize, usize) {
        let place = |state, otherwise| match state {
            EndState::Unknown(place) | EndState::Judged(place, _) => place,
            EndState::Skipped => otherwise,
        };
        let good = place(self.good_end(), 0);
        (good, place(self.bad_end(good), self.last()))
    }

    /// Whether both ends are what they were given as.
    pub(super) fn ends_verified(&self) -> bool {
        let (good, bad) = self.ends();
        (self.marks[good], self.marks[bad]) == (Some(Mark::Good), Some(Mark::Bad))
    }

    /// How many places inside the interval are not known.
    pub(super) fn left(&self) -> usize {
        let (last_good, first_bad) = self.interval();
        // Where nothing can be judged, the ends come to stand side by side.
        let inside = self.marks.get(last_good + 1..first_bad).unwrap_or_default();
        inside.iter().filter(|mark| mark.is_none()).count()
    }

    /// About how many places are to be asked, the ends included.
    pub(super) fn checks_left(&self) -> u32 {
        let (good, bad) = self.ends();
        let ends = [self.marks[good], self.marks[bad]];
        let ends = ends.iter().filter(|mark| mark.is_none()).count();
        let inside = (self.left() + 1).next_power_of_two().ilog2();
        inside + u32::try_from(ends).unwrap_or(0)
    }

    /// What a place between the ends may turn out to be, each with its chance: every
    /// boundary is as likely as any other.
    pub(super) fn expectations(&self, place: usize) -> [(Mark, f64); 2] {
        let (last_good, first_bad) = self.interval();
        let place = place.clamp(last_good, first_bad);
        #[expect(clippy::cast_precision_loss, reason = "a line has a few hundred places")]
        let bad = (place - last_good) as f64 / (first_bad - last_good).max(1) as f64;
        [(Mark::Good, 1.0 - bad), (Mark::Bad, bad)]
    }

    fn good_end(&self) -> EndState {
        let last = self.last();
        if self.seeks_good_end {
            return self.sought_good_end();
        }
        let bad = self.marks.iter().position(|mark| *mark == Some(Mark::Bad)).unwrap_or(last);
        self.end(0, Mark::Good, inwards((bad + 1).min(last)).collect())
    }

    fn bad_end(&self, good_end: usize) -> EndState {
        let last = self.last();
        self.end(last, Mark::Bad, inwards(last - good_end).map(|step| last - step).collect())
    }

    /// The newest of the candidates that are looked at on the way back, in growing steps,
    /// which answers.
    fn sought_good_end(&self) -> EndState {
        let mut bad = None;
        for place in steps_back(self.marks.len()) {
            match self.marks[place] {
                None => return EndState::Unknown(place),
                Some(Mark::Good) => return EndState::Judged(place, Mark::Good),
                Some(Mark::Bad) => bad = Some(place),
                Some(Mark::Skip) => {}
            }
        }
        bad.map_or(EndState::Skipped, |place| EndState::Judged(place, Mark::Bad))
    }

    /// An end moves inwards as long as what stands for it cannot be judged. One that
    /// stands for it and is the contrary of what the end should be moves it outwards
    /// again, as far as that can be.
    fn end(&self, given: usize, wanted: Mark, order: Vec<usize>) -> EndState {
        let mut contrary: Option<usize> = None;
        for place in order {
            if contrary.is_some_and(|at| at.abs_diff(given) <= place.abs_diff(given)) {
                continue;
            }
            match self.marks[place] {
                None => return EndState::Unknown(place),
                Some(mark) if mark == wanted || place == given && mark != Mark::Skip => {
                    return EndState::Judged(place, mark);
                }
                Some(Mark::Skip) => {}
                Some(_) => contrary = Some(place),
            }
        }
        match contrary.and_then(|place| Some((place, self.marks[place]?))) {
            Some((place, mark)) => EndState::Judged(place, mark),
            None => EndState::Skipped,
        }
    }

    /// The unknown place nearest to the middle of the interval; of two equally near ones
    /// the later. Skips stand in clusters: with each, the next place is chosen further away
    /// from them.
    fn middle(&self, last_good: usize, first_bad: usize) -> Option<usize> {
        let inside = last_good + 1..first_bad;
        let of = |wanted| inside.clone().filter(move |place| self.marks[*place] == wanted);
        let skips: Vec<usize> = of(Some(Mark::Skip)).collect();
        let worth = |place: &usize| {
            let balance = (place - last_good).min(first_bad - place);
            let nearest = skips.iter().map(|skip| skip.abs_diff(*place)).min();
            // Half of a distance of two places a skip is worth half of the balance.
            nearest.map_or(balance * SCALE, |distance| {
                balance * distance * SCALE / (distance + 2 * skips.len())
            })
        };
        of(None).max_by_key(worth)
    }
}

/// So that products of whole numbers can be told apart after a division.
const SCALE: usize = 1 << 16;

/// The distances from an end at which another place may stand for it: in growing steps,
/// then all that were left out.
fn inwards(places: usize) -> impl Iterator<Item = usize> {
    let steps = move || (0..usize::BITS).map(|n| (1 << n) - 1).take_while(move |at| *at < places);
    let rest = (0..places).filter(|at| !(at + 1).is_power_of_two());
    steps().chain(rest)
}

/// The places at which something that answers is looked for: from the end of a line of so
/// many back, each step twice as long as the one before, the beginning last.
pub(super) fn steps_back(length: usize) -> impl Iterator<Item = usize> {
    let steps = (1..usize::BITS).map(|n| (1_usize << n) - 1).take_while(move |at| *at < length - 1);
    steps.map(move |at| length - 1 - at).chain([0])
}
