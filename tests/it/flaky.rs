//! Checks whose answers may be wrong.

use serde_json::{Value, json};

use crate::agent;
use crate::machine::{Machine, Run};

/// A machine whose registry has `2026.2.1` to `2026.2.{releases}`.
fn machine_with(releases: usize) -> Machine {
    let machine = Machine::new();
    for release in 1..=releases {
        machine.registry.publish_core(&format!("2026.2.{release}"), json!({}));
    }
    machine
}

/// What goes wrong, in per cent. From `first_bad` on releases are bad.
#[derive(Clone, Copy)]
struct Noise {
    first_bad: usize,
    false_fails: usize,
    false_passes: usize,
}

impl Noise {
    /// A check of the user's own that is wrong now and then, by the clock.
    fn command(self) -> String {
        let Self { first_bad, false_fails, false_passes } = self;
        format!(
            "n=$(date +%N); r=$(( (1$n / 1000) % 100 )); \
             if [ ${{CODEXPIN_CORE_VERSION##*.}} -ge {first_bad} ]; \
             then [ $r -lt {false_passes} ]; else [ $r -ge {false_fails} ]; fi"
        )
    }
}

fn bisect(machine: &Machine, releases: usize, command: &str, more: &[&str]) -> (Run, Value) {
    let last = format!("2026.2.{releases}");
    let words = ["bisect", "2026.2.1", &last, "--exec", command, "--json", "--no-forward"];
    let run = machine.start_with(&[&words[..], more].concat(), &[]).finish();
    let value = serde_json::from_str(&run.stdout)
        .unwrap_or_else(|error| panic!("{error} in {}\n{}", run.stdout, run.stderr));
    (run, value)
}

#[test]
fn a_command_of_ones_own_is_asked_until_the_answer_is_likely_enough() {
    let machine = machine_with(6);
    let steady = Noise { first_bad: 4, false_fails: 0, false_passes: 0 }.command();
    let (run, value) = bisect(&machine, 6, &steady, &[]);
    run.exits(0);
    assert_eq!((&value["first_bad"], &value["pinned"]), (&json!("2026.2.4"), &json!("2026.2.3")));
    assert!(value["confidence"].as_f64().unwrap() >= 0.99, "{}", value["confidence"]);
    let (_, pins) = machine.run_json("pins");
    assert!(pins["pins"][0]["passed"].as_u64().unwrap() >= 3, "{pins}");

    let (run, value) = bisect(&machine, 6, &steady, &["--deterministic"]);
    run.exits(0);
    assert_eq!((&value["first_bad"], &value["confidence"]), (&json!("2026.2.4"), &Value::Null));
    assert!(value["checks"].as_u64().unwrap() <= 5, "{}", value["checks"]);
}

#[test]
fn one_flake_blames_nobody_where_the_user_says_that_answers_may_be_wrong() {
    let machine = Machine::new();
    let bad = ["2026.6.11", "2026.7.1"];
    machine.registry.script_all(&bad, &agent::unknown_model());
    machine.registry.script("2026.6.1", [agent::unknown_model(), agent::answers()]);
    let run = machine.run("bisect 2026.5.18 2026.7.1 --confidence 95 --no-forward").exits(0);
    assert!(run.stdout.contains("2026.6.11 is the first bad release"), "{}", run.stdout);
    assert!(run.stdout.contains("\nsure  9"), "{}", run.stdout);
}

/// `cargo test --test it flaky -- --ignored --nocapture`; `FLAKY_RUNS` runs a row, 100 unless
/// it is set. Several minutes a row.
#[test]
#[ignore = "minutes long"]
fn flaky_checks_lead_to_the_right_release() {
    let runs: usize = std::env::var("FLAKY_RUNS").map_or(100, |runs| runs.parse().unwrap());
    let mut wrong = Vec::new();
    for releases in [10, 30] {
        let machine = machine_with(releases);
        for (false_fails, false_passes, least) in [(5, 0, 98), (20, 0, 95), (5, 20, 0)] {
            let (mut right, mut bad_pins, mut checks) = (0, 0, 0);
            for run in 0..runs {
                let first_bad = 2 + run * 7 % (releases - 1);
                let noise = Noise { first_bad, false_fails, false_passes };
                let (_, value) = bisect(&machine, releases, &noise.command(), &[]);
                checks += value["checks"].as_u64().unwrap();
                right += usize::from(value["first_bad"] == format!("2026.2.{first_bad}"));
                bad_pins += usize::from(pinned(&value).is_some_and(|pin| pin >= first_bad));
            }
            let row = format!(
                "{releases} releases, {false_fails} % false failures, {false_passes} % false \
                 passes: {right} of {runs} right, {bad_pins} bad pins, {checks} checks"
            );
            println!("{row}");
            if right * 100 < least * runs || bad_pins > 0 {
                wrong.push(row);
            }
        }
        for false_fails in [5, 20] {
            let noise = Noise { first_bad: 1000, false_fails, false_passes: 0 };
            let blamed = |_| {
                let (_, value) = bisect(&machine, releases, &noise.command(), &[]);
                ["found", "range"].contains(&value["outcome"].as_str().unwrap())
            };
            let blamed = (0..runs).map(blamed).filter(|blamed| *blamed).count();
            let row = format!(
                "{releases} releases, {false_fails} % false failures, no regression: {blamed} of \
                 {runs} blame a release"
            );
            println!("{row}");
            if blamed * 100 > runs {
                wrong.push(row);
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The last number of the pinned release.
fn pinned(value: &Value) -> Option<usize> {
    value["pinned"].as_str()?.rsplit('.').next()?.parse().ok()
}
