//! How deep a check goes: every probe, in every harness, local and through the
//! Gateway, on releases a band apart.

use std::sync::Arc;

use serde_json::Value;

use crate::support::{SharedCheck, User, shared_check, shared_check_of};

/// A release asked with a probe, through a route.
pub(crate) fn check(release: &str, route: &str, through: &str, probe: &str) -> Arc<SharedCheck> {
    let question = ["--route", route, "--probe", probe, "--through", through, "--json"];
    // A plugin is on record with the path that it was installed in: behind the link to
    // the prefixes of all it would be installed anew.
    let has_plugin = release.starts_with("2026.9.");
    let user = if has_plugin { User::new } else { User::with_a_scratch_of_its_own };
    shared_check_of(user, &[&["check", release][..], &question].concat())
}

/// Checks a release with these probes, and wants each of them good, with as many
/// tools run as the probe calls for and nothing left running. One that runs tools
/// has answered as well: that a text is answered without any is looked at where a
/// test asks for one.
fn passes(release: &str, route: &str, through: &str, harness: &str, probes: &[&str]) {
    for probe in probes {
        let ran = &check(release, route, through, probe).ran;
        assert_eq!(ran.code, Some(0), "{release} {route} {probe} {through}");
        let seen = ran.json()["routes"][0]["observation"].clone();
        let tools = tools_that_ran(&seen, harness, through);
        let calls = match (*probe, harness) {
            ("multitool", _) => 20,
            // One of each kind that the harness has.
            (_, "codex") => 3,
            _ => 1,
        };
        assert_eq!(tools.len(), calls, "{tools:?}");
        if harness == "codex" {
            // Code mode, what OpenClaw lends, and the app-server's own.
            for tool in ["exec", "agents_list", "exec_command"] {
                assert!(tools.contains(&tool.to_owned()), "{tools:?}");
            }
        }
    }
}

/// Wants the answer to have come out of this harness without a tool.
pub(crate) fn is_of_text_alone(observation: &Value, harness: &str) {
    assert_eq!(observation["ask"]["probe"], "text");
    assert_eq!(tools_that_ran(observation, harness, "local"), [""; 0]);
}

/// The tools that were run in this harness, which left nothing running. By the
/// upstream's record: what came back held what only a real execution knows.
fn tools_that_ran(observation: &Value, harness: &str, through: &str) -> Vec<String> {
    assert_eq!(observation["reply"]["harness"], harness);
    assert_eq!(observation["reply"]["through_gateway"], through == "gateway");
    assert_eq!(observation["left_running"], 0);
    let requests = observation["requests"].as_array().unwrap().iter();
    let returned = requests.filter_map(|request| request.get("returned"));
    let genuine = returned.filter(|returned| returned["genuine"] == true);
    genuine.map(|returned| returned["tool"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_release_of_may_runs_tools_in_its_embedded_harness() {
    passes("2026.5.18", "openai-codex/gpt-5.5", "local", "pi", &["tool", "multitool"]);
}

#[test]
fn a_release_of_may_runs_tools_through_its_gateway() {
    passes("2026.5.18", "openai-codex/gpt-5.5", "gateway", "pi", &["tool", "multitool"]);
}

#[test]
fn a_release_of_july_runs_tools_in_its_embedded_harness() {
    passes("2026.7.1", "openai/gpt-5.5@openclaw", "local", "openclaw", &["multitool"]);
}

#[test]
fn a_release_of_july_runs_tools_through_its_gateway() {
    passes("2026.7.1", "openai/gpt-5.5@openclaw", "gateway", "openclaw", &["tool"]);
}

#[test]
fn a_release_of_september_runs_tools_in_its_embedded_harness() {
    passes("2026.9.5", "openai/gpt-5.5@openclaw", "local", "openclaw", &["multitool"]);
}

#[test]
fn a_release_of_september_runs_tools_through_its_gateway() {
    passes("2026.9.5", "openai/gpt-5.5@openclaw", "gateway", "openclaw", &["tool"]);
}

#[test]
fn the_codex_app_server_runs_its_own_tools_and_those_that_it_is_lent() {
    passes("2026.9.5", "openai/gpt-5.5@codex", "local", "codex", &["multitool"]);
}

#[test]
fn the_codex_app_server_runs_tools_through_the_gateway() {
    passes("2026.9.5", "openai/gpt-5.5@codex", "gateway", "codex", &["tool"]);
}

#[test]
fn a_chatgpt_login_reaches_the_codex_app_server_once_doctor_has_moved_it() {
    for release in ["2026.9.4", "2026.9.5"] {
        let ran = User::new().run(&[
            "check",
            release,
            "--route",
            "openai-codex/gpt-5.5@codex",
            "--upgrade",
            "doctor",
            "--probe",
            "tool",
            "--json",
        ]);
        assert_eq!(ran.code, Some(0), "{release}");
        let seen = ran.json()["routes"][0]["observation"].clone();
        assert_eq!(seen["moved_to"], "openai/gpt-5.5@codex");
        assert_eq!(seen["reply"]["harness"], "codex");
        let turns: Vec<_> = seen["requests"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|request| request["kind"] == "answered")
            .map(|request| (request["host"].as_str().unwrap(), &request["credential"]))
            .collect();
        assert!(!turns.is_empty());
        for (host, credential) in turns {
            assert_eq!((host, credential.as_str()), ("chatgpt.com", Some("chatgpt-token")));
        }
    }
}

#[test]
fn a_release_that_lost_its_route_is_bad_with_every_probe_and_through_its_gateway() {
    for how in [&[][..], &["--probe", "tool"], &["--probe", "multitool", "--through", "gateway"]] {
        let ran = &shared_check(&[&["check", "2026.6.1"][..], how].concat()).ran;
        assert_eq!(ran.code, Some(1), "{how:?}");
        assert!(ran.stdout.contains("Unknown model: openai-codex/gpt-5.5"), "{}", ran.stdout);
    }
}

#[test]
fn a_release_without_its_plugin_is_skipped_with_the_piece_that_is_missing() {
    let ran = User::new().run(&["check", "2026.7.1", "--route", "openai/gpt-5.5@codex"]);
    // A registry that has the plugin says what the release does with it.
    if ran.code == Some(125) {
        assert!(ran.stdout.contains("incomplete candidate"), "{}", ran.stdout);
        assert!(ran.stdout.contains("@openclaw/codex"), "{}", ran.stdout);
    } else {
        assert!(matches!(ran.code, Some(0 | 1)), "{ran:?}");
    }
}
