//! The search for the first bad candidate on a line. Pure: it spawns nothing,
//! prints nothing and knows no npm.
//!
//! Both ends are verified before anything else. Then the interval between the
//! last good and the first bad is halved, a skipped candidate being evidence of
//! nothing: where skips stand next to the boundary the answer is a range.

use serde::{Deserialize, Serialize};

/// What a check of a candidate showed, as far as the search is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mark {
    /// It answers.
    Good,
    /// It does not.
    Bad,
    /// It could not be judged.
    Skip,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Check the candidate with this place on the line.
    Check(usize),
    /// The search is over.
    Done(Outcome),
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
    /// Both ends answer.
    NoRegression,
    /// The good end does not answer.
    GoodEndIsBad,
    /// An end could not be judged, so nothing between can be either.
    EndSkipped {
        /// The end's place.
        end: usize,
    },
}

/// A search under way: the line's length and the marks so far.
#[derive(Debug, Clone)]
pub struct Search {
    marks: Vec<Option<Mark>>,
}

impl Search {
    /// A search over a line of this many candidates, the good end first.
    ///
    /// # Panics
    /// With fewer than two: a line has two ends.
    pub fn over(length: usize) -> Self {
        assert!(length >= 2, "a line has two ends");
        Self { marks: vec![None; length] }
    }

    /// Takes down what a check showed.
    pub fn record(&mut self, place: usize, mark: Mark) {
        self.marks[place] = Some(mark);
    }

    /// What to do next, by all that is known.
    pub fn next(&self) -> Step {
        let last = self.marks.len() - 1;
        match (self.marks[0], self.marks[last]) {
            (None, _) => return Step::Check(0),
            (Some(Mark::Bad), _) => return Step::Done(Outcome::GoodEndIsBad),
            (Some(Mark::Skip), _) => return Step::Done(Outcome::EndSkipped { end: 0 }),
            (Some(Mark::Good), None) => return Step::Check(last),
            (_, Some(Mark::Good)) => return Step::Done(Outcome::NoRegression),
            (_, Some(Mark::Skip)) => return Step::Done(Outcome::EndSkipped { end: last }),
            (_, Some(Mark::Bad)) => {}
        }
        let (last_good, first_bad) = self.interval();
        match self.middle(last_good, first_bad) {
            Some(place) => Step::Check(place),
            None if first_bad - last_good == 1 => {
                Step::Done(Outcome::Found { last_good, first_bad })
            }
            None => Step::Done(Outcome::Range { last_good, first_bad }),
        }
    }

    /// The last good and the first bad place so far; the ends count as what
    /// they were given as until they are checked.
    pub fn interval(&self) -> (usize, usize) {
        let last = self.marks.len() - 1;
        let first_bad =
            self.marks.iter().position(|mark| *mark == Some(Mark::Bad)).filter(|at| *at > 0);
        let first_bad = first_bad.unwrap_or(last);
        let last_good = self.marks[..first_bad].iter().rposition(|mark| *mark == Some(Mark::Good));
        (last_good.unwrap_or(0), first_bad)
    }

    /// Whether both ends were checked and are what they were given as.
    pub fn ends_verified(&self) -> bool {
        (self.marks.first(), self.marks.last()) == (Some(&Some(Mark::Good)), Some(&Some(Mark::Bad)))
    }

    /// How many candidates inside the interval are not judged yet.
    pub fn left(&self) -> usize {
        let (last_good, first_bad) = self.interval();
        self.marks[last_good + 1..first_bad].iter().filter(|mark| mark.is_none()).count()
    }

    /// About how many checks are to come, the ends included.
    pub fn checks_left(&self) -> u32 {
        let ends = [self.marks.first(), self.marks.last()];
        let ends = ends.into_iter().flatten().filter(|mark| mark.is_none()).count();
        let inside = (self.left() + 1).next_power_of_two().ilog2();
        inside + u32::try_from(ends).unwrap_or(0)
    }

    /// The places that may be checked after the next one, the likeliest first:
    /// what is worth installing while a check runs.
    pub fn ahead(&self) -> Vec<usize> {
        let Step::Check(next) = self.next() else { return Vec::new() };
        let after = |mark| {
            let mut search = self.clone();
            search.record(next, mark);
            match search.next() {
                Step::Check(place) => Some((place, search)),
                Step::Done(_) => None,
            }
        };
        let mut places = Vec::new();
        let mut add = |place| {
            if !places.contains(&place) && place != next {
                places.push(place);
            }
        };
        let last = self.marks.len() - 1;
        // An end is expected to be what it was given as; inside, both ways are open.
        let expected: &[Mark] = match next {
            0 => &[Mark::Good],
            place if place == last => &[Mark::Bad],
            _ => &[Mark::Good, Mark::Bad],
        };
        let branches: Vec<_> = expected.iter().filter_map(|mark| after(*mark)).collect();
        for (place, _) in &branches {
            add(*place);
        }
        for (_, search) in &branches {
            if let [only] = expected
                && *only == Mark::Good
            {
                search.ahead().into_iter().for_each(&mut add);
            }
        }
        places
    }

    /// The unjudged place nearest to the middle of the interval; of two equally
    /// near ones the earlier.
    fn middle(&self, last_good: usize, first_bad: usize) -> Option<usize> {
        let twice_middle = last_good + first_bad;
        (last_good + 1..first_bad)
            .filter(|place| self.marks[*place].is_none())
            .min_by_key(|place| (2 * place).abs_diff(twice_middle))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Runs a search over a line whose candidates answer as `truth` says.
    fn run(truth: &[Mark]) -> (Outcome, usize) {
        let mut search = Search::over(truth.len());
        for checks in 0..=truth.len() {
            match search.next() {
                Step::Check(place) => search.record(place, truth[place]),
                Step::Done(outcome) => return (outcome, checks),
            }
        }
        panic!("more checks than candidates");
    }

    fn marks(text: &str) -> Vec<Mark> {
        let mark = |letter| match letter {
            'g' => Mark::Good,
            'b' => Mark::Bad,
            _ => Mark::Skip,
        };
        text.chars().map(mark).collect()
    }

    #[test]
    fn every_ending_is_told_apart() {
        for (truth, outcome) in [
            ("gb", Outcome::Found { last_good: 0, first_bad: 1 }),
            ("ggggbbb", Outcome::Found { last_good: 3, first_bad: 4 }),
            ("gsb", Outcome::Range { last_good: 0, first_bad: 2 }),
            ("ggssbbb", Outcome::Range { last_good: 1, first_bad: 4 }),
            ("gsgbsb", Outcome::Found { last_good: 2, first_bad: 3 }),
            ("gggg", Outcome::NoRegression),
            ("bbbb", Outcome::GoodEndIsBad),
            ("sgbb", Outcome::EndSkipped { end: 0 }),
            ("ggbs", Outcome::EndSkipped { end: 3 }),
        ] {
            assert_eq!(run(&marks(truth)).0, outcome, "{truth}");
        }
    }

    #[test]
    fn both_ends_are_checked_before_anything_between() {
        let mut search = Search::over(9);
        assert_eq!(search.next(), Step::Check(0));
        search.record(0, Mark::Good);
        assert_eq!(search.next(), Step::Check(8));
        search.record(8, Mark::Bad);
        assert_eq!(search.next(), Step::Check(4));
    }

    #[test]
    fn a_skip_in_the_middle_moves_to_its_neighbour() {
        let mut search = Search::over(9);
        for (place, mark) in [(0, Mark::Good), (8, Mark::Bad), (4, Mark::Skip)] {
            search.record(place, mark);
        }
        assert_eq!(search.next(), Step::Check(3));
    }

    #[test]
    fn what_is_installed_ahead_is_what_may_come_next() {
        let mut search = Search::over(9);
        assert_eq!(search.ahead(), [8, 4]);
        search.record(0, Mark::Good);
        assert_eq!(search.ahead(), [4]);
        search.record(8, Mark::Bad);
        assert_eq!(search.ahead(), [6, 2]);
    }

    #[test]
    fn the_work_that_is_left_is_counted() {
        let mut search = Search::over(15);
        assert_eq!((search.left(), search.checks_left()), (13, 6));
        search.record(0, Mark::Good);
        search.record(14, Mark::Bad);
        assert_eq!((search.left(), search.checks_left()), (13, 4));
        search.record(7, Mark::Good);
        assert_eq!((search.left(), search.checks_left()), (6, 3));
    }

    proptest! {
        #[test]
        fn the_boundary_is_found_in_about_log2_checks(length in 2usize..200, bad in 1usize..200) {
            let first_bad = 1 + (bad - 1) % (length - 1);
            let truth: Vec<_> =
                (0..length).map(|p| if p < first_bad { Mark::Good } else { Mark::Bad }).collect();
            let (outcome, checks) = run(&truth);
            prop_assert_eq!(outcome, Outcome::Found { last_good: first_bad - 1, first_bad });
            prop_assert!(checks <= 2 + (length - 1).next_power_of_two().ilog2() as usize);
        }

        #[test]
        fn skips_never_make_it_blame_a_candidate_that_was_not_seen_bad(
            inside in proptest::collection::vec(0u8..3, 0..40), boundary in 0usize..40
        ) {
            let mut truth = vec![Mark::Good];
            for (place, kind) in inside.iter().enumerate() {
                truth.push(match kind {
                    0 => Mark::Skip,
                    _ if place < boundary => Mark::Good,
                    _ => Mark::Bad,
                });
            }
            truth.push(Mark::Bad);
            match run(&truth).0 {
                Outcome::Found { last_good, first_bad } => {
                    prop_assert_eq!((truth[last_good], truth[first_bad]), (Mark::Good, Mark::Bad));
                    prop_assert_eq!(first_bad - last_good, 1);
                }
                Outcome::Range { last_good, first_bad } => {
                    prop_assert_eq!((truth[last_good], truth[first_bad]), (Mark::Good, Mark::Bad));
                    prop_assert!(truth[last_good + 1..first_bad].iter().all(|m| *m == Mark::Skip));
                    prop_assert!(first_bad - last_good > 1);
                }
                other => prop_assert!(false, "{:?}", other),
            }
        }

        #[test]
        fn the_next_check_was_always_among_those_installed_ahead(
            length in 3usize..100, bad in 1usize..100
        ) {
            let first_bad = 1 + (bad - 1) % (length - 1);
            let mut search = Search::over(length);
            let mut ahead = vec![0];
            while let Step::Check(place) = search.next() {
                prop_assert!(ahead.contains(&place), "{place} not in {ahead:?}");
                ahead = search.ahead();
                search.record(place, if place < first_bad { Mark::Good } else { Mark::Bad });
            }
        }
    }
}
