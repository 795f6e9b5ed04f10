//! `--through gateway`: the release's own Gateway runs the turn.

use insta::assert_snapshot;
use nix::sys::signal::Signal;
use serde_json::json;

use crate::agent;
use crate::machine::{Machine, entries, is_running, started_by, tree};
use crate::registry::Registry;

/// A Gateway that leaves a process behind, and does not go by itself.
fn stubborn() -> serde_json::Value {
    json!({ "leaves": true, "ignoresSigterm": true })
}

/// Neither the Gateway, nor what it left, nor anything of theirs.
fn nothing_is_left(machine: &Machine, pid: u32) {
    for what in ["gateway", "left"] {
        let noted = machine.registry.noted(what);
        assert!(!is_running(&noted), "the {what} process {noted:?} runs still");
    }
    assert_eq!(started_by(pid), [0; 0]);
    assert_eq!(entries(&machine.cache().join("scratch")), [""; 0]);
}

#[test]
fn a_release_whose_gateway_answers_is_good() {
    let machine = Machine::new();
    machine.registry.script_gateway("2026.5.18", stubborn());
    let run = machine.run("check 2026.5.18 --through gateway").exits(0);
    assert_snapshot!(machine.shown(&run));
    nothing_is_left(&machine, run.pid);

    let given = machine.registry.turns()[0].given.clone();
    let local = json!("--local");
    assert!(!given["arguments"].as_array().unwrap().contains(&local), "{given:#}");
    let token = given["environment"]["OPENCLAW_GATEWAY_TOKEN"].as_str().unwrap();
    assert!(token.len() >= 32, "{token}");
    let port = given["config"]["gateway"]["port"].as_u64().unwrap();
    let port = u16::try_from(port).unwrap();
    assert!(std::net::TcpListener::bind(("127.0.0.1", port)).is_ok(), "port {port} is taken");
    for (file, (_, content)) in tree(&machine.state()) {
        assert!(!String::from_utf8_lossy(&content).contains(token), "{file} has the token");
    }
}

#[test]
fn tools_run_in_the_gateway_as_well() {
    let machine = Machine::new();
    machine.run("check 2026.5.18 --through gateway --probe multitool=2").exits(0);
    machine.registry.script("2026.6.1", [agent::makes_tool_results_up()]);
    machine.run("check 2026.6.1 --through gateway --probe tool").exits(1);
}

#[test]
fn a_release_that_falls_back_to_an_embedded_turn_is_bad() {
    let machine = Machine::new();
    machine.registry.script_gateway("2026.6.1", json!({ "refuses": true }));
    let run = machine.run("check 2026.6.1 --through gateway").exits(1);
    assert_snapshot!(machine.shown_stdout(&run));
}

#[test]
fn what_the_gateway_says_of_a_turn_that_failed_is_the_evidence() {
    let machine = Machine::new();
    machine.registry.script("2026.6.1", [agent::unknown_model()]);
    machine.registry.script_gateway("2026.6.1", stubborn());
    let run = machine.run("check 2026.6.1 --through gateway").exits(1);
    assert_snapshot!(machine.shown_stdout(&run));
    nothing_is_left(&machine, run.pid);
}

#[test]
fn a_gateway_that_exits_at_once_is_bad_with_its_own_line() {
    let machine = Machine::new();
    let line = "[gateway] TypeError: plugins is not iterable";
    machine.registry.script_gateway("2026.6.1", json!({ "fails": ["starting", line, "bye"] }));
    let run = machine.run("check 2026.6.1 --through gateway").exits(1);
    assert_snapshot!(machine.shown_stdout(&run));
    assert!(machine.registry.turns().is_empty(), "nobody is asked");
}

#[test]
fn a_gateway_that_is_never_ready_is_bad_with_its_own_line() {
    let machine = Machine::new();
    let line = "[gateway] error: the channel registry does not answer";
    machine.registry.script_gateway("2026.6.1", json!({ "neverReady": line, "leaves": true }));
    let running = machine.start("check 2026.6.1 --through gateway");
    let run = running.finish_within(std::time::Duration::from_mins(4)).exits(1);
    assert_snapshot!(machine.shown_stdout(&run));
    assert!(machine.registry.turns().is_empty(), "nobody is asked");
    nothing_is_left(&machine, run.pid);
}

#[test]
fn the_plugins_harness_runs_in_the_gateway() {
    let registry = Registry::with_releases();
    registry.publish_plugin(&["2026.6.11"]);
    let machine = Machine::with(registry);
    let words = "check 2026.6.11 --through gateway --route openai/gpt-5.5@codex";
    let run = machine.run(words).exits(0);
    assert!(run.stdout.contains("harness codex; plugin 2026.6.11\n"), "{}", run.stdout);
}

#[test]
fn nothing_is_left_of_a_gateway_whose_turn_timed_out() {
    let machine = Machine::new();
    machine.registry.script("2026.6.1", [agent::hangs_and_ignores_sigterm()]);
    machine.registry.script_gateway("2026.6.1", stubborn());
    let run = machine.run("check 2026.6.1 --through gateway --timeout 1").exits(1);
    assert!(run.stdout.contains("[turn-timed-out]"), "{}", run.stdout);
    nothing_is_left(&machine, run.pid);
}

#[test]
fn nothing_is_left_of_a_gateway_after_ctrl_c() {
    let machine = Machine::new();
    machine.registry.script("2026.6.1", [agent::hangs()]);
    machine.registry.script_gateway("2026.6.1", stubborn());
    let running = machine.start("check 2026.6.1 --through gateway");
    machine.registry.wait_for_turns(1);
    running.signal(Signal::SIGINT);
    let run = running.finish().exits(130);
    nothing_is_left(&machine, run.pid);

    // While it is still starting, too.
    let machine = Machine::new();
    machine.registry.script_gateway("2026.6.1", json!({ "neverReady": "one", "leaves": true }));
    let running = machine.start("check 2026.6.1 --through gateway");
    machine.registry.noted("left");
    running.signal(Signal::SIGTERM);
    let run = running.finish().exits(130);
    nothing_is_left(&machine, run.pid);
}

#[test]
fn what_a_killed_codexpin_left_of_a_gateway_is_ended_by_the_next_one() {
    let machine = Machine::new();
    machine.registry.script("2026.6.1", [agent::hangs()]);
    machine.registry.script_gateway("2026.6.1", stubborn());
    let running = machine.start("check 2026.6.1 --through gateway");
    machine.registry.wait_for_turns(1);
    running.signal(Signal::SIGKILL);
    let killed = running.finish().exits(128 + 9);
    machine.run("cache path").exits(0);
    nothing_is_left(&machine, killed.pid);
}
