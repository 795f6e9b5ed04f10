//! A real systemd user manager with a session bus, in a control group of its
//! own; ended when it is dropped.

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};

/// A user manager for the `HOME` and `XDG_RUNTIME_DIR` of an environment.
pub(crate) struct UserManager {
    environment: BTreeMap<String, String>,
    children: Vec<Child>,
    group: Utf8PathBuf,
}

impl UserManager {
    /// Starts a manager; its log goes beside the runtime directory.
    pub(crate) fn start(environment: &BTreeMap<String, String>) -> Self {
        // systemd --user looks for it to see that systemd is what runs the machine.
        if fs_err::create_dir_all("/run/systemd/system").is_err() {
            assert!(
                Utf8Path::new("/run/systemd/system").exists(),
                "no user manager can run here: /run/systemd/system is missing and cannot be made"
            );
        }
        let home = Utf8Path::new(&environment["HOME"]);
        fs_err::create_dir_all(home.join(".config/systemd/user")).unwrap();
        let run = Utf8PathBuf::from(&environment["XDG_RUNTIME_DIR"]);
        // Two managers in one control group would stop each other's services.
        let group = control_group();
        let mut manager =
            Self { environment: environment.clone(), children: Vec::new(), group: group.clone() };
        let bus = format!("--address=unix:path={run}/bus");
        manager.spawn("dbus-daemon", &["--session", &bus, "--nofork", "--nopidfile"]);
        wait_for("the session bus", || run.join("bus").exists());
        let line = format!("echo $$ >{group}/cgroup.procs && exec /lib/systemd/systemd --user");
        manager.spawn("sh", &["-c", &line]);
        let private = run.join("systemd/private");
        wait_for("the user manager (dbus-daemon and systemd must be installed)", || {
            private.exists()
        });
        manager
    }

    fn spawn(&mut self, program: &str, arguments: &[&str]) {
        let log = Utf8PathBuf::from(format!("{}.log", self.environment["XDG_RUNTIME_DIR"]));
        let log = fs_err::File::create(log).unwrap().into_parts().0;
        let child = Command::new(program)
            .args(arguments)
            .env_clear()
            .envs(&self.environment)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("{program} is needed for this test: {error}"));
        self.children.push(child);
    }
}

impl Drop for UserManager {
    fn drop(&mut self) {
        let _ = Command::new("systemctl")
            .args(["--user", "stop", "openclaw-gateway.service"])
            .env_clear()
            .envs(&self.environment)
            .status();
        for child in self.children.iter_mut().rev() {
            let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
            let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM);
            let _ = child.wait();
        }
        remove_group(&self.group);
        // systemd keeps a copy in its named hierarchy, where there is one.
        let name = self.group.file_name().unwrap_or_default();
        remove_group(&Utf8Path::new("/sys/fs/cgroup/systemd").join(name));
    }
}

/// From the innermost out; one that is still in use stays.
fn remove_group(group: &Utf8Path) {
    for entry in group.read_dir_utf8().into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            remove_group(entry.path());
        }
    }
    let _ = std::fs::remove_dir(group);
}

/// A control group of its own for a user manager, in the hierarchy that
/// systemd itself looks at: the unified one where there is one.
fn control_group() -> Utf8PathBuf {
    let places = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup", "/sys/fs/cgroup/systemd"];
    let root = places.map(Utf8Path::new).into_iter().find(|p| p.join("cgroup.procs").exists());
    let root = root.expect("no user manager can run here: there are no control groups");
    let group = root.join(format!("codexpin-test-{}-{}", std::process::id(), unique()));
    fs_err::create_dir(&group).unwrap_or_else(|error| {
        panic!("no user manager of its own can run here; it needs a control group: {error}")
    });
    group
}

/// Looks again and again until it is there, for a minute at most.
pub(crate) fn wait_for(what: &str, there: impl Fn() -> bool) {
    let begun = Instant::now();
    while !there() {
        assert!(begun.elapsed() < Duration::from_mins(1), "waited a minute for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A port for a Gateway, below those that the system hands out by itself: one of
/// those could go to somebody else between the choice and the start.
pub(crate) fn gateway_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let block = u16::try_from(std::process::id() % 200).unwrap_or_default();
    let port = 20_000 + block * 60 + NEXT.fetch_add(1, Ordering::Relaxed);
    assert!(std::net::TcpListener::bind(("127.0.0.1", port)).is_ok(), "port {port} is taken");
    port
}

/// A number that no other caller in this process gets.
pub(crate) fn unique() -> u64 {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    COUNTER.fetch_add(1, Ordering::Relaxed)
}
