//! The Gateway's service: what an apply asks of whatever runs it.

mod listener;
pub(in crate::installation) mod systemd;

use std::future::Future;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::Package;
use super::unit::UnitText;
use crate::config::{self, ConfigError};
use crate::env::Environment;
use crate::explain::{Class, Explain};
use crate::process::ProcessError;
pub use listener::OtherListener;
pub(super) use listener::other_on_port;
use systemd::UNIT;
pub use systemd::{ServiceState, ServiceStatus, Systemd, standing};

/// The Gateway's port where nothing says another (docs/gateway of the release).
const DEFAULT_PORT: u16 = 18789;

/// Runs the Gateway, and can be told to stop and to start it.
pub trait Service: Sync {
    /// How it does now.
    fn condition(&self) -> impl Future<Output = Result<ServiceCondition, ServiceError>> + Send;
    /// Stops it, with every process that it started.
    fn stop(&self) -> impl Future<Output = Result<(), ServiceError>> + Send;
    /// Starts it, however often it failed to start before.
    fn start(&self) -> impl Future<Output = Result<(), ServiceError>> + Send;
    /// Has its manager read the unit and its drop-ins anew.
    fn reload(&self) -> impl Future<Output = Result<(), ServiceError>> + Send;
    /// Waits until it runs and answers on its port.
    fn wait_ready(
        &self,
        limits: ServiceLimits,
        stop: &CancellationToken,
    ) -> impl Future<Output = Result<(), ServiceError>> + Send;
    /// Watches that it stays up: same process, no restart.
    fn watch(
        &self,
        limits: ServiceLimits,
        stop: &CancellationToken,
    ) -> impl Future<Output = Result<(), ServiceError>> + Send;
}

/// The condition of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServiceCondition {
    /// It runs.
    Running,
    /// It is meant to run, and does not yet, or failed.
    Down,
    /// It is not meant to run.
    Stopped,
}

impl ServiceCondition {
    /// Whether it is meant to run.
    pub fn is_wanted(self) -> bool {
        self != Self::Stopped
    }
}

/// The Gateway's service as it was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstalledService {
    /// The unit file.
    pub unit: Utf8PathBuf,
    /// Its entry point, relative to the core's directory: a release must have it.
    pub entry: Utf8PathBuf,
    /// Where the Gateway listens.
    pub port: u16,
}

impl InstalledService {
    pub(super) fn new(unit: Utf8PathBuf, port: u16, core: &Package, entry: &Utf8Path) -> Self {
        let real = entry.canonicalize_utf8().unwrap_or_else(|_| entry.to_owned());
        let entry = real.strip_prefix(&core.directory).unwrap_or(&real).to_owned();
        Self { unit, entry, port }
    }
}

/// Where the Gateway of a unit listens. A config that cannot be read is an error only
/// where the unit does not say: units that `openclaw gateway install` writes do.
pub(super) fn port(unit: &UnitText, config: &Utf8Path) -> Result<u16, ConfigError> {
    if let Some(port) = unit.port() {
        return Ok(port);
    }
    let config = config::read(config, &unit.environment)?;
    Ok(config.and_then(|config| config.port()).unwrap_or(DEFAULT_PORT))
}

/// The port of a Gateway without a unit. A config that cannot be read leaves the usual one.
pub(super) fn port_without_unit(config: &Utf8Path, environment: &Environment) -> u16 {
    let config = config::read(config, environment).ok().flatten();
    config.and_then(|config| config.port()).unwrap_or(DEFAULT_PORT)
}

/// How long things may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServiceLimits {
    /// From start to the Gateway's first answer.
    pub ready: Duration,
    /// How long it must then stay up, longer than the unit's `RestartSec=5`.
    pub settle: Duration,
}

impl Default for ServiceLimits {
    fn default() -> Self {
        Self { ready: Duration::from_mins(2), settle: Duration::from_secs(8) }
    }
}

/// The service did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// `systemctl` failed.
    #[error("systemctl --user {command}: {said}")]
    Systemctl {
        /// Its arguments.
        command: String,
        /// What it wrote.
        said: String,
    },
    /// It could not be run.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// It does not come up.
    #[error("{UNIT} is not up after {} s: {state}", .limit.as_secs())]
    NotReady {
        /// How long it was waited for.
        limit: Duration,
        /// What was seen last.
        state: String,
    },
    /// It came up and went down again.
    #[error("{UNIT} does not stay up: {state}")]
    NotStaying {
        /// What was seen.
        state: String,
    },
}

impl Explain for ServiceError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Systemctl { said, .. } if said.contains("bus") => Some(
                "no user manager is reachable: log in as this user, or set XDG_RUNTIME_DIR"
                    .to_owned(),
            ),
            Self::Process(_) => None,
            _ => Some(format!("`journalctl --user -u {UNIT}` has its log")),
        }
    }

    fn class(&self) -> Class {
        Class::Infrastructure
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_the_units_or_else_the_configs_and_a_broken_config_is_no_default_port() {
        let guard = tempfile::tempdir().unwrap();
        let config = Utf8Path::from_path(guard.path()).unwrap().join("openclaw.json");
        let silent =
            UnitText::parse(["[Service]\nExecStart=node x gateway\n"], "/home/user".into());
        let told = UnitText::parse(
            ["[Service]\nExecStart=node x gateway --port 9\n"],
            "/home/user".into(),
        );
        assert_eq!(port(&silent, &config).unwrap(), DEFAULT_PORT, "there is no config");
        fs_err::write(&config, "{ // mine\n gateway: {port: 4,}, }").unwrap();
        assert_eq!((port(&silent, &config).unwrap(), port(&told, &config).unwrap()), (4, 9));
        fs_err::write(&config, "{\n gateway {port: 4}}").unwrap();
        let error = port(&silent, &config).unwrap_err().to_string();
        assert_eq!(error, format!("{config}:2:10 is not JSON5: expected colon"));
        assert_eq!(port(&told, &config).unwrap(), 9, "where it is not needed");
    }
}
