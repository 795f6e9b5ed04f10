//! Sessions that ask with an account.

use super::*;

#[tokio::test]
async fn with_an_account_a_failure_counts_once_the_last_good_one_has_answered_again() {
    let bench = Bench::new(5);
    let lab = ScriptedLab::of(&scripts("gggbb"));
    let mut journal = bench.begin_live();
    let conclusion = bench.run(&lab, &mut journal).await.unwrap();
    assert_eq!(conclusion.outcome, Outcome::Found { last_good: 2, first_bad: 3 });
    // The last one once more: three passes, and it may be pinned.
    let asked = ["2026.5.1", "2026.5.5", "2026.5.1", "2026.5.3", "2026.5.4", "2026.5.3"];
    assert_eq!(lab.asked(), [&asked[..], &["2026.5.3"]].concat());
    assert!(conclusion.pinnable);
    assert_eq!(conclusion.checks[6].ask.reason, Reason::Pin);
    let counting = conclusion.checks.iter().filter(|check| check.counts);
    assert_eq!(counting.map(CheckRecord::place).collect::<Vec<_>>(), [0, 4, 3, 2]);
    assert_eq!(conclusion.checks[2].ask.reason, Reason::Control { of: 2 });
    assert_eq!(conclusion.checks[5].ask.reason, Reason::Control { of: 5 });
}

#[tokio::test]
async fn a_failure_whose_control_fails_stops_the_session_and_counts_for_nothing() {
    let bench = Bench::new(5);
    let mut script = scripts("gggbb");
    script[0] = vec!["OK", "HTTP 429 usage limit reached", "OK"];
    let lab = ScriptedLab::of(&script);
    let mut journal = bench.begin_live();
    let error = bench.run(&lab, &mut journal).await.unwrap_err();
    assert!(error.to_string().starts_with("2026.5.1 answered before and does not now"), "{error}");
    drop(journal);

    let mut journal = Journal::resume(&bench.sessions, None).unwrap();
    let summary = SessionSummary::read(&bench.sessions, None, &CATALOGUE).unwrap();
    assert_eq!(summary.checks.iter().filter(|check| check.counts).count(), 1);
    let conclusion = bench.run(&lab, &mut journal).await.unwrap();
    assert_eq!(conclusion.outcome, Outcome::Found { last_good: 2, first_bad: 3 });
    let twice = lab.asked().iter().filter(|core| *core == "2026.5.5").count();
    assert_eq!(twice, 2, "the failure was asked for again");
}

#[tokio::test]
async fn a_usage_limit_pauses_the_session_and_blames_nobody() {
    let bench = Bench::new(5);
    let mut script = scripts("gggbb");
    script[2] = vec!["429 The usage limit has been reached", "OK"];
    let lab = ScriptedLab::of(&script);
    let mut journal = bench.begin_live();
    let error = bench.run(&lab, &mut journal).await.unwrap_err().to_string();
    assert!(
        error.starts_with("the account cannot be asked now: the account's usage limit"),
        "{error}"
    );
    drop(journal);
    let mut journal = Journal::resume(&bench.sessions, None).unwrap();
    let conclusion = bench.run(&lab, &mut journal).await.unwrap();
    assert_eq!(conclusion.outcome, Outcome::Found { last_good: 2, first_bad: 3 });
}

#[tokio::test]
async fn the_turns_of_a_session_and_their_limit_outlive_it() {
    let bench = Bench::new(5);
    let lab = ScriptedLab { fail_after: Some(4), ..ScriptedLab::of(&scripts("gggbb")) };
    let lending = |lender| {
        let profile = "openai-codex:default".to_owned();
        Upstream::Live(Lending { lender, profile, relay: false })
    };
    let mut journal = bench.begin_with(lending(Lender::Own), false);
    bench.run(&lab, &mut journal).await.unwrap_err();
    drop(journal);
    let journal = Journal::resume(&bench.sessions, None).unwrap();
    assert_eq!(journal.turns_taken(), 4);
    assert_eq!(journal.request().max_turns, Some(7));

    assert!(journal.request().accepts(&lending(Lender::Own)).is_ok());
    let other = journal.request().accepts(&lending(Lender::Installation)).unwrap_err();
    assert_eq!(
        other.to_string(),
        "the session was begun with live upstream, codexpin's own login openai-codex:default, its access token only, \
         and what could answer now is live upstream, this installation's login openai-codex:default, its access token only"
    );
}
