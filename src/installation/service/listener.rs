//! Whose the listener on a port is: any program can answer where the Gateway should.

use procfs::net::{TcpNetEntry, TcpState, tcp, tcp6};
use procfs::process::{FDTarget, Process, all_processes};

/// Who listens on a port of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Listener {
    /// A process of the unit.
    OfUnit,
    /// Another program.
    Other {
        /// Its process.
        pid: i32,
        /// Its command, as the kernel has it.
        name: String,
    },
    /// Nobody, or a process that this user may not look into.
    Unknown,
}

/// Looks for it. The unit's processes are those in the control group of its main one.
pub(super) fn on_port(port: u16, main_pid: u32) -> Listener {
    let sockets: Vec<u64> = listening(port).map(|entry| entry.inode).collect();
    let unit = i32::try_from(main_pid).ok().and_then(|pid| control_group(&Process::new(pid).ok()?));
    let holds = |process: &Process| {
        let open = process.fd().into_iter().flatten().flatten();
        open.into_iter()
            .any(|file| matches!(file.target, FDTarget::Socket(inode) if sockets.contains(&inode)))
    };
    let mut other = None;
    for process in all_processes().into_iter().flatten().flatten().filter(holds) {
        if unit.is_some() && control_group(&process) == unit {
            return Listener::OfUnit;
        }
        let name = process.stat().map(|stat| stat.comm).unwrap_or_default();
        other.get_or_insert(Listener::Other { pid: process.pid(), name });
    }
    other.unwrap_or(Listener::Unknown)
}

fn listening(port: u16) -> impl Iterator<Item = TcpNetEntry> {
    let entries = tcp().into_iter().flatten().chain(tcp6().into_iter().flatten());
    entries
        .filter(move |entry| entry.state == TcpState::Listen && entry.local_address.port() == port)
}

/// Its path in the hierarchy that systemd uses: the unified one, or the one named so.
fn control_group(process: &Process) -> Option<String> {
    let groups = process.cgroups().ok()?;
    let of_systemd = groups.into_iter().find(|group| {
        group.controllers.iter().all(|name| name.is_empty() || name == "name=systemd")
    });
    of_systemd.map(|group| group.pathname)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_that_listens_is_found_and_nobody_where_nobody_does() {
        let socket = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = socket.local_addr().unwrap().port();
        assert_eq!(on_port(port, std::process::id()), Listener::OfUnit);
        // No process has the number 0: whatever listens is another's.
        let Listener::Other { pid, .. } = on_port(port, 0) else { panic!("it is not found") };
        assert_eq!(u32::try_from(pid).unwrap(), std::process::id());
        drop(socket);
        assert_eq!(on_port(port, std::process::id()), Listener::Unknown);
    }
}
