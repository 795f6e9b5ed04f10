//! Ctrl-C, SIGKILL and power cuts: nothing is lost, nothing is left running.

use std::time::{Duration, Instant};

use insta::assert_snapshot;
use nix::sys::signal::Signal;

use crate::agent;
use crate::machine::{Machine, entries, is_running, started_by};
use crate::registry::Fault;

fn nothing_is_left(machine: &Machine, pid: u32) {
    assert_eq!(started_by(pid), [0; 0]);
    assert_eq!(entries(&machine.cache().join("scratch")), [""; 0]);
}

#[test]
fn ctrl_c_stops_a_turn_saves_what_was_seen_and_says_how_to_go_on() {
    let machine = Machine::new();
    machine.registry.script("2026.6.5", [agent::hangs(), agent::unknown_model()]);
    let running = machine.start("bisect 2026.6.1 2026.6.5 --no-forward");
    machine.registry.wait_for_turns(2);
    running.signal(Signal::SIGINT);
    let run = running.finish().exits(130);
    assert_snapshot!(machine.shown(&run));
    nothing_is_left(&machine, run.pid);

    machine.run("resume").exits(0);
    assert_eq!(machine.registry.asked(), ["2026.6.1", "2026.6.5", "2026.6.5", "2026.6.5"]);
}

#[test]
fn ctrl_c_during_a_check_leaves_nothing() {
    let machine = Machine::new();
    machine.registry.script("2026.5.18", [agent::leaves_a_process_behind_and_hangs()]);
    let running = machine.start("check 2026.5.18");
    let left = machine.registry.noted("left");
    running.signal(Signal::SIGTERM);
    let run = running.finish().exits(130);
    assert_snapshot!(machine.shown(&run));
    assert!(!is_running(&left));
    nothing_is_left(&machine, run.pid);
}

#[test]
fn ctrl_c_stops_an_install() {
    let machine = Machine::new();
    let tarball = "/tiny-dep/-/tiny-dep-1.0.0.tgz";
    machine.registry.break_path(tarball, Fault::Stall);
    let running = machine.start("check 2026.5.18");
    machine.registry.wait_for_request(tarball);
    running.signal(Signal::SIGINT);
    let run = running.finish().exits(130);
    nothing_is_left(&machine, run.pid);
    assert_eq!(machine.prefixes(), [""; 0]);
}

#[test]
fn a_second_ctrl_c_ends_at_once() {
    let machine = Machine::new();
    machine.registry.script("2026.5.18", [agent::hangs_and_ignores_sigterm()]);
    let running = machine.start("bisect 2026.5.18 2026.6.1");
    let deaf = machine.registry.noted("deaf");
    running.signal(Signal::SIGINT);
    running.wait_for_stderr("Ctrl-C again ends at once");
    let second = Instant::now();
    running.signal(Signal::SIGINT);
    let run = running.finish().exits(130);
    assert!(second.elapsed() < Duration::from_secs(2), "{:?}", second.elapsed());
    assert!(!is_running(&deaf));
    assert_eq!(started_by(run.pid), [0; 0]);
    assert!(run.stderr.contains("go on with codexpin resume "), "{}", run.stderr);
    // What was left on disk is cleared away by the next start.
    machine.run("cache path").exits(0);
    nothing_is_left(&machine, run.pid);
}

#[test]
fn a_session_that_was_killed_right_after_each_record_goes_on_without_repeating_a_check() {
    let machine = Machine::new();
    machine.registry.script_all(&["2026.6.5", "2026.6.11"], &agent::unknown_model());
    let kill = [("CODEXPIN_KILL_AT", "session-recorded")];
    let first = ["bisect", "2026.5.19", "2026.6.11", "--no-forward"];
    machine.start_with(&first, &kill).finish().exits(128 + 9);
    for asked in 2..=4 {
        assert_eq!(machine.registry.asked().len(), asked - 1);
        machine.start_with(&["bisect", "--resume"], &kill).finish().exits(128 + 9);
    }
    let run = machine.run("bisect --resume").exits(0);
    assert!(run.stdout.contains("2026.6.5 is the first bad release"), "{}", run.stdout);
    let mut asked = machine.registry.asked();
    asked.sort();
    assert_eq!(asked, ["2026.5.19", "2026.6.1", "2026.6.11", "2026.6.5"]);
    nothing_is_left(&machine, run.pid);
}

#[test]
fn what_a_killed_codexpin_left_running_is_ended_by_the_next_one() {
    let machine = Machine::new();
    machine.registry.script("2026.5.18", [agent::leaves_a_process_behind_and_hangs()]);
    let running = machine.start("check 2026.5.18");
    let left = machine.registry.noted("left");
    running.signal(Signal::SIGKILL);
    let killed = running.finish().exits(128 + 9);
    machine.run("cache path").exits(0);
    assert!(!is_running(&left));
    nothing_is_left(&machine, killed.pid);
}

#[test]
fn an_install_that_was_killed_is_begun_anew() {
    let machine = Machine::new();
    let tarball = "/tiny-dep/-/tiny-dep-1.0.0.tgz";
    machine.registry.break_path(tarball, Fault::Stall);
    let running = machine.start("check 2026.5.18");
    machine.registry.wait_for_request(tarball);
    running.signal(Signal::SIGKILL);
    let killed = running.finish().exits(128 + 9);
    let half_made = machine.prefix("2026.5.18");
    assert!(half_made.is_dir() && !machine.manifest("2026.5.18").exists());
    machine.registry.mend();
    machine.run("check 2026.5.18").exits(0);
    nothing_is_left(&machine, killed.pid);
}

#[test]
fn a_session_killed_at_any_moment_goes_on_to_the_same_end() {
    let machine = Machine::new();
    machine.registry.script_all(&["2026.6.5", "2026.6.11"], &agent::unknown_model());
    let mut words = "bisect 2026.5.19 2026.6.11 --no-forward";
    // Moments that differ with every run of this test, and none that it depends on.
    for _ in 0..4 {
        let running = machine.start(words);
        let moment = u64::from(std::process::id() ^ running.pid()) * 7919 % 1500;
        std::thread::sleep(Duration::from_millis(moment));
        running.signal(Signal::SIGKILL);
        running.finish();
        if !entries(&machine.state().join("sessions")).is_empty() {
            words = "bisect --resume";
        }
    }
    let run = machine.run(words);
    let done = run.code == 2 && run.stderr.contains("no unfinished session");
    assert!(run.code == 0 || done, "{run:?}");
    let id = machine.session();
    let run = machine.run(&format!("bisect --resume {}", id.file_name().unwrap())).exits(0);
    assert!(run.stdout.contains("2026.6.5 is the first bad release"), "{}", run.stdout);
    nothing_is_left(&machine, run.pid);
    let (_, pins) = machine.run_json("pins");
    assert_eq!(pins["current"], "2026.6.1");
}
