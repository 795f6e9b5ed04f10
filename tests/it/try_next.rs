//! `codexpin try-next`: what an update would meet, before anybody goes there.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::agent;
use crate::machine::{Machine, tree};
use crate::patient::Patient;

/// With 2026.6.1 installed. The registry's latest is 2026.7.1-1.
fn patient() -> Patient {
    let mut patient = Patient::new("2026.6.1");
    patient.machine.only_with(&["npm", "sh", "cat"]);
    let root = patient.machine.root().to_owned();
    patient.machine.set("PATH", format!("{}:{}", root.join("npm/bin"), root.join("bin")));
    patient
}

fn told(machine: &Machine) -> Vec<Value> {
    let text = fs_err::read_to_string(machine.work().join("told")).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

const NOTIFY: [&str; 3] = ["try-next", "--notify", "cat >> told && echo >> told"];

#[test]
fn what_an_update_would_go_to_is_asked_once_and_told_once_and_nothing_live_is_touched() {
    let patient = patient();
    let machine = &patient.machine;
    let before = tree(&patient.state());
    let run = machine.start_with(&NOTIFY, &[]).finish().exits(0);
    assert_snapshot!("good", machine.shown_stdout(&run));
    let found = told(machine);
    assert_eq!(found.len(), 1);
    assert_eq!(
        (&found[0]["installed"], &found[0]["next"], &found[0]["state"]),
        (&json!("2026.6.1"), &json!("2026.7.1-1"), &json!("checked"))
    );
    assert_eq!(found[0]["check"]["verdict"], "good");
    assert_eq!(found[0]["check"]["question"]["upgrade"], "doctor");
    let asked = machine.registry.asked();
    assert_eq!(asked, ["2026.7.1-1"]);

    let run = machine.start_with(&NOTIFY, &[]).finish().exits(0);
    assert!(run.stdout.contains("\n  asked 20"), "{}", run.stdout);
    assert_eq!(machine.registry.asked(), asked, "the next day nothing is new");
    assert_eq!(told(machine).len(), 1);
    machine.run("try-next --fresh").exits(0);
    assert_eq!(machine.registry.asked().len(), 2);
    assert!(tree(&patient.state()) == before, "the live state is as it was");
}

#[test]
fn a_next_release_that_does_not_answer_is_told_with_its_failure_and_how_to_stay() {
    let patient = patient();
    let machine = &patient.machine;
    machine.registry.script_all(&["2026.7.1-1"], &agent::unknown_model());
    let run = machine.start_with(&NOTIFY, &[]).finish().exits(1);
    assert!(run.stdout.contains("  next  `codexpin hold` keeps OpenClaw from"), "{}", run.stdout);
    assert_eq!(told(machine)[0]["check"]["failure"]["signature"], "unknown-model");

    // A command that fails, or is not there, costs nothing of the finding.
    let words = ["try-next", "--fresh", "--notify", "echo no mail >&2; exit 3"];
    let run = machine.start_with(&words, &[]).finish().exits(1);
    assert!(
        run.stderr.contains("was not told what was found: exit status 3 no mail"),
        "{}",
        run.stderr
    );
}

#[test]
fn what_is_not_newer_and_what_a_pin_knows_to_be_bad_are_not_asked() {
    let patient = patient();
    let machine = &patient.machine;
    for (target, words) in
        [("2026.6.1", "would stay there"), ("2026.5.18", "would go to 2026.5.18")]
    {
        let run = machine.run(&format!("try-next {target}")).exits(0);
        assert!(run.stdout.contains(words), "{}", run.stdout);
    }
    machine.registry.script_all(&["2026.6.5", "2026.6.11", "2026.7.1"], &agent::unknown_model());
    machine.run("bisect 2026.6.1 2026.6.11 --no-forward --upstream loopback").exits(0);
    let asked = machine.registry.asked();
    let run = machine.run("try-next 2026.6.5").exits(1);
    assert!(run.stdout.contains("2026.6.5 is the release that broke, by "), "{}", run.stdout);
    assert!(run.stdout.contains("unknown-model"), "{}", run.stdout);
    let (_, value) = machine.run_json("try-next 2026.6.5");
    assert_eq!(
        (&value["state"], &value["first_bad"]["core"]),
        (&json!("known-bad"), &json!("2026.6.5"))
    );
    assert_eq!(machine.registry.asked(), asked);
}

#[test]
fn without_an_installation_there_is_no_next_release() {
    let machine = Machine::new();
    let run = machine.run("try-next").exits(1);
    assert!(run.stderr.contains("no OpenClaw was found"), "{}", run.stderr);
    let patient = self::patient();
    let run = patient.machine.run("try-next nonsense").exits(2);
    assert!(run.stderr.contains("nonsense"), "{}", run.stderr);
}
