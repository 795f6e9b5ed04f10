//! After a boundary is found: the newest releases.

use super::*;
use crate::session::newest::{self, NewestState};

/// A session over `length` candidates, with one newest release after them.
fn begin(bench: &Bench, length: usize) -> Journal {
    let mut request = bench.begin().request().clone();
    request.newest = request.line.split_off(length);
    request.nodes.truncate(length);
    Journal::begin(&bench.sessions, request, jiff::Timestamp::UNIX_EPOCH).unwrap()
}

async fn both(
    lab: &ScriptedLab,
    journal: &mut Journal,
    limits: SessionLimits,
) -> (Conclusion, Vec<newest::NewestRelease>) {
    let conclusion = run_session(1, SessionLimits::default(), lab, journal).await.unwrap();
    let (events, stop) = (Events::unheard(), CancellationToken::new());
    let session =
        Session { lab, catalogue: &CATALOGUE, events: &events, stop: &stop, parallel: 1, limits };
    let newest = newest::ask(&session, journal, &conclusion.checks).await;
    (conclusion, newest)
}

#[tokio::test]
async fn a_newest_release_is_asked_after_the_end_and_never_again() {
    let bench = Bench::new(6);
    let lab = ScriptedLab::of(&scripts("ggbbbg"));
    let mut journal = begin(&bench, 5);
    let (conclusion, newest) = both(&lab, &mut journal, SessionLimits::default()).await;
    assert_eq!(conclusion.outcome, Outcome::Found { last_good: 1, first_bad: 2 });
    assert_eq!((newest.len(), &newest[0].state), (1, &NewestState::Answers));
    let (id, asked) = (journal.id().to_owned(), lab.asked());
    assert_eq!(asked.last().unwrap(), "2026.5.6");
    assert!(conclusion.checks.iter().all(|check| check.place() < 5));
    drop(journal);

    assert!(!journal::unfinished(&bench.sessions).contains(&id), "it has ended before");
    let mut journal = Journal::resume(&bench.sessions, Some(&id)).unwrap();
    assert_eq!(journal.newest_checks().len(), 1);
    let (again, newest) = both(&lab, &mut journal, SessionLimits::default()).await;
    assert_eq!((again.outcome, &newest[0].state), (conclusion.outcome, &NewestState::Answers));
    assert_eq!(lab.asked(), asked);
    let summary = SessionSummary::read(&bench.sessions, Some(&id), &CATALOGUE).unwrap();
    assert_eq!(summary.newest, newest);

    // What installs are opened to rewrites the journal, and loses nothing.
    journal.open_installs_to(&["one.example:443".parse().unwrap()]).unwrap();
    drop(journal);
    let journal = Journal::resume(&bench.sessions, Some(&id)).unwrap();
    assert_eq!((journal.checks().len(), journal.newest_checks().len()), (again.checks.len(), 1));
}

#[tokio::test]
async fn a_known_failure_is_asked_once_and_a_new_one_twice() {
    for (script, times) in [(BAD, 1), ("TypeError: x is not a function", 2)] {
        let bench = Bench::new(5);
        let mut lab = ScriptedLab::of(&scripts("gbbbb"));
        lab.scripts[4] = vec![script];
        let (_, newest) = both(&lab, &mut begin(&bench, 4), SessionLimits::default()).await;
        assert!(matches!(newest[0].state, NewestState::Fails { .. }), "{newest:?}");
        let asked = lab.asked();
        assert_eq!(asked.iter().filter(|core| *core == "2026.5.5").count(), times, "{asked:?}");
    }
}

#[tokio::test]
async fn trouble_with_a_newest_release_is_only_a_reason_why_it_was_not_asked() {
    let bench = Bench::new(5);
    let mut lab = ScriptedLab::of(&scripts("ggbbb"));
    let mut journal = begin(&bench, 4);
    run_session(1, SessionLimits::default(), &lab, &mut journal).await.unwrap();
    lab.fail_after = Some(lab.asked().len());
    let (conclusion, newest) = both(&lab, &mut journal, SessionLimits::default()).await;
    assert_eq!(conclusion.outcome, Outcome::Found { last_good: 1, first_bad: 2 });
    let why = NewestState::NotAsked { why: "the disk is full".to_owned() };
    assert_eq!(newest[0].state, why);
    let limits = SessionLimits { checks: Some(0), time: None };
    let (_, newest) = both(&lab, &mut journal, limits).await;
    assert!(matches!(&newest[0].state, NewestState::NotAsked { why } if why.contains("allowed")));
}

#[tokio::test]
async fn a_newest_release_is_not_asked_where_nothing_broke_or_where_it_is_older_than_what_did() {
    let bench = Bench::new(5);
    let lab = ScriptedLab::of(&scripts("ggggb"));
    let (_, newest) = both(&lab, &mut begin(&bench, 4), SessionLimits::default()).await;
    assert_eq!(newest, []);
    assert!(!lab.asked().contains(&"2026.5.5".to_owned()));

    let mut request = bench.begin().request().clone();
    request.newest = vec![request.line[1].clone()];
    let mut journal =
        Journal::begin(&bench.sessions, request, jiff::Timestamp::UNIX_EPOCH).unwrap();
    let (conclusion, newest) = both(&lab, &mut journal, SessionLimits::default()).await;
    assert!(matches!(conclusion.outcome, Outcome::Found { .. }));
    assert_eq!(newest, []);
}

#[tokio::test]
async fn with_an_account_a_failure_of_a_newest_release_has_its_control() {
    let bench = Bench::new(4);
    let lab = ScriptedLab::of(&scripts("gbbb"));
    let mut request = bench.begin_live().request().clone();
    request.newest = request.line.split_off(3);
    let mut journal =
        Journal::begin(&bench.sessions, request, jiff::Timestamp::UNIX_EPOCH).unwrap();
    let (_, newest) = both(&lab, &mut journal, SessionLimits::default()).await;
    assert!(matches!(newest[0].state, NewestState::Fails { .. }), "{newest:?}");
    assert_eq!(lab.asked().split_off(lab.asked().len() - 2), ["2026.5.4", "2026.5.1"]);
    assert_eq!(journal.turns_taken(), lab.asked().len());
}
