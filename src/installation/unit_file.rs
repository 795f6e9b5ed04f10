//! The service's unit for looking at: what it names need not be there.

use camino::{Utf8Path, Utf8PathBuf};

use super::program_of;
use super::service::systemd;
use super::unit::{EnvironmentFile, UnitText};
use crate::env::Environment;

/// The service's unit as it is written. What it names need not be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// The unit file.
    pub path: Utf8PathBuf,
    /// The Node that it runs; none where it runs something else than `OpenClaw`.
    pub node: Option<Utf8PathBuf>,
    /// The entry point that it runs, or the `openclaw` command.
    pub entry: Option<Utf8PathBuf>,
    /// What the Gateway is started with.
    pub environment: Environment,
    /// The files that some of it comes from; they need not be there, either.
    pub environment_files: Vec<EnvironmentFile>,
}

/// Where the service's unit is, or would be.
pub fn unit_file(environment: &Environment, home: &Utf8Path) -> Utf8PathBuf {
    systemd::unit_path(environment, home)
}

/// Reads the service's unit, where there is one. Nothing is run.
pub fn unit(environment: &Environment, home: &Utf8Path) -> Option<Unit> {
    let path = systemd::unit_path(environment, home);
    let unit = systemd::read_unit(&path, home)?;
    let (entry, node) = program_of(&path, &unit).ok().unzip();
    let UnitText { environment, environment_files, .. } = unit;
    Some(Unit { path, node, entry, environment, environment_files })
}
