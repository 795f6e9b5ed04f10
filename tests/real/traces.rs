//! What a check leaves behind: nothing, however it ends.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sha2::{Digest as _, Sha256};

use crate::support::User;

/// A home with an agent in it that nobody may touch.
fn furnish(user: &User) {
    let state = user.home().join(".openclaw/agents/main/agent");
    fs::create_dir_all(&state).unwrap();
    fs::write(user.home().join(".openclaw/openclaw.json"), "{ gateway: { port: 18789 } }").unwrap();
    fs::write(state.join("auth-profiles.json"), "{\"made\": \"up\"}").unwrap();
    fs::write(user.home().join(".npmrc"), "fund=false\n").unwrap();
}

/// Every file of a directory with the hash of what is in it.
fn hashes(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut left = vec![directory.to_owned()];
    while let Some(directory) = left.pop() {
        for entry in fs::read_dir(&directory).into_iter().flatten().flatten() {
            let path = entry.path();
            if entry.file_type().unwrap().is_dir() {
                left.push(path);
            } else {
                let content = fs::read(&path).unwrap_or_default();
                found.insert(path, Sha256::digest(content).to_vec());
            }
        }
    }
    found
}

/// The processes whose environment names this scratch home.
fn processes_in(home: &Path) -> Vec<PathBuf> {
    let name = home.file_name().unwrap().to_str().unwrap().as_bytes().to_vec();
    let names = |environ: Vec<u8>| environ.windows(name.len()).any(|part| part == name);
    let entries = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    entries.filter(|path| fs::read(path.join("environ")).is_ok_and(names)).collect()
}

fn scratch_homes(user: &User) -> Vec<PathBuf> {
    let entries = fs::read_dir(user.scratch()).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
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
    let user = User::with_a_scratch_of_its_own();
    furnish(&user);
    let home = hashes(&user.home());
    let silent = ["--fault", "stream-never-starts", "--timeout", "5"];
    for (arguments, code) in [
        (&["check", "2026.5.18", "--through", "gateway", "--probe", "tool"][..], 0),
        (&["check", "2026.6.1"], 1),
        (&[&["check", "2026.5.18", "--through", "gateway"], &silent[..]].concat(), 125),
    ] {
        let ran = user.run(arguments);
        assert_eq!(ran.code, Some(code), "{arguments:?}");
        assert!(!ran.stdout.contains("running"), "{}", ran.stdout);
        assert_eq!(scratch_homes(&user), Vec::<PathBuf>::new());
    }
    assert!(hashes(&user.home()) == home, "the user's home is as it was");
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
    furnish(&user);
    let home = hashes(&user.home());
    let mut codexpin = user
        .codexpin(&["check", "2026.5.18", "--through", "gateway", "--fault", "stream-never-starts"])
        .spawn()
        .unwrap();
    let scratch = || scratch_homes(&user).into_iter().find(|path| path.is_dir());
    wait_until("a scratch home", || scratch().is_some());
    let left = scratch().unwrap();
    // The Gateway and the agent that asks it.
    wait_until("Gateway and agent", || processes_in(&left).len() >= 2);
    kill(Pid::from_raw(codexpin.id().try_into().unwrap()), Signal::SIGKILL).unwrap();
    codexpin.wait().unwrap();
    wait_until("their end", || processes_in(&left).is_empty());
    assert!(left.exists(), "a killed program removes nothing");
    assert_eq!(user.run(&["check", "2026.5.18"]).code, Some(0));
    assert_eq!(scratch_homes(&user), Vec::<PathBuf>::new());
    assert!(hashes(&user.home()) == home, "the user's home is as it was");
}
