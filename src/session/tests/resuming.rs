//! Sessions that are gone on with, and journals that cannot be.

use super::*;

#[tokio::test]
async fn a_resumed_session_repeats_no_check() {
    let bench = Bench::new(9);
    let mut lab = ScriptedLab::of(&scripts("gggggbbbb"));
    lab.fail_after = Some(3);
    let mut journal = bench.begin();
    let error = bench.run(&lab, &mut journal).await.unwrap_err();
    assert_eq!(error.to_string(), "the disk is full");
    drop(journal);

    lab.fail_after = None;
    let mut journal = Journal::resume(&bench.sessions, None).unwrap();
    let conclusion = bench.run(&lab, &mut journal).await.unwrap();
    assert_eq!(conclusion.outcome, Outcome::Found { last_good: 4, first_bad: 5 });
    assert_eq!(lab.asked(), ["2026.5.1", "2026.5.9", "2026.5.5", "2026.5.7", "2026.5.6"]);
}

#[tokio::test]
async fn a_line_that_a_crash_cut_short_is_left_out_and_asked_again() {
    let bench = Bench::new(3);
    let lab = ScriptedLab::of(&scripts("gbb"));
    let mut journal = bench.begin();
    bench.run(&lab, &mut journal).await.unwrap();
    let path = journal.directory().join("journal.jsonl");
    drop(journal);
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<_> = text.lines().collect();
    // Begun and one check whole, the second check cut in the middle.
    let cut = format!("{}\n{}\n{}", lines[0], lines[1], &lines[2][..40]);
    std::fs::write(&path, cut).unwrap();
    let mut journal = Journal::resume(&bench.sessions, None).unwrap();
    assert_eq!(journal.checks().len(), 1);
    let conclusion = bench.run(&lab, &mut journal).await.unwrap();
    assert_eq!(conclusion.outcome, Outcome::Found { last_good: 0, first_bad: 1 });
}

#[tokio::test]
async fn two_codexpins_cannot_work_at_one_session() {
    let bench = Bench::new(3);
    let journal = bench.begin();
    let error = Journal::resume(&bench.sessions, Some(journal.id())).unwrap_err();
    assert!(error.to_string().starts_with("another codexpin"), "{error}");
}

#[test]
fn a_journal_that_cannot_be_read_is_refused_with_the_line() {
    let bench = Bench::new(3);
    let journal = bench.begin();
    let path = journal.directory().join("journal.jsonl");
    drop(journal);
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{text}nonsense\n")).unwrap();
    let error = Journal::resume(&bench.sessions, None).unwrap_err().to_string();
    assert!(error.contains("journal.jsonl:2 cannot be read"), "{error}");
    std::fs::write(&path, text.replace("\"format\":6", "\"format\":9")).unwrap();
    let error = Journal::resume(&bench.sessions, None).unwrap_err().to_string();
    assert!(error.contains("has format 9; this codexpin knows formats 3 to 6"), "{error}");
    let error = Journal::resume(&bench.sessions, Some("nonesuch")).unwrap_err().to_string();
    assert!(error.starts_with("there is no session nonesuch"), "{error}");
}

/// The journal as format 3 had it: no ids, and each check says what it is for.
fn in_format_3(text: &str) -> String {
    let line = |line: &str| {
        let mut value: serde_json::Value = serde_json::from_str(line).unwrap();
        if value["entry"] == "begun" {
            value["format"] = 3.into();
            value["request"].as_object_mut().unwrap().shift_remove("search");
        }
        if value["entry"] == "checked" {
            let fields = value.as_object_mut().unwrap();
            for field in ["id", "reason", "of"] {
                fields.shift_remove(field);
            }
        }
        value.to_string()
    };
    text.lines().map(|text| line(text) + "\n").collect()
}

#[tokio::test]
async fn a_journal_of_the_format_before_this_one_is_read_and_gone_on_with() {
    let bench = Bench::new(9);
    let mut script = scripts("gggggbbbb");
    script[4] = vec!["TypeError: x is not a function", "OK"];
    let mut lab = ScriptedLab { fail_after: Some(8), ..ScriptedLab::of(&script) };
    let mut journal = bench.begin_live();
    bench.run(&lab, &mut journal).await.unwrap_err();
    let path = journal.directory().join("journal.jsonl");
    let asks: Vec<_> = journal.checks().iter().map(|check| check.ask.clone()).collect();
    drop(journal);
    let today = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, in_format_3(&today)).unwrap();

    let summary = SessionSummary::read(&bench.sessions, None, &CATALOGUE).unwrap();
    assert_eq!(summary.checks.iter().map(|c| c.ask.clone()).collect::<Vec<_>>(), asks);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), in_format_3(&today), "only read");

    lab.fail_after = None;
    let mut journal = Journal::resume(&bench.sessions, None).unwrap();
    let conclusion = bench.run(&lab, &mut journal).await.unwrap();
    assert_eq!(conclusion.outcome, Outcome::Found { last_good: 4, first_bad: 5 });
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("{\"entry\":\"begun\",\"format\":6"), "{text}");
    assert!(text.starts_with(today.trim_end()), "what was there is as it would be today");
}

#[test]
fn a_session_from_before_there_were_plans_keeps_its_own_reading() {
    let bench = Bench::new(3);
    let journal = bench.begin();
    let path = journal.directory().join("journal.jsonl");
    drop(journal);
    let today = std::fs::read_to_string(&path).unwrap();
    for (any_failure, same_failure) in [(None, true), (Some(true), false)] {
        let mut begun: serde_json::Value = serde_json::from_str(&today).unwrap();
        begun["format"] = 4.into();
        let request = begun["request"].as_object_mut().unwrap();
        request.shift_remove("search");
        request.extend(any_failure.map(|any| ("any_failure".to_owned(), any.into())));
        std::fs::write(&path, format!("{begun}\n")).unwrap();
        let plan = Journal::resume(&bench.sessions, None).unwrap().request().search;
        assert_eq!(plan, SearchPlan { same_failure, ..SearchPlan::BEFORE_PLANS });
        // And keeps it once it is written in today's format.
        let plan = Journal::resume(&bench.sessions, None).unwrap().request().search;
        assert_eq!(plan.same_failure, same_failure);
    }
}

#[test]
fn what_installs_are_opened_to_later_is_kept_with_the_session() {
    let bench = Bench::new(3);
    drop(bench.begin());
    let (one, other) = ("one.example:443".parse().unwrap(), "other.example:80".parse().unwrap());
    for places in [vec![one], vec![other]] {
        let mut journal = Journal::resume(&bench.sessions, None).unwrap();
        journal.open_installs_to(&places).unwrap();
        journal.open_installs_to(&places).unwrap();
    }
    let journal = Journal::resume(&bench.sessions, None).unwrap();
    let open = &journal.request().question.open_install;
    let open: Vec<_> = open.iter().map(ToString::to_string).collect();
    assert_eq!(open, ["one.example:443", "other.example:80"]);
}
