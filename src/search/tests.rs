mod noise;
mod properties;
mod scan;

use std::collections::BTreeMap;

use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};
use proptest::sample::Index;
use proptest::strategy::Strategy as _;

use super::*;

const STRICT: NoisePolicy = NoisePolicy { same_failure: true, shared_upstream: false };
const ANY: NoisePolicy = NoisePolicy { same_failure: false, shared_upstream: false };
const LENT: NoisePolicy = NoisePolicy { same_failure: true, shared_upstream: true };

fn bad(key: &str) -> Reading {
    Reading::Bad(FailureKey(key.to_owned()))
}

/// `g` answers, `b` fails as the bad end is to, `x` and `y` in other ways, anything
/// else cannot be judged.
fn readings(text: &str) -> Vec<Reading> {
    let reading = |letter| match letter {
        'g' => Reading::Good,
        'b' | 'x' | 'y' => bad(&String::from(letter)),
        _ => Reading::Skip,
    };
    text.chars().map(reading).collect()
}

/// A search that was driven: every ask with its reading, in the order of the answers.
struct SearchRun<S = Halving> {
    search: S,
    log: Vec<(Ask, Reading)>,
    end: Next,
}

impl<S> SearchRun<S> {
    fn places(&self) -> Vec<usize> {
        self.log.iter().map(|(ask, _)| ask.place).collect()
    }

    fn outcome(&self) -> Outcome {
        match &self.end {
            Next::Done(outcome) => outcome.clone(),
            other => panic!("{other:?} after {:?}", self.log),
        }
    }
}

/// Drives a search with so many asks at once. `answer` says what an ask shows, `pick`
/// which of the running ones is answered first.
fn drive<S: Strategy>(
    mut search: S,
    at_once: usize,
    mut answer: impl FnMut(&Ask) -> Reading,
    mut pick: impl FnMut(usize) -> usize,
) -> SearchRun<S> {
    let (mut running, mut log) = (Vec::new(), Vec::new());
    for _ in 0..10_000 {
        match search.next(&running) {
            Next::Ask(ask) if running.len() < at_once => running.push(ask),
            Next::Ask(_) | Next::Wait => {
                assert!(!running.is_empty(), "it waits for nothing after {log:?}");
                let ask = running.remove(pick(running.len()));
                let reading = answer(&ask);
                search.learn(&ask, reading.clone());
                log.push((ask, reading));
            }
            end => return SearchRun { search, log, end },
        }
    }
    panic!("it does not end: {log:?}");
}

fn one_by_one(truth: &[Reading], policy: NoisePolicy) -> SearchRun {
    let answer = |ask: &Ask| truth[ask.place].clone();
    drive(Halving::over(truth.len(), policy), 1, answer, |_| 0)
}

/// Each candidate answers by its list, the last entry for good.
fn by_script(truth: &[Vec<Reading>]) -> impl FnMut(&Ask) -> Reading + '_ {
    let mut times = BTreeMap::new();
    move |ask| {
        let time = times.entry(ask.place).or_insert(0usize);
        *time += 1;
        let script = &truth[ask.place];
        script[(*time - 1).min(script.len() - 1)].clone()
    }
}

#[test]
fn every_ending_is_told_apart() {
    for (truth, outcome) in [
        ("gb", Outcome::Found { last_good: 0, first_bad: 1 }),
        ("ggggbbb", Outcome::Found { last_good: 3, first_bad: 4 }),
        ("gsb", Outcome::Range { last_good: 0, first_bad: 2 }),
        ("ggssbbb", Outcome::Range { last_good: 1, first_bad: 4 }),
        ("gsgbsb", Outcome::Found { last_good: 2, first_bad: 3 }),
        ("ggxbb", Outcome::Range { last_good: 1, first_bad: 3 }),
        ("gggg", Outcome::NoRegression),
        ("bbbb", Outcome::GoodEndIsBad),
        ("bbgg", Outcome::EndsReversed),
        ("sbbg", Outcome::EndsReversed),
        ("bggs", Outcome::GoodEndIsBad),
        ("ssss", Outcome::EndSkipped { end: 0 }),
        ("gsss", Outcome::EndSkipped { end: 3 }),
    ] {
        assert_eq!(one_by_one(&readings(truth), STRICT).outcome(), outcome, "{truth}");
    }
}

#[test]
fn both_ends_are_asked_before_anything_between() {
    assert_eq!(one_by_one(&readings("gggggbbbb"), STRICT).places()[..3], [0, 8, 4]);
    // However many may be asked at once.
    let search = Halving::over(9, STRICT);
    let ask = |id, place| Ask { id, place, reason: Reason::End };
    assert_eq!(search.next(&[]), Next::Ask(ask(1, 0)));
    assert_eq!(search.next(&[ask(1, 0)]), Next::Ask(ask(2, 8)));
    assert_eq!(search.next(&[ask(1, 0), ask(2, 8)]), Next::Wait);
}

#[test]
fn an_end_that_cannot_be_judged_moves_inwards_in_growing_steps() {
    for (truth, outcome, ends) in [
        ("sggbb", Outcome::Found { last_good: 2, first_bad: 3 }, (1, 4)),
        ("ggbbs", Outcome::Found { last_good: 1, first_bad: 2 }, (0, 3)),
        ("gggggsssss", Outcome::NoRegression, (0, 4)),
        ("gggbbsssss", Outcome::Found { last_good: 2, first_bad: 3 }, (0, 4)),
        ("sbbb", Outcome::GoodEndIsBad, (1, 3)),
    ] {
        let run = one_by_one(&readings(truth), ANY);
        assert_eq!((run.outcome(), run.search.belief().ends), (outcome, ends), "{truth}");
    }
    // A whole cluster of skips is leapt over; what was leapt over is looked at only where
    // that may still say something.
    assert_eq!(one_by_one(&readings("gggbbbbsssss"), ANY).places()[..5], [0, 11, 10, 8, 4]);
}

#[test]
fn a_good_end_that_fails_has_the_bad_end_asked_too_and_nothing_between() {
    let run = one_by_one(&readings("bbbggggg"), ANY);
    assert_eq!(run.outcome(), Outcome::EndsReversed);
    assert_eq!(run.places(), [0, 0, 7]);
    assert_eq!(one_by_one(&readings("bbbb"), ANY).places(), [0, 0, 3]);
}

#[test]
fn where_no_good_end_is_given_it_is_looked_for_in_growing_steps() {
    for (truth, outcome, first) in [
        ("gggggggggggggbbb", Outcome::Found { last_good: 12, first_bad: 13 }, vec![15, 14, 12]),
        ("gbbbbbbbbbbbbbbb", Outcome::Found { last_good: 0, first_bad: 1 }, vec![15, 14, 12, 8, 0]),
        ("bbbbbbbb", Outcome::GoodEndIsBad, vec![7, 6, 4, 0]),
        ("gggggggg", Outcome::NoRegression, vec![7]),
    ] {
        let truth_of = readings(truth);
        let search = Halving::over(truth.len(), ANY).seeking_good_end(true);
        let run = drive(search, 1, |ask| truth_of[ask.place].clone(), |_| 0);
        assert_eq!(run.outcome(), outcome, "{truth}");
        assert_eq!(run.places()[..first.len()], first, "{truth}");
        let search = Bayes::over(truth.len(), ANY, 0.95, 2).seeking_good_end(true);
        let run = drive(search, 1, |ask| truth_of[ask.place].clone(), |_| 0);
        assert_eq!(run.outcome(), outcome, "{truth} under noise");
    }
}

#[test]
fn a_skip_in_the_middle_is_leapt_over_and_a_cluster_further_each_time() {
    assert_eq!(one_by_one(&readings("ggggsbbbb"), STRICT).places()[..4], [0, 8, 4, 6]);
    let cluster: String = (0..100)
        .map(|place| match place {
            0..30 => 'g',
            30..70 => 's',
            _ => 'b',
        })
        .collect();
    let run = one_by_one(&readings(&cluster), STRICT);
    assert_eq!(run.outcome(), Outcome::Range { last_good: 29, first_bad: 70 });
    let inside = |place: &&usize| (30..70).contains(*place);
    let leaps = run.places().iter().skip(2).take_while(inside).count();
    assert!(leaps <= 5, "{:?}", run.places());
}

#[test]
fn the_bad_end_is_asked_again_where_others_fail_in_another_way() {
    // One time-out there must not make every true failure another one.
    let mut truth: Vec<Vec<Reading>> = readings("gggbbbbbb").into_iter().map(|r| vec![r]).collect();
    truth[8] = vec![bad("x"), bad("b")];
    for policy in [STRICT, ANY] {
        let run = drive(Halving::over(9, policy), 1, by_script(&truth), |_| 0);
        assert_eq!(run.outcome(), Outcome::Found { last_good: 2, first_bad: 3 });
        assert_eq!(run.places(), [0, 8, 4, 4, 8, 2, 3]);
    }
}

#[test]
fn a_boundary_at_the_bad_end_rests_on_two_failures() {
    let mut truth: Vec<Vec<Reading>> = readings("ggggb").into_iter().map(|r| vec![r]).collect();
    let run = drive(Halving::over(5, ANY), 1, by_script(&truth), |_| 0);
    assert_eq!(run.outcome(), Outcome::Found { last_good: 3, first_bad: 4 });
    assert_eq!(run.places(), [0, 4, 2, 3, 4]);
    truth[4] = vec![bad("b"), Reading::Good];
    let run = drive(Halving::over(5, ANY), 1, by_script(&truth), |_| 0);
    assert_eq!(run.outcome(), Outcome::NoRegression);
}

#[test]
fn what_is_worth_installing_is_what_may_come_next() {
    let mut search = Halving::over(9, STRICT);
    let mut wanted = Vec::new();
    for place in [0, 8, 4] {
        let Next::Ask(ask) = search.next(&[]) else { panic!("{:?}", search.next(&[])) };
        assert_eq!(ask.place, place);
        wanted.push(search.wanted(std::slice::from_ref(&ask)));
        search.learn(&ask, readings("gggggbbbb")[place].clone());
    }
    let places: Vec<Vec<usize>> =
        wanted.iter().map(|list| list.iter().map(|(place, _)| *place).collect()).collect();
    assert_eq!(places, [vec![8, 4], vec![4], vec![6, 2]]);
    let chances: Vec<f64> = wanted[2].iter().map(|(_, chance)| *chance).collect();
    assert!(chances.iter().all(|chance| (chance - 0.5).abs() < 1e-9), "{chances:?}");
}

#[test]
fn the_work_that_is_left_is_counted() {
    let mut search = Halving::over(15, STRICT);
    let counts = |search: &Halving| (search.belief().left, search.belief().checks_left);
    assert_eq!(counts(&search), (13, 6));
    for (id, place, reading) in [(1, 0, Reading::Good), (2, 14, bad("b"))] {
        search.learn(&Ask { id, place, reason: Reason::End }, reading);
    }
    assert_eq!(counts(&search), (13, 4));
    search.learn(&Ask { id: 3, place: 7, reason: Reason::Search }, Reading::Good);
    assert_eq!(counts(&search), (6, 3));
    assert!(search.belief().verified);
}

#[test]
fn a_failure_that_surprises_is_asked_once_more_and_both_answers_are_kept() {
    let mut truth: Vec<Vec<Reading>> = readings("ggggb").into_iter().map(|r| vec![r]).collect();
    truth[2] = vec![bad("x"), Reading::Good];
    let driven = drive(Halving::over(5, STRICT), 1, by_script(&truth), |_| 0);
    assert_eq!(driven.outcome(), Outcome::Found { last_good: 3, first_bad: 4 });
    assert_eq!(driven.places(), [0, 4, 2, 2, 3, 4]);
    assert_eq!(driven.log[3].0.reason, Reason::Recheck { of: 3 });
    let search = &driven.search;
    assert_eq!((search.purpose(3), search.counts(3)), (Purpose::Surprise, false));
    assert_eq!((search.purpose(4), search.counts(4)), (Purpose::Search, true));
    let contradiction = Contradiction { place: 2, good: vec![4], bad: vec![3] };
    assert_eq!(search.contradictions(), [contradiction]);
}

#[test]
fn a_good_end_that_fails_is_always_asked_once_more() {
    // Asked side by side, the bad end may have shown the failure before.
    let truth = vec![vec![bad("b"), Reading::Good], vec![Reading::Good], vec![bad("b")]];
    let driven = drive(Halving::over(3, STRICT), 2, by_script(&truth), |running| running - 1);
    assert_eq!(driven.outcome(), Outcome::Found { last_good: 1, first_bad: 2 });
    let recheck = driven.log.iter().find(|(ask, _)| matches!(ask.reason, Reason::Recheck { .. }));
    assert_eq!(recheck.unwrap().0.place, 0);
}

#[test]
fn another_failure_on_the_way_is_a_skip_unless_any_failure_counts() {
    let strict = one_by_one(&readings("ggxbbb"), STRICT);
    assert_eq!(strict.outcome(), Outcome::Range { last_good: 1, first_bad: 3 });
    let another = strict.log.iter().rfind(|(ask, _)| ask.place == 2).unwrap().0.id;
    assert_eq!(
        (strict.search.purpose(another), strict.search.counts(another)),
        (Purpose::Another, true)
    );
    let any = NoisePolicy { same_failure: false, ..STRICT };
    let any = one_by_one(&readings("ggxbbb"), any);
    assert_eq!(any.outcome(), Outcome::Found { last_good: 1, first_bad: 2 });
}

#[test]
fn a_failure_counts_once_the_last_good_candidate_has_answered_again() {
    let driven = one_by_one(&readings("gggbb"), LENT);
    assert_eq!(driven.outcome(), Outcome::Found { last_good: 2, first_bad: 3 });
    assert_eq!(driven.places(), [0, 4, 0, 2, 3, 2]);
    let reasons: Vec<_> = driven.log.iter().map(|(ask, _)| ask.reason).collect();
    assert_eq!(reasons[2], Reason::Control { of: 2 });
    assert_eq!(reasons[5], Reason::Control { of: 5 });
    let counting: Vec<_> = (1..=6).filter(|id| driven.search.counts(*id)).collect();
    assert_eq!(counting, [1, 2, 4, 5]);
    assert_eq!(driven.search.contradictions(), []);
}

#[test]
fn a_failed_control_pauses_and_what_it_was_for_counts_for_nothing() {
    let mut truth: Vec<Vec<Reading>> = readings("gggbb").into_iter().map(|r| vec![r]).collect();
    truth[0] = vec![Reading::Good, Reading::Skip, Reading::Good];
    let mut script = by_script(&truth);
    let mut paused = drive(Halving::over(5, LENT), 1, &mut script, |_| 0);
    assert_eq!(paused.end, Next::Pause(Pause::Control { ask: 3 }));
    assert_eq!((paused.search.purpose(2), paused.search.counts(2)), (Purpose::Controlled, false));
    paused.search.go_on();
    let driven = drive(paused.search, 1, &mut script, |_| 0);
    assert_eq!(driven.outcome(), Outcome::Found { last_good: 2, first_bad: 3 });
    assert_eq!(driven.places()[..2], [4, 0], "the failure was asked for again, with a control");
}

#[test]
fn what_all_candidates_share_pauses_a_search_only_where_they_share_it() {
    let truth = [Reading::Good, Reading::Shared, bad("b")];
    let lent = one_by_one(&truth, LENT);
    assert_eq!(lent.end, Next::Pause(Pause::Shared { ask: 4 }));
    assert_eq!(lent.search.purpose(4), Purpose::Pause);
    let own = one_by_one(&truth, STRICT);
    assert_eq!(own.outcome(), Outcome::Range { last_good: 0, first_bad: 2 });
}

#[test]
fn a_failure_whose_control_was_not_made_in_time_is_asked_again() {
    let mut search = Halving::over(3, LENT);
    for (id, place, reading) in [(1, 0, Reading::Good), (2, 2, bad("b"))] {
        search.learn(&Ask { id, place, reason: Reason::End }, reading);
    }
    let control = Ask { id: 3, place: 0, reason: Reason::Control { of: 2 } };
    assert_eq!(search.next(&[]), Next::Ask(control));
    search.go_on();
    assert_eq!(search.next(&[]), Next::Ask(Ask { id: 3, place: 2, reason: Reason::End }));
    assert_eq!(search.contradictions(), []);
}

#[test]
fn one_failure_of_two_candidates_at_once_is_asked_again_of_one_of_them() {
    let any = NoisePolicy { same_failure: false, ..STRICT };
    // Both ends, then 4 and 6 at once: both show what the line has not shown yet.
    let truth = readings("ggggxxxxb");
    let driven = drive(Halving::over(9, any), 3, |ask| truth[ask.place].clone(), |_| 0);
    assert_eq!(driven.outcome(), Outcome::Found { last_good: 3, first_bad: 4 });
    let rechecks =
        driven.log.iter().filter(|(ask, _)| matches!(ask.reason, Reason::Recheck { .. }));
    let inside = rechecks.filter(|(ask, _)| ask.place != 8);
    assert_eq!(inside.count(), 1, "{:?}", driven.log);
}
