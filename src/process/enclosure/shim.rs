//! codexpin's own executable, started again by codexpin: it makes an enclosure
//! and holds it, or enters one and becomes the program that runs there.
//!
//! Its end of the control socket is its stdin: that needs no code between fork and
//! exec.

use std::ffi::{OsStr, OsString};
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::process::Command;

use camino::Utf8PathBuf;
use nix::sched::{CloneFlags, setns, unshare};
use nix::unistd::dup2_stdin;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketType, recv, send, socket};
use rustix::process::{getegid, geteuid};

use super::control::{self, EnclosureStep, MODE, Message, StepFailure};
use super::processes::{self, WRITABLE};
use super::{MountPlan, confine, mounts};
use crate::exit_code::ExitCode;
use crate::process::unix;

/// Make an enclosure and hold it: followed, where it is to have mounts of its own, by
/// their plan as JSON.
pub(super) const HOLD: &str = "hold";
/// Enter: followed by codexpin's number, the program and its arguments.
pub(super) const ENTER: &str = "enter";
/// The same for an enclosure with mounts of its own.
pub(super) const ENTER_MOUNTS: &str = "enter-mounts";
/// The same for one with mounts and processes of its own.
pub(super) const ENTER_PROCESSES: &str = "enter-processes";

/// What every enclosure has of its own, besides mounts. IPC: System V's memory and
/// queues, and POSIX's queues.
const NAMESPACES: CloneFlags =
    CloneFlags::CLONE_NEWUSER.union(CloneFlags::CLONE_NEWNET).union(CloneFlags::CLONE_NEWIPC);

/// Does what codexpin started its own executable for, where `arguments` (the
/// program's name first) say so. To be called before any thread is there.
/// Entering an enclosure does not come back unless it fails.
pub fn serve(mut arguments: impl Iterator<Item = OsString>) -> Option<ExitCode> {
    arguments.next();
    if arguments.next()? != MODE {
        return None;
    }
    let Ok(control) = control_socket() else { return Some(ExitCode::Usage) };
    let result = match arguments.next() {
        Some(word) if word == HOLD => hold(&control, arguments),
        Some(word) if word == ENTER => enter(&control, CloneFlags::empty(), arguments),
        Some(word) if word == ENTER_MOUNTS => enter(&control, CloneFlags::CLONE_NEWNS, arguments),
        Some(word) if word == ENTER_PROCESSES => {
            enter(&control, CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWPID, arguments)
        }
        Some(word) if word == processes::FIRST => {
            let mut words = arguments.filter_map(|word| word.into_string().ok());
            let number = words.next().unwrap_or_default();
            processes::be_first(&control, &number, words.next().as_deref() == Some(WRITABLE))
        }
        _ => return Some(ExitCode::Usage),
    };
    Some(match result {
        Ok(()) => ExitCode::Success,
        Err(failure) => {
            control::report_failure(&control, failure);
            ExitCode::Infrastructure
        }
    })
}

fn control_socket() -> io::Result<UnixStream> {
    Ok(io::stdin().as_fd().try_clone_to_owned()?.into())
}

fn hold(
    control: &UnixStream,
    mut arguments: impl Iterator<Item = OsString>,
) -> Result<(), StepFailure> {
    // Before the network namespace is left: each lists its own sockets only.
    let sockets = mounts::listening_sockets();
    let listener = make()?;
    let mounts = arguments.next().map(|plan| make_mounts(&plan, &sockets));
    // With the machine's own /proc the numbers in it would be others than a program's own.
    let proc_is_writable = mounts.as_ref().and_then(|made| made.as_ref().ok());
    let first = proc_is_writable.and_then(|writable| processes::make(*writable).ok());
    let process = first.as_ref().map(|first| first.process.as_fd());
    let files: Vec<_> = [Some(listener.as_fd()), process].into_iter().flatten().collect();
    control::send(control, &files, mounts.and_then(Result::err))
        .map_err(StepFailure::at(EnclosureStep::Listen))?;
    drop(listener);
    control::wait_until_closed(control);
    Ok(())
}

fn make_mounts(plan: &OsStr, sockets: &[Utf8PathBuf]) -> Result<bool, StepFailure> {
    let failed = StepFailure::at::<io::Error>(EnclosureStep::MakeMounts);
    let plan: MountPlan = serde_json::from_slice(plan.as_encoded_bytes())
        .map_err(|_| failed(io::Error::from_raw_os_error(nix::libc::EINVAL)))?;
    mounts::make(&plan, sockets).map_err(failed)
}

fn make() -> Result<TcpListener, StepFailure> {
    let (user, group) = (geteuid().as_raw(), getegid().as_raw());
    unshare(NAMESPACES).map_err(StepFailure::at(EnclosureStep::MakeNamespaces))?;
    // In this order: an ordinary user may map a group only where setgroups(2) is denied.
    let maps = [
        ("setgroups", "deny".to_owned()),
        ("uid_map", format!("{user} {user} 1")),
        ("gid_map", format!("{group} {group} 1")),
    ];
    for (file, text) in maps {
        std::fs::write(format!("/proc/self/{file}"), text)
            .map_err(StepFailure::at(EnclosureStep::KeepUser))?;
    }
    loopback_up().map_err(StepFailure::at(EnclosureStep::LoopbackUp))?;
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(StepFailure::at(EnclosureStep::Listen))
}

/// Brings `lo` up, by rtnetlink(7): a `RTM_NEWLINK` for interface 1, which `lo`
/// is in every network namespace, with `IFF_UP`.
fn loopback_up() -> io::Result<()> {
    const NEW_LINK: u16 = 16;
    const REQUEST_AND_ACKNOWLEDGE: u16 = 1 | 4;
    const UP: u32 = 1;
    let mut request = Vec::with_capacity(32);
    request.extend(32_u32.to_ne_bytes());
    request.extend(NEW_LINK.to_ne_bytes());
    request.extend(REQUEST_AND_ACKNOWLEDGE.to_ne_bytes());
    // Sequence and port, then family and type of the interface: none of them is needed.
    request.extend([0; 4 + 4 + 4]);
    request.extend(1_i32.to_ne_bytes());
    request.extend(UP.to_ne_bytes());
    request.extend(UP.to_ne_bytes());

    // NETLINK_ROUTE is 0, the protocol where none is named.
    let kernel = socket(AddressFamily::NETLINK, SocketType::RAW, None)?;
    send(&kernel, &request, SendFlags::empty())?;
    let mut answer = [0; 64];
    let (length, _) = recv(&kernel, &mut answer[..], RecvFlags::empty())?;
    // An acknowledgement is a header of 16 bytes and an error number, negative or 0.
    match answer[..length].get(16..20).and_then(|bytes| bytes.try_into().ok()) {
        Some(error) => match i32::from_ne_bytes(error) {
            0 => Ok(()),
            error => Err(io::Error::from_raw_os_error(-error)),
        },
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

fn enter(
    control: &UnixStream,
    own: CloneFlags,
    mut arguments: impl Iterator<Item = OsString>,
) -> Result<(), StepFailure> {
    let failed = |error: nix::Error| StepFailure::at(EnclosureStep::Enter)(error);
    let parent = arguments.next().and_then(|pid| pid.to_str()?.parse::<u32>().ok());
    let (Some(parent), Some(program)) = (parent, arguments.next()) else {
        return Err(failed(nix::Error::EINVAL));
    };
    let Message::Open(holder, ..) =
        control::receive(control).map_err(StepFailure::at(EnclosureStep::Enter))?
    else {
        return Err(failed(nix::Error::EPIPE));
    };
    // The process itself stands for its namespaces, from Linux 5.8, see setns(2).
    let directory = std::env::current_dir().map_err(StepFailure::at(EnclosureStep::Enter))?;
    setns(holder, NAMESPACES | own).map_err(failed)?;
    // Entering a mount namespace moved this process to its root: go back.
    std::env::set_current_dir(directory).map_err(StepFailure::at(EnclosureStep::Enter))?;
    // The namespaces are entered: nothing more needs the capabilities that they gave.
    confine::drop_privileges().map_err(StepFailure::at(EnclosureStep::Confine))?;
    // After setns(2): a change of credentials resets the parent-death signal.
    nix::sys::prctl::set_pdeathsig(unix::KILL).map_err(failed)?;
    if std::os::unix::process::parent_id() != parent {
        // codexpin ended before the signal was set: it will never come.
        return Err(failed(nix::Error::ESRCH));
    }
    unix::keep_inherited_files();
    let nothing =
        std::fs::File::open("/dev/null").map_err(StepFailure::at(EnclosureStep::Enter))?;
    dup2_stdin(nothing).map_err(failed)?;
    let mut command = Command::new(program);
    command.args(arguments);
    if own.contains(CloneFlags::CLONE_NEWPID) {
        match processes::stand_for(command, control)? {}
    }
    Err(processes::become_it(command))
}
