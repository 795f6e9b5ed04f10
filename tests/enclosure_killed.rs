//! A codexpin that is killed leaves neither the holder of an enclosure nor
//! what runs inside. In a test of its own: others end what they adopt.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test")]

use std::io::{BufRead as _, BufReader};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::time::Duration;

use codexpin::env::Environment;
use codexpin::process::enclosure::{Enclosure, MountPlan};
use codexpin::process::{Processes, Program};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

#[test]
fn a_codexpin_that_was_killed_leaves_no_enclosure_and_nobody_inside() {
    let mut killed = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "--nocapture", "stays_until_it_is_killed"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(killed.stdout.take().unwrap()).lines().map(Result::unwrap);
    let line = lines.find(|line| line.contains("running: ")).unwrap();
    let (_, numbers) = line.split_once("running: ").unwrap();
    let left: Vec<OwnedFd> = numbers.split(' ').map(process).collect();
    assert_eq!(left.len(), 2 + 4);
    for process in &left {
        assert!(!ends_within(process, Timespec::default()), "it runs");
    }
    killed.kill().unwrap();
    killed.wait().unwrap();
    for process in &left {
        assert!(ends_within(process, Timespec { tv_sec: 10, tv_nsec: 0 }), "{numbers}");
    }
}

fn process(number: &str) -> OwnedFd {
    let number = Pid::from_raw(number.parse().unwrap()).unwrap();
    pidfd_open(number, PidfdFlags::empty()).unwrap()
}

/// A process's file becomes readable when it ends, see `pidfd_open(2)`.
fn ends_within(process: &OwnedFd, time: Timespec) -> bool {
    poll(&mut [PollFd::new(process, PollFlags::IN)], Some(&time)).unwrap() == 1
}

fn child_of(process: u32) -> String {
    let children = fs_err::read_to_string(format!("/proc/{process}/task/{process}/children"));
    children.unwrap().trim().to_owned()
}

#[tokio::test]
#[ignore = "run by the test above, and killed"]
async fn stays_until_it_is_killed() {
    let processes = Processes::new();
    let shim = env!("CARGO_BIN_EXE_codexpin").into();
    let directory = tempfile::tempdir().unwrap();
    let tmp = directory.path().to_owned().try_into().unwrap();
    let enclosure = Enclosure::open(&processes, shim, None).await.unwrap();
    let mounts = Some(MountPlan { tmp, ..MountPlan::default() });
    let with_processes = Enclosure::open(&processes, shim, mounts).await.unwrap();
    let program = |enclosure: &Enclosure| Program {
        executable: "sleep".into(),
        arguments: vec!["304".to_owned()],
        directory: "/".into(),
        environment: Environment::of_this_process().inherited(),
        time_limit: Duration::from_secs(30),
        log: None,
        enclosure: Some(enclosure.handle()),
        limits: None,
    };
    let one = processes.start(&program(&enclosure)).unwrap();
    let two = processes.start(&program(&with_processes)).unwrap();
    // The first process inside, and the program beside what stands for it.
    let (first, inside) = (child_of(with_processes.id()), child_of(two.id()));
    let (plain, other) = (enclosure.id(), with_processes.id());
    println!("running: {plain} {} {other} {first} {} {inside}", one.id(), two.id());
    std::future::pending::<()>().await;
}
