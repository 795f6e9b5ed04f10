//! `--probe tool` and `--probe multitool`: a turn in which tools have to run.

use insta::assert_snapshot;
use serde_json::json;

use crate::agent;
use crate::machine::{Machine, started_by};

#[test]
fn a_tool_probe_passes_when_the_tool_really_ran() {
    let machine = Machine::new();
    let run = machine.run("check 2026.5.18 --probe tool").exits(0);
    assert_snapshot!(machine.shown_stdout(&run));
}

#[test]
fn a_candidate_that_makes_a_tools_result_up_is_bad() {
    let machine = Machine::new();
    let mut said = Vec::new();
    for script in [agent::makes_tool_results_up(), agent::runs_no_tool()] {
        machine.registry.script("2026.6.1", [script]);
        // A text probe has no eye for it.
        machine.run("check 2026.6.1").exits(0);
        said.push(machine.shown_stdout(&machine.run("check 2026.6.1 --probe tool").exits(1)));
    }
    assert_snapshot!(said.join("\n\n"));
}

#[test]
fn every_call_of_a_multitool_probe_is_counted() {
    let machine = Machine::new();
    let (run, value) = machine.run_json("check 2026.5.18 --probe multitool=3");
    run.exits(0);
    assert_eq!(value["question"]["ask"]["probe"], "multitool=3");
    let requests = value["routes"][0]["observation"]["requests"].as_array().unwrap().clone();
    let genuine = requests.iter().filter(|request| request["returned"]["genuine"] == json!(true));
    assert_eq!(genuine.count(), 3);

    let run = machine.run("check 2026.5.18 --probe multitool").exits(0);
    assert!(run.stdout.contains("21 answered model requests"), "{}", run.stdout);
}

#[test]
fn a_candidate_that_stalls_after_tool_calls_is_bad_and_told_how_far_it_came() {
    let machine = Machine::new();
    machine.registry.script("2026.6.1", [agent::stalls_after(0)]);
    machine.registry.script("2026.6.5", [agent::stalls_after(2)]);
    // At once: each of them takes its time limit.
    let one = machine.start("check 2026.6.1 --probe tool --timeout 1");
    let three = machine.start("check 2026.6.5 --probe multitool=3 --timeout 1");
    let mut said = Vec::new();
    for running in [one, three] {
        let run = running.finish().exits(1);
        assert_eq!(started_by(run.pid), [0; 0]);
        said.push(machine.shown_stdout(&run));
    }
    assert_snapshot!(said.join("\n\n"));
}
