//! The only code that starts programs.
//!
//! A child gets its own process group, a closed stdin, an explicit directory
//! and environment, a time limit, and an output that is captured with a bound.
//! It is stopped in stages (SIGTERM, grace, SIGKILL to the group), and when it
//! has ended, whatever it left running is found and ended as well.

mod capture;
mod unix;

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;

pub use capture::Captured;

use crate::env::{self, Environment};

/// How long a child may take to go by itself after SIGTERM.
pub const GRACE: Duration = Duration::from_secs(3);

/// A program to run, whole: nothing is inherited that is not named here.
#[derive(Debug, Clone)]
pub struct Program {
    /// The executable: a path, or a name to be found on `environment`'s PATH.
    pub executable: Utf8PathBuf,
    /// Its arguments. Never a secret: arguments are public on a machine.
    pub arguments: Vec<String>,
    /// Where it runs.
    pub directory: Utf8PathBuf,
    /// Its whole environment.
    pub environment: Environment,
    /// How long it may take.
    pub time_limit: Duration,
    /// Where its whole output goes: `NAME.stdout` and `NAME.stderr`.
    pub log: Option<Utf8PathBuf>,
}

impl Program {
    /// The command line as a person would type it.
    pub fn command_line(&self) -> String {
        let words = std::iter::once(self.executable.as_str())
            .chain(self.arguments.iter().map(String::as_str));
        words.map(quoted).collect::<Vec<_>>().join(" ")
    }
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "@%+=:,./-_".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// How a child ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// By itself, with this exit status.
    Exited(i32),
    /// By a signal that codexpin did not send.
    Signalled(i32),
    /// Stopped at its time limit.
    TimedOut,
    /// Stopped because codexpin was asked to stop.
    Cancelled,
}

impl Ending {
    /// Whether it ended by itself with status 0.
    pub fn success(self) -> bool {
        self == Self::Exited(0)
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(status) => write!(f, "exit status {status}"),
            Self::Signalled(signal) => write!(f, "killed by signal {signal}"),
            Self::TimedOut => f.write_str("stopped at its time limit"),
            Self::Cancelled => f.write_str("interrupted"),
        }
    }
}

/// A child that has ended, with everything that it started.
#[derive(Debug, Clone)]
pub struct Finished {
    /// How it ended.
    pub ending: Ending,
    /// What it wrote to stdout.
    pub stdout: Captured,
    /// What it wrote to stderr.
    pub stderr: Captured,
    /// From start to end.
    pub elapsed: Duration,
    /// How many processes it had left running, all of them ended now.
    pub left_running: usize,
}

/// The program could not be run at all.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// There is no such program.
    #[error("{program} was not found")]
    NotFound {
        /// The executable.
        program: Utf8PathBuf,
    },
    /// The system refused to start it.
    #[error("cannot start {program}: {source}")]
    Start {
        /// The executable.
        program: Utf8PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Its output could not be written down.
    #[error("cannot keep the output of {program}: {source}")]
    Output {
        /// The executable.
        program: Utf8PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Starts programs and knows those that run. Clones share what they know.
#[derive(Debug, Clone, Default)]
pub struct Processes {
    running: Arc<Mutex<BTreeSet<u32>>>,
    started: Arc<AtomicU32>,
}

impl Processes {
    /// Makes this process the one that adopts what its children abandon, and
    /// ends what an earlier codexpin, killed, had left behind.
    pub fn new() -> Self {
        unix::adopt_abandoned();
        unix::end_orphans_of_dead_owners();
        Self::default()
    }

    /// Runs a program to its end.
    ///
    /// A program that fails, or is stopped, is `Ok`: see [`Finished::ending`].
    pub async fn run(
        &self,
        program: &Program,
        stop: &CancellationToken,
    ) -> Result<Finished, ProcessError> {
        let begun = Instant::now();
        let run = unix::run_name(self.started.fetch_add(1, Ordering::Relaxed));
        let mut child = self.start(program, &run)?;
        let group = child.id().unwrap_or_default();
        let _registered = Registered { processes: self, group };

        let log = |kind: &str| program.log.as_ref().map(|log| log.with_extension(kind));
        let stdout = capture::start(child.stdout.take(), log("stdout"));
        let stderr = capture::start(child.stderr.take(), log("stderr"));

        let ending = wait(&mut child, group, program.time_limit, stop).await;
        unix::signal_group(group, unix::KILL);
        let left_running = unix::end_leftovers(&run, &self.running());
        let output = |source| ProcessError::Output { program: program.executable.clone(), source };
        let (stdout, stderr) = tokio::join!(stdout.finish(), stderr.finish());
        Ok(Finished {
            ending,
            stdout: stdout.map_err(output)?,
            stderr: stderr.map_err(output)?,
            elapsed: begun.elapsed(),
            left_running,
        })
    }

    /// Ends everything at once: the second Ctrl-C.
    pub fn kill_all(&self) {
        for group in self.running().iter() {
            unix::signal_group(*group, unix::KILL);
        }
        unix::end_all_of_this_owner();
    }

    /// Starts and registers in one step: a child not yet registered would be
    /// taken for one that another run abandoned.
    fn start(&self, program: &Program, run: &str) -> Result<Child, ProcessError> {
        let mut running = self.running();
        let child = start(program, run)?;
        running.insert(child.id().unwrap_or_default());
        Ok(child)
    }

    fn running(&self) -> std::sync::MutexGuard<'_, BTreeSet<u32>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes a group off the list when its run is over, or dropped in the middle.
struct Registered<'a> {
    processes: &'a Processes,
    group: u32,
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        unix::signal_group(self.group, unix::KILL);
        self.processes.running().remove(&self.group);
    }
}

/// A program's file: as given where it has a slash, otherwise by PATH.
pub fn find(name: &Utf8Path, environment: &Environment) -> Option<Utf8PathBuf> {
    unix::find_on_path(name, environment.get("PATH"))
}

fn start(program: &Program, run: &str) -> Result<Child, ProcessError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound if program.directory.is_dir() => {
            ProcessError::NotFound { program: program.executable.clone() }
        }
        _ => ProcessError::Start { program: program.executable.clone(), source },
    };
    let executable = find(&program.executable, &program.environment)
        .ok_or_else(|| ProcessError::NotFound { program: program.executable.clone() })?;
    let mut command = Command::new(executable);
    command
        .args(&program.arguments)
        .current_dir(&program.directory)
        .env_clear()
        .envs(program.environment.all())
        .env(env::RUN, run)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    unix::end_with_parent(&mut command);
    command.spawn().map_err(failed)
}

async fn wait(
    child: &mut Child,
    group: u32,
    time_limit: Duration,
    stop: &CancellationToken,
) -> Ending {
    let stopped = tokio::select! {
        status = child.wait() => return ended(&status),
        () = tokio::time::sleep(time_limit) => Ending::TimedOut,
        () = stop.cancelled() => Ending::Cancelled,
    };
    unix::signal_group(group, unix::TERMINATE);
    if tokio::time::timeout(GRACE, child.wait()).await.is_err() {
        unix::signal_group(group, unix::KILL);
        // Nothing withstands SIGKILL; the wait only reaps.
        let _ = child.wait().await;
    }
    stopped
}

fn ended(status: &io::Result<std::process::ExitStatus>) -> Ending {
    use std::os::unix::process::ExitStatusExt as _;
    match status {
        Ok(status) => match (status.code(), status.signal()) {
            (Some(code), _) => Ending::Exited(code),
            (None, signal) => Ending::Signalled(signal.unwrap_or_default()),
        },
        // The status is lost only where somebody else reaped the child.
        Err(_) => Ending::Signalled(0),
    }
}

#[cfg(test)]
mod tests;
