//! Signals, process groups and `/proc`.
//!
//! A process that left its group (`setsid`, a double fork) is found on Linux by
//! the run's name in its environment, by its ancestry, or because this process
//! adopted it (`PR_SET_CHILD_SUBREAPER`, see prctl(2)).

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};
pub(super) use nix::sys::signal::Signal::{SIGKILL as KILL, SIGTERM as TERMINATE};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use crate::env;

pub(super) fn signal_group(group: u32, signal: Signal) {
    if let Some(group) = i32::try_from(group).ok().filter(|group| *group > 1) {
        // The group may be gone, which is what was wanted.
        let _ = killpg(Pid::from_raw(group), signal);
    }
}

/// The program's file: as given where it has a slash, otherwise by PATH.
pub(super) fn find_on_path(name: &Utf8Path, path: Option<&str>) -> Option<Utf8PathBuf> {
    use std::os::unix::fs::PermissionsExt as _;
    let runs = |file: &Utf8PathBuf| {
        file.metadata().is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
    };
    if name.as_str().contains('/') {
        return Some(name.to_owned()).filter(runs);
    }
    path?.split(':').filter(|d| !d.is_empty()).map(|d| Utf8Path::new(d).join(name)).find(runs)
}

/// This process's name for its runs: number, start time, counter. The start
/// time tells it from a later process with the same number.
pub(super) fn run_name(counter: u32) -> String {
    format!("{}-{counter}", owner_name())
}

fn owner_name() -> String {
    let pid = std::process::id();
    format!("{pid}-{}", start_time(pid).unwrap_or_default())
}

/// Asks the kernel to send SIGKILL to the child when this process ends, so that
/// a codexpin that was killed leaves no agent running.
#[allow(unsafe_code, reason = "pre_exec has no safe form; prctl(2) is async-signal-safe")]
pub(super) fn end_with_parent(command: &mut tokio::process::Command) {
    #[cfg(target_os = "linux")]
    // SAFETY: the closure only calls prctl(2), which allocates nothing and takes no lock.
    unsafe {
        command.pre_exec(|| nix::sys::prctl::set_pdeathsig(KILL).map_err(Into::into));
    }
    #[cfg(not(target_os = "linux"))]
    let _ = command;
}

pub(super) fn adopt_abandoned() {
    #[cfg(target_os = "linux")]
    // Refused only by kernels older than 3.4; then the search by name remains.
    let _ = nix::sys::prctl::set_child_subreaper(true);
}

/// Ends what a run left behind, and says how many processes that were.
pub(super) fn end_leftovers(run: &str, running: &BTreeSet<u32>) -> usize {
    end_every(|table| {
        let me = std::process::id();
        let mut of_run: BTreeSet<u32> = table
            .iter()
            .filter(|(pid, process)| {
                let adopted = process.parent == me && !running.contains(pid);
                process.run.as_deref() == Some(run) || adopted
            })
            .map(|(pid, _)| *pid)
            .collect();
        add_descendants(&mut of_run, table);
        of_run.retain(|pid| *pid != me && !running.contains(pid));
        of_run
    })
}

/// Ends every process that this codexpin started, whatever became of it.
pub(super) fn end_all_of_this_owner() {
    let owner = format!("{}-", owner_name());
    end_every(|table| {
        let mut ours: BTreeSet<u32> = table
            .iter()
            .filter(|(_, p)| p.run.as_deref().is_some_and(|run| run.starts_with(&owner)))
            .map(|(pid, _)| *pid)
            .collect();
        add_descendants(&mut ours, table);
        ours.remove(&std::process::id());
        ours
    });
}

/// Ends what a codexpin that is no longer there had started.
pub(super) fn end_orphans_of_dead_owners() {
    end_every(|table| {
        let dead = |run: &str| {
            let mut parts = run.split('-');
            let pid = parts.next().and_then(|pid| pid.parse::<u32>().ok());
            let started = parts.next().and_then(|time| time.parse::<u64>().ok());
            match (pid, started) {
                (Some(pid), Some(started)) => start_time(pid) != Some(started),
                _ => false,
            }
        };
        let mut orphans: BTreeSet<u32> = table
            .iter()
            .filter(|(_, process)| process.run.as_deref().is_some_and(dead))
            .map(|(pid, _)| *pid)
            .collect();
        add_descendants(&mut orphans, table);
        orphans.remove(&std::process::id());
        orphans
    });
}

/// Kills what `choose` finds, again until it finds nothing new: a process can
/// fork between the look and the signal. Reaps those that were adopted.
fn end_every(choose: impl Fn(&BTreeMap<u32, Process>) -> BTreeSet<u32>) -> usize {
    let mut ended = BTreeSet::new();
    for _ in 0..50 {
        let found = choose(&process_table());
        if found.is_empty() {
            break;
        }
        for pid in &found {
            let Ok(raw) = i32::try_from(*pid) else { continue };
            let pid = Pid::from_raw(raw);
            let _ = kill(pid, KILL);
            // Only an adopted child can be reaped here; for others this is ECHILD.
            let flag = nix::sys::wait::WaitPidFlag::WNOHANG;
            let _ = nix::sys::wait::waitpid(pid, Some(flag));
        }
        ended.extend(found);
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    ended.len()
}

fn add_descendants(found: &mut BTreeSet<u32>, table: &BTreeMap<u32, Process>) {
    loop {
        let before = found.len();
        for (pid, process) in table {
            if found.contains(&process.parent) {
                found.insert(*pid);
            }
        }
        if found.len() == before {
            return;
        }
    }
}

struct Process {
    parent: u32,
    run: Option<String>,
}

fn process_table() -> BTreeMap<u32, Process> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return BTreeMap::new() };
    let pids = entries.flatten().filter_map(|e| e.file_name().to_str()?.parse::<u32>().ok());
    pids.filter_map(|pid| Some((pid, look_at(pid)?))).collect()
}

fn look_at(pid: u32) -> Option<Process> {
    let parent = stat_field(pid, 4)?.try_into().ok()?;
    let key = format!("{}=", env::RUN);
    // A process of another user does not show its environment; it is not ours then.
    let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    let run = environment
        .split(|byte| *byte == 0)
        .find_map(|entry| entry.strip_prefix(key.as_bytes()))
        .map(|run| String::from_utf8_lossy(run).into_owned());
    Some(Process { parent, run })
}

/// When a process began, in clock ticks since boot.
fn start_time(pid: u32) -> Option<u64> {
    stat_field(pid, 22)
}

/// A numeric field of `/proc/PID/stat`, counted from 1 as proc(5) does. The
/// name, field 2, stands in parentheses and may hold anything.
fn stat_field(pid: u32, field: usize) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, after_name) = stat.rsplit_once(") ")?;
    after_name.split(' ').nth(field - 3)?.parse().ok()
}
