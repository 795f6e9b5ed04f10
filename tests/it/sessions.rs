//! The list of sessions.

use nix::sys::signal::Signal;

use crate::agent;
use crate::machine::Machine;

#[test]
fn every_session_is_listed_with_what_it_found_and_how_to_go_on() {
    let machine = Machine::new();
    let run = machine.run("sessions").exits(0);
    assert!(run.stdout.starts_with("no session yet"), "{}", run.stdout);

    machine.registry.script_all(&["2026.6.5", "2026.6.11"], &agent::unknown_model());
    machine.run("bisect 2026.5.19 2026.6.11").exits(0);
    machine.registry.script("2026.5.18", [agent::leaves_a_process_behind_and_hangs()]);
    let running = machine.start("bisect 2026.5.18 2026.6.11");
    machine.registry.noted("left");
    running.signal(Signal::SIGKILL);
    running.finish().exits(128 + 9);

    let (run, list) = machine.run_json("sessions");
    run.exits(0);
    let [killed, found] = list["sessions"].as_array().unwrap().as_slice() else {
        panic!("{list:#}")
    };
    assert_eq!((&killed["end"], &killed["checks"]), (&"unfinished".into(), &0.into()));
    assert_eq!(found["end"], "found");
    assert_eq!(found["first_bad"], "2026.6.5");

    let told = machine.run("sessions").exits(0).stdout;
    let words = "2026.5.19 .. 2026.6.11  first bad 2026.6.5, last good 2026.6.1";
    assert!(told.contains(words), "{told}");
    for (session, command) in [(killed, "resume"), (found, "report")] {
        let command = format!("codexpin {command} {}", session["id"].as_str().unwrap());
        assert!(told.contains(&command), "{told}");
    }

    // One that cannot be read does not hide the others.
    let journal = format!("{}/journal.jsonl", killed["directory"].as_str().unwrap());
    fs_err::write(journal, "{").unwrap();
    let run = machine.run("sessions").exits(0);
    assert!(run.stdout.contains(words) && run.stderr.contains("journal.jsonl"), "{}", run.stderr);
}
