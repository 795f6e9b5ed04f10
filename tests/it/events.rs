//! A program that follows along, and the log of codexpin's own doings.

use serde_json::Value;

use crate::agent;
use crate::machine::{Machine, Run, entries, started_by};

/// The JSON lines of a run: the first, the events, the last.
fn lines(run: &Run) -> (Value, Vec<Value>, Value) {
    let parsed = run
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}")));
    let mut lines: Vec<Value> = parsed.collect();
    let last = lines.pop().unwrap();
    let first = lines.remove(0);
    for event in &lines {
        assert!(event["event"].is_string(), "{event}");
        assert!(event["at"].as_str().is_some_and(|at| at.ends_with('Z')), "{event}");
    }
    let times = lines.iter().map(|event| event["since_start_ms"].as_u64().unwrap());
    assert!(times.is_sorted(), "{lines:#?}");
    (first, lines, last)
}

fn names(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["event"].as_str().unwrap()).collect()
}

#[test]
fn a_check_is_followed_line_by_line_to_the_object_that_json_prints() {
    let machine = Machine::new();
    let run = machine.run("check 2026.5.18 --json-lines").exits(0);
    let (first, events, last) = lines(&run);
    assert_eq!(
        first,
        serde_json::json!({
            "format": 1, "codexpin": env!("CARGO_PKG_VERSION"), "command": "check"
        })
    );
    assert_eq!(names(&events), ["install-started", "install-finished", "check-started"]);
    let (_, object) = machine.run_json("check 2026.5.18");
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&last), keys(&object));
    assert_eq!((&last["verdict"], &last["format"]), (&"good".into(), &1.into()));
}

#[test]
fn a_bisection_tells_its_beginning_every_check_and_what_it_found() {
    let machine = Machine::new();
    machine.registry.script("2026.6.1", [agent::unknown_model()]);
    machine.registry.script("2026.6.5", [agent::unknown_model()]);
    let run = machine.run("bisect 2026.5.18 2026.6.5 --json-lines --no-forward").exits(0);
    let (_, events, last) = lines(&run);
    let told = names(&events);
    assert_eq!(told[0], "session-started");
    assert_eq!(events[0]["line"][0]["core"], "2026.5.18");
    assert_eq!(events[0]["checked"], Value::Null);
    let finished = told.iter().filter(|name| **name == "check-finished").count();
    assert_eq!(last["checks"], finished);
    assert!(told.contains(&"search"), "{told:?}");
    assert_eq!((&last["outcome"], &last["first_bad"]), (&"found".into(), &"2026.6.1".into()));
    assert_eq!(last["session"], events[0]["session"]);
}

#[test]
fn what_went_wrong_is_the_last_line() {
    let machine = Machine::new();
    let run = machine.run("check 2026.5.91 --json-lines").exits(2);
    let last: Value = serde_json::from_str(run.stdout.lines().last().unwrap()).unwrap();
    assert_eq!((&last["event"], &last["exit_status"]), (&"failed".into(), &2.into()));
    assert_eq!(last["message"], "2026.5.91 is not in the registry");
    assert!(last["hint"].as_str().unwrap().contains("2026.6.1"), "{last}");
    let run = machine.run("apply --json-lines").exits(1);
    let last: Value = serde_json::from_str(run.stdout.lines().last().unwrap()).unwrap();
    assert_eq!((&last["event"], &last["exit_status"]), (&"failed".into(), &1.into()));
}

#[test]
fn a_search_that_nobody_reads_any_more_stops_and_can_be_gone_on_with() {
    let machine = Machine::new();
    let script = "codexpin bisect 2026.5.18 2026.6.5 --json-lines | head -n 1 >&2; \
                  exit ${PIPESTATUS[0]}";
    let run = machine.bash(script).exits(130);
    assert!(machine.registry.asked().len() < 3, "{:?}", machine.registry.asked());
    assert!(run.stderr.contains("go on with"), "{}", run.stderr);
    assert_eq!(started_by(run.pid), [0; 0]);
    machine.run("resume").exits(4);
}

#[test]
fn a_result_that_cannot_be_written_is_an_error_and_one_that_is_not_read_is_none() {
    let machine = Machine::new();
    for form in ["", "--json", "--json-lines"] {
        let full = format!("codexpin check 2026.5.18 {form} > /dev/full");
        let run = machine.bash(&full).exits(75);
        assert!(run.stderr.contains("error: cannot write to stdout"), "{}", run.stderr);
    }
    machine.bash("codexpin releases | head -n 1; exit ${PIPESTATUS[0]}").exits(0);
}

#[test]
fn a_log_of_codexpins_own_doings_stands_beside_each_check_and_each_session() {
    let machine = Machine::new();
    machine.run("check 2026.5.18").exits(0);
    machine.run("bisect 2026.5.18 2026.6.5 --fresh").exits(4);
    let checks = machine.state().join("checks");
    let check = checks.join(&entries(&checks)[0]);
    for directory in [check, machine.session()] {
        let log = fs_err::read_to_string(directory.join("codexpin.log")).unwrap();
        for line in
            ["starts ", "install{core=2026.5.18}", "check{core=2026.5.18}", "exit status 0 after"]
        {
            assert!(log.contains(line), "{line} is not in\n{log}");
        }
    }
}

#[test]
fn verbose_shows_the_log_to_the_person_and_leaves_the_data_alone() {
    let machine = Machine::new();
    let quiet = machine.run("check 2026.5.18").exits(0);
    let run = machine.run("check 2026.5.18 -v").exits(0);
    assert!(run.stderr.contains("DEBUG codexpin::process: starts "), "{}", run.stderr);
    assert_eq!(machine.filtered(&run.stdout), machine.filtered(&quiet.stdout));
    assert!(!quiet.stderr.contains("DEBUG"), "{}", quiet.stderr);
}
