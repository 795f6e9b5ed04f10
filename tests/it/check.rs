//! `codexpin check`: what one release is found to be.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::agent;
use crate::machine::{Machine, entries, is_running, started_by, tree};
use crate::registry::Registry;

#[test]
fn a_release_that_answers_is_good() {
    let machine = Machine::new();
    let run = machine.run("check 2026.5.18").exits(0);
    assert_snapshot!(machine.shown(&run));
    assert_eq!(entries(&machine.cache().join("scratch")), [""; 0]);
}

#[test]
fn latest_is_what_is_checked_where_nothing_is_named() {
    let machine = Machine::new();
    let (run, value) = machine.run_json("check");
    let run = run.exits(0);
    assert!(run.stderr.contains("none is installed: this is latest"), "{}", run.stderr);
    assert_eq!(value["candidate"]["core"], "2026.7.1-1");
    assert_eq!(value["verdict"], "good");
    assert_eq!(value["routes"][0]["observation"]["reply"]["texts"], json!(["OK"]));
}

#[test]
fn a_release_that_does_not_know_the_route_is_bad() {
    let machine = Machine::new();
    machine.registry.script("2026.6.1", [agent::unknown_model()]);
    let run = machine.run("check 2026.6.1").exits(1);
    assert_snapshot!(machine.shown(&run));
    let (run, value) = machine.run_json("check 2026.6.1");
    run.exits(1);
    assert_eq!(value["failure"]["signature"], "unknown-model");
    assert_eq!(value["failure"]["evidence"]["source"], "stderr");
}

#[test]
fn what_the_upstream_saw_counts_for_more_than_what_the_release_says() {
    let machine = Machine::new();
    machine.registry.script("2026.6.1", [agent::asks_a_removed_address()]);
    let run = machine.run("check 2026.6.1").exits(1);
    assert_snapshot!(machine.shown(&run));

    machine.registry.script("2026.6.1", [agent::asks_the_public_api()]);
    let run = machine.run("check 2026.6.1").exits(1);
    assert!(run.stdout.contains("[missing-scopes]"), "{}", run.stdout);
}

#[test]
fn a_release_that_breaks_off_its_own_request_is_not_excused_by_it() {
    let machine = Machine::new();
    machine.registry.script("2026.6.1", [agent::leaves_in_the_middle_of_a_request()]);
    let (run, value) = machine.run_json("check 2026.6.1");
    run.exits(1);
    let evidence = &value["failure"]["evidence"]["text"];
    assert_eq!(evidence, "TypeError: undefined is not a function");
}

#[test]
fn what_is_not_the_releases_own_fault_is_a_skip() {
    let machine = Machine::new();
    let mut said = Vec::new();
    for line in [
        r#"Requested agent harness "codex" is not registered."#,
        "listen EADDRINUSE: address already in use 127.0.0.1:18789",
        "You have reached your Codex subscription usage limit.",
        "getaddrinfo ENOTFOUND chatgpt.com",
        "error: config was written by something newer than this build",
    ] {
        machine.registry.script("2026.6.1", [agent::fails(line)]);
        said.push(machine.shown(&machine.run("check 2026.6.1").exits(125)));
    }
    assert_snapshot!(said.join("\n\n"));
}

#[test]
fn a_reply_that_is_not_the_one_is_bad_and_says_what_was_wrong_with_it() {
    let machine = Machine::new();
    let mut said = Vec::new();
    for script in [
        agent::says("Okay!"),
        agent::answers_with(json!({ "payloads": [] })),
        agent::answers_with(json!({ "payloads": [{ "text": "O" }, { "text": "K" }] })),
        agent::answers_with(json!({ "trace": { "winnerModel": "gpt-4o-mini" } })),
        agent::answers_with(json!({ "trace": { "fallbackUsed": true } })),
        agent::answers_with(json!({ "trace": { "attempts": [{ "result": "error" }] } })),
        agent::answers_without_asking(),
        agent::prints("no JSON today"),
        agent::prints("{\"payloads\": "),
    ] {
        machine.registry.script("2026.6.1", [script]);
        let run = machine.run("check 2026.6.1").exits(1);
        let why = run.stdout.lines().skip(1).take(2).collect::<Vec<_>>().join("\n");
        said.push(machine.filtered(&why));
    }
    assert_snapshot!(said.join("\n\n"));
}

#[test]
fn warnings_before_the_reply_do_not_hide_it() {
    let machine = Machine::new();
    let warnings = ["\u{1b}[33m(node:7) Warning: {experimental}\u{1b}[0m", "{ not JSON", "[1]"];
    machine.registry.script("2026.6.1", [agent::answers_after(&warnings)]);
    machine.run("check 2026.6.1").exits(0);
}

#[test]
fn another_text_is_asked_for_and_has_to_come_back() {
    let machine = Machine::new();
    let words = ["check", "2026.5.18", "--reply", "pong 42 ümläut"];
    machine.start_with(&words, &[]).finish().exits(0);
    machine.registry.script("2026.5.18", [agent::says("OK")]);
    let run = machine.start_with(&words, &[]).finish().exits(1);
    assert!(run.stdout.contains("asked for `pong 42 ümläut`, it replied `OK`"), "{}", run.stdout);
}

#[test]
fn other_routes_are_asked_through_their_own_service() {
    let machine = Machine::new();
    for route in ["openai/gpt-5.5", "loop/test-model"] {
        let (run, value) = machine.run_json(&format!("check 2026.5.18 --route {route}"));
        run.exits(0);
        assert_eq!(value["routes"][0]["route"], route);
    }
}

#[test]
fn a_turn_that_hangs_is_stopped_at_its_time_limit() {
    let machine = Machine::new();
    machine.registry.script("2026.6.1", [agent::hangs_and_ignores_sigterm()]);
    let running = machine.start("check 2026.6.1 --timeout 1");
    let deaf = machine.registry.noted("deaf");
    let run = running.finish().exits(1);
    assert!(run.stdout.contains("the turn timed out  [turn-timed-out]"), "{}", run.stdout);
    assert!(!is_running(&deaf));
}

#[test]
fn a_turn_that_asks_without_end_is_stopped_by_the_limit_of_its_requests() {
    for until in ["refused", "for ever"] {
        let machine = Machine::new();
        machine.registry.script("2026.6.1", [agent::asks_without_end(until)]);
        let (run, value) = machine.run_json("check 2026.6.1 --timeout 10");
        run.exits(1);
        let failure = &value["failure"];
        assert_eq!(failure["signature"], "turn-without-end", "{until}: {failure}");
        let title = "the turn asks the model again and again: 60 answers, and no reply";
        assert_eq!(failure["title"], title);
        assert!(failure["remedy"].as_str().unwrap().contains("burns the account"));
        let requests = value["routes"][0]["observation"]["requests"].as_array().unwrap();
        let of = |kind: &str| requests.iter().filter(|request| request["kind"] == kind).count();
        assert_eq!(of("answered"), 60);
        assert!(of("limited") > 0);
    }
}

#[test]
fn processes_that_a_turn_left_behind_are_ended_and_told_of() {
    for script in
        [agent::leaves_a_process_behind(), agent::leaves_a_process_without_environment_behind()]
    {
        let machine = Machine::new();
        machine.registry.script("2026.6.1", [script]);
        let run = machine.run("check 2026.6.1").exits(0);
        assert!(run.stdout.contains("it left 1 process running; it was ended"), "{}", run.stdout);
        assert!(!is_running(&machine.registry.noted("left")));
        assert_eq!(started_by(run.pid), [0; 0]);
    }
}

#[test]
fn a_flood_of_output_is_read_to_its_end_and_kept_within_bounds() {
    let machine = Machine::new();
    machine.registry.script("2026.6.1", [agent::floods(200)]);
    let (run, value) = machine.run_json("check 2026.6.1");
    run.exits(0);
    let stdout = value["routes"][0]["observation"]["stdout"].as_str().unwrap();
    assert!(stdout.len() < 60_000, "{}", stdout.len());
    let logs = tree(&machine.state().join("checks"));
    let bytes: usize = logs.values().map(|(_, content)| content.len()).sum();
    assert!((60_000_000..70_000_000).contains(&bytes), "{bytes}");
}

#[test]
fn a_candidate_sees_a_scratch_home_and_nothing_of_the_users_shell() {
    let mut machine = Machine::new();
    machine.set("OPENAI_API_KEY", "sk-the-users-own");
    machine.set("TELEGRAM_BOT_TOKEN", "the-users-own");
    machine.set("OPENCLAW_STATE_DIR", machine.home().join(".openclaw"));
    machine.set("OPENCLAW_GATEWAY_TOKEN", "the-users-own");
    let state = machine.home().join(".openclaw");
    fs_err::create_dir_all(&state).unwrap();
    fs_err::write(state.join("openclaw.json"), "{ \"mine\": true }").unwrap();
    machine.run("check 2026.5.18").exits(0);

    let given = machine.registry.turns()[0].given.clone();
    let variable = |name: &str| given["environment"][name].as_str().map(str::to_owned);
    let scratch = machine.cache().join("scratch").to_string();
    for name in ["HOME", "TMPDIR", "OPENCLAW_HOME", "OPENCLAW_STATE_DIR", "OPENCLAW_CONFIG_PATH"] {
        assert!(variable(name).unwrap().starts_with(&scratch), "{name}: {:?}", variable(name));
    }
    assert!(given["directory"].as_str().unwrap().starts_with(&scratch));
    assert_eq!(variable("OPENCLAW_NO_AUTO_UPDATE").as_deref(), Some("1"));
    for name in ["OPENAI_API_KEY", "TELEGRAM_BOT_TOKEN"] {
        assert_eq!(variable(name), None, "{name}");
    }
    assert!(!given.to_string().contains("the-users-own"));
    assert!(!given.to_string().contains(machine.home().as_str()), "{given:#}");
    let names = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_snapshot!(names(&given["environment"]).join("\n"));
}

#[test]
fn the_users_home_is_as_it_was() {
    let machine = Machine::new();
    let state = machine.home().join(".openclaw/agents/main/agent");
    fs_err::create_dir_all(&state).unwrap();
    fs_err::write(state.join("auth-profiles.json"), "{\"refresh\": \"once only\"}").unwrap();
    let before = tree(&machine.home());
    machine.registry.script("2026.6.1", [agent::unknown_model()]);
    machine.run("bisect 2026.5.19 2026.6.1").exits(0);
    machine.run("cache ls").exits(0);
    machine.run("cache prune --limit 0").exits(0);
    assert_eq!(tree(&machine.home()), before);
}

#[test]
fn the_users_home_is_as_it_was_whatever_is_asked_and_however() {
    let registry = Registry::with_releases();
    registry.publish_plugin(&["2026.6.11"]);
    let machine = Machine::with(registry);
    let state = machine.home().join(".openclaw");
    let agent = state.join("agents/main/agent");
    fs_err::create_dir_all(&agent).unwrap();
    fs_err::write(agent.join("auth-profiles.json"), "{\"refresh\": \"once only\"}").unwrap();
    let config = state.join("openclaw.json");
    fs_err::write(&config, "{ agents: { defaults: { model: 'openai-codex/gpt-5.5' } } }").unwrap();
    machine.registry.script_doctor("2026.6.11", json!({ "movesTo": "openai/gpt-5.5" }));
    machine.registry.script("2026.6.1", [agent::unknown_model()]);
    let before = tree(&machine.home());
    for words in [
        "check 2026.6.11 --probe tool --egress",
        "check 2026.6.11 --probe multitool=2 --through gateway",
        "check 2026.6.11 --route openai/gpt-5.5@codex",
        "check 2026.6.11 --route openai-codex/gpt-5.5 --route openai/gpt-5.5 --require any",
        "check 2026.6.11 --upgrade doctor",
        "check 2026.6.11 --exec env",
        &format!("check 2026.6.11 --config {config} --upgrade doctor --through gateway"),
        &format!("bisect 2026.5.19 2026.6.1 --config {config} --carry-state"),
    ] {
        machine.run(words).exits(0);
        assert_eq!(tree(&machine.home()), before, "codexpin {words}");
    }
}

#[test]
fn the_json_of_a_check_keeps_its_shape() {
    let registry = Registry::with_releases();
    registry.publish_plugin(&["2026.6.11"]);
    let machine = Machine::with(registry);
    machine.registry.script_doctor("2026.6.11", json!({ "movesTo": "openai/gpt-5.5" }));
    let words = "check 2026.6.11 --probe tool --through gateway --upgrade doctor";
    let (run, good) = machine.run_json(words);
    run.exits(0);
    machine.registry.script("2026.6.1", [agent::unknown_model()]);
    let (run, bad) = machine.run_json("check 2026.6.1");
    run.exits(1);
    let shapes = [good, bad].map(|value| {
        let mut keys = std::collections::BTreeSet::new();
        keys_of(&value, "", &mut keys);
        keys.into_iter().collect::<Vec<_>>().join("\n")
    });
    assert_snapshot!(shapes.join("\n\n"));
}

/// The paths of all keys, with `[]` for any place in a list.
fn keys_of(value: &Value, path: &str, keys: &mut std::collections::BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                keys_of(value, &format!("{path}.{name}"), keys);
            }
        }
        Value::Array(items) => {
            for item in items {
                keys_of(item, &format!("{path}[]"), keys);
            }
        }
        _ => {
            keys.insert(path.trim_start_matches('.').to_owned());
        }
    }
}

#[test]
fn a_finished_prefix_is_used_again() {
    let machine = Machine::new();
    machine.run("check 2026.5.18").exits(0);
    let installs = machine.registry.requests_by_npm("/openclaw");
    let run = machine.run("check 2026.5.18").exits(0);
    assert_eq!(machine.registry.requests_by_npm("/openclaw"), installs);
    assert!(!run.stderr.contains("installed"), "{}", run.stderr);
}

#[test]
fn a_prefix_that_was_written_to_is_installed_anew() {
    let machine = Machine::new();
    machine.run("check 2026.5.18").exits(0);
    let entry = machine.prefix("2026.5.18").join("core/node_modules/openclaw/openclaw.mjs");
    fs_err::write(&entry, "console.error('tampered with'); process.exit(9)\n").unwrap();
    let run = machine.run("check 2026.5.18").exits(0);
    assert!(run.stderr.contains("installed"), "{}", run.stderr);
    assert_eq!(fs_err::read_to_string(&entry).unwrap(), agent::SOURCE);
}

#[test]
fn another_releases_tarball_under_the_asked_version_is_a_skip() {
    let machine = Machine::new();
    machine.registry.publish_plugin(&["2026.5.19", "2026.6.1"]);
    let tarball = |package: &str, version: &str| {
        format!("/{package}/-/{}-{version}.tgz", package.rsplit('/').next().unwrap())
    };
    let wrong = [("openclaw", "2026.5.18"), ("@openclaw/codex", "2026.6.1")];
    for (package, version) in wrong {
        let other = tarball(package, "2026.5.19");
        machine.registry.serve_in_place_of(&tarball(package, version), &other);
    }
    for (package, version) in wrong {
        let (run, report) = machine.run_json(&format!("check {version}"));
        run.exits(125);
        let why = report["reason"]["why"].as_str().unwrap();
        let expected = format!("a tarball that calls itself {package}@2026.5.19");
        assert!(why.contains(&expected), "{why}");
        assert!(why.contains(&format!("not the {package}@{version} of the list")), "{why}");
    }
}

#[test]
fn a_half_made_prefix_is_never_used() {
    let machine = Machine::new();
    machine.run("check 2026.5.18").exits(0);
    let prefix = machine.prefix("2026.5.18");
    fs_err::remove_file(machine.manifest("2026.5.18")).unwrap();
    let entry = prefix.join("core/node_modules/openclaw/openclaw.mjs");
    fs_err::write(&entry, "process.exit(9)\n").unwrap();
    machine.run("check 2026.5.18").exits(0);
    assert_eq!(fs_err::read_to_string(&entry).unwrap(), agent::SOURCE);
}

#[test]
fn two_checks_of_the_same_release_at_once_share_one_install() {
    let machine = Machine::new();
    let (one, two) = (machine.start("check 2026.5.18"), machine.start("check 2026.5.18"));
    one.finish().exits(0);
    two.finish().exits(0);
    let tarball = "/openclaw/-/openclaw-2026.5.18.tgz";
    assert_eq!(machine.registry.requests(tarball), 1);
    assert_eq!(machine.registry.asked(), ["2026.5.18", "2026.5.18"]);
}

#[test]
fn the_plugin_of_a_release_is_installed_beside_it_and_told() {
    let registry = Registry::with_releases();
    registry.publish_plugin(&["2026.6.11"]);
    let machine = Machine::with(registry);
    let run = machine.run("check 2026.6.11").exits(0);
    assert_snapshot!(machine.shown(&run));
    let plugin = machine
        .prefix("2026.6.11")
        .join("plugin/.openclaw/npm/projects")
        .join("openclaw-codex-0123456789/node_modules/@openclaw/codex");
    assert!(plugin.join("package.json").is_file());
}

#[test]
fn the_installed_release_is_found_by_the_command_on_path() {
    let mut machine = Machine::new();
    let package = machine.root().join("global/lib/node_modules/openclaw");
    let bin = machine.root().join("global/bin");
    for directory in [&package, &bin] {
        fs_err::create_dir_all(directory).unwrap();
    }
    let manifest = json!({
        "name": "openclaw", "version": "2026.5.19", "bin": { "openclaw": "openclaw.mjs" },
    });
    fs_err::write(package.join("package.json"), manifest.to_string()).unwrap();
    fs_err::write(package.join("openclaw.mjs"), "process.exit(9)\n").unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs_err::set_permissions(package.join("openclaw.mjs"), mode).unwrap();
    fs_err::os::unix::fs::symlink(package.join("openclaw.mjs"), bin.join("openclaw")).unwrap();
    machine.set("PATH", format!("{bin}:{}", std::env::var("PATH").unwrap()));
    for words in ["check installed", "check"] {
        let (run, value) = machine.run_json(words);
        let run = run.exits(0);
        assert_eq!(value["candidate"]["core"], "2026.5.19");
        let told =
            run.stderr.contains("note: no release is named: this is the installed one, 2026.5.19");
        assert_eq!(told, words == "check", "{}", run.stderr);
    }
}
