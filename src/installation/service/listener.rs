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
    let main = i32::try_from(main_pid).ok().and_then(|pid| Process::new(pid).ok());
    let Some(unit) = main.as_ref().and_then(control_group) else { return Listener::Unknown };
    whose(&unit, &holders(port))
}

/// A process with an open socket that listens.
struct Holder {
    pid: i32,
    name: String,
    group: Option<String>,
}

fn holders(port: u16) -> Vec<Holder> {
    let sockets: Vec<u64> = listening(port).map(|entry| entry.inode).collect();
    if sockets.is_empty() {
        return Vec::new();
    }
    let holds = |process: &Process| {
        let mut open = process.fd().into_iter().flatten().flatten();
        open.any(|file| matches!(file.target, FDTarget::Socket(inode) if sockets.contains(&inode)))
    };
    let holder = |process: Process| Holder {
        pid: process.pid(),
        name: process.stat().map(|stat| stat.comm).unwrap_or_default(),
        group: control_group(&process),
    };
    all_processes().into_iter().flatten().flatten().filter(holds).map(holder).collect()
}

/// One holder of the unit's is enough: a parent keeps the sockets that it hands on.
fn whose(unit: &str, holders: &[Holder]) -> Listener {
    if holders.iter().any(|holder| holder.group.as_deref() == Some(unit)) {
        return Listener::OfUnit;
    }
    match holders.first() {
        Some(Holder { pid, name, .. }) => Listener::Other { pid: *pid, name: name.clone() },
        None => Listener::Unknown,
    }
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
        drop(socket);
        assert_eq!(on_port(port, std::process::id()), Listener::Unknown);
        assert_eq!(on_port(port, 0), Listener::Unknown, "no process has the number 0");
    }

    #[test]
    fn a_program_outside_of_the_unit_is_told_apart_from_one_of_its_own() {
        let holder = |pid: i32, group: &str| Holder {
            pid,
            name: "python3".to_owned(),
            group: Some(group.to_owned()),
        };
        let (unit, shell) = ("/user/openclaw-gateway.service", "/user/session-1.scope");
        assert_eq!(whose(unit, &[holder(7, shell), holder(8, unit)]), Listener::OfUnit);
        let other = Listener::Other { pid: 7, name: "python3".to_owned() };
        assert_eq!(whose(unit, &[holder(7, shell)]), other);
        assert_eq!(whose(unit, &[]), Listener::Unknown);
    }
}
