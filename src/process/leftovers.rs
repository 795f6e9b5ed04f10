//! What a run leaves behind, and whose it is.
//!
//! A process that left its group (`setsid`, a double fork) is found on Linux by
//! the run's name in its environment, by its ancestry, or because this process
//! adopted it (`PR_SET_CHILD_SUBREAPER`, see prctl(2)), or the first process of an
//! enclosure did. Runs go on beside each
//! other, so an adopted process may belong to one that is not over: its name
//! says so. One without a name (its environment was emptied, and its parent is
//! gone) is ended with the last run that may have left it.
//!
//! A shell that executes codexpin in its own place (`exec`, or the last command
//! of `bash -c`) leaves its children to codexpin. They, and what they start, are
//! not codexpin's: they are noted before the first run, and left alone.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use nix::sys::signal::kill;
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;

use super::unix::KILL;
use crate::env;

/// The runs that are not over, and the processes that are not codexpin's to end.
#[derive(Debug, Default)]
pub(super) struct ActiveRuns {
    /// By the process that leads each.
    runs: BTreeMap<u32, (String, Leftovers)>,
    /// Descendants of this process that no run has started, with their start times: a
    /// number alone may be given to another process.
    inherited: BTreeMap<u32, u64>,
}

/// What a run may leave behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leftovers {
    /// It is not known what it does.
    Anything,
    /// It is codexpin itself, which starts nothing there.
    #[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "only enclosures have it"))]
    Nothing,
}

impl ActiveRuns {
    /// No runs yet: every descendant that this process has now is inherited.
    pub(super) fn before_the_first() -> Self {
        let table = process_table();
        let mut found = BTreeSet::from([std::process::id()]);
        add_descendants(&mut found, &table);
        found.remove(&std::process::id());
        let mut active = Self::default();
        active.inherit(&found, &table);
        active
    }

    fn inherit(&mut self, found: &BTreeSet<u32>, table: &ProcessTable) {
        let started = |pid: &u32| Some((*pid, table.get(pid)?.started));
        self.inherited.extend(found.iter().filter_map(started));
    }

    /// The inherited processes in the table. What they have started since then is
    /// noted as well, so that it is still known when its parent has ended.
    fn still_inherited(&mut self, table: &ProcessTable) -> BTreeSet<u32> {
        self.inherited.retain(|pid, started| table.get(pid).is_some_and(|p| p.started == *started));
        let mut found = self.inherited.keys().copied().collect();
        add_descendants(&mut found, table);
        self.inherit(&found, table);
        found
    }

    pub(super) fn add(&mut self, leader: u32, run: String, leaves: Leftovers) {
        self.runs.insert(leader, (run, leaves));
    }

    pub(super) fn remove(&mut self, leader: u32) {
        self.runs.remove(&leader);
    }

    pub(super) fn leaders(&self) -> impl Iterator<Item = u32> {
        self.runs.keys().copied()
    }

    fn has(&self, run: &str) -> bool {
        self.runs.values().any(|(name, _)| name == run)
    }

    /// Whether an adopted process without a name can only be this run's.
    fn only_this_leaves(&self, run: &str) -> bool {
        !self.runs.values().any(|(name, leaves)| name != run && *leaves == Leftovers::Anything)
    }

    /// A child of what holds an enclosure adopts what is abandoned inside.
    fn is_first_in_an_enclosure(&self, pid: u32, table: &ProcessTable) -> bool {
        let holder = table.get(&pid).and_then(|process| self.runs.get(&process.parent));
        holder.is_some_and(|(_, leaves)| *leaves == Leftovers::Nothing)
    }

    /// How many processes a run has now, besides the one that leads it.
    pub(super) fn count(&mut self, run: &str, group: u32) -> usize {
        let table = process_table();
        let of_run = self.left_by(run, group, &table);
        of_run.iter().filter(|pid| table.get(pid).is_some_and(|process| !process.ended)).count()
    }

    /// The CPU time that the processes of a run have taken, those that have ended left out:
    /// in clock ticks.
    pub(super) fn cpu_ticks(&mut self, run: &str, group: u32) -> u64 {
        let mut of_run = self.left_by(run, group, &process_table());
        of_run.insert(group);
        let ticks = |pid| {
            let stat = ProcStat::of(pid)?;
            Some(stat.number(14)? + stat.number(15)?)
        };
        of_run.into_iter().filter_map(ticks).sum()
    }

    /// What in the table is left of a run: never a leader, never what belongs
    /// to a run that goes on.
    fn left_by(&mut self, run: &str, group: u32, table: &ProcessTable) -> BTreeSet<u32> {
        let me = std::process::id();
        let inherited = self.still_inherited(table);
        let alone = self.only_this_leaves(run);
        let of_another = |process: &Process| match process.run.as_deref() {
            Some(name) => name != run && self.has(name),
            None => false,
        };
        let adopted = |process: &Process| {
            process.parent == me || self.is_first_in_an_enclosure(process.parent, table)
        };
        let seed = |process: &Process| match process.run.as_deref() {
            Some(name) => name == run || (adopted(process) && !self.has(name)),
            // A zombie is only to be reaped: it does not matter which run left it.
            None => adopted(process) && (alone || process.ended),
        };
        let mut left: BTreeSet<u32> = table
            .iter()
            .filter(|(_, process)| process.group == group || seed(process))
            .map(|(pid, _)| *pid)
            .filter(|pid| !self.runs.contains_key(pid) && !inherited.contains(pid))
            .collect();
        add_descendants(&mut left, table);
        left.retain(|pid| {
            *pid != me
                && !inherited.contains(pid)
                && !self.runs.contains_key(pid)
                && !table.get(pid).is_some_and(of_another)
        });
        left
    }
}

/// How many processes the machine has, as far as this one can see.
pub(super) fn machine_total() -> usize {
    let Ok(entries) = std::fs::read_dir("/proc") else { return 0 };
    let number = |name: &std::ffi::OsStr| name.as_encoded_bytes()[0].is_ascii_digit();
    entries.flatten().filter(|entry| number(&entry.file_name())).count()
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

/// Ends what a run left behind, in its group and elsewhere, and says how many
/// processes that were.
/// Those that end by themselves within `patience` are not counted.
pub(super) fn end_leftovers(
    run: &str,
    group: u32,
    active: &mut ActiveRuns,
    patience: Duration,
) -> usize {
    let begun = Instant::now();
    let is_running = |active: &mut ActiveRuns| {
        let table = process_table();
        let left = active.left_by(run, group, &table);
        left.iter().any(|pid| table.get(pid).is_some_and(|process| !process.ended))
    };
    while begun.elapsed() < patience && is_running(active) {
        std::thread::sleep(Duration::from_millis(20));
    }
    end_every(|table| active.left_by(run, group, table))
}

/// Ends every process that this codexpin started, and their descendants.
pub(super) fn end_all_of_this_owner() {
    let owner = format!("{}-", owner_name());
    end_every(|table| named(table, |run| run.starts_with(&owner)));
}

/// Ends what a codexpin that is no longer there had started.
pub(super) fn end_orphans_of_dead_owners() {
    end_every(|table| {
        named(table, |run| {
            let mut parts = run.split('-');
            let pid = parts.next().and_then(|pid| pid.parse::<u32>().ok());
            let started = parts.next().and_then(|time| time.parse::<u64>().ok());
            match (pid, started) {
                (Some(pid), Some(started)) => start_time(pid) != Some(started),
                _ => false,
            }
        })
    });
}

/// The processes whose run's name `is_meant`, and their descendants.
fn named(table: &ProcessTable, is_meant: impl Fn(&str) -> bool) -> BTreeSet<u32> {
    let mut found: BTreeSet<u32> = table
        .iter()
        .filter(|(_, process)| process.run.as_deref().is_some_and(&is_meant))
        .map(|(pid, _)| *pid)
        .collect();
    add_descendants(&mut found, table);
    found.remove(&std::process::id());
    found
}

/// Kills what `choose` finds, again until it finds nothing new: a process can
/// fork between the look and the signal. Reaps those that were adopted. Says
/// how many it ended; those that had ended by themselves are not counted.
fn end_every(mut choose: impl FnMut(&ProcessTable) -> BTreeSet<u32>) -> usize {
    let mut ended = BTreeSet::new();
    for _ in 0..50 {
        let table = process_table();
        let found = choose(&table);
        if found.is_empty() {
            break;
        }
        for number in &found {
            let Ok(raw) = i32::try_from(*number) else { continue };
            let pid = Pid::from_raw(raw);
            let _ = kill(pid, KILL);
            // Only an adopted child can be reaped here; for others this is ECHILD.
            let _ = waitpid(pid, Some(WaitPidFlag::WNOHANG));
        }
        ended.extend(found.into_iter().filter(|pid| table.get(pid).is_some_and(|p| !p.ended)));
        std::thread::sleep(Duration::from_millis(2));
    }
    ended.len()
}

fn add_descendants(found: &mut BTreeSet<u32>, table: &ProcessTable) {
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

type ProcessTable = BTreeMap<u32, Process>;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Process {
    parent: u32,
    group: u32,
    /// In clock ticks since boot.
    started: u64,
    /// A zombie: nothing is left of it but its number and its status.
    ended: bool,
    run: Option<String>,
}

fn process_table() -> ProcessTable {
    let Ok(entries) = std::fs::read_dir("/proc") else { return ProcessTable::new() };
    let pids = entries.flatten().filter_map(|e| e.file_name().to_str()?.parse::<u32>().ok());
    pids.filter_map(|pid| Some((pid, look_at(pid)?))).collect()
}

fn look_at(pid: u32) -> Option<Process> {
    let stat = ProcStat::of(pid)?;
    let parent = stat.number(4)?.try_into().ok()?;
    let group = stat.number(5)?.try_into().ok()?;
    let started = stat.number(22)?;
    let key = format!("{}=", env::RUN);
    // A process of another user does not show its environment; it is not ours then.
    let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    let run = environment
        .split(|byte| *byte == 0)
        .find_map(|entry| entry.strip_prefix(key.as_bytes()))
        .map(|run| String::from_utf8_lossy(run).into_owned());
    Some(Process { parent, group, started, ended: stat.field(3) == Some("Z"), run })
}

/// When a process began, in clock ticks since boot.
fn start_time(pid: u32) -> Option<u64> {
    ProcStat::of(pid)?.number(22)
}

/// `/proc/PID/stat`, whose fields are counted from 1 as proc(5) does.
struct ProcStat(String);

impl ProcStat {
    fn of(pid: u32) -> Option<Self> {
        std::fs::read_to_string(format!("/proc/{pid}/stat")).ok().map(Self)
    }

    /// A field from the third on. The name, field 2, stands in parentheses and
    /// may hold anything.
    fn field(&self, field: usize) -> Option<&str> {
        let (_, after_name) = self.0.rsplit_once(") ")?;
        after_name.split(' ').nth(field - 3)
    }

    fn number(&self, field: usize) -> Option<u64> {
        self.field(field)?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GATEWAY: u32 = 100_001;
    const CLIENT: u32 = 100_002;
    const LEFT: u32 = 100_003;

    /// A Gateway and a client under way, and a table with one process more.
    fn left_with(parent: u32, run: Option<&str>, of: &str, also: Leftovers) -> bool {
        let mut active = ActiveRuns::default();
        active.add(GATEWAY, "gateway".to_owned(), also);
        active.add(CLIENT, "client".to_owned(), Leftovers::Anything);
        let me = std::process::id();
        let process = |parent, run: Option<&str>| Process {
            parent,
            group: 0,
            started: 0,
            ended: false,
            run: run.map(str::to_owned),
        };
        let table = ProcessTable::from([
            (GATEWAY, process(me, Some("gateway"))),
            (CLIENT, process(me, Some("client"))),
            (LEFT, process(parent, run)),
        ]);
        let left = active.left_by(of, CLIENT, &table);
        assert!(!left.contains(&GATEWAY) && !left.contains(&CLIENT), "{left:?}");
        left.contains(&LEFT)
    }

    #[test]
    fn an_adopted_process_belongs_to_the_run_that_it_names() {
        let me = std::process::id();
        for (run, of, left) in [
            ("client", "client", true),
            ("gateway", "client", false),
            ("gateway", "gateway", true),
            ("one that is over", "client", true),
        ] {
            assert_eq!(left_with(me, Some(run), of, Leftovers::Anything), left, "{run} of {of}");
        }
    }

    #[test]
    fn a_child_of_a_server_is_not_left_by_a_client() {
        assert!(!left_with(GATEWAY, Some("gateway"), "client", Leftovers::Anything));
        assert!(!left_with(GATEWAY, None, "client", Leftovers::Anything));
    }

    #[test]
    fn an_adopted_process_without_a_name_is_left_to_the_last_run_that_may_have_left_it() {
        let me = std::process::id();
        assert!(!left_with(me, None, "client", Leftovers::Anything));
        assert!(left_with(me, None, "client", Leftovers::Nothing));
    }

    #[test]
    fn what_is_abandoned_in_an_enclosure_is_adopted_by_its_first_process() {
        const HOLDER: u32 = 100_020;
        const FIRST: u32 = 100_021;
        let me = std::process::id();
        let process = |parent| Process { parent, group: 0, started: 0, ended: false, run: None };
        let table = ProcessTable::from([
            (HOLDER, process(me)),
            (FIRST, process(HOLDER)),
            (LEFT, process(FIRST)),
        ]);
        let mut active = ActiveRuns::default();
        active.add(HOLDER, "holder".to_owned(), Leftovers::Nothing);
        active.add(CLIENT, "client".to_owned(), Leftovers::Anything);
        assert_eq!(active.left_by("client", CLIENT, &table), BTreeSet::from([LEFT]));
    }

    #[test]
    fn what_was_there_before_the_first_run_is_left_alone_with_all_that_it_starts() {
        const TEE: u32 = 100_010;
        const ITS_CHILD: u32 = 100_011;
        let process =
            |parent, started| Process { parent, group: 0, started, ended: false, run: None };
        let me = std::process::id();
        let table = ProcessTable::from([(TEE, process(me, 7)), (ITS_CHILD, process(TEE, 8))]);
        let mut active = ActiveRuns::default();
        active.inherit(&BTreeSet::from([TEE]), &table);
        active.add(CLIENT, "client".to_owned(), Leftovers::Anything);
        assert_eq!(active.left_by("client", CLIENT, &table), BTreeSet::new());

        // Its parent ends: it is adopted, and still known.
        let orphaned = ProcessTable::from([(ITS_CHILD, process(me, 8))]);
        assert_eq!(active.left_by("client", CLIENT, &orphaned), BTreeSet::new());

        // Another process has the number now.
        let reused = ProcessTable::from([(ITS_CHILD, process(me, 9))]);
        assert_eq!(active.left_by("client", CLIENT, &reused), BTreeSet::from([ITS_CHILD]));
    }
}
