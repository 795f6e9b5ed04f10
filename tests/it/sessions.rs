//! The list of sessions.

use insta::assert_snapshot;
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

#[test]
fn a_journal_is_told_line_by_line_and_replayed_on_another_machine() {
    let machine = Machine::new();
    let run = machine.run("log").exits(2);
    assert!(run.stderr.contains("no session is under"), "{}", run.stderr);
    machine.registry.script_all(&["2026.6.5", "2026.6.11"], &agent::unknown_model());
    machine.run("bisect 2026.5.19 2026.6.11").exits(0);
    let told = machine.run("log").exits(0);
    assert_snapshot!("log", machine.shown_stdout(&told));
    let asked = machine.registry.asked();

    // Another machine, which knows nothing of it.
    let other = Machine::new();
    let journal = machine.session().join("journal.jsonl");
    let text = fs_err::read_to_string(&journal).unwrap();
    fs_err::write(other.work().join("theirs.jsonl"), &text).unwrap();
    let run = other.run("replay theirs.jsonl").exits(0);
    assert!(run.stdout.starts_with("first bad 2026.6.5, last good 2026.6.1\n"), "{}", run.stdout);
    assert!(run.stdout.contains("replay  the journal says the same"), "{}", run.stdout);

    // Without its end, and then without its last check.
    let lines: Vec<_> = text.lines().collect();
    let end = lines.iter().position(|line| line.contains("\"entry\":\"concluded\"")).unwrap();
    fs_err::write(other.work().join("theirs.jsonl"), lines[..end].join("\n") + "\n").unwrap();
    let (run, value) = other.run_json("replay theirs.jsonl");
    run.exits(0);
    assert_eq!(
        (&value["end"], &value["replay"]["recorded"]),
        (&"found".into(), &"unfinished".into())
    );
    fs_err::write(other.work().join("theirs.jsonl"), lines[..end - 1].join("\n") + "\n").unwrap();
    let (_, value) = other.run_json("replay theirs.jsonl");
    assert_eq!(
        (&value["end"], &value["replay"]["next"]),
        (&"unfinished".into(), &"2026.6.1".into())
    );

    // One that names a candidate that there is not is refused, whoever made it.
    let wrong = text.replacen("\"place\":3", "\"place\":40", 1);
    assert_ne!(wrong, text);
    fs_err::write(other.work().join("theirs.jsonl"), wrong).unwrap();
    let run = other.run("replay theirs.jsonl").exits(75);
    assert!(run.stderr.contains("it names candidate 41 of 4"), "{}", run.stderr);
    let run = other.run("replay nowhere.jsonl").exits(2);
    assert!(run.stderr.contains("nowhere.jsonl"), "{}", run.stderr);
    assert_eq!(machine.registry.asked(), asked);
    assert_eq!(other.registry.asked(), [""; 0]);
}
