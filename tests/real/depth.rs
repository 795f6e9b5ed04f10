//! How deep a check goes: every probe, in every harness, local and through the
//! Gateway, on releases a band apart.

use serde_json::Value;

use crate::support::User;

/// The tool calls of each probe: with `tool`, one of each kind that the route has.
fn probes(kinds: usize) -> [(&'static str, usize); 3] {
    [("text", 0), ("tool", kinds), ("multitool", 20)]
}

/// Checks a release with every probe, and wants each of them good, with as many
/// tools run as the probe calls for and nothing left running.
fn passes(release: &str, route: &str, through: &str, harness: &str) {
    let user = User::new();
    let kinds = if harness == "codex" { 3 } else { 1 };
    for (probe, calls) in probes(kinds) {
        let ran = user.run(&[
            "check",
            release,
            "--route",
            route,
            "--probe",
            probe,
            "--through",
            through,
            "--json",
        ]);
        assert_eq!(ran.code, Some(0), "{release} {route} {probe} {through}");
        let seen = ran.json()["routes"][0]["observation"].clone();
        assert_eq!(seen["reply"]["harness"], harness);
        assert_eq!(seen["reply"]["through_gateway"], through == "gateway");
        assert_eq!(seen["left_running"], 0);
        let tools = tools_that_ran(&seen);
        assert_eq!(tools.len(), calls, "{tools:?}");
        if harness == "codex" && calls > 0 {
            // Code mode, what OpenClaw lends, and the app-server's own.
            for tool in ["exec", "agents_list", "exec_command"] {
                assert!(tools.contains(&tool.to_owned()), "{tools:?}");
            }
        }
    }
}

/// By the upstream's record: what came back held what only a real execution knows.
fn tools_that_ran(observation: &Value) -> Vec<String> {
    let requests = observation["requests"].as_array().unwrap().iter();
    let returned = requests.filter_map(|request| request.get("returned"));
    let genuine = returned.filter(|returned| returned["genuine"] == true);
    genuine.map(|returned| returned["tool"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_release_of_may_runs_tools_in_its_embedded_harness() {
    passes("2026.5.18", "openai-codex/gpt-5.5", "local", "pi");
}

#[test]
fn a_release_of_may_runs_tools_through_its_gateway() {
    passes("2026.5.18", "openai-codex/gpt-5.5", "gateway", "pi");
}

#[test]
fn a_release_of_july_runs_tools_in_its_embedded_harness() {
    passes("2026.7.1", "openai/gpt-5.5@openclaw", "local", "openclaw");
}

#[test]
fn a_release_of_july_runs_tools_through_its_gateway() {
    passes("2026.7.1", "openai/gpt-5.5@openclaw", "gateway", "openclaw");
}

#[test]
fn a_release_of_september_runs_tools_in_its_embedded_harness() {
    passes("2026.9.5", "openai/gpt-5.5@openclaw", "local", "openclaw");
}

#[test]
fn a_release_of_september_runs_tools_through_its_gateway() {
    passes("2026.9.5", "openai/gpt-5.5@openclaw", "gateway", "openclaw");
}

#[test]
fn the_codex_app_server_runs_its_own_tools_and_those_that_it_is_lent() {
    passes("2026.9.5", "openai/gpt-5.5@codex", "local", "codex");
}

#[test]
fn the_codex_app_server_runs_tools_through_the_gateway() {
    passes("2026.9.5", "openai/gpt-5.5@codex", "gateway", "codex");
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
    let user = User::new();
    for how in [["--probe", "tool"], ["--probe", "multitool"], ["--through", "gateway"]] {
        let ran = user.run(&[&["check", "2026.6.1"][..], &how].concat());
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
