//! A session's summary.

use super::*;

#[tokio::test]
async fn a_summary_is_read_while_the_session_is_held_and_changes_nothing() {
    let bench = Bench::new(4);
    let lab = ScriptedLab { fail_after: Some(2), ..ScriptedLab::of(&scripts("ggbb")) };
    let mut journal = bench.begin();
    bench.run(&lab, &mut journal).await.unwrap_err();
    let file = journal.directory().join("journal.jsonl");
    let begun = [fs_err::read(&file).unwrap(), br#"{"entry":"checked","pla"#.to_vec()].concat();
    fs_err::write(&file, &begun).unwrap();

    let summary = SessionSummary::read(&bench.sessions, None, &CATALOGUE).unwrap();
    assert_eq!((summary.id.as_str(), summary.outcome.as_ref()), (journal.id(), None));
    assert_eq!((summary.checks.len(), summary.ends()), (2, (Some(0), Some(3))));
    assert_eq!(fs_err::read(&file).unwrap(), begun);

    let missing = SessionSummary::read(&bench.sessions, Some("yesterday"), &CATALOGUE).unwrap_err();
    assert!(matches!(missing, JournalError::Missing { .. }), "{missing}");
    let none = SessionSummary::read(&bench.sessions.join("none"), None, &CATALOGUE).unwrap_err();
    assert!(matches!(none, JournalError::NoSession { .. }), "{none}");
}

#[tokio::test]
async fn a_summary_takes_another_failure_for_no_end() {
    let bench = Bench::new(5);
    let (good, bad, other) = (vec!["OK"], vec![BAD], vec!["something else"]);
    let scripts = [good, other.clone(), other.clone(), other, bad];
    let lab = ScriptedLab { fail_after: Some(5), ..ScriptedLab::of(&scripts) };
    let mut journal = bench.begin();
    bench.run(&lab, &mut journal).await.unwrap_err();
    let summary = SessionSummary::read(&bench.sessions, None, &CATALOGUE).unwrap();
    assert!(summary.checks.iter().any(|check| check.purpose == Purpose::Another));
    assert_eq!(summary.ends(), (Some(0), Some(4)));
}

/// A whole journal, of a search that asked for a recheck and a control.
fn whole_journal() -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let bench = Bench::new(6);
        let lab = ScriptedLab::of(&scripts("gggsbb"));
        let mut journal = bench.begin();
        bench.run(&lab, &mut journal).await.unwrap();
        fs_err::read_to_string(journal.directory().join("journal.jsonl")).unwrap()
    })
}

proptest::proptest! {
    #[test]
    fn a_journal_with_any_numbers_in_it_is_read_and_replayed_or_refused(
        changes in proptest::collection::vec(
            (proptest::prelude::any::<proptest::sample::Index>(),
             proptest::sample::select(vec!["0", "1", "5", "6", "41", "255", "4294967295", "1e308"])),
            1..4,
        ),
    ) {
        static WHOLE: LazyLock<String> = LazyLock::new(whole_journal);
        static NUMBER: LazyLock<regex::Regex> =
            LazyLock::new(|| regex::Regex::new(r":\d+").unwrap());
        let mut text = WHOLE.clone();
        for (which, number) in changes {
            let found: Vec<_> = NUMBER.find_iter(&text).map(|found| found.range()).collect();
            let range = found[which.index(found.len())].clone();
            text.replace_range(range.start + 1..range.end, number);
        }
        let guard = tempfile::tempdir().unwrap();
        let file = camino::Utf8Path::from_path(guard.path()).unwrap().join("journal.jsonl");
        fs_err::write(&file, &text).unwrap();
        if let Ok(summary) = SessionSummary::of_file(&file, &CATALOGUE) {
            let _ = (summary.replayed(&CATALOGUE), summary.ends());
        }
    }
}
