//! Whole bisections of real releases.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::support::{Ran, User};

const GOOD: &str = "2026.5.18";
const BAD: &str = "2026.7.1";

fn agents_of(report: &Value) -> Vec<&str> {
    report["checked"].as_array().unwrap().iter().map(|c| c["core"].as_str().unwrap()).collect()
}

#[test]
fn the_release_where_the_route_broke_is_found_and_the_last_good_one_is_pinned() {
    let main_command = format!("cargo run -- bisect {GOOD} {BAD} ");
    assert!(include_str!("../../README.md").contains(&main_command));
    let user = User::new();
    let ran = user.run(&["bisect", GOOD, BAD, "--json"]);
    assert_eq!(ran.code, Some(0));
    let report = ran.json();
    assert_eq!(report["outcome"], "found");
    assert_eq!(
        (&report["last_good"], &report["first_bad"]),
        (&"2026.5.28".into(), &"2026.6.1".into())
    );
    assert!(agents_of(&report).len() <= 6, "{report:#}");
    let pins = std::fs::read_to_string(user.work().join("known-good.toml")).unwrap();
    assert!(pins.contains("current = \"2026.5.28\""), "{pins}");
    assert!(pins.contains("signature = \"unknown-model\""), "{pins}");
    let lock = user.work().join("known-good.lock/2026.5.28.json");
    let lock = std::fs::read_to_string(lock).unwrap();
    assert!(!lock.contains("\"resolved\""), "a lock file that travels names no registry");

    // What the two releases say of themselves.
    let changes = &report["changes"];
    let commit = |side: &str| changes["build"][side]["commit"].as_str().unwrap().to_owned();
    assert!(commit("last_good").starts_with("e93216080aa1"), "{changes:#}");
    assert!(commit("first_bad").starts_with("2e08f0f4221f"), "{changes:#}");
    assert_eq!(changes["identical"], false);
    let dependencies = changes["dependencies"]["changed"].as_array().unwrap();
    assert!(dependencies.iter().any(|dependency| dependency["name"] == "openai"), "{changes:#}");
    let nearest = changes["changelog"]["touching"].as_array().unwrap().iter().take(3);
    let cause = "migrate legacy OpenAI Codex";
    assert!(nearest.clone().any(|e| e["text"].as_str().unwrap().contains(cause)), "{changes:#}");

    // What was installed is there for the next time.
    let again = user.run(&["bisect", "2026.5.28", "2026.6.1", "--json", "--no-forward"]).json();
    assert_eq!(again["installs"], 0);
    assert_eq!(again["first_bad"], "2026.6.1");
}

#[test]
fn the_command_that_users_know_ends_in_what_is_true_here() {
    let ran = User::new().run(&["bisect", "2026.5.12", "2026.5.19"]);
    // With the plugin in the registry this is another story, and it is told elsewhere.
    assert_eq!(ran.code, Some(4));
    assert!(ran.stderr.contains("this registry has no @openclaw/codex for these releases"));
    assert!(ran.stdout.contains("the good end 2026.5.12 could not be judged"));
    assert!(ran.stdout.contains("2026.5.18 stood for it"));
    assert!(ran.stdout.contains("no regression: both 2026.5.18 and 2026.5.19 answer"));
}

#[test]
fn two_ends_that_answer_are_no_regression() {
    let ran = User::new().run(&["bisect", GOOD, "2026.5.22"]);
    assert_eq!(ran.code, Some(4));
    assert!(ran.stdout.contains("no regression: both 2026.5.18 and 2026.5.22 answer"));
}

#[test]
fn a_session_that_is_killed_goes_on_without_repeating_a_check() {
    let user = User::new();
    let mut child = user
        .codexpin(&["bisect", "2026.5.27", "2026.6.1", "--no-forward"])
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    // After the second verdict: both ends are judged, and one release is left between.
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let judged =
        lines.map_while(Result::ok).filter(|l| l.starts_with("good") || l.starts_with("bad"));
    assert_eq!(judged.take(2).count(), 2);
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), Signal::SIGKILL).unwrap();
    child.wait().unwrap();

    let output = user.codexpin(&["bisect", "--resume", "--json"]).output().unwrap();
    let ran = Ran::of(&["bisect", "--resume", "--json"], &output);
    assert_eq!(ran.code, Some(0));
    let report = ran.json();
    assert_eq!(report["first_bad"], "2026.6.1");
    // The bad end once more, by itself: nothing else fails on this line.
    assert_eq!(agents_of(&report), ["2026.5.27", "2026.6.1", "2026.5.28", "2026.6.1"]);
}
