//! The only code that starts programs.
//!
//! A child gets its own session and process group, no terminal, a closed stdin, an explicit directory
//! and environment, a time limit, and an output that is captured with a bound.
//! It is stopped in stages (SIGTERM, grace, SIGKILL to the group), and when it
//! has ended, whatever it left running is found and ended as well.
//!
//! What a child writes is masked on its way to a log, and in [`CapturedOutput::text`];
//! a reader that has to parse an answer takes [`CapturedOutput::raw`].
//!
//! A server is started the same way and runs beside other programs
//! ([`Processes::start`]); a program that must reach nothing but its own
//! loopback interface runs in an [`enclosure`].

mod capture;
pub mod enclosure;
mod leftovers;
mod limits;
mod running;
mod unix;

use std::fmt;
use std::io;
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;

pub use capture::CapturedOutput;
use enclosure::EnclosureHandle;
use leftovers::{ActiveRuns, Leftovers};
pub use limits::{Limit, Limits};
use running::RunGuard;
pub use running::RunningProcess;
pub use unix::{keep_inherited_files, keep_memory_private};

use crate::env::{self, Environment};
use crate::explain::{Class, Explain};
use crate::redact::Person;
use crate::secret::Secret;

/// How long a child may take to end after SIGTERM.
pub const GRACE: Duration = Duration::from_secs(3);

/// A program to run. It inherits nothing that is not named here.
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
    /// How long [`Processes::run`] lets it take.
    pub time_limit: Duration,
    /// Where its whole output goes: `NAME.stdout` and `NAME.stderr`.
    pub log: Option<Utf8PathBuf>,
    /// The enclosure that it runs in, where in one.
    pub enclosure: Option<EnclosureHandle>,
    /// What it may take, where it is not known what it does.
    pub limits: Option<Limits>,
}

impl Program {
    /// The command line as a person would type it.
    pub fn command_line(&self) -> String {
        let words = std::iter::once(self.executable.as_str())
            .chain(self.arguments.iter().map(String::as_str));
        words.map(quoted).collect::<Vec<_>>().join(" ")
    }
}

/// A word as a POSIX shell takes it: as it is, or in single quotes.
pub(crate) fn quoted(word: &str) -> String {
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
    /// Stopped at once, because it took more than it may.
    Limited(Limit),
    /// Stopped because codexpin was asked to stop, or needed it no longer.
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
            Self::Limited(limit) => write!(f, "stopped, since {limit}"),
            Self::Cancelled => f.write_str("interrupted"),
        }
    }
}

/// A child that has ended, with everything that it started.
#[derive(Debug, Clone)]
pub struct ProcessOutput {
    /// How it ended.
    pub ending: Ending,
    /// What it wrote to stdout.
    pub stdout: CapturedOutput,
    /// What it wrote to stderr.
    pub stderr: CapturedOutput,
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

impl Explain for ProcessError {
    fn class(&self) -> Class {
        Class::Failure
    }
}

/// Starts programs and keeps the list of those that run, which clones share.
#[derive(Debug, Clone, Default)]
pub struct Processes {
    runs: Arc<Mutex<ActiveRuns>>,
    started: Arc<AtomicU32>,
    person: Arc<Mutex<Arc<Person>>>,
}

impl Processes {
    /// Makes this process the one that adopts what its children abandon, and
    /// ends what an earlier codexpin, killed, had left behind. Children that this
    /// process has already are never ended.
    pub fn new() -> Self {
        // Adopt first: a child that its parent abandons in between is then already in
        // the list of processes that were there before.
        unix::adopt_abandoned();
        let runs = Arc::new(Mutex::new(ActiveRuns::before_the_first()));
        leftovers::end_orphans_of_dead_owners();
        Self { runs, ..Self::default() }
    }

    /// The same, for children of this person: names and home are masked in
    /// whatever they write.
    #[must_use]
    pub fn of(self, person: Person) -> Self {
        *self.lock_person() = Arc::new(person);
        self
    }

    /// Masks a secret, by `mask`, in the output of whatever starts from now on.
    pub fn hide(&self, secret: &Secret, mask: &'static str) {
        let mut person = self.lock_person();
        *person = Arc::new(Person::clone(&person).with_secret(secret, mask));
    }

    /// Who is masked in the output of programs.
    pub fn person(&self) -> Arc<Person> {
        Arc::clone(&self.lock_person())
    }

    /// Runs a program to its end, or to its time limit.
    ///
    /// A program that fails, or is stopped, is `Ok`: see [`ProcessOutput::ending`].
    pub async fn run(
        &self,
        program: &Program,
        stop: &CancellationToken,
    ) -> Result<ProcessOutput, ProcessError> {
        let mut running = self.start(program)?;
        let stopped = tokio::select! {
            ending = running.ended() => ending,
            () = tokio::time::sleep(program.time_limit) => Ending::TimedOut,
            () = stop.cancelled() => Ending::Cancelled,
        };
        running.finish(stopped).await
    }

    /// Runs a program that speaks with the user at the terminal: it has codexpin's
    /// own stdin, stdout and stderr, and Ctrl-C reaches it as well. Its time limit and
    /// its enclosure do not apply.
    pub async fn attach(&self, program: &Program) -> Result<Ending, ProcessError> {
        let executable = find(&program.executable, &program.environment)
            .ok_or_else(|| ProcessError::NotFound { program: program.executable.clone() })?;
        let run = leftovers::run_name(self.started.fetch_add(1, Ordering::Relaxed));
        let mut command = Command::new(executable);
        command
            .args(&program.arguments)
            .current_dir(&program.directory)
            .env_clear()
            .envs(program.environment.all())
            .env(env::RUN, &run)
            .kill_on_drop(true);
        unix::set_apart(&mut command);
        let (mut child, _guard) =
            self.register(&mut command, run).map_err(|e| refused(program, e))?;
        Ok(running::ending(&child.wait().await))
    }

    /// In one step: see [`Self::launch`].
    fn register(&self, command: &mut Command, run: String) -> io::Result<(Child, RunGuard)> {
        let mut runs = self.runs();
        let child = command.spawn()?;
        let number = child.id().unwrap_or_default();
        runs.add(number, run.clone(), Leftovers::Anything);
        drop(runs);
        Ok((child, RunGuard::new(self.clone(), number, run)))
    }

    /// Starts a program that runs beside others, such as a server, until
    /// [`RunningProcess::stop`] or until what is returned is dropped. Its time limit
    /// does not apply: its caller knows how long it is needed.
    ///
    /// Must be called in a tokio runtime, and not on one of its threads for
    /// blocking work: Linux ends a child with the thread that started it
    /// (`PR_SET_PDEATHSIG`, see prctl(2)), and those threads come and go.
    pub fn start(&self, program: &Program) -> Result<RunningProcess, ProcessError> {
        let executable = find(&program.executable, &program.environment)
            .ok_or_else(|| ProcessError::NotFound { program: program.executable.clone() })?;
        let Some(handle) = &program.enclosure else {
            let launch =
                Launch { executable, arguments: program.arguments.clone(), stdin: Stdio::null() };
            return self.launch(program, launch, Leftovers::Anything);
        };
        let (launch, entry) =
            handle.launch_inside(&executable, program).map_err(|e| refused(program, e))?;
        let running = self.launch(program, launch, Leftovers::Anything)?;
        entry.wait().map_err(|e| refused(program, e))?;
        Ok(running)
    }

    /// Ends everything at once: the second Ctrl-C.
    pub fn kill_all(&self) {
        // Locked until all are ended: meanwhile no run can notice that its child was
        // killed and start another.
        let runs = self.runs();
        for group in runs.leaders() {
            unix::signal_group(group, unix::KILL);
        }
        leftovers::end_all_of_this_owner();
        drop(runs);
    }

    /// Starts and registers in one step: a child not yet registered would be
    /// taken for one that another run abandoned.
    fn launch(
        &self,
        program: &Program,
        launch: Launch,
        leaves: Leftovers,
    ) -> Result<RunningProcess, ProcessError> {
        let begun = Instant::now();
        let run = leftovers::run_name(self.started.fetch_add(1, Ordering::Relaxed));
        let mut runs = self.runs();
        let child = spawn(program, launch, &run).map_err(|e| refused(program, e))?;
        let group = child.id().unwrap_or_default();
        runs.add(group, run.clone(), leaves);
        drop(runs);
        let command = std::iter::once(program.executable.as_str())
            .chain(program.arguments.iter().map(String::as_str));
        let command = command.collect::<Vec<_>>().join(" ");
        tracing::debug!("starts {command} in {} (process {group})", program.directory);
        Ok(RunningProcess::new(program, child, RunGuard::new(self.clone(), group, run), begun))
    }

    /// How many processes of a run there are; not looked at closely where the machine has
    /// no more than `few` in all.
    fn count(&self, run: &str, group: u32, few: usize) -> usize {
        if leftovers::machine_total() <= few {
            return 0;
        }
        self.runs().count(run, group)
    }

    fn lock_person(&self) -> MutexGuard<'_, Arc<Person>> {
        self.person.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn runs(&self) -> MutexGuard<'_, ActiveRuns> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is really started for a program: itself, or codexpin, which enters an
/// enclosure and becomes the program there.
struct Launch {
    executable: Utf8PathBuf,
    arguments: Vec<String>,
    stdin: Stdio,
}

/// A program's file: as given where it has a slash, otherwise by PATH.
pub fn find(name: &Utf8Path, environment: &Environment) -> Option<Utf8PathBuf> {
    unix::find_on_path(name, environment.get("PATH"))
}

fn spawn(program: &Program, launch: Launch, run: &str) -> io::Result<Child> {
    let mut command = Command::new(launch.executable);
    command
        .args(launch.arguments)
        .current_dir(&program.directory)
        .env_clear()
        .envs(program.environment.all())
        .env(env::RUN, run)
        .stdin(launch.stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    unix::set_apart(&mut command);
    command.spawn()
}

fn refused(program: &Program, source: io::Error) -> ProcessError {
    let executable = program.executable.clone();
    match source.kind() {
        io::ErrorKind::NotFound if program.directory.is_dir() => {
            ProcessError::NotFound { program: executable }
        }
        _ => ProcessError::Start { program: executable, source },
    }
}

#[cfg(test)]
mod tests;
