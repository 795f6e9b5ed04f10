//! What a check leaves behind: nothing, however it ends.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::{User, shared_check};

/// The processes whose environment names this scratch home.
fn processes_in(home: &Path) -> Vec<PathBuf> {
    let name = home.file_name().unwrap().to_str().unwrap().as_bytes().to_vec();
    let names = |environ: Vec<u8>| environ.windows(name.len()).any(|part| part == name);
    let entries = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    entries.filter(|path| fs::read(path.join("environ")).is_ok_and(names)).collect()
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_mins(2), "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn nothing_is_left_of_a_check_that_passed_failed_or_timed_out() {
    let silent = ["check", "2026.5.18", "--through", "gateway", "--fault", "stream-never-starts"];
    for (check, code) in [
        (crate::depth::check("2026.5.18", "openai-codex/gpt-5.5", "gateway", "tool"), 0),
        (shared_check(&["check", "2026.6.1"]), 1),
        (shared_check(&[&silent[..], &["--timeout", "5"]].concat()), 125),
    ] {
        assert_eq!(check.ran.code, Some(code), "{:?}", check.ran);
        let said = &check.ran.stdout;
        assert!(said.contains("\"left_running\": 0") || !said.contains("running"), "{said}");
        assert_eq!(check.scratch_homes, Vec::<PathBuf>::new());
        assert!(check.home_is_as_it_was);
    }
}

#[test]
fn what_a_candidate_writes_to_tmp_is_its_own() {
    let user = User::new();
    let canary = user.work().file_name().unwrap().to_str().unwrap().to_owned();
    let canary = format!("/tmp/codexpin-{canary}-{}", std::process::id());
    let command = format!("touch {canary} && openclaw --version && ls {canary}");
    let ran = user.run(&["check", "2026.5.18", "--exec", &command]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(!Path::new(&canary).exists());
}

#[test]
fn a_codexpin_that_is_killed_in_mid_turn_leaves_no_gateway_and_the_next_one_sweeps_its_home() {
    let user = User::with_a_scratch_of_its_own();
    user.furnish();
    let home = user.hashes_of_home();
    let mut codexpin = user
        .codexpin(&["check", "2026.5.18", "--through", "gateway", "--fault", "stream-never-starts"])
        .spawn()
        .unwrap();
    let scratch = || user.scratch_homes().into_iter().find(|path| path.is_dir());
    wait_until("a scratch home", || scratch().is_some());
    let left = scratch().unwrap();
    // The Gateway and the agent that asks it.
    wait_until("Gateway and agent", || processes_in(&left).len() >= 2);
    kill(Pid::from_raw(codexpin.id().try_into().unwrap()), Signal::SIGKILL).unwrap();
    codexpin.wait().unwrap();
    wait_until("their end", || processes_in(&left).is_empty());
    assert!(left.exists(), "a killed program removes nothing");
    assert_eq!(user.run(&["check", "2026.5.18", "--exec", "true"]).code, Some(0));
    assert_eq!(user.scratch_homes(), Vec::<PathBuf>::new());
    assert!(user.hashes_of_home() == home, "the user's home is as it was");
}
