//! Once the first bad release is found: whether the newest ones are mended.

use insta::assert_snapshot;
use serde_json::json;

use crate::agent;
use crate::machine::Machine;
use crate::registry::Fault;

const BISECT: &str = "bisect 2026.5.19 2026.6.11";

fn broken(cores: &[&str]) -> Machine {
    let machine = Machine::new();
    machine.registry.script_all(cores, &agent::unknown_model());
    machine
}

#[test]
fn the_newest_releases_are_asked_once_and_told_wherever_the_finding_is() {
    let bad = ["2026.6.5", "2026.6.11", "2026.7.1-1", "2026.7.2-beta.1"];
    let machine = broken(&bad);
    let run = machine.run(BISECT).exits(0);
    assert_snapshot!("still_bad", machine.shown_stdout(&run));
    let asked = machine.registry.asked();
    assert_eq!(asked[asked.len() - 2..], ["2026.7.1-1", "2026.7.2-beta.1"]);

    let id = machine.session().file_name().unwrap().to_owned();
    let (run, value) = machine.run_json(&format!("resume {id}"));
    run.exits(0);
    assert_eq!(machine.registry.asked(), asked, "it is in the journal");
    let newest = value["newest"].as_array().unwrap();
    let told: Vec<_> = newest.iter().map(|n| (&n["core"], &n["state"])).collect();
    let fails = json!("fails");
    assert_eq!(told, [(&json!("2026.7.1-1"), &fails), (&json!("2026.7.2-beta.1"), &fails)]);
    assert_eq!(newest[0]["failure"]["signature"], "unknown-model");
    let report = machine.run("report").exits(0).stdout;
    let words = "- Newest releases: still bad in 2026.7.1-1 and in 2026.7.2-beta.1";
    assert!(report.contains(words), "{report}");
    assert!(report.contains("| 2026.7.1-1 | bad |"), "{report}");
}

#[test]
fn a_newest_release_that_answers_opens_the_way_forward_with_its_command() {
    let machine = broken(&["2026.6.5", "2026.6.11"]);
    let run = machine.run(BISECT).exits(0);
    assert!(
        run.stdout.contains("\nfixed in 2026.7.1-1: going forward is open\n"),
        "{}",
        run.stdout
    );
    assert!(run.stdout.contains("      codexpin pin 2026.7.1-1 "), "{}", run.stdout);
    assert_eq!(machine.run_json("pins").1["current"], "2026.6.1", "nobody goes by itself");
    machine.run("pin 2026.7.1-1").exits(0);
    assert_eq!(machine.run_json("pins").1["current"], "2026.7.1-1");
}

#[test]
fn what_the_search_knows_already_is_not_asked_again() {
    let machine = broken(&["2026.6.5", "2026.6.11", "2026.7.1", "2026.7.1-1"]);
    let run = machine.run("bisect 2026.6.1 2026.7.1-1").exits(0);
    let words = "still bad in 2026.7.1-1\nfixed in 2026.7.2-beta.1: going forward is open\n";
    assert!(run.stdout.contains(words), "{}", run.stdout);
    let asked = machine.registry.asked();
    assert_eq!(asked.iter().filter(|core| *core == "2026.7.1-1").count(), 1, "{asked:?}");
}

#[test]
fn trouble_on_the_way_forward_costs_the_finding_nothing() {
    let machine = broken(&["2026.6.5", "2026.6.11"]);
    machine.add_to_npmrc("fetch-retries=0\n");
    let tarball = "/openclaw/-/openclaw-2026.7.1-1.tgz";
    machine.registry.break_path(tarball, Fault::Status(503));
    let run = machine.run(BISECT).exits(0);
    assert!(run.stdout.contains("2026.6.5 is the first bad release"), "{}", run.stdout);
    assert!(run.stdout.contains("whether 2026.7.1-1 is fixed was not asked: "), "{}", run.stdout);
    assert_eq!(machine.run_json("pins").1["current"], "2026.6.1");
    // The session has ended; named, it asks what it could not.
    machine.run("resume").exits(2);
    machine.registry.mend();
    let asked = machine.registry.asked();
    let id = machine.session().file_name().unwrap().to_owned();
    let run = machine.run(&format!("resume {id}")).exits(0);
    assert!(run.stdout.contains("fixed in 2026.7.1-1"), "{}", run.stdout);
    let newest = ["2026.7.1-1", "2026.7.2-beta.1"].map(str::to_owned).to_vec();
    assert_eq!(machine.registry.asked(), [asked, newest].concat());
}

#[test]
fn a_session_killed_on_the_way_forward_has_its_finding_and_its_pin() {
    let machine = broken(&["2026.6.5", "2026.6.11"]);
    machine.registry.script("2026.7.1-1", [agent::hangs(), agent::answers()]);
    let running = machine.start(BISECT);
    running.wait_for_stderr("asking whether 2026.7.1-1 or 2026.7.2-beta.1 answers again");
    running.signal(nix::sys::signal::Signal::SIGKILL);
    running.finish().exits(128 + 9);
    assert_eq!(machine.run_json("pins").1["current"], "2026.6.1");
    assert_eq!(machine.run_json("sessions").1["sessions"][0]["end"], "found");
}

#[test]
fn ctrl_c_on_the_way_forward_tells_the_finding() {
    let machine = broken(&["2026.6.5", "2026.6.11"]);
    machine.registry.script("2026.7.1-1", [agent::hangs()]);
    let running = machine.start(BISECT);
    running.wait_for_stderr("asking whether 2026.7.1-1 or 2026.7.2-beta.1 answers again");
    running.signal(nix::sys::signal::Signal::SIGINT);
    let run = running.finish().exits(0);
    let words = "whether 2026.7.1-1 is fixed was not asked: interrupted";
    assert!(run.stdout.contains("2026.6.5 is the first bad release"), "{}", run.stdout);
    assert!(run.stdout.contains(words), "{}", run.stdout);
}

#[test]
fn the_way_forward_is_left_out_where_it_is_not_wanted_or_not_allowed() {
    let machine = broken(&["2026.6.5", "2026.6.11"]);
    let (run, value) = machine.run_json(&format!("{BISECT} --no-forward"));
    run.exits(0);
    assert_eq!(value["newest"], json!([]));
    let checks = value["checks"].as_u64().unwrap();
    assert_eq!(machine.registry.asked().len() as u64, checks);
    let run = machine.run(&format!("{BISECT} --max-checks {checks} --fresh")).exits(0);
    let words = "was not asked: no more checks, or no more time, were allowed";
    assert!(run.stdout.contains(words), "{}", run.stdout);
    assert_eq!(machine.registry.asked().len() as u64, 2 * checks);
}
