//! Whose the listener on a port is: any program can answer where the Gateway should.

use procfs::net::{TcpNetEntry, TcpState, tcp, tcp6};
use procfs::process::{FDTarget, Process, all_processes};

/// Who listens on a port of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Listener {
    /// A process of the unit.
    OfUnit,
    /// Another program.
    Other(OtherListener),
    /// Nobody, or a process that this user may not look into.
    Unknown,
}

/// A program that listens on the Gateway's port and is not of the Gateway's unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherListener {
    /// Its process.
    pub pid: i32,
    /// Its command, as the kernel has it.
    pub name: String,
    /// The unit that it is of, where it is of one.
    pub unit: Option<String>,
}

impl OtherListener {
    /// Whether it may be a Gateway: `OpenClaw` names its processes, and Node is what
    /// runs them until then.
    pub fn may_be_a_gateway(&self) -> bool {
        ["openclaw", "node", "MainThread"].iter().any(|name| self.name.starts_with(name))
    }
}

/// Looks for it. The unit's processes are those in the control group of its main one.
pub(super) fn on_port(port: u16, main_pid: u32) -> Listener {
    let main = i32::try_from(main_pid).ok().and_then(|pid| Process::new(pid).ok());
    let Some(unit) = main.as_ref().and_then(control_group) else { return Listener::Unknown };
    whose(Some(&unit), holders(port))
}

/// Looks for another than the unit's, whose main process has this number; 0 where it does
/// not run.
pub(in crate::installation) fn other_on_port(port: u16, main_pid: u32) -> Option<OtherListener> {
    let found = if main_pid == 0 { whose(None, holders(port)) } else { on_port(port, main_pid) };
    match found {
        Listener::Other(other) => Some(other),
        Listener::OfUnit | Listener::Unknown => None,
    }
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
fn whose(unit: Option<&str>, holders: Vec<Holder>) -> Listener {
    if unit.is_some() && holders.iter().any(|holder| holder.group.as_deref() == unit) {
        return Listener::OfUnit;
    }
    let Some(Holder { pid, name, group }) = holders.into_iter().next() else {
        return Listener::Unknown;
    };
    let last = group.as_ref().and_then(|group| group.rsplit('/').next());
    let unit = last.filter(|name| name.ends_with(".service")).map(str::to_owned);
    Listener::Other(OtherListener { pid, name, unit })
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
        let here = i32::try_from(std::process::id()).unwrap();
        assert_eq!(other_on_port(port, 0).map(|other| other.pid), Some(here));
        drop(socket);
        assert_eq!(on_port(port, std::process::id()), Listener::Unknown);
        assert_eq!(on_port(port, 0), Listener::Unknown, "no process has the number 0");
        assert_eq!(other_on_port(port, 0), None);
    }

    #[test]
    fn a_program_outside_of_the_unit_is_told_apart_from_one_of_its_own() {
        let holder = |pid: i32, group: &str| Holder {
            pid,
            name: "python3".to_owned(),
            group: Some(group.to_owned()),
        };
        let (unit, shell) = ("/user/openclaw-gateway.service", "/user/session-1.scope");
        let found = |unit, holders: Vec<Holder>| whose(unit, holders);
        let both = vec![holder(7, shell), holder(8, unit)];
        assert_eq!(found(Some(unit), both), Listener::OfUnit);
        let other = |unit: Option<&str>| {
            let (name, unit) = ("python3".to_owned(), unit.map(str::to_owned));
            Listener::Other(OtherListener { pid: 7, name, unit })
        };
        assert_eq!(found(Some(unit), vec![holder(7, shell)]), other(None));
        let system = vec![holder(7, "/system.slice/openclaw.service")];
        assert_eq!(found(Some(unit), system), other(Some("openclaw.service")));
        assert_eq!(found(None, vec![holder(7, shell)]), other(None));
        assert_eq!(found(Some(unit), Vec::new()), Listener::Unknown);
    }
}
