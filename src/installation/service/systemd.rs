//! systemd: the Gateway's user unit found, stopped, started, watched.

use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_util::sync::CancellationToken;

use super::listener::{self, Listener, OtherListener};
use super::{InstalledService, Service, ServiceCondition, ServiceError, ServiceLimits};
use crate::env::{Environment, XDG_RUNTIME_DIR};
use crate::installation::LiveMachine;
use crate::installation::unit::UnitText;
use crate::process::{Ending, Program};

/// The unit that `openclaw gateway install` writes.
pub(crate) const UNIT: &str = "openclaw-gateway.service";
/// How often the state is looked at.
const LOOK: Duration = Duration::from_millis(200);
/// Longer than the `TimeoutStopSec=30` of the unit that `OpenClaw` writes.
const COMMAND_LIMIT: Duration = Duration::from_mins(2);

/// What systemd says about the unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceState {
    /// `ActiveState`: `active`, `activating`, `inactive`, `failed` ...
    pub active: String,
    /// `SubState`: `running`, `auto-restart`, `dead` ...
    pub sub: String,
    /// `NRestarts`: how often systemd restarted it by itself.
    pub restarts: u32,
    /// `MainPID`.
    pub pid: u32,
    /// `ExecMainStatus`: how the main process last ended. 78 is `OpenClaw`'s
    /// word for a config that it refuses (`RestartPreventExitStatus=78` in the
    /// unit), such as one that a newer release wrote.
    #[serde(default)]
    pub exit: i32,
}

impl ServiceState {
    /// Whether it runs.
    pub fn is_running(&self) -> bool {
        self.active == "active" && self.sub == "running"
    }

    /// The same in words that hold for every kind of service.
    pub fn condition(&self) -> ServiceCondition {
        match self.active.as_str() {
            _ if self.is_running() => ServiceCondition::Running,
            "inactive" | "deactivating" => ServiceCondition::Stopped,
            _ => ServiceCondition::Down,
        }
    }
}

/// What systemd says about the unit besides its state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceStatus {
    /// How the service does.
    pub state: ServiceState,
    /// `UnitFileState`: `enabled`, `disabled`, `static` ...
    pub file: String,
    /// Whether the unit file was changed since systemd read it.
    pub reload: bool,
    /// `Result`: `success`, `exit-code`, `signal`, `oom-kill`, `resources` ...
    pub result: String,
    /// Whether its main process was ended by a signal; [`ServiceState::exit`] is its number then.
    pub killed: bool,
    /// Whether it was ever started since the user manager is there.
    pub started: bool,
    /// How long its main process has been there.
    pub running_for: Option<Duration>,
}

/// What systemd says about the Gateway's unit.
///
/// # Errors
///
/// No user manager is reachable, or it does not answer.
pub async fn standing(machine: &LiveMachine) -> Result<ServiceStatus, ServiceError> {
    let more = "UnitFileState,NeedDaemonReload,Result,ExecMainCode,ExecMainStartTimestampMonotonic";
    let properties = Properties::read(machine, &format!("{STATE},{more}")).await?;
    let state = properties.state();
    let begun = properties.value("ExecMainStartTimestampMonotonic").parse().unwrap_or_default();
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let now = Duration::from_secs(u64::try_from(now.tv_sec).unwrap_or_default());
    let running_for = now.checked_sub(Duration::from_micros(begun));
    Ok(ServiceStatus {
        file: properties.value("UnitFileState").to_owned(),
        reload: properties.value("NeedDaemonReload") == "yes",
        result: properties.value("Result").to_owned(),
        // `CLD_KILLED` and `CLD_DUMPED` of waitid(2).
        killed: ["2", "3"].contains(&properties.value("ExecMainCode")),
        started: begun > 0,
        running_for: running_for.filter(|_| begun > 0 && state.is_running()),
        state,
    })
}

/// What a [`ServiceState`] is made of.
const STATE: &str = "ActiveState,SubState,NRestarts,MainPID,ExecMainStatus";

/// What `systemctl show` prints.
struct Properties(String);

impl Properties {
    async fn read(machine: &LiveMachine, names: &str) -> Result<Self, ServiceError> {
        systemctl(machine, &["show", UNIT, "-p", names]).await.map(Self)
    }

    fn value(&self, name: &str) -> &str {
        let mut lines = self.0.lines().filter_map(|line| line.split_once('='));
        lines.find(|(key, _)| *key == name).map(|(_, value)| value).unwrap_or_default()
    }

    fn state(&self) -> ServiceState {
        ServiceState {
            active: self.value("ActiveState").to_owned(),
            sub: self.value("SubState").to_owned(),
            restarts: self.value("NRestarts").parse().unwrap_or_default(),
            pid: self.value("MainPID").parse().unwrap_or_default(),
            exit: self.value("ExecMainStatus").parse().unwrap_or_default(),
        }
    }
}

/// The Gateway's unit, on the machine of its user manager.
#[derive(Debug)]
pub struct Systemd<'a> {
    pub(in crate::installation) service: &'a InstalledService,
    pub(in crate::installation) machine: &'a LiveMachine,
}

impl Systemd<'_> {
    async fn systemd_state(&self) -> Result<ServiceState, ServiceError> {
        Ok(Properties::read(self.machine, STATE).await?.state())
    }

    /// What listens on its port and is not of the unit.
    pub(in crate::installation) async fn other_listener(
        &self,
    ) -> Result<Option<OtherListener>, ServiceError> {
        let state = self.systemd_state().await?;
        Ok(listener::other_on_port(self.service.port, state.pid))
    }

    fn words(&self, state: &ServiceState, answer: Option<bool>) -> String {
        let ServiceState { active, sub, restarts, exit, .. } = state;
        let why = match (answer, exit) {
            (Some(false), _) => {
                format!(", port {} does not answer as a Gateway", self.service.port)
            }
            (None, 78) => ", exit status 78: the release refuses the config".to_owned(),
            (Some(true), _) | (None, 0) => String::new(),
            (None, status) => format!(", exit status {status}"),
        };
        format!("{active} ({sub}), {restarts} restarts{why}")
    }
}

impl Service for Systemd<'_> {
    async fn condition(&self) -> Result<ServiceCondition, ServiceError> {
        Ok(self.systemd_state().await?.condition())
    }

    // `stop` returns only once every process of the unit has ended.
    async fn stop(&self) -> Result<(), ServiceError> {
        systemctl(self.machine, &["stop", UNIT]).await.map(drop)
    }

    // The unit file is reloaded and the counters of earlier failures are cleared first: the
    // unit has `StartLimitBurst=5`, which would refuse the start.
    async fn start(&self) -> Result<(), ServiceError> {
        self.reload().await?;
        // Ignored: it fails only for a unit that is not loaded, which has no counters.
        let _ = systemctl(self.machine, &["reset-failed", UNIT]).await;
        systemctl(self.machine, &["start", UNIT]).await.map(drop)
    }

    async fn reload(&self) -> Result<(), ServiceError> {
        systemctl(self.machine, &["daemon-reload"]).await.map(drop)
    }

    async fn wait_ready(
        &self,
        limits: ServiceLimits,
        stop: &CancellationToken,
    ) -> Result<(), ServiceError> {
        let begun = Instant::now();
        loop {
            let state = self.systemd_state().await?;
            let answer = if state.is_running() { answers(self.service.port).await } else { None };
            let listener = match answer {
                Some(_) => listener::on_port(self.service.port, state.pid),
                None => Listener::Unknown,
            };
            // Where it cannot be seen whose the listener is, its answer has to do.
            if answer == Some(true) && !matches!(listener, Listener::Other(_)) {
                return Ok(());
            }
            let failed = state.active == "failed" || state.restarts >= 3;
            if failed || begun.elapsed() > limits.ready || stop.is_cancelled() {
                let mut told = self.words(&state, answer);
                if let Listener::Other(OtherListener { pid, name, .. }) = listener {
                    let port = self.service.port;
                    told = format!("{told}, port {port} is taken by {name} (process {pid})");
                }
                return Err(ServiceError::NotReady { limit: begun.elapsed(), state: told });
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn watch(
        &self,
        limits: ServiceLimits,
        stop: &CancellationToken,
    ) -> Result<(), ServiceError> {
        let begun = Instant::now();
        let first = self.systemd_state().await?;
        loop {
            let state = self.systemd_state().await?;
            if !state.is_running() || state.pid != first.pid {
                return Err(ServiceError::NotStaying { state: self.words(&state, None) });
            }
            if begun.elapsed() >= limits.settle {
                return Ok(());
            }
            if stop.is_cancelled() {
                return Err(ServiceError::NotStaying { state: "interrupted".to_owned() });
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// Asks `/healthz` on 127.0.0.1. None where nothing listens. Any answer that is
/// not a server error will do: older releases have no such page, and a Gateway
/// with TLS answers plain HTTP with an alert.
async fn answers(port: u16) -> Option<bool> {
    let ask = async {
        let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.ok()?;
        let request = "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut head = [0; 12];
        let read = stream.read(&mut head).await.ok()?;
        Some(read > 0 && !head.starts_with(b"HTTP/1.1 5"))
    };
    tokio::time::timeout(Duration::from_secs(5), ask).await.unwrap_or(Some(false))
}

/// Where the unit is: `$XDG_CONFIG_HOME/systemd/user`, see systemd.unit(5).
pub(in crate::installation) fn unit_path(
    environment: &Environment,
    home: &Utf8Path,
) -> Utf8PathBuf {
    let config = environment.get("XDG_CONFIG_HOME").map(Utf8PathBuf::from);
    config.unwrap_or_else(|| home.join(".config")).join("systemd/user").join(UNIT)
}

/// The unit with its drop-ins and environment files, where there is one.
pub(in crate::installation) fn read_unit(path: &Utf8Path, home: &Utf8Path) -> Option<UnitText> {
    let mut texts = vec![fs_err::read_to_string(path).ok()?];
    let mut drop_ins: Vec<_> = Utf8PathBuf::from(format!("{path}.d"))
        .read_dir_utf8()
        .into_iter()
        .flatten()
        .flatten()
        .map(camino::Utf8DirEntry::into_path)
        .filter(|file| file.extension() == Some("conf"))
        .collect();
    drop_ins.sort();
    texts.extend(drop_ins.iter().filter_map(|file| fs_err::read_to_string(file).ok()));
    let mut unit = UnitText::parse(texts.iter().map(String::as_str), home);
    for file in unit.environment_files.clone() {
        if let Ok(text) = fs_err::read_to_string(&file.path) {
            unit.add_environment_file(&text);
        }
    }
    Some(unit)
}

async fn systemctl(machine: &LiveMachine, arguments: &[&str]) -> Result<String, ServiceError> {
    let mut environment = machine.environment.inherited().with("HOME", machine.home.as_str());
    // The session's bus; without a session (cron, `sudo -u`) that of the lingering
    // user manager, where systemd puts it.
    let runtime = match machine.environment.get(XDG_RUNTIME_DIR) {
        Some(directory) => directory.to_owned(),
        None => format!("/run/user/{}", rustix::process::getuid().as_raw()),
    };
    if let Some(bus) = machine.environment.get("DBUS_SESSION_BUS_ADDRESS") {
        environment = environment.with("DBUS_SESSION_BUS_ADDRESS", bus);
    }
    let program = Program {
        executable: "systemctl".into(),
        arguments: std::iter::once("--user")
            .chain(arguments.iter().copied())
            .map(str::to_owned)
            .collect(),
        directory: "/".into(),
        environment: environment.with(XDG_RUNTIME_DIR, runtime),
        time_limit: COMMAND_LIMIT,
        log: None,
        enclosure: None,
        limits: None,
    };
    // Ctrl-C does not cut it short: a half-done stop or start would leave the service in
    // a state that nobody asked for.
    let finished = machine.processes.run(&program, &CancellationToken::new()).await?;
    if finished.ending == Ending::Exited(0) {
        return Ok(finished.stdout.raw());
    }
    let said = finished.stderr.text();
    Err(ServiceError::Systemctl {
        command: arguments.join(" "),
        said: said.lines().next().map_or_else(|| finished.ending.to_string(), str::to_owned),
    })
}
