//! `check --try-remedies`.

use insta::assert_snapshot;
use serde_json::json;

use crate::agent;
use crate::machine::Machine;

#[test]
fn what_makes_a_failing_release_answer_is_found_and_told_first() {
    let machine = Machine::new();
    machine.registry.script("2026.6.1", [agent::unknown_model(), agent::answers()]);
    machine.registry.script_doctor("2026.6.1", json!({ "movesTo": "openai/gpt-5.5" }));
    let (run, value) = machine.run_json("check 2026.6.1 --try-remedies");
    run.exits(1);
    assert_eq!(value["verdict"], "bad");
    assert_eq!(value["remedies"][0]["words"], "after `openclaw doctor --fix`");
    assert_eq!(value["remedies"][0]["verdict"], "good");
    assert_eq!(value["remedies"].as_array().unwrap().len(), 3);
}

#[test]
fn nothing_that_helps_is_said_as_well() {
    let machine = Machine::new();
    machine.registry.script("2026.6.1", [agent::unknown_model()]);
    let run = machine.run("check 2026.6.1 --try-remedies").exits(1);
    assert_snapshot!(machine.shown_stdout(&run));
}

#[test]
fn a_report_tells_what_was_tried_of_the_release_that_it_is_about() {
    let machine = Machine::new();
    machine.registry.script("2026.6.1", [agent::unknown_model()]);
    machine.run("bisect 2026.5.19 2026.6.1").exits(0);
    let before = machine.run("report").exits(0);
    assert!(before.stdout.contains("Not tried in this search"), "{}", before.stdout);
    machine.run("check 2026.6.1 --try-remedies").exits(1);
    let report = machine.run("report").exits(0).stdout;
    let told = "`openclaw@2026.6.1` was also asked, each time in a fresh home";
    assert!(report.contains(told), "{report}");
    assert!(report.contains("after `openclaw doctor --fix`: unknown-model: "), "{report}");
    assert!(!report.contains("Not tried in this search"), "{report}");
}

#[test]
fn a_release_that_answers_needs_no_remedy() {
    let machine = Machine::new();
    let (run, value) = machine.run_json("check 2026.5.18 --try-remedies");
    run.exits(0);
    assert_eq!(value["remedies"], serde_json::Value::Null);
    assert_eq!(machine.registry.turns().len(), 1);
}
