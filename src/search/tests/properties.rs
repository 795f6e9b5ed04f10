//! What holds for any line and any answers.

use super::*;

fn steady_line() -> impl proptest::strategy::Strategy<Value = Vec<Reading>> {
    proptest::collection::vec(
        proptest::sample::select(vec!['g', 'g', 'b', 'b', 'x', 'y', 's']),
        2..40,
    )
    .prop_map(|letters| readings(&letters.into_iter().collect::<String>()))
}

fn policies() -> impl proptest::strategy::Strategy<Value = NoisePolicy> {
    (any::<bool>(), any::<bool>())
        .prop_map(|(same_failure, shared_upstream)| NoisePolicy { same_failure, shared_upstream })
}

/// Whether a line whose candidates always answer the same may end like that.
fn is_borne_out(truth: &[Reading], policy: NoisePolicy, outcome: &Outcome) -> bool {
    let last = truth.len() - 1;
    let mark = |place: usize| match &truth[place] {
        Reading::Good => Mark::Good,
        Reading::Skip | Reading::Shared => Mark::Skip,
        other @ Reading::Bad(_) => {
            let is_sought = !matches!(truth[last], Reading::Bad(_)) || *other == truth[last];
            if !policy.same_failure || place == 0 || is_sought { Mark::Bad } else { Mark::Skip }
        }
    };
    let all =
        |range: std::ops::Range<usize>, wanted: Mark| range.into_iter().all(|p| mark(p) == wanted);
    match *outcome {
        Outcome::Found { last_good, first_bad } | Outcome::Range { last_good, first_bad } => {
            (mark(last_good), mark(first_bad)) == (Mark::Good, Mark::Bad)
                && all(last_good + 1..first_bad, Mark::Skip)
                && matches!(outcome, Outcome::Found { .. }) == (first_bad == last_good + 1)
        }
        Outcome::GoodEndIsBad | Outcome::EndsReversed => {
            let first = truth.iter().find(|r| **r != Reading::Skip);
            let is_reversed = truth[last] == Reading::Good;
            first.is_some_and(|r| *r != Reading::Good)
                && is_reversed == (*outcome == Outcome::EndsReversed)
        }
        Outcome::NoRegression => {
            truth.iter().rfind(|r| **r != Reading::Skip) == Some(&Reading::Good)
        }
        Outcome::EndSkipped { end: 0 } => all(0..last, Mark::Skip),
        Outcome::EndSkipped { .. } => (0..=last).filter(|p| mark(*p) != Mark::Skip).count() == 1,
        Outcome::Inconclusive { .. } | Outcome::Scanned => false,
    }
}

proptest! {
    #[test]
    fn the_boundary_is_found_in_about_log2_checks(length in 2usize..200, bad in 1usize..200) {
        let first_bad = 1 + (bad - 1) % (length - 1);
        let truth: String = (0..length).map(|p| if p < first_bad { 'g' } else { 'b' }).collect();
        let driven = one_by_one(&readings(&truth), STRICT);
        prop_assert_eq!(driven.outcome(), Outcome::Found { last_good: first_bad - 1, first_bad });
        prop_assert!(driven.log.len() <= 2 + length.next_power_of_two().ilog2() as usize);
    }

    #[test]
    fn the_answer_is_exact_for_any_line(truth in steady_line(), policy in policies()) {
        let outcome = one_by_one(&truth, policy).outcome();
        prop_assert!(is_borne_out(&truth, policy, &outcome), "{:?}", outcome);
    }

    #[test]
    fn any_number_of_asks_at_once_gives_the_same_answer(
        truth in steady_line(), policy in policies(), at_once in 1usize..8,
        picks in proptest::collection::vec(any::<Index>(), 1..200),
    ) {
        let mut turn = picks.iter().cycle();
        let pick = |running| turn.next().map_or(0, |index| index.index(running));
        let driven = drive(Halving::over(truth.len(), policy), at_once, |ask| truth[ask.place].clone(), pick);
        prop_assert_eq!(driven.outcome(), one_by_one(&truth, policy).outcome());
        let mut ids: Vec<_> = driven.log.iter().map(|(ask, _)| ask.id).collect();
        ids.sort_unstable();
        ids.dedup();
        prop_assert_eq!(ids.len(), driven.log.len(), "two asks of one number");
    }

    #[test]
    fn a_search_told_its_answers_again_goes_on_where_it_was(
        truth in steady_line(), policy in policies(), at_once in 1usize..5, cut in any::<Index>(),
    ) {
        let answer = |ask: &Ask| truth[ask.place].clone();
        let whole = drive(Halving::over(truth.len(), policy), at_once, answer, |_| 0);
        // At this answer the live search was where the replayed one is now.
        let cut = cut.index(whole.log.len() + 1);
        let mut live = Halving::over(truth.len(), policy);
        let mut again = Halving::over(truth.len(), policy);
        for (ask, reading) in &whole.log[..cut] {
            live.learn(ask, reading.clone());
            let _ = (live.next(&[]), live.wanted(&[]), live.belief());
        }
        for (ask, reading) in &whole.log[..cut] {
            again.learn(ask, reading.clone());
        }
        prop_assert_eq!(live.next(&[]), again.next(&[]));
        prop_assert_eq!(live.belief(), again.belief());
        again.go_on();
        let rest = drive(again, 1, answer, |_| 0);
        prop_assert_eq!(rest.outcome(), whole.outcome());
        // Only a failure whose control was still to come is asked for again.
        let controlled = |id: u32| whole.log[..cut].iter().any(|(c, _)| c.reason == Reason::Control { of: id });
        for (ask, reading) in &whole.log[..cut] {
            let settled = !matches!(reading, Reading::Bad(_)) || !policy.shared_upstream || controlled(ask.id);
            let again = rest.log.iter().any(|(later, _)| {
                later.place == ask.place && matches!(later.reason, Reason::End | Reason::Search)
            });
            prop_assert!(!(settled && again && rest.search.counts(ask.id)), "{ask:?} {:?}", rest.log);
        }
    }

    #[test]
    fn nothing_is_asked_twice_without_a_reason(
        truth in steady_line(), policy in policies(), at_once in 1usize..6,
        picks in proptest::collection::vec(any::<Index>(), 1..200),
    ) {
        let mut turn = picks.iter().cycle();
        let pick = |running| turn.next().map_or(0, |index| index.index(running));
        let driven = drive(Halving::over(truth.len(), policy), at_once, |ask| truth[ask.place].clone(), pick);
        let count = |wanted: &dyn Fn(&Ask) -> bool| driven.log.iter().filter(|(ask, _)| wanted(ask)).count();
        for place in 0..truth.len() {
            let first = count(&|ask| ask.place == place && matches!(ask.reason, Reason::End | Reason::Search));
            prop_assert!(first <= 1, "{place}: {:?}", driven.log);
        }
        for (ask, reading) in &driven.log {
            match ask.reason {
                Reason::Recheck { of } => {
                    prop_assert!(matches!(reading, Reading::Bad(_)));
                    prop_assert_eq!(count(&|other| other.reason == Reason::Recheck { of }), 1);
                }
                Reason::Control { of } => {
                    prop_assert!(policy.shared_upstream);
                    prop_assert_eq!(count(&|other| other.reason == Reason::Control { of }), 1);
                }
                Reason::End | Reason::Search | Reason::Pin => {}
            }
        }
        // One candidate is asked again for each failure, and each end for its own.
        let mut keys: Vec<_> = truth.iter().filter(|r| matches!(r, Reading::Bad(_))).map(|r| format!("{r:?}")).collect();
        keys.sort();
        keys.dedup();
        prop_assert!(count(&|ask| matches!(ask.reason, Reason::Recheck { .. })) <= keys.len() + 2, "{:?}", driven.log);
    }

    #[test]
    fn the_next_ask_was_always_among_what_was_worth_installing(inside in steady_line()) {
        let truth = [readings("g"), inside, readings("b")].concat();
        let mut search = Halving::over(truth.len(), STRICT);
        let mut wanted: Option<Vec<usize>> = None;
        while let Next::Ask(ask) = search.next(&[]) {
            if let Some(wanted) = wanted {
                prop_assert!(wanted.contains(&ask.place), "{ask:?} not in {wanted:?}");
            }
            let reading = truth[ask.place].clone();
            // A skip leads to a neighbour, another failure to the same candidate.
            let is_foreseen = reading == Reading::Good || reading == bad("b");
            let list = search.wanted(std::slice::from_ref(&ask));
            wanted = is_foreseen.then(|| list.into_iter().map(|(place, _)| place).collect());
            search.learn(&ask, reading);
        }
    }

    #[test]
    fn answers_that_change_from_time_to_time_are_all_kept_and_it_ends(
        letters in proptest::collection::vec(proptest::collection::vec(
            proptest::sample::select(vec!['g', 'b', 'x', 's', 'a']), 1..4), 2..20),
        policy in policies(), at_once in 1usize..4,
    ) {
        let truth: Vec<Vec<Reading>> = letters.iter().map(|script| {
            script.iter().map(|letter| match letter {
                'a' => Reading::Shared,
                other => readings(&other.to_string())[0].clone(),
            }).collect()
        }).collect();
        let mut script = by_script(&truth);
        let mut search = Halving::over(truth.len(), policy);
        let mut log: Vec<(Ask, Reading)> = Vec::new();
        for _ in 0..200 {
            let driven = drive(search, at_once, &mut script, |_| 0);
            log.extend(driven.log);
            search = driven.search;
            match driven.end {
                Next::Done(outcome) => {
                    if let Outcome::Found { last_good, first_bad } = outcome {
                        let decisive = |place: usize| {
                            let mut of_it = log.iter().filter(|(ask, _)| ask.place == place);
                            of_it.rfind(|(ask, _)| search.counts(ask.id)).map(|(_, r)| r.clone())
                        };
                        prop_assert_eq!(decisive(last_good), Some(Reading::Good));
                        let failed = matches!(decisive(first_bad), Some(Reading::Bad(_)));
                        prop_assert!(failed);
                    }
                    for told in search.contradictions() {
                        prop_assert!(!told.good.is_empty() && !told.bad.is_empty());
                        for id in told.good.iter().chain(&told.bad) {
                            let known = log.iter().any(|(a, _)| a.id == *id && a.place == told.place);
                            prop_assert!(known);
                        }
                    }
                    return Ok(());
                }
                // Asks that were running when it paused are not answered: as after a kill.
                _ => search.go_on(),
            }
        }
        // A candidate that always meets an outage pauses it for ever: giving up is the caller's.
        let outage = |script: &Vec<Reading>| script.last() == Some(&Reading::Shared)
            || script.last() != Some(&Reading::Good);
        prop_assert!(policy.shared_upstream && truth.iter().any(outage), "{log:?}");
    }
}
