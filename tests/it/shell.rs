//! codexpin in the place of the shell that started it: that shell's other children
//! are codexpin's then, and none of its business.

use std::fs;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::agent;
use crate::machine::{Machine, is_running, runs};

#[test]
fn what_is_printed_arrives_in_process_substitutions() {
    let machine = Machine::new();
    // `exec` as bash does it by itself where nothing follows.
    let run = machine.bash("exec codexpin check 2026.5.18 > >(tee out) 2> >(tee err >&2)");
    let run = run.exits(0);
    assert!(run.stdout.contains("2026.5.18"), "{run:?}");
    for (file, printed) in [("out", &run.stdout), ("err", &run.stderr)] {
        assert_eq!(&fs::read_to_string(machine.work().join(file)).unwrap(), printed, "{file}");
        assert!(!printed.is_empty(), "{file}");
    }
}

#[test]
fn a_job_of_the_shell_goes_on_and_what_a_release_left_is_ended_all_the_same() {
    let machine = Machine::new();
    machine.registry.script("2026.5.18", [agent::leaves_a_process_behind()]);
    let script = "(trap '' TERM; sleep 300 & echo $! > grandchild; wait) >/dev/null 2>&1 &
        echo $! > job; exec codexpin check 2026.5.18";
    let run = machine.bash(script).exits(0);
    let number = |file: &str| {
        let text = fs::read_to_string(machine.work().join(file)).unwrap();
        text.trim().parse::<u32>().unwrap()
    };
    let shells = [number("job"), number("grandchild")];
    let alive = shells.map(runs);
    for pid in shells {
        let _ = kill(Pid::from_raw(i32::try_from(pid).unwrap()), Signal::SIGKILL);
    }
    assert_eq!(alive, [true; 2], "{}", run.stderr);
    assert!(!is_running(&machine.registry.noted("left")));
}
