//! What a release does to the state that it meets: `--upgrade doctor` and
//! `--carry-state`.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::agent;
use crate::machine::{Machine, started_by};

#[test]
fn a_route_that_the_doctor_moved_passes_where_the_old_one_is_unknown() {
    let machine = Machine::new();
    machine.registry.script_doctor("2026.6.1", json!({ "movesTo": "openai/gpt-5.5" }));
    let run = machine.run("check 2026.6.1 --upgrade doctor").exits(0);
    assert_snapshot!(machine.shown_stdout(&run));
    let given = machine.registry.turns()[0].given["config"].clone();
    assert_eq!(given["meta"]["lastTouchedBy"], "doctor", "the turn meets what the doctor left");
    let (run, value) = machine.run_json("check 2026.6.1 --upgrade doctor");
    run.exits(0);
    assert_eq!(value["routes"][0]["observation"]["moved_to"], "openai/gpt-5.5");
}

#[test]
fn a_doctor_that_changes_nothing_leaves_the_route_where_it_is() {
    let machine = Machine::new();
    let (run, value) = machine.run_json("check 2026.5.18 --upgrade doctor");
    run.exits(0);
    assert_eq!(value["routes"][0]["observation"]["moved_to"], Value::Null);
}

#[test]
fn a_doctor_that_fails_is_bad_with_its_own_line() {
    let machine = Machine::new();
    let line = "Error: cannot migrate agents/main: no such column: owner";
    machine.registry.script_doctor("2026.6.1", json!({ "fails": ["Doctor ...", line] }));
    let run = machine.run("check 2026.6.1 --upgrade doctor").exits(1);
    assert_snapshot!(machine.shown_stdout(&run));
    assert!(machine.registry.turns().is_empty(), "nobody is asked");
}

/// The sessions that a candidate found in its state.
fn sessions(given: &Value) -> Vec<String> {
    let files = given["files"].as_array().unwrap().iter().filter_map(Value::as_str);
    files.filter(|file| file.contains("/sessions/")).map(str::to_owned).collect()
}

/// In each turn but the good end's, the good end's session and no other.
fn all_meet_the_good_end(machine: &Machine, good: &str) {
    let turns = machine.registry.turns();
    let first = turns.iter().find(|turn| turn.core == good).unwrap();
    assert_eq!(sessions(&first.given), [""; 0], "the good end begins afresh");
    let arguments = first.given["arguments"].as_array().unwrap();
    let at = arguments.iter().position(|word| word == "--session-id").unwrap();
    let session =
        format!(".openclaw/agents/main/sessions/{}.jsonl", arguments[at + 1].as_str().unwrap());
    for turn in turns.iter().filter(|turn| turn.core != good) {
        assert_eq!(sessions(&turn.given), [session.as_str()], "{}", turn.core);
    }
}

#[test]
fn later_candidates_meet_the_state_that_the_good_end_left() {
    for route in ["openai-codex/gpt-5.5", "loop/test-model"] {
        let machine = Machine::new();
        machine.registry.script("2026.6.5", [agent::unknown_model()]);
        let words = format!("bisect 2026.5.18 2026.6.5 --carry-state --route {route}");
        let (run, value) = machine.run_json(&words);
        run.exits(0);
        assert_eq!(value["first_bad"], "2026.6.5", "{route}");
        assert!(machine.registry.turns().len() > 3);
        all_meet_the_good_end(&machine, "2026.5.18");
    }
}

#[test]
fn the_state_of_the_good_end_is_still_there_after_a_kill() {
    let machine = Machine::new();
    machine.registry.script_all(&["2026.6.5", "2026.6.11"], &agent::unknown_model());
    let kill = [("CODEXPIN_KILL_AT", "session-recorded")];
    let first = ["bisect", "2026.5.19", "2026.6.11", "--no-forward", "--carry-state"];
    let mut run = machine.start_with(&first, &kill).finish();
    while run.code == 128 + 9 {
        run = machine.start_with(&["bisect", "--resume"], &kill).finish();
    }
    let run = run.exits(0);
    assert!(run.stdout.contains("2026.6.5 is the first bad release"), "{}", run.stdout);
    assert_eq!(machine.registry.turns().len(), 4, "no check is repeated");
    all_meet_the_good_end(&machine, "2026.5.19");
    assert_eq!(started_by(run.pid), [0; 0]);
}

#[test]
fn the_doctor_of_each_candidate_works_on_the_state_of_the_good_end() {
    let machine = Machine::new();
    machine.registry.script_doctor("2026.6.1", json!({ "movesTo": "openai/gpt-5.5" }));
    machine.registry.script("2026.6.5", [agent::unknown_model()]);
    let words = "bisect 2026.5.19 2026.6.5 --carry-state --upgrade doctor";
    let (run, value) = machine.run_json(words);
    run.exits(0);
    assert_eq!(value["first_bad"], "2026.6.5");
    all_meet_the_good_end(&machine, "2026.5.19");
}
