//! A program that runs: what it has written so far, and how it ends.

use std::time::{Duration, Instant};

use std::sync::{Arc, OnceLock};

use camino::Utf8PathBuf;
use tokio::process::Child;
use tokio_util::task::AbortOnDropHandle;

use super::capture::{self, Capture, CapturedOutput};
use super::{
    Ending, GRACE, Limit, Limits, ProcessError, ProcessOutput, Processes, Program, leftovers,
    limits, unix,
};

/// How long the children of a program that was asked to end may take to notice: a
/// Gateway's app-server ends when its input is closed.
const CHILDREN_GRACE: Duration = Duration::from_secs(1);

/// A program that runs. Dropped, it is killed, with everything that it started.
#[derive(Debug)]
pub struct RunningProcess {
    // Dropped before `child`: the group is killed while the child still holds its number.
    guard: RunGuard,
    child: Child,
    program: Utf8PathBuf,
    stdout: Capture,
    stderr: Capture,
    begun: Instant,
    ending: Option<Ending>,
    watch: Option<LimitWatch>,
}

/// Ends a run that takes more than it may, at once and with all of its group: one that
/// multiplies would go on in a time of grace.
#[derive(Debug)]
struct LimitWatch {
    exceeded: Arc<OnceLock<Limit>>,
    _task: AbortOnDropHandle<()>,
}

impl LimitWatch {
    fn over(guard: &RunGuard, limits: Limits) -> Self {
        let exceeded = Arc::new(OnceLock::new());
        let found = Arc::clone(&exceeded);
        let (processes, run, group) = (guard.processes.clone(), guard.run.clone(), guard.group);
        let task = tokio::spawn(async move {
            let limit = limits::exceeded(&limits, &processes, &run, group).await;
            if found.set(limit).is_ok() {
                unix::signal_group(group, unix::KILL);
            }
        });
        Self { exceeded, _task: AbortOnDropHandle::new(task) }
    }
}

impl RunningProcess {
    pub(super) fn new(
        program: &Program,
        mut child: Child,
        guard: RunGuard,
        begun: Instant,
    ) -> Self {
        let log = |kind: &str| program.log.as_ref().map(|log| log.with_extension(kind));
        let person = || guard.processes.person();
        let stdout = capture::start(child.stdout.take(), log("stdout"), person());
        let stderr = capture::start(child.stderr.take(), log("stderr"), person());
        let watch = program.limits.clone().map(|limits| LimitWatch::over(&guard, limits));
        Self {
            guard,
            watch,
            stdout,
            stderr,
            child,
            program: program.executable.clone(),
            begun,
            ending: None,
        }
    }

    /// The number of its process, which is that of its group as well.
    pub fn id(&self) -> u32 {
        self.guard.group
    }

    /// The CPU time that it and its children have taken, those that have ended left out: in
    /// clock ticks, of which a second has 100 on Linux. None is known elsewhere.
    pub fn cpu_ticks(&self) -> u64 {
        self.guard.processes.runs().cpu_ticks(&self.guard.run, self.guard.group)
    }

    /// What it has written so far to stdout and to stderr.
    pub fn output_so_far(&self) -> (CapturedOutput, CapturedOutput) {
        (self.stdout.so_far(), self.stderr.so_far())
    }

    /// Waits until what it has written to stdout and stderr is as `ready` wants
    /// it. False where it ended before that.
    pub async fn output_until(&mut self, ready: impl Fn(&str, &str) -> bool) -> bool {
        let (mut stdout, mut stderr) = (self.stdout.changes(), self.stderr.changes());
        loop {
            let so_far = (stdout.borrow_and_update().raw(), stderr.borrow_and_update().raw());
            if ready(&so_far.0, &so_far.1) {
                return true;
            }
            tokio::select! {
                Ok(()) = stdout.changed() => {}
                Ok(()) = stderr.changed() => {}
                _ = self.ended() => return false,
            }
        }
    }

    /// How it ended, where it has ended by itself.
    pub fn exited(&mut self) -> Option<Ending> {
        if self.ending.is_none()
            && let Some(status) = self.child.try_wait().transpose()
        {
            self.note(&status);
        }
        self.ending
    }

    /// Waits until it ends by itself. May be given up and called again.
    pub async fn ended(&mut self) -> Ending {
        if let Some(ending) = self.ending {
            return ending;
        }
        let status = self.child.wait().await;
        self.note(&status)
    }

    /// Stops it: SIGTERM to its group, grace, SIGKILL, and an end to whatever
    /// it left running. One that has ended by itself keeps its own ending;
    /// otherwise that is [`Ending::Cancelled`].
    pub async fn stop(mut self) -> Result<ProcessOutput, ProcessError> {
        let ending = self.exited().unwrap_or(Ending::Cancelled);
        self.finish(ending).await
    }

    /// Stops what still runs of it, and collects what there is of it.
    pub(super) async fn finish(mut self, ending: Ending) -> Result<ProcessOutput, ProcessError> {
        if self.ending.is_none() {
            self.guard.asked_to_end = true;
            unix::signal_group(self.guard.group, unix::TERMINATE);
            if tokio::time::timeout(GRACE, self.ended()).await.is_err() {
                // Nothing withstands SIGKILL; the wait only reaps.
                let _ = self.child.start_kill();
                self.ended().await;
            }
        }
        let output = |source| ProcessError::Output { program: self.program.clone(), source };
        let (stdout, stderr) = tokio::join!(self.stdout.finish(), self.stderr.finish());
        let elapsed = self.begun.elapsed();
        tracing::debug!(
            "process {} {ending} after {:.3} s",
            self.guard.group,
            elapsed.as_secs_f64()
        );
        Ok(ProcessOutput {
            ending,
            stdout: stdout.map_err(output)?,
            stderr: stderr.map_err(output)?,
            elapsed,
            left_running: self.guard.left_running.unwrap_or_default(),
        })
    }

    fn note(&mut self, status: &std::io::Result<std::process::ExitStatus>) -> Ending {
        // At once: from now on the system may give the group's number to another process.
        let limit = self.watch.take().and_then(|watch| watch.exceeded.get().copied());
        self.guard.end();
        *self.ending.insert(limit.map_or_else(|| ending(status), Ending::Limited))
    }
}

pub(super) fn ending(status: &std::io::Result<std::process::ExitStatus>) -> Ending {
    use std::os::unix::process::ExitStatusExt as _;
    match status {
        Ok(status) => match (status.code(), status.signal()) {
            (Some(code), _) => Ending::Exited(code),
            (None, signal) => Ending::Signalled(signal.unwrap_or_default()),
        },
        // The status is lost only if other code reaped the child.
        Err(_) => Ending::Signalled(0),
    }
}

/// A run on the list of those that are under way. Takes it off the list when
/// it is over; dropped in the middle, ends it.
#[derive(Debug)]
pub(super) struct RunGuard {
    processes: Processes,
    group: u32,
    run: String,
    left_running: Option<usize>,
    /// Whether it ends because codexpin wants it to: what it had started may still be
    /// on its way out then.
    asked_to_end: bool,
}

impl RunGuard {
    pub(super) fn new(processes: Processes, group: u32, run: String) -> Self {
        Self { processes, group, run, left_running: None, asked_to_end: false }
    }

    /// Ends and counts what is left when the child is not there any more.
    fn end(&mut self) {
        let patience = if self.asked_to_end { CHILDREN_GRACE } else { Duration::ZERO };
        let runs = &mut self.processes.runs();
        let left = leftovers::end_leftovers(&self.run, self.group, runs, patience);
        self.left_running = Some(left);
        // On systems without /proc this is all that can be done.
        unix::signal_group(self.group, unix::KILL);
    }
}

impl Drop for RunGuard {
    fn drop(&mut self) {
        if self.left_running.is_none() {
            unix::signal_group(self.group, unix::KILL);
            self.end();
        }
        self.processes.runs().remove(self.group);
    }
}
