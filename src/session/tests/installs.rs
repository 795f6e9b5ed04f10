//! What a session installs, and when.

use std::time::Duration;

use super::*;
use crate::explain::{Class, Explain as _};

#[tokio::test]
async fn nothing_is_installed_that_the_search_has_no_use_for() {
    let bench = Bench::new(30);
    let lab = ScriptedLab::of(&vec![vec!["OK"]; 30]);
    let conclusion = bench.run(&lab, &mut bench.begin()).await.unwrap();
    assert_eq!(conclusion.outcome, Outcome::NoRegression);
    // Both ends, and the middle ahead of them: what is needed first goes first.
    let installed = lab.installed();
    assert_eq!(installed[..2], ["2026.5.1", "2026.5.30"]);
    assert!(installed.len() <= 3, "{installed:?}");
}

/// The bisection of nine candidates in a lab whose checks may wait for installs.
async fn run_or_hang(lab: &ScriptedLab) -> Conclusion {
    let bench = Bench::new(9);
    let mut journal = bench.begin();
    let run = bench.run(lab, &mut journal);
    let conclusion = tokio::time::timeout(Duration::from_secs(10), run).await;
    conclusion.expect("an install that a check waits for").unwrap()
}

#[tokio::test]
async fn where_nothing_is_installed_the_next_installs_run_beside_the_first() {
    let mut lab = ScriptedLab { installers: 2, ..ScriptedLab::of(&scripts("gggggbbbb")) };
    lab.held_install = Some(("2026.5.1".parse().unwrap(), 2));
    let conclusion = run_or_hang(&lab).await;
    assert_eq!(conclusion.outcome, Outcome::Found { last_good: 4, first_bad: 5 });
    assert_eq!(lab.installed()[..2], ["2026.5.9", "2026.5.5"]);
    assert_eq!(conclusion.installs, lab.installed().len());
}

#[tokio::test]
async fn the_same_session_once_more_installs_nothing_and_no_guess_either() {
    let first = ScriptedLab::of(&scripts("gggggbbbb"));
    run_or_hang(&first).await;
    // Of the first session only what it asked is left: its guesses were dropped.
    let kept = first.asked.lock().unwrap().iter().copied().collect();
    let second = ScriptedLab { kept, ..ScriptedLab::of(&first.scripts) };
    let conclusion = run_or_hang(&second).await;
    assert_eq!(conclusion.outcome, Outcome::Found { last_good: 4, first_bad: 5 });
    assert_eq!((conclusion.installs, second.installed()), (0, Vec::new()));
}

#[tokio::test]
async fn a_candidate_that_still_cannot_be_installed_is_no_reason_for_guesses() {
    let first = ScriptedLab::of(&scripts("gggg-bbbb"));
    run_or_hang(&first).await;
    let kept = first.asked.lock().unwrap().iter().copied().collect();
    let second = ScriptedLab { kept, ..ScriptedLab::of(&first.scripts) };
    let conclusion = run_or_hang(&second).await;
    assert_eq!(conclusion.outcome, Outcome::Range { last_good: 3, first_bad: 5 });
    assert_eq!(second.installed(), [""; 0]);
}

#[tokio::test]
async fn from_its_first_install_on_a_session_installs_ahead_though_the_ends_were_there() {
    let mut lab = ScriptedLab::of(&scripts("gggggbbbb"));
    lab.kept = ["2026.5.1".parse().unwrap(), "2026.5.9".parse().unwrap()].into();
    lab.held_check = Some(("2026.5.5".parse().unwrap(), 2));
    let conclusion = run_or_hang(&lab).await;
    assert_eq!(conclusion.outcome, Outcome::Found { last_good: 4, first_bad: 5 });
    assert_eq!(lab.installed()[0], "2026.5.5");
}

#[tokio::test]
async fn what_is_no_longer_what_was_installed_is_installed_anew_and_asked_again() {
    let bench = Bench::new(3);
    let lab = ScriptedLab::of(&[vec!["OK"], vec!["changed", "OK"], vec![BAD]]);
    let conclusion = bench.run(&lab, &mut bench.begin()).await.unwrap();
    assert_eq!(conclusion.outcome, Outcome::Found { last_good: 1, first_bad: 2 });
    let of = |list: Vec<String>| list.into_iter().filter(|core| core == "2026.5.2").count();
    assert_eq!((of(lab.installed()), of(lab.asked())), (2, 2));

    let lab = ScriptedLab::of(&[vec!["OK"], vec!["changed"], vec![BAD]]);
    let error = bench.run(&lab, &mut bench.begin()).await.unwrap_err();
    assert_eq!(error.class(), Class::Infrastructure);
    assert!(error.to_string().contains("no longer what was installed"), "{error}");
}
