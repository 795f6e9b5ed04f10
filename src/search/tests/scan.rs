//! Scans: each candidate is asked for itself.

use super::*;

const CERTAIN: AnswerKind = AnswerKind::Deterministic;
const NOISY: AnswerKind = AnswerKind::Flaky { confidence: 0.99, repeat: 2 };

fn scan(length: usize, kind: AnswerKind) -> LineScan {
    LineScan::over(length, false, kind, (0..length).collect())
}

fn over(truth: &str) -> SearchRun<LineScan> {
    let truth = readings(truth);
    drive(scan(truth.len(), CERTAIN), 1, |ask| truth[ask.place].clone(), |_| 0)
}

#[test]
fn every_candidate_is_asked_once_and_a_new_failure_once_more_wherever_it_is() {
    let run = over("ggbbgsxg");
    assert_eq!(run.outcome(), Outcome::Scanned);
    assert_eq!(run.places(), [0, 1, 2, 2, 3, 4, 5, 6, 6, 7]);
    // The last of a scan is no bad end, of which a failure would be no surprise.
    assert_eq!(over("gb").places(), [0, 1, 1]);
}

#[test]
fn the_places_are_asked_in_the_order_that_is_given_and_no_others() {
    let truth = readings("ggggbbbb");
    let order = vec![5, 7, 0, 3];
    let search = LineScan::over(8, false, CERTAIN, order);
    let run = drive(search, 1, |ask| truth[ask.place].clone(), |_| 0);
    assert_eq!(run.places(), [5, 5, 7, 0, 3]);
}

#[test]
fn two_candidates_are_installed_ahead_and_both_are_certain() {
    let search = scan(9, CERTAIN);
    let Next::Ask(ask) = search.next(&[]) else { panic!("{:?}", search.next(&[])) };
    assert_eq!(search.wanted(&[ask]), [(1, 1.0), (2, 1.0)]);
    assert_eq!(search.belief().left, 9);
}

#[test]
fn a_failure_with_an_account_counts_once_one_before_it_has_answered_again() {
    let truth = readings("ggb");
    let search = LineScan::over(3, true, CERTAIN, vec![0, 1, 2]);
    let run = drive(search, 1, |ask| truth[ask.place].clone(), |_| 0);
    let last = &run.log[run.log.len() - 1].0;
    assert_eq!((last.place, last.reason), (1, Reason::Control { of: 4 }));
    assert!(run.search.counts(4), "{:?}", run.log);
}

#[test]
fn a_failure_that_the_search_has_shown_is_no_surprise_with_a_newer_candidate() {
    // A bisection of four, and two newer candidates.
    let known = [(3, FailureKey("b".to_owned()))];
    let mut search = LineScan::over(6, false, CERTAIN, vec![4, 5]).knowing(known);
    let truth = readings("ggbbbx");
    for (id, place) in [(1, 0), (2, 3), (3, 1), (4, 2)] {
        search.learn(&Ask { id, place, reason: Reason::Search }, truth[place].clone());
    }
    let run = drive(search, 1, |ask| truth[ask.place].clone(), |_| 0);
    assert_eq!(run.places(), [4, 5, 5]);
    assert_eq!(run.log[0].0.id, 5, "no two answers of a session have the same number");
}

#[test]
fn under_noise_one_pass_is_enough_and_a_failure_is_asked_again() {
    let mut truth: Vec<Vec<Reading>> = readings("gbg").into_iter().map(|r| vec![r]).collect();
    truth[2] = vec![bad("x"), Reading::Good];
    let run = drive(scan(3, NOISY), 1, by_script(&truth), |_| 0);
    let times = |place| run.places().iter().filter(|asked| **asked == place).count();
    assert_eq!((times(0), times(1)), (1, 2));
    assert_eq!(times(2), 5, "one that does both is asked some more");
    assert_eq!(run.search.contradictions().len(), 1);
}

/// Each place is asked once or more, and all answers are gone through for each.
fn short_line() -> impl proptest::strategy::Strategy<Value = Vec<Reading>> {
    proptest::collection::vec(proptest::sample::select(vec!['g', 'g', 'b', 'x', 's']), 2..10)
        .prop_map(|letters| readings(&letters.into_iter().collect::<String>()))
}

proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(48))]

    #[test]
    fn a_scan_settles_every_place_whatever_it_shows_and_however_many_are_asked_at_once(
        truth in short_line(), shared in any::<bool>(), noisy in any::<bool>(), at_once in 1usize..5,
    ) {
        let kind = if noisy { NOISY } else { CERTAIN };
        let search = LineScan::over(truth.len(), shared, kind, (0..truth.len()).collect());
        let run = drive(search, at_once, |ask| truth[ask.place].clone(), |_| 0);
        prop_assert_eq!(run.outcome(), Outcome::Scanned);
        let counting = run.log.iter().filter(|(ask, _)| run.search.counts(ask.id));
        let mut counting: Vec<_> = counting.map(|(ask, _)| ask.place).collect();
        counting.sort_unstable();
        counting.dedup();
        prop_assert_eq!(counting, (0..truth.len()).collect::<Vec<_>>());
        let mut ids: Vec<_> = run.log.iter().map(|(ask, _)| ask.id).collect();
        ids.sort_unstable();
        ids.dedup();
        prop_assert_eq!(ids.len(), run.log.len(), "two asks of one number");
    }

    #[test]
    fn a_scan_told_its_answers_again_goes_on_where_it_was(
        truth in short_line(), noisy in any::<bool>(), cut in any::<Index>(),
    ) {
        let kind = if noisy { NOISY } else { CERTAIN };
        let whole = drive(scan(truth.len(), kind), 1, |ask| truth[ask.place].clone(), |_| 0);
        let cut = cut.index(whole.log.len() + 1);
        let mut again = scan(truth.len(), kind);
        for (ask, reading) in &whole.log[..cut] {
            again.learn(ask, reading.clone());
        }
        let rest = drive(again, 1, |ask| truth[ask.place].clone(), |_| 0);
        prop_assert_eq!(&rest.log[..], &whole.log[cut..]);
    }
}
