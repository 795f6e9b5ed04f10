//! `codexpin scan`: the history of a line.

use insta::assert_snapshot;
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::agent;
use crate::machine::Machine;

/// Broken in 2026.5.19, mended in 2026.6.1, broken otherwise from 2026.6.11 on; 2026.6.5
/// cannot be installed.
fn with_a_history() -> Machine {
    let machine = Machine::new();
    machine.registry.script("2026.5.19", [agent::unknown_model()]);
    let more = json!({ "dependencies": { "gone-dep": "^2.0.0" } });
    machine.registry.publish_core("2026.6.5", more);
    let line = "TypeError: reply is not a function";
    machine.registry.script_all(&["2026.6.11", "2026.7.1"], &agent::fails(line));
    machine
}

fn states(value: &Value) -> Vec<&str> {
    value["line"].as_array().unwrap().iter().map(|r| r["what"].as_str().unwrap()).collect()
}

#[test]
fn every_release_of_a_line_is_asked_and_each_boundary_is_named() {
    let machine = with_a_history();
    let run = machine.run("scan 2026.5.18 2026.7.1").exits(0);
    assert_snapshot!(machine.shown_stdout(&run));
    assert!(!machine.pin_file().exists(), "a scan pins nothing");
    let asked = machine.registry.asked();
    // Either failure is asked again where it is seen first.
    let wanted = ["2026.5.18", "2026.5.18-1", "2026.5.19", "2026.5.19", "2026.6.1", "2026.6.11"];
    assert_eq!(asked, [&wanted[..], &["2026.6.11", "2026.7.1"]].concat());
    let words = "scanned: it breaks after 2026.6.1, not after 2026.6.11";
    let told = machine.run("sessions").exits(0).stdout;
    assert!(told.contains(words), "{told}");
    let report = machine.run("report").exits(0).stdout;
    assert!(report.contains("After 2026.6.1, not later than 2026.6.11"), "{report}");
}

#[test]
fn the_json_of_a_scan_has_every_release_and_every_boundary_oldest_first() {
    let machine = with_a_history();
    // Either end first, or both in one word.
    for words in ["scan 2026.7.1 2026.5.18", "scan 2026.5.18..2026.7.1"] {
        let (run, value) = machine.run_json(words);
        run.exits(0);
        assert_eq!(value["outcome"], "scanned");
        let wanted = ["answers", "answers", "fails", "answers", "not-judged", "fails", "fails"];
        assert_eq!(states(&value), wanted);
        let boundaries = value["boundaries"].as_array().unwrap();
        let kinds: Vec<_> = boundaries.iter().map(|b| b["boundary"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["breaks", "mended", "breaks"]);
        assert_eq!(
            (&boundaries[2]["before"], &boundaries[2]["after"], &boundaries[2]["between"]),
            (&json!("2026.6.1"), &json!("2026.6.11"), &json!(1))
        );
    }
}

#[test]
fn a_person_at_a_terminal_sees_a_strip_with_a_legend() {
    let machine = with_a_history();
    let shown = machine.at_a_terminal("scan 2026.5.18 2026.7.1").ends_with(0);
    assert!(shown.contains("2026.5.18         ++A+?BB 2026.7.1"), "{shown}");
    assert!(shown.contains("  A unknown-model (1)\n"), "{shown}");
    let breaks =
        "breaks   in 2026.5.19, after 2026.5.18-1\n         unknown-model: Unknown model: ";
    assert!(shown.contains(breaks), "{shown}");
}

#[test]
fn a_scan_of_every_nth_release_leaves_the_others_out_and_names_the_command_for_them() {
    let machine = Machine::new();
    machine.registry.script_all(&["2026.6.1", "2026.6.5", "2026.6.11"], &agent::unknown_model());
    let run = machine.run("scan 2026.5.18 2026.6.11 --every 3").exits(0);
    let gap = "breaks   after 2026.5.18, in 2026.6.1 at the latest (2 between not known)";
    assert!(run.stdout.contains(gap), "{}", run.stdout);
    assert!(run.stdout.contains("\n      codexpin bisect 2026.5.18 2026.6.1 "), "{}", run.stdout);
    assert!(run.stdout.contains("\n2026.5.19          -     not asked\n"), "{}", run.stdout);
    let mut asked = machine.registry.asked();
    asked.dedup();
    assert_eq!(asked, ["2026.5.18", "2026.6.1", "2026.6.11"]);
    // What is installed comes first, and the rest is asked after it.
    machine.run("scan 2026.5.18 2026.6.11 --fresh").exits(0);
    let mut again = machine.registry.asked().split_off(4);
    again.dedup();
    assert_eq!(again[..3], ["2026.5.18", "2026.6.1", "2026.6.11"]);
    assert_eq!(again[3..], ["2026.5.18-1", "2026.5.19", "2026.6.5"]);
}

#[test]
fn a_scan_that_was_cut_short_goes_on_without_repeating_a_check() {
    let machine = with_a_history();
    let kill = [("CODEXPIN_KILL_AT", "session-recorded")];
    machine.start_with(&["scan", "2026.5.18", "2026.6.1"], &kill).finish().exits(128 + 9);
    let run = machine.run("resume --max-checks 1").exits(3);
    assert!(run.stdout.contains("next  codexpin resume "), "{}", run.stdout);
    let (run, value) = machine.run_json("resume");
    run.exits(0);
    assert_eq!(states(&value), ["answers", "answers", "fails", "answers"]);
    let asked = machine.registry.asked();
    assert_eq!(asked, ["2026.5.18", "2026.5.18-1", "2026.5.19", "2026.5.19", "2026.6.1"]);

    machine.registry.script("2026.5.12", [agent::hangs()]);
    let running = machine.start("scan 2026.5.12 2026.5.19");
    // The others are known, and the failure among them is asked once more.
    machine.registry.wait_for_turns(asked.len() + 2);
    running.signal(Signal::SIGINT);
    let run = running.finish().exits(130);
    assert!(run.stderr.contains("go on with"), "{}", run.stderr);
}

#[test]
fn ends_that_make_no_line_are_told_before_anything_runs() {
    let machine = Machine::new();
    for words in ["scan 2026.5.18", "scan 2026.5.18..", "scan 2026.5.18..2026.6.1 2026.6.5"] {
        let run = machine.run(words).exits(2);
        assert!(run.stderr.contains("scan takes the two ends of a line"), "{}", run.stderr);
    }
    machine.run("scan 2026.5.18 2026.5.18").exits(2);
    machine.run("scan 2026.5.17 2026.5.18").exits(2);
    assert_eq!(machine.registry.asked(), [""; 0]);
}
