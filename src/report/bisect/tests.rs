use super::*;
use crate::observation::{Observation, sample};
use crate::question::Question;
use crate::release::pairing::Candidate;
use crate::release::pairing::Plugin;
use crate::search::{Ask as SearchAsk, Reason, SearchPlan};

fn candidate(core: &str, with_plugin: bool) -> Candidate {
    let version = core.parse().unwrap();
    let plugin = Plugin { version, integrity: None, codex_cli: None };
    Candidate {
        core: version,
        core_integrity: None,
        node: None,
        plugin: with_plugin.then_some(plugin),
    }
}

fn check(id: u32, place: usize, answers: bool) -> CheckRecord {
    let core: Version = format!("2026.5.{}", place + 1).parse().unwrap();
    let observation = if answers { sample::good() } else { sample::failed("Unknown model: x") };
    let verdict = crate::verdict::judge(&observation, &crate::catalogue::Catalogue::built_in());
    CheckRecord {
        ask: SearchAsk { id, place, reason: Reason::End },
        core,
        verdict,
        observations: vec![Observation { core, ..observation }],
        known_since: None,
        purpose: Purpose::Search,
        counts: true,
    }
}

/// The text and the JSON of an ending.
fn told(line: Vec<Candidate>, conclusion: &Conclusion) -> (String, serde_json::Value) {
    let request = SessionRequest {
        question: Question::text_through(vec!["openai-codex/gpt-5.5".parse().unwrap()]),
        nodes: vec![None; line.len()],
        line,
        pin_file: "known-good.toml".into(),
        search: SearchPlan::BEFORE_PLANS,
        find_fix: false,
        scan: None,
        newest: Vec::new(),
        fresh: false,
        max_turns: None,
        account: None,
    };
    let report = SessionEnding {
        session: "one",
        directory: "/sessions/one".into(),
        request: &request,
        conclusion,
        changes: None,
        newest: &[],
        pinned: None,
    };
    (report.text(), serde_json::to_value(report.json()).unwrap())
}

fn ended(outcome: Outcome, checks: Vec<CheckRecord>) -> Conclusion {
    let elapsed = std::time::Duration::from_secs(1);
    Conclusion {
        outcome,
        checks,
        contradictions: Vec::new(),
        ends: (0, 2),
        pinnable: true,
        confidence: None,
        earlier_stretch: None,
        limit: None,
        installs: 0,
        elapsed,
    }
}

fn line(with_plugin: [bool; 3]) -> Vec<Candidate> {
    let core = |place: usize| format!("2026.5.{}", place + 1);
    (0..3).map(|place| candidate(&core(place), with_plugin[place])).collect()
}

#[test]
fn a_good_end_that_fails_is_not_called_the_first_bad_one() {
    let (text, json) =
        told(line([true; 3]), &ended(Outcome::GoodEndIsBad, vec![check(1, 0, false)]));
    assert_eq!(
        (&json["outcome"], &json["first_bad"]),
        (&"good-end-is-bad".into(), &serde_json::Value::Null)
    );
    assert!(text.contains("the good end 2026.5.1 does not answer"), "{text}");
    assert!(!text.contains("either"), "{text}");
    // Only where the other end was asked too is there an "either".
    let both = vec![check(1, 2, false), check(2, 0, false)];
    let (text, _) = told(line([true; 3]), &ended(Outcome::GoodEndIsBad, both));
    assert!(text.contains("the good end 2026.5.1 does not answer either"), "{text}");
}

#[test]
fn only_releases_that_were_asked_without_the_plugin_are_said_to_be() {
    let checks = || vec![check(1, 0, true), check(2, 2, true)];
    let said = |with_plugin| told(line(with_plugin), &ended(Outcome::NoRegression, checks())).0;
    // The one between has none, and was not asked: the ends ran in the Codex harness.
    assert!(
        !said([true, false, true]).contains("@openclaw/codex"),
        "{}",
        said([true, false, true])
    );
    let one = said([false, true, true]);
    assert!(one.contains("no @openclaw/codex for 2026.5.1: tested as core"), "{one}");
    let all = said([false, true, false]);
    assert!(all.contains("for these releases, so they were tested as core"), "{all}");
}

#[test]
fn a_candidate_that_contradicts_itself_is_told() {
    let contradictions = vec![Contradiction { place: 1, good: vec![4], bad: vec![3] }];
    let found = Outcome::Found { last_good: 1, first_bad: 2 };
    let checks = vec![check(1, 0, true), check(2, 2, false), check(3, 1, false), check(4, 1, true)];
    let (text, json) =
        told(line([true; 3]), &Conclusion { contradictions, ..ended(found, checks) });
    let words =
        "2026.5.2 contradicts itself: it answered once and failed once; the last answer counts";
    assert!(text.contains(words), "{text}");
    assert_eq!(json["contradictions"][0]["bad"], serde_json::json!([3]));
}

#[test]
fn a_line_that_broke_before_and_was_mended_tells_every_boundary_and_how_sure_it_is() {
    let found = Outcome::Found { last_good: 1, first_bad: 2 };
    let checks = vec![check(1, 0, false), check(2, 1, true), check(3, 2, false)];
    let conclusion = Conclusion {
        confidence: Some(0.987),
        earlier_stretch: Some((0, 1)),
        ..ended(found, checks)
    };
    let (text, json) = told(line([true; 3]), &conclusion);
    let sure = "sure  98.7 %, very likely: 2026.5.2 answered 1 of 1, 2026.5.3 failed 1 of 1";
    assert!(text.contains(sure), "{text}");
    let before = "before that it broke and was mended: 2026.5.1 failed, 2026.5.2 answered again";
    assert!(text.contains(before), "{text}");
    assert_eq!(json["confidence"], 0.987);
    assert_eq!(json["earlier_stretch"], serde_json::json!(["2026.5.1", "2026.5.2"]));
}
