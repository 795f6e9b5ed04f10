//! The bare halving of a line, one place after the other: no noise, nothing under
//! way.

use super::{Mark, Outcome};

/// What is known of a line's places.
#[derive(Debug, Clone)]
pub(super) struct Bisection {
    marks: Vec<Option<Mark>>,
}

/// What a bisection needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum BisectionStep {
    /// The mark of this place.
    Place(usize),
    /// Nothing more.
    Nothing(Outcome),
}

impl Bisection {
    /// Over so many places, the good end first.
    ///
    /// # Panics
    /// With fewer than two: a line has two ends.
    pub(super) fn over(length: usize) -> Self {
        assert!(length >= 2, "a line has two ends");
        Self { marks: vec![None; length] }
    }

    pub(super) fn record(&mut self, place: usize, mark: Mark) {
        self.marks[place] = Some(mark);
    }

    pub(super) fn last(&self) -> usize {
        self.marks.len() - 1
    }

    pub(super) fn is_end(&self, place: usize) -> bool {
        place == 0 || place == self.last()
    }

    pub(super) fn step(&self) -> BisectionStep {
        let last = self.last();
        match (self.marks[0], self.marks[last]) {
            (None, _) => return BisectionStep::Place(0),
            (Some(Mark::Bad), _) => return BisectionStep::Nothing(Outcome::GoodEndIsBad),
            (Some(Mark::Skip), _) => return BisectionStep::Nothing(Outcome::EndSkipped { end: 0 }),
            (Some(Mark::Good), None) => return BisectionStep::Place(last),
            (_, Some(Mark::Good)) => return BisectionStep::Nothing(Outcome::NoRegression),
            (_, Some(Mark::Skip)) => {
                return BisectionStep::Nothing(Outcome::EndSkipped { end: last });
            }
            (_, Some(Mark::Bad)) => {}
        }
        let (last_good, first_bad) = self.interval();
        match self.middle(last_good, first_bad) {
            Some(place) => BisectionStep::Place(place),
            None if first_bad - last_good == 1 => {
                BisectionStep::Nothing(Outcome::Found { last_good, first_bad })
            }
            None => BisectionStep::Nothing(Outcome::Range { last_good, first_bad }),
        }
    }

    /// The last good and the first bad place so far; the ends count as what they
    /// were given as until they are known.
    pub(super) fn interval(&self) -> (usize, usize) {
        let first_bad = self.marks.iter().position(|mark| *mark == Some(Mark::Bad));
        let first_bad = first_bad.filter(|at| *at > 0).unwrap_or(self.last());
        let last_good = self.marks[..first_bad].iter().rposition(|mark| *mark == Some(Mark::Good));
        (last_good.unwrap_or(0), first_bad)
    }

    /// Whether both ends are what they were given as.
    pub(super) fn ends_verified(&self) -> bool {
        (self.marks[0], self.marks[self.last()]) == (Some(Mark::Good), Some(Mark::Bad))
    }

    /// How many places inside the interval are not known.
    pub(super) fn left(&self) -> usize {
        let (last_good, first_bad) = self.interval();
        self.marks[last_good + 1..first_bad].iter().filter(|mark| mark.is_none()).count()
    }

    /// About how many places are to be asked, the ends included.
    pub(super) fn checks_left(&self) -> u32 {
        let ends = [self.marks[0], self.marks[self.last()]];
        let ends = ends.iter().filter(|mark| mark.is_none()).count();
        let inside = (self.left() + 1).next_power_of_two().ilog2();
        inside + u32::try_from(ends).unwrap_or(0)
    }

    /// What the place may turn out to be, each with its chance: an end most likely
    /// what it was given as; inside, every boundary is as likely as any other.
    pub(super) fn expectations(&self, place: usize) -> Vec<(Mark, f64)> {
        /// How often an end is what it was given as.
        const END: f64 = 0.9;
        if place == 0 {
            return vec![(Mark::Good, END)];
        }
        if place == self.last() {
            return vec![(Mark::Bad, END)];
        }
        let (last_good, first_bad) = self.interval();
        #[expect(clippy::cast_precision_loss, reason = "a line has a few hundred places")]
        let bad = (place - last_good) as f64 / (first_bad - last_good) as f64;
        vec![(Mark::Good, 1.0 - bad), (Mark::Bad, bad)]
    }

    /// The unknown place nearest to the middle of the interval; of two equally
    /// near ones the earlier.
    fn middle(&self, last_good: usize, first_bad: usize) -> Option<usize> {
        let twice_middle = last_good + first_bad;
        (last_good + 1..first_bad)
            .filter(|place| self.marks[*place].is_none())
            .min_by_key(|place| (2 * place).abs_diff(twice_middle))
    }
}
