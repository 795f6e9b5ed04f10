//! Single checks of real releases.

use crate::support::{User, shared_check};

#[test]
fn a_release_that_answers_is_good_and_its_reply_is_what_was_asked_for() {
    let user = User::new();
    let ran = user.run(&["check", "2026.5.18", "--reply", "codexpin asked for 1742", "--json"]);
    assert_eq!(ran.code, Some(0));
    let report = ran.json();
    assert_eq!(report["verdict"], "good");
    assert_eq!(report["routes"][0]["observation"]["reply"]["texts"][0], "codexpin asked for 1742");
    crate::depth::is_of_text_alone(&report["routes"][0]["observation"], "pi");
    let requests = report["routes"][0]["observation"]["requests"].as_array().unwrap();
    let turns = requests.iter().filter(|request| request["kind"] == "answered");
    assert_eq!(turns.count(), 1);
    assert!(requests.iter().all(|request| request["host"] == "chatgpt.com"), "{requests:#?}");
}

#[test]
fn a_release_that_lost_the_route_is_bad_in_its_own_words() {
    let ran = &shared_check(&["check", "2026.6.1"]).ran;
    assert_eq!(ran.code, Some(1));
    assert!(ran.stdout.starts_with("bad: 2026.6.1 does not answer"));
    assert!(ran.stdout.contains("Unknown model: openai-codex/gpt-5.5"));
}

#[test]
fn a_newer_release_says_what_to_do() {
    let ran = User::new().run(&["check", "2026.7.1"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.stdout.contains("is a legacy provider ID"));
    assert!(ran.stdout.contains("openclaw doctor --fix"));
}

#[test]
fn a_release_answers_through_a_provider_of_its_config_where_the_login_route_is_gone() {
    let ran = User::new().run(&["check", "2026.7.1", "--route", "loop/test-model"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
}

#[test]
fn a_core_without_the_plugin_that_it_wants_is_skipped_and_its_own_harness_answers() {
    let user = User::new();
    let ran = user.run(&["check", "2026.5.12"]);
    assert_eq!(ran.code, Some(125));
    assert!(ran.stdout.contains("incomplete candidate"));
    assert!(ran.stdout.contains("Requested agent harness \"codex\" is not registered"));
    let ran = user.run(&["check", "2026.5.12", "--route", "openai-codex/gpt-5.5@pi"]);
    assert_eq!(ran.code, Some(0));
}

#[test]
fn a_release_with_a_dependency_that_is_gone_is_skipped_by_its_name() {
    let ran = User::new().run(&["check", "2026.5.7"]);
    // A registry that still has the dependency installs the release; it is not blamed either way.
    if ran.stdout.contains("cannot be installed here") {
        assert_eq!(ran.code, Some(125));
        assert!(ran.stdout.contains("cssomnom is not in the registry (E404)"));
    } else {
        assert!(matches!(ran.code, Some(0 | 125)), "{ran:?}");
    }
}

#[test]
fn a_release_with_its_plugin_is_installed_with_it() {
    let ran = User::new().run(&["check", "2026.9.5", "--json"]);
    assert_eq!(ran.code, Some(1));
    let report = ran.json();
    assert_eq!(report["candidate"]["plugin"]["version"], "2026.9.5");
    assert!(report["node"].as_str().unwrap().starts_with("24."));
}
