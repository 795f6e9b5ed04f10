//! The processes inside: a namespace of process numbers (see `pid_namespaces(7)`), so that
//! a program finds, and can reach, only what runs beside it. It has a first process, which
//! codexpin's executable is as well: what programs abandon is its own, and what still
//! runs when it ends is ended by the kernel.

use std::convert::Infallible;
use std::fs;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Command, Stdio};

use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{SigSet, Signal, raise};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::mount::{MountFlags, mount, mount_remount};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use rustix::thread::{
    CapabilitySet, capabilities, configure_capability_in_ambient_set, set_capabilities,
};

use super::THIS_EXECUTABLE;
use super::control::{self, EnclosureStep, MODE, Message, StepFailure};
use crate::process::unix;

/// The first argument after [`MODE`] that makes codexpin the first process inside: followed by
/// the number that those inside go on from, and by [`WRITABLE`] where /proc is to be that.
pub(super) const FIRST: &str = "first";
/// What programs inside may write to.
pub(super) const WRITABLE: &str = "writable";

/// The first process, which ends when this is dropped.
pub(super) struct FirstProcess {
    pub(super) process: OwnedFd,
    _control: UnixStream,
}

/// Makes the namespace, for processes that this one starts and those that enter, and
/// its first process.
pub(super) fn make(proc_is_writable: bool) -> Result<FirstProcess, StepFailure> {
    let failed = |error: io::Error| StepFailure::at(EnclosureStep::MakeProcesses)(error);
    unshare(CloneFlags::CLONE_NEWPID).map_err(|error| failed(error.into()))?;
    pass_on_mounting().map_err(failed)?;
    let (ours, theirs) = UnixStream::pair().map_err(failed)?;
    let mut command = Command::new(THIS_EXECUTABLE);
    command
        // Numbers that are not given again: a lock that names the process of another
        // enclosure does not come true.
        .args([MODE, FIRST, &std::process::id().to_string()])
        .args(proc_is_writable.then_some(WRITABLE))
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    unix::end_with_parent(&mut command);
    let first = command.spawn().map_err(failed)?;
    // It holds the other end now, and nobody else.
    drop(command);
    match control::receive(&ours).map_err(failed)? {
        Message::Open(..) => {}
        Message::Failed(failure) => return Err(failure),
        Message::Closed => return Err(failed(io::ErrorKind::UnexpectedEof.into())),
    }
    let number = i32::try_from(first.id()).ok().and_then(Pid::from_raw);
    let number = number.ok_or_else(|| failed(io::ErrorKind::NotFound.into()))?;
    let process = pidfd_open(number, PidfdFlags::empty()).map_err(|error| failed(error.into()))?;
    Ok(FirstProcess { process, _control: ours })
}

/// A program that is executed by another user than root has no capabilities but the ambient
/// ones: see capabilities(7).
fn pass_on_mounting() -> io::Result<()> {
    let mut sets = capabilities(None)?;
    sets.inheritable |= CapabilitySet::SYS_ADMIN;
    set_capabilities(None, sets)?;
    Ok(configure_capability_in_ambient_set(CapabilitySet::SYS_ADMIN, true)?)
}

/// Is the first process, until the one that started it lets go of `control`. It keeps its
/// capability, so that nobody inside can look into it, and no signal from inside
/// ends it.
pub(super) fn be_first(
    control: &UnixStream,
    last_number: &str,
    proc_is_writable: bool,
) -> Result<(), StepFailure> {
    let failed = StepFailure::at::<io::Error>(EnclosureStep::MakeProcesses);
    let prepare = || -> io::Result<SignalFd> {
        let mut ended = SigSet::empty();
        ended.add(Signal::SIGCHLD);
        ended.thread_block()?;
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        let children = SignalFd::with_flags(&ended, flags)?;
        show_processes(last_number, proc_is_writable)?;
        Ok(children)
    };
    let children = prepare().map_err(&failed)?;
    control::send(control, &[children.as_fd()], None).map_err(&failed)?;
    loop {
        let mut events =
            [PollFd::new(control, PollFlags::IN), PollFd::new(&children, PollFlags::IN)];
        match poll(&mut events, None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(failed(error.into())),
        }
        if !events[0].revents().is_empty() {
            return Ok(());
        }
        while matches!(children.read_signal(), Ok(Some(_))) {}
        while matches!(waitpid(None, Some(WaitPidFlag::WNOHANG)),
            Ok(status) if status != WaitStatus::StillAlive)
        {}
    }
}

/// A /proc that shows the processes inside. The kernel refuses it where a part of the one
/// outside is covered, as in many containers.
fn show_processes(last_number: &str, writable: bool) -> io::Result<()> {
    const PROC: &str = "/proc";
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount("proc", PROC, "proc", flags, None)?;
    // Kernels without this setting begin at 1 (CONFIG_CHECKPOINT_RESTORE).
    let _ = fs::write("/proc/sys/kernel/ns_last_pid", last_number);
    if !writable {
        mount_remount(PROC, flags | MountFlags::BIND | MountFlags::RDONLY, "")?;
    }
    Ok(())
}

/// Starts the program inside, stays outside as its parent, hands on what it is told, and
/// ends as it ended: only a new process can be in another namespace of process numbers.
/// The program leads a session of its own there: a group or a session from outside would
/// have the number 0, which programs that look after their children do not take.
#[expect(clippy::exit, reason = "the status is the program's, whatever it is")]
pub(super) fn stand_for(
    mut command: Command,
    control: &UnixStream,
) -> Result<Infallible, StepFailure> {
    let failed = StepFailure::at::<io::Error>(EnclosureStep::Execute);
    let all = SigSet::all();
    all.thread_block().map_err(|error| failed(error.into()))?;
    let told = SignalFd::with_flags(&all, SfdFlags::SFD_CLOEXEC);
    let told = told.map_err(|error| failed(error.into()))?;
    unix::lead_and_end_with_parent(&mut command);
    let mut program = command.spawn().map_err(&failed)?;
    let _ = control.shutdown(std::net::Shutdown::Both);
    let status = loop {
        // Before the wait: a child that has ended meanwhile has left a signal.
        if let Some(status) = program.try_wait().map_err(&failed)? {
            break status;
        }
        match told.read_signal() {
            Ok(Some(signal)) => hand_on(signal.ssi_signo, program.id()),
            Ok(None) | Err(nix::errno::Errno::EINTR) => {}
            Err(error) => return Err(failed(error.into())),
        }
    };
    if let Some(signal) = status.signal().and_then(|number| Signal::try_from(number).ok()) {
        let _ = all.thread_unblock();
        let _ = raise(signal);
    }
    // A signal that does not end this process is told as a shell does it.
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default());
    std::process::exit(code)
}

/// To all of the program's group, as it would have come to it outside.
fn hand_on(signal: u32, group: u32) {
    let signal = i32::try_from(signal).ok().and_then(|number| Signal::try_from(number).ok());
    if let Some(signal) = signal.filter(|signal| *signal != Signal::SIGCHLD) {
        unix::signal_group(group, signal);
    }
}

/// Becomes the program.
pub(super) fn become_it(mut command: Command) -> StepFailure {
    StepFailure::at(EnclosureStep::Execute)(command.exec())
}
