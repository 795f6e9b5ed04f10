//! What an earlier session or check asked is not asked again.

use serde_json::{Value, json};

use crate::agent;
use crate::machine::Machine;

const BISECT: &str = "bisect 2026.5.18 2026.6.11 --no-forward";

fn broken_since_june() -> Machine {
    let machine = Machine::new();
    machine.registry.script_all(&["2026.6.5", "2026.6.11"], &agent::unknown_model());
    machine
}

fn finding(value: &Value) -> [&Value; 4] {
    ["outcome", "last_good", "first_bad", "pinned"].map(|name| &value[name])
}

#[test]
fn a_second_session_asks_nobody_and_finds_the_same() {
    let machine = broken_since_june();
    let (run, first) = machine.run_json(BISECT);
    run.exits(0);
    assert_eq!(first["known"], 0);
    let asked = machine.registry.asked();

    let (run, second) = machine.run_json(BISECT);
    let run = run.exits(0);
    assert_eq!(machine.registry.asked(), asked, "{}", run.stderr);
    assert_eq!(finding(&second), finding(&first));
    assert_eq!(second["known"], second["checks"]);
    let told = |core: &str, word: &str| {
        run.stderr
            .lines()
            .any(|line| line.starts_with(word) && line.contains(core) && line.contains("asked 20"))
    };
    assert!(told("2026.5.18", "good") && told("2026.6.11", "bad"), "{}", run.stderr);
    let pinned = machine.run_json("pins").1["pins"][0].clone();
    let seen = first["checked"].as_array().unwrap().iter().find(|c| c["core"] == "2026.6.1");
    assert_eq!(pinned["tested"], seen.unwrap()["observations"][0]["started"], "when it was asked");

    let run = machine.run(BISECT).exits(0);
    assert!(
        run.stdout.contains(" of them made before (--fresh makes all anew), "),
        "{}",
        run.stdout
    );
    machine.run(&format!("{BISECT} --fresh")).exits(0);
    assert_eq!(machine.registry.asked().len(), 2 * asked.len());
}

#[test]
fn a_check_always_asks_and_what_it_saw_is_known_from_then_on() {
    let machine = broken_since_june();
    for times in 1..=2 {
        machine.run("check 2026.6.11").exits(1);
        machine.run("check 2026.5.18").exits(0);
        assert_eq!(machine.registry.asked().len(), 2 * times);
    }
    machine.run(BISECT).exits(0);
    let asked = machine.registry.asked().split_off(4);
    assert!(
        !asked.iter().any(|core| ["2026.5.18", "2026.6.11"].contains(&core.as_str())),
        "{asked:?}"
    );

    let (_, table) = machine.run_json("releases 2026.5.18..2026.6.11");
    let of = |core: &str| {
        let releases = table["releases"].as_array().unwrap();
        releases.iter().find(|release| release["core"] == core).unwrap()["asked"].clone()
    };
    assert_eq!(of("2026.5.18")["verdict"], "good");
    assert_eq!(of("2026.6.11")["verdict"], "bad");
    assert_eq!(of("2026.6.11")["routes"], json!(["openai-codex/gpt-5.5"]));
    let text = machine.run("releases 2026.5.18..2026.6.11").exits(0).stdout;
    assert!(text.contains("  ASKED"), "{text}");
    assert!(text.lines().any(|line| line.starts_with("2026.5.18 ") && line.ends_with("  good")));
    assert!(text.lines().any(|line| line.starts_with("2026.6.11 ") && line.contains("  bad")));
}

#[test]
fn another_question_and_another_tree_are_asked() {
    let machine = broken_since_june();
    machine.run(BISECT).exits(0);
    let before = machine.registry.asked().len();
    machine.run(&format!("{BISECT} --reply YES")).exits(0);
    assert_eq!(machine.registry.asked().len(), 2 * before);

    // The same release with a newer dependency is another tree.
    let before = machine.registry.asked().len();
    machine.registry.publish("tiny-dep", "1.9.0", json!({}), &[("index.js", "newer")]);
    for name in machine.prefixes().iter().filter(|name| name.starts_with("2026.5.18_")) {
        fs_err::remove_dir_all(machine.cache().join("prefixes").join(name)).unwrap();
    }
    machine.run(BISECT).exits(0);
    assert_eq!(machine.registry.asked()[before..], ["2026.5.18"]);
}

#[test]
fn a_session_that_goes_on_does_not_take_its_own_answer_for_another() {
    let machine = Machine::new();
    machine.registry.script("2026.5.18", [agent::unknown_model(), agent::unknown_model()]);
    machine.registry.script("2026.6.11", [agent::unknown_model()]);
    // The good end fails: it is asked once more before that counts.
    machine.run(BISECT).exits(4);
    let asked = machine.registry.asked();
    assert_eq!(asked.iter().filter(|core| *core == "2026.5.18").count(), 2, "{asked:?}");
}
