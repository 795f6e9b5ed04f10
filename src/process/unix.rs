//! Signals, process groups, and what a child asks of the kernel.

use camino::{Utf8Path, Utf8PathBuf};
pub(super) use nix::sys::signal::Signal::{SIGKILL as KILL, SIGTERM as TERMINATE};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

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

/// Gives the child a session of its own, so that it has no terminal to write to or read
/// from, and leads its process group; and asks the kernel to send it SIGKILL when this
/// process ends, so that a codexpin that was killed leaves no agent running.
#[allow(unsafe_code, reason = "pre_exec has no safe form; what is called is async-signal-safe")]
pub(super) fn set_apart(command: &mut tokio::process::Command) {
    // SAFETY: the closure only calls setsid(2) and prctl(2), which allocate nothing and
    // take no lock.
    unsafe {
        command.pre_exec(|| {
            nix::unistd::setsid()?;
            #[cfg(target_os = "linux")]
            nix::sys::prctl::set_pdeathsig(KILL)?;
            Ok(())
        });
    }
}

/// Asks the kernel to send the child SIGKILL when this process ends, and gives it every
/// signal, whichever this one blocks.
#[cfg(target_os = "linux")]
#[allow(unsafe_code, reason = "pre_exec has no safe form; what is called is async-signal-safe")]
pub(super) fn end_with_parent(command: &mut std::process::Command) {
    use std::os::unix::process::CommandExt as _;
    // SAFETY: prctl(2) and sigprocmask(2) allocate nothing and take no lock.
    unsafe {
        command.pre_exec(|| {
            nix::sys::signal::SigSet::all().thread_unblock()?;
            Ok(nix::sys::prctl::set_pdeathsig(KILL)?)
        });
    }
}

/// The same for a child that leads a session of its own.
#[cfg(target_os = "linux")]
#[allow(unsafe_code, reason = "pre_exec has no safe form; what is called is async-signal-safe")]
pub(super) fn lead_and_end_with_parent(command: &mut std::process::Command) {
    use std::os::unix::process::CommandExt as _;
    // SAFETY: setsid(2) allocates nothing and takes no lock.
    unsafe {
        command.pre_exec(|| Ok(nix::unistd::setsid().map(drop)?));
    }
    end_with_parent(command);
}

/// Keeps what this process has in memory, a lent login above all, out of core dumps and
/// from other processes of the user's: see `PR_SET_DUMPABLE` in prctl(2) and core(5). What
/// it starts decides for itself whether it can be looked into, and leaves no core either.
pub fn keep_memory_private() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    // Less is never refused.
    let _ = setrlimit(Resource::Core, none);
    #[cfg(target_os = "linux")]
    let _ = nix::sys::prctl::set_dumpable(false);
}

pub(super) fn adopt_abandoned() {
    #[cfg(target_os = "linux")]
    // Refused only by kernels older than 3.4; then the search by name remains.
    let _ = nix::sys::prctl::set_child_subreaper(true);
}

/// Keeps the files that this process was started with, beyond the three that every
/// program has, from the programs that it starts.
pub fn keep_inherited_files() {
    close_fds::CloseFdsBuilder::new().cloexecfrom(3);
}
