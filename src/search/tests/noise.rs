//! Searches in which answers may be wrong.

use proptest::prelude::ProptestConfig;

use super::*;

const CONFIDENCE: f64 = 0.95;

fn bayes(length: usize) -> Bayes {
    Bayes::over(length, ANY, CONFIDENCE, 2)
}

/// A row of numbers that look like chance, the same each time.
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn throw(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
        let thrown = (self.0 >> 11) as f64 / (1u64 << 53) as f64;
        thrown
    }
}

/// Candidates of which those from `first_bad` on are bad; a good one fails by chance, a bad
/// one passes by chance.
fn flaky(first_bad: usize, fails: f64, passes: f64, seed: u64) -> impl FnMut(&Ask) -> Reading {
    let mut dice = Dice::new(seed);
    move |ask| {
        let is_bad = ask.place >= first_bad;
        let is_false = dice.throw() < if is_bad { passes } else { fails };
        if is_bad == is_false { Reading::Good } else { bad("b") }
    }
}

fn times(log: &[(Ask, Reading)], place: usize, is_good: bool) -> usize {
    log.iter().filter(|(a, r)| a.place == place && (*r == Reading::Good) == is_good).count()
}

#[test]
fn the_middle_is_asked_first_and_what_is_beside_the_boundary_twice() {
    let run = drive(bayes(9), 1, flaky(5, 0.0, 0.0, 1), |_| 0);
    assert_eq!(run.outcome(), Outcome::Found { last_good: 4, first_bad: 5 });
    assert!((3..=5).contains(&run.places()[0]), "{:?}", run.places());
    assert!(times(&run.log, 4, true) >= 2 && times(&run.log, 5, false) >= 2, "{:?}", run.log);
    let confidence = run.search.belief().confidence.unwrap();
    assert!(confidence >= CONFIDENCE, "{confidence}");
}

#[test]
fn every_ending_is_told_apart_under_noise() {
    for (truth, outcome) in [
        ("ggggbbbb", Outcome::Found { last_good: 3, first_bad: 4 }),
        ("gggssbbb", Outcome::Range { last_good: 2, first_bad: 5 }),
        ("gggggggg", Outcome::NoRegression),
        ("bbbbbbbb", Outcome::GoodEndIsBad),
        ("bbbbgggg", Outcome::EndsReversed),
        ("bggggggg", Outcome::EndsReversed),
        ("ssssssss", Outcome::Inconclusive { last_good: None, first_bad: None }),
    ] {
        let truth_of = readings(truth);
        let run = drive(bayes(8), 1, |ask| truth_of[ask.place].clone(), |_| 0);
        assert_eq!(run.outcome(), outcome, "{truth}");
    }
}

#[test]
fn what_is_said_of_both_ends_was_seen_of_both() {
    for truth in ["gggggggg", "bbbbbbbb"] {
        let truth_of = readings(truth);
        let run = drive(bayes(8), 1, |ask| truth_of[ask.place].clone(), |_| 0);
        let asked = |place| run.places().contains(&place);
        assert!(asked(0) && asked(7), "{truth}: {:?}", run.places());
    }
}

#[test]
fn one_flake_does_not_move_the_boundary() {
    // 2026.6.1 of nine fails once, and answers from then on.
    let mut truth: Vec<Vec<Reading>> = readings("ggggggbbb").into_iter().map(|r| vec![r]).collect();
    for place in 0..6 {
        truth[place] = vec![bad("b"), Reading::Good];
        let run = drive(bayes(9), 1, by_script(&truth), |_| 0);
        assert_eq!(run.outcome(), Outcome::Found { last_good: 5, first_bad: 6 }, "{place}");
        truth[place] = vec![Reading::Good];
    }
}

#[test]
fn a_candidate_is_pinned_once_it_answered_three_times_and_never_where_it_flakes() {
    let mut search = bayes(5);
    let run = drive(search, 1, flaky(3, 0.0, 0.0, 1), |_| 0);
    search = run.search;
    let mut asked = 0;
    while let Pinning::After(ask) = search.pinning(2) {
        assert_eq!((ask.place, ask.reason), (2, Reason::Pin));
        search.learn(&ask, Reading::Good);
        asked += 1;
    }
    assert_eq!(search.pinning(2), Pinning::Ready);
    assert!(times(&run.log, 2, true) + asked >= 3);

    let mut flips = 0;
    while let Pinning::After(ask) = search.pinning(3) {
        flips += 1;
        search.learn(&ask, if flips % 5 == 0 { Reading::Good } else { bad("b") });
    }
    assert_eq!(search.pinning(3), Pinning::Refused);
}

#[test]
fn a_failure_waits_for_its_control_under_noise_too() {
    let search = Bayes::over(5, NoisePolicy { same_failure: false, ..LENT }, CONFIDENCE, 2);
    let run = drive(search, 1, flaky(3, 0.0, 0.0, 1), |_| 0);
    assert_eq!(run.outcome(), Outcome::Found { last_good: 2, first_bad: 3 });
    assert_eq!(run.log[0].0.place, 0, "something that answers has to be known first");
    for (ask, reading) in &run.log {
        let control = run.log.iter().find(|(c, _)| c.reason == Reason::Control { of: ask.id });
        assert_eq!(matches!(reading, Reading::Bad(_)), control.is_some(), "{ask:?}");
    }
}

#[test]
fn only_the_failure_that_is_looked_for_counts_under_noise_too() {
    let truth = readings("gggxxbbb");
    let search = Bayes::over(8, STRICT, CONFIDENCE, 2);
    let run = drive(search, 1, |ask| truth[ask.place].clone(), |_| 0);
    assert_eq!(run.outcome(), Outcome::Range { last_good: 2, first_bad: 5 });
    let run = drive(bayes(8), 1, |ask| truth[ask.place].clone(), |_| 0);
    assert_eq!(run.outcome(), Outcome::Found { last_good: 2, first_bad: 3 });
}

#[test]
fn where_it_broke_before_and_was_mended_the_last_boundary_is_found_and_both_are_told() {
    // Broken at 4, mended at 9, broken for good at 14.
    let truth = readings("ggggbbbbbgggggbbbbbb");
    let mut search = bayes(20);
    for (id, place) in [(1, 6), (2, 6), (3, 11), (4, 11), (5, 2), (6, 17), (7, 11), (8, 6)] {
        let ask = Ask { id, place, reason: Reason::Search };
        search.learn(&ask, truth[place].clone());
    }
    assert_eq!(search.belief().earlier_stretch, Some((6, 11)));
    let run = drive(search, 1, |ask| truth[ask.place].clone(), |_| 0);
    assert_eq!(run.outcome(), Outcome::Found { last_good: 13, first_bad: 14 });
    assert!(run.search.counts(1), "its failures are its own");
    // One flake is no stretch.
    let mut search = bayes(20);
    for (id, place, reading) in [
        (1, 6, bad("b")),
        (2, 11, Reading::Good),
        (3, 6, Reading::Good),
        (4, 17, bad("b")),
        (5, 2, Reading::Good),
    ] {
        search.learn(&Ask { id, place, reason: Reason::Search }, reading);
    }
    assert_eq!(search.belief().earlier_stretch, None);
}

/// Fixed seeds: the share is a number, not a chance. `examples/simulate.rs` has the table.
#[test]
fn the_answer_is_as_often_right_as_it_says() {
    for (length, fails, passes) in [(10, 0.05, 0.0), (30, 0.2, 0.0), (30, 0.05, 0.05)] {
        let right = (0..300)
            .filter(|seed| {
                let first_bad = 1 + usize::try_from(*seed).unwrap() % (length - 1);
                let answer = flaky(first_bad, fails, passes, *seed);
                let run = drive(bayes(length), 1, answer, |_| 0);
                run.outcome() == Outcome::Found { last_good: first_bad - 1, first_bad }
            })
            .count();
        assert!(right >= 285, "{right} of 300 right at {length}, {fails}, {passes}");
    }
}

proptest! {
    #[test]
    fn without_noise_and_skips_it_is_exact(length in 2usize..60, bad in 0usize..61) {
        let first_bad = bad % (length + 1);
        let run = drive(bayes(length), 1, flaky(first_bad, 0.0, 0.0, 1), |_| 0);
        let wanted = match first_bad {
            0 => Outcome::GoodEndIsBad,
            first_bad if first_bad == length => Outcome::NoRegression,
            first_bad => Outcome::Found { last_good: first_bad - 1, first_bad },
        };
        prop_assert_eq!(run.outcome(), wanted);
    }

    #[test]
    fn the_interval_holds_the_truth(length in 2usize..60, bad in 0usize..61, cut in any::<Index>()) {
        let first_bad = bad % (length + 1);
        let run = drive(bayes(length), 1, flaky(first_bad, 0.0, 0.0, 1), |_| 0);
        let mut search = bayes(length);
        for (ask, reading) in &run.log[..cut.index(run.log.len() + 1)] {
            search.learn(ask, reading.clone());
        }
        let Outcome::Inconclusive { last_good, first_bad: to } = search.so_far() else { panic!() };
        prop_assert!(last_good.is_none_or(|good| good < first_bad));
        prop_assert!(to.is_none_or(|to| first_bad <= to));
    }

    #[test]
    fn a_search_under_noise_told_its_answers_again_goes_on_where_it_was(
        length in 2usize..30, bad in 0usize..31, seed in any::<u64>(), cut in any::<Index>(),
    ) {
        let run = drive(bayes(length), 1, flaky(bad % (length + 1), 0.2, 0.05, seed), |_| 0);
        let (mut live, mut again) = (bayes(length), bayes(length));
        let cut = cut.index(run.log.len() + 1);
        for (ask, reading) in &run.log[..cut] {
            prop_assert_eq!(live.next(&[]), Next::Ask(ask.clone()));
            live.learn(ask, reading.clone());
        }
        for (ask, reading) in &run.log[..cut] {
            again.learn(ask, reading.clone());
        }
        again.go_on();
        prop_assert_eq!(live.next(&[]), again.next(&[]));
        prop_assert_eq!(live.belief(), again.belief());
    }

    #[test]
    fn any_answers_at_all_come_to_an_end_under_noise(
        letters in proptest::collection::vec(proptest::collection::vec(
            proptest::sample::select(vec!['g', 'b', 'x', 's']), 1..4), 2..20),
        same_failure in any::<bool>(),
    ) {
        let truth: Vec<Vec<Reading>> = letters.iter().map(|script| readings(&script.iter().collect::<String>())).collect();
        let policy = NoisePolicy { same_failure, shared_upstream: false };
        let run = drive(Bayes::over(truth.len(), policy, 0.99, 2), 1, by_script(&truth), |_| 0);
        if let Outcome::Found { last_good, first_bad } | Outcome::Range { last_good, first_bad } = run.outcome() {
            prop_assert!(times(&run.log, last_good, true) > 0, "{:?}", run.log);
            prop_assert!(run.log.iter().any(|(a, r)| a.place == first_bad && matches!(r, Reading::Bad(_))));
        }
    }
}

proptest! {
    // Each is a long search: much noise takes many answers.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn nothing_is_found_without_a_good_and_a_bad_neighbour(
        length in 2usize..16, bad in 0usize..17, fails in 0.0..0.5, passes in 0.0..0.5, seed in any::<u64>(),
    ) {
        let run = drive(bayes(length), 1, flaky(bad % (length + 1), fails, passes, seed), |_| 0);
        if let Outcome::Found { last_good, first_bad } = run.outcome() {
            prop_assert!(times(&run.log, last_good, true) >= 2);
            prop_assert!(times(&run.log, first_bad, false) >= 2);
        }
    }
}
