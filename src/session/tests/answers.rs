//! What a session makes of its candidates' answers.

use super::*;

#[tokio::test]
async fn the_first_bad_candidate_is_found_and_every_check_is_in_the_journal() {
    let bench = Bench::new(9);
    let lab = ScriptedLab::of(&scripts("gggggbbbb"));
    let mut journal = bench.begin();
    let conclusion = bench.run(&lab, &mut journal).await.unwrap();
    assert_eq!(conclusion.outcome, Outcome::Found { last_good: 4, first_bad: 5 });
    assert_eq!(lab.asked(), ["2026.5.1", "2026.5.9", "2026.5.5", "2026.5.7", "2026.5.6"]);
    let id = journal.id().to_owned();
    drop(journal);
    let read = Journal::resume(&bench.sessions, Some(&id)).unwrap();
    assert_eq!(read.checks().len(), 5);
    let ids: Vec<_> = read.checks().iter().map(|check| check.ask.id).collect();
    assert_eq!(ids, [1, 2, 3, 4, 5]);
    assert_eq!(read.outcome(), Some(&conclusion.outcome));
    assert_eq!(journal::unfinished(&bench.sessions), [""; 0]);
}

#[tokio::test]
async fn candidates_that_cannot_be_installed_give_a_range() {
    let bench = Bench::new(5);
    let lab = ScriptedLab::of(&scripts("gg-bb"));
    let conclusion = bench.run(&lab, &mut bench.begin()).await.unwrap();
    assert_eq!(conclusion.outcome, Outcome::Range { last_good: 1, first_bad: 3 });
}

#[tokio::test]
async fn a_failure_that_surprises_is_asked_once_more() {
    let bench = Bench::new(5);
    let mut script = scripts("ggggb");
    script[2] = vec!["TypeError: x is not a function", "OK"];
    let lab = ScriptedLab::of(&script);
    let conclusion = bench.run(&lab, &mut bench.begin()).await.unwrap();
    assert_eq!(conclusion.outcome, Outcome::Found { last_good: 3, first_bad: 4 });
    // The boundary is at the bad end, whose failure nothing else shows: it is asked again.
    let asked = ["2026.5.1", "2026.5.5", "2026.5.3", "2026.5.3", "2026.5.4", "2026.5.5"];
    assert_eq!(lab.asked(), asked);
}

#[tokio::test]
async fn another_failure_on_the_way_is_a_skip_unless_any_failure_counts() {
    let bench = Bench::new(6);
    let mut script = scripts("ggbbbb");
    script[2] = vec!["Error [ERR_MODULE_NOT_FOUND]: no such file"];
    let lab = ScriptedLab::of(&script);
    let mut journal = bench.begin();
    let conclusion = bench.run(&lab, &mut journal).await.unwrap();
    assert_eq!(conclusion.outcome, Outcome::Range { last_good: 1, first_bad: 3 });
    let third = conclusion.checks.iter().find(|c| c.place() == 2 && c.counts).unwrap();
    assert_eq!((third.purpose, third.mark()), (Purpose::Another, Mark::Skip));
    drop(journal);

    let mut journal = bench.begin_with(Upstream::Loopback, true);
    let conclusion = bench.run(&ScriptedLab::of(&script), &mut journal).await.unwrap();
    assert_eq!(conclusion.outcome, Outcome::Found { last_good: 1, first_bad: 2 });
}

#[tokio::test]
async fn two_unknown_failures_are_told_apart_by_what_they_say() {
    let bench = Bench::new(4);
    let mut script = scripts("gggg");
    script[2] = vec!["TypeError: x is not a function at /a/b.js:10"];
    script[3] = vec!["TypeError: y is not a function at /a/b.js:10"];
    let conclusion = bench.run(&ScriptedLab::of(&script), &mut bench.begin()).await.unwrap();
    assert_eq!(conclusion.outcome, Outcome::Range { last_good: 1, first_bad: 3 });
    // The same words at another place of another run are the same failure.
    script[2] = vec!["TypeError: y is not a function at /c/d/e.js:7"];
    let conclusion = bench.run(&ScriptedLab::of(&script), &mut bench.begin()).await.unwrap();
    assert_eq!(conclusion.outcome, Outcome::Found { last_good: 1, first_bad: 2 });
}

#[tokio::test]
async fn both_answers_of_a_candidate_that_contradicts_itself_are_kept_and_told() {
    let bench = Bench::new(5);
    let mut script = scripts("ggggb");
    script[2] = vec!["TypeError: x is not a function", "OK"];
    let mut journal = bench.begin();
    let conclusion = bench.run(&ScriptedLab::of(&script), &mut journal).await.unwrap();
    let told = &conclusion.contradictions[0];
    assert_eq!((told.place, &told.bad[..], &told.good[..]), (2, &[3][..], &[4][..]));
    let of_it: Vec<_> = conclusion.checks.iter().filter(|c| c.place() == 2).collect();
    assert_eq!((of_it[0].mark(), of_it[1].mark()), (Mark::Bad, Mark::Good));
    assert_eq!(of_it[1].ask.reason, Reason::Recheck { of: 3 });
    drop(journal);
    // A session that is taken up again tells it as well.
    let id = journal::sessions(&bench.sessions).pop().unwrap();
    let mut journal = Journal::resume(&bench.sessions, Some(&id)).unwrap();
    let again = bench.run(&ScriptedLab::of(&script), &mut journal).await.unwrap();
    assert_eq!(again.contradictions, conclusion.contradictions);
}

#[tokio::test]
async fn three_candidates_are_asked_side_by_side_with_the_same_answer() {
    let bench = Bench::new(20);
    let lab = ScriptedLab::of(&scripts("gggggggggggggbbbbbbb"));
    let alone = bench.run(&lab, &mut bench.begin()).await.unwrap();
    assert_eq!(*lab.under_way.lock().unwrap(), (0, 1));

    let at_once = |at_once, fail_after| {
        let together = Arc::new(Barrier::new(at_once));
        let lab = ScriptedLab::of(&scripts("gggggggggggggbbbbbbb"));
        ScriptedLab { fail_after, together, at_once, ..lab }
    };
    let mut journal = bench.begin();
    let lab = at_once(2, Some(2));
    bench.run_side_by_side(3, &lab, &mut journal).await.unwrap_err();
    assert!(lab.under_way.lock().unwrap().1 >= 2, "both ends at once");
    assert_eq!(lab.asked().len(), 2);
    drop(journal);
    let lab = at_once(3, None);
    let mut journal = Journal::resume(&bench.sessions, None).unwrap();
    let three = bench.run_side_by_side(3, &lab, &mut journal).await.unwrap();
    assert_eq!(three.outcome, alone.outcome);
    assert_eq!(*lab.under_way.lock().unwrap(), (0, 3), "three at once, and none left running");
    let mut ids: Vec<_> = three.checks.iter().map(|check| check.ask.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), three.checks.len());
}

fn flaky() -> SearchPlan {
    let answers = AnswerKind::Flaky { confidence: 0.95, repeat: 2 };
    SearchPlan { same_failure: false, answers, ..SearchPlan::BEFORE_PLANS }
}

#[tokio::test]
async fn under_noise_one_flake_blames_nobody_and_the_last_good_one_passes_three_times() {
    let bench = Bench::new(7);
    let mut script = scripts("ggggbbb");
    script[2] = vec![BAD, "OK"];
    let lab = ScriptedLab::of(&script);
    let mut journal = bench.begin_by(Upstream::Loopback, flaky());
    let conclusion = bench.run(&lab, &mut journal).await.unwrap();
    assert_eq!(conclusion.outcome, Outcome::Found { last_good: 3, first_bad: 4 });
    assert!(conclusion.pinnable && conclusion.confidence.unwrap() >= 0.95);
    let passes = conclusion.checks.iter().filter(|c| c.place() == 3 && c.mark() == Mark::Good);
    assert!(passes.count() >= 3);
}

#[tokio::test]
async fn a_session_that_reaches_its_limit_says_what_it_knows_and_goes_on_later() {
    let bench = Bench::new(9);
    let lab = ScriptedLab::of(&scripts("gggggbbbb"));
    let mut journal = bench.begin();
    let limits = SessionLimits { checks: Some(3), time: None };
    let conclusion = bench.run_within(limits, &lab, &mut journal).await.unwrap();
    let known = Outcome::Inconclusive { last_good: Some(4), first_bad: Some(8) };
    assert_eq!((conclusion.outcome, conclusion.limit), (known, Some(LimitReached::Checks(3))));
    assert_eq!(lab.asked().len(), 3);
    drop(journal);
    let mut journal = Journal::resume(&bench.sessions, None).unwrap();
    let conclusion = bench.run(&lab, &mut journal).await.unwrap();
    assert_eq!(conclusion.outcome, Outcome::Found { last_good: 4, first_bad: 5 });
    assert_eq!(lab.asked().len(), 5);
}

#[tokio::test]
async fn an_end_that_cannot_be_judged_gives_way_to_the_next_and_that_is_told() {
    let bench = Bench::new(6);
    let lab = ScriptedLab::of(&scripts("gggbb-"));
    let told = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&told);
    let events = Events::to(move |timed| {
        if let Event::Note { text } = timed.event {
            heard.lock().unwrap().push(text);
        }
    });
    let session = Session {
        lab: &lab,
        catalogue: &CATALOGUE,
        events: &events,
        stop: &CancellationToken::new(),
        parallel: 1,
        limits: SessionLimits::default(),
    };
    let conclusion = run(&session, &mut bench.begin()).await.unwrap();
    assert_eq!(conclusion.outcome, Outcome::Found { last_good: 2, first_bad: 3 });
    assert_eq!(conclusion.ends, (0, 4));
    let words = "2026.5.6 cannot be judged: 2026.5.5 stands for the bad end";
    assert_eq!(*told.lock().unwrap(), [words]);
}
