//! The live installation: what runs, from where, on which Node, with which state.

mod dot_env;
mod installed;
pub mod journal;
mod manager;
mod package;
mod service;
mod unit;
mod unit_file;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

pub use dot_env::with_dot_env;
pub use installed::{InstalledRelease, OpenClawOnPath, find};
pub use manager::{ManagerError, NpmGlobal, PackageManager, PackageRequest};
pub use package::{Package, PackageError};
pub use service::{
    InstalledService, OtherListener, Service, ServiceCondition, ServiceError, ServiceLimits,
    ServiceState, ServiceStatus, Systemd, standing,
};
pub use unit::EnvironmentFile;
pub use unit_file::{Unit, unit, unit_file};

use installed::ReleaseLocation;
use service::systemd;
use unit::UnitText;

use crate::config::ConfigError;
use crate::env::{
    Environment, OPENCLAW_CONFIG_PATH, OPENCLAW_HOME, OPENCLAW_STATE_DIR, in_scratch_home,
};
use crate::explain::{Class, Explain};
use crate::fs;
use crate::node::choice::Node;
use crate::process::{self, ProcessError, Processes, Program};
use crate::release::{PackageName, Version};

/// What an installation is looked for in.
#[derive(Debug, Clone)]
pub struct LiveMachine {
    /// The user's shell.
    pub environment: Environment,
    /// The user's home.
    pub home: Utf8PathBuf,
    /// Starts programs.
    pub processes: Processes,
}

/// A live installation that codexpin can handle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Installation {
    /// The core: a global npm package.
    pub core: Package,
    /// The npm prefix, with `bin` and `lib/node_modules` in it.
    pub prefix: Utf8PathBuf,
    /// The Node that it runs on: the service's, otherwise the shell's.
    pub node: Node,
    /// The plugin, in its managed npm project.
    pub plugin: Option<ManagedPlugin>,
    /// `~/.openclaw`, or where the unit or the shell says.
    pub state: Utf8PathBuf,
    /// `openclaw.json`, whether it is there or not.
    pub config: Utf8PathBuf,
    /// The Gateway's service, where there is one.
    pub service: Option<InstalledService>,
    /// What PATH's `openclaw` is, where the service runs another one.
    pub on_path_instead: Option<Utf8PathBuf>,
}

/// The plugin as `OpenClaw` installed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManagedPlugin {
    /// The package.
    pub package: Package,
    /// The npm project with it: `<state>/npm/projects/openclaw-codex-HASH`.
    /// None in the older layout, where all plugins share `<state>/npm`.
    pub project: Option<Utf8PathBuf>,
}

/// There is no installation, or none that can be handled here.
#[derive(Debug, thiserror::Error)]
pub enum InstallationError {
    /// Nothing on PATH, no unit.
    #[error("no OpenClaw was found: no `openclaw` on PATH and no systemd user unit {unit}")]
    None {
        /// Where the unit would be.
        unit: Utf8PathBuf,
    },
    /// Another package manager put it there.
    #[error("{path} was installed by {manager}; codexpin handles global npm packages")]
    OtherManager {
        /// Where it is.
        path: Utf8PathBuf,
        /// Whose it is.
        manager: &'static str,
    },
    /// It is a link to somewhere else (`npm link`).
    #[error("{path} is a link to {target}")]
    Linked {
        /// The link.
        path: Utf8PathBuf,
        /// Where it leads.
        target: Utf8PathBuf,
    },
    /// It is no global npm package: a checkout, a copy.
    #[error("{path} is no global npm package")]
    NotGlobal {
        /// Where it is.
        path: Utf8PathBuf,
    },
    /// What the unit or PATH names belongs to no package of `OpenClaw`.
    #[error("{path} is in no openclaw package")]
    NoPackage {
        /// The entry point.
        path: Utf8PathBuf,
    },
    /// The unit runs something that is not Node with an entry point.
    #[error("{unit} runs `{command}`, which is not Node with OpenClaw's entry point")]
    Command {
        /// The unit.
        unit: Utf8PathBuf,
        /// What it runs.
        command: String,
    },
    /// This user may not change it.
    #[error("{path} cannot be written by this user")]
    NotWritable {
        /// What cannot be written.
        path: Utf8PathBuf,
    },
    /// Its `package.json` cannot be read.
    #[error(transparent)]
    Package(#[from] package::PackageError),
    /// There is no Node, or it does not run.
    #[error("node at {path} does not tell its version")]
    Node {
        /// Where it was looked for.
        path: Utf8PathBuf,
    },
    /// Its config is needed, for the port of a unit that names none, and cannot be read.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A program could not be run.
    #[error(transparent)]
    Process(#[from] ProcessError),
}

impl Explain for InstallationError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::None { .. } => {
                "run it as the user that runs OpenClaw, with its `openclaw` on PATH".to_owned()
            }
            Self::OtherManager { manager, .. } => {
                format!("install the pinned release with {manager}; nothing was touched")
            }
            Self::Linked { target, .. } => {
                format!("check the release out in {target}; nothing was touched")
            }
            Self::NotGlobal { .. } => {
                "codexpin handles `npm install -g openclaw`; nothing was touched".to_owned()
            }
            Self::NoPackage { .. } => {
                "install OpenClaw there again, or `openclaw gateway install --force` to write the unit anew"
                    .to_owned()
            }
            Self::Command { .. } => {
                "`openclaw gateway install --force` writes the unit anew; nothing was touched"
                    .to_owned()
            }
            Self::NotWritable { .. } => {
                "run it as the user that installed OpenClaw; nothing was touched".to_owned()
            }
            Self::Node { .. } => "put OpenClaw's Node first on PATH".to_owned(),
            Self::Config(error) if error.is_broken() => return error.hint(),
            Self::Config(_) | Self::Package(_) | Self::Process(_) => return None,
        })
    }

    fn class(&self) -> Class {
        Class::Failure
    }
}

impl Installation {
    /// Finds it. The service's unit wins over PATH; nothing is touched.
    pub async fn find(machine: &LiveMachine) -> Result<Self, InstallationError> {
        let LiveMachine { environment, home, .. } = machine;
        let located = ReleaseLocation::find(environment, home)?;
        let (core, prefix) = NpmGlobal::find(&located.entry)?;
        let on_path_instead = located.instead_of(&core.directory, environment);
        let ReleaseLocation { entry, node, unit } = located;
        let node = match node {
            Some(node) => node,
            None => node_on_path(environment)?,
        };
        let node = run_node(machine, node).await?;
        let lived_in = unit.as_ref().map_or(environment, |(_, unit)| &unit.environment);
        let (state, config) = state_and_config(lived_in, home);
        let plugin = ManagedPlugin::find(&state)?;
        let service = match &unit {
            Some((path, unit)) => {
                let port = service::port(unit, &config)?;
                Some(InstalledService::new(path.clone(), port, &core, &entry))
            }
            None => None,
        };
        Ok(Self { core, prefix, node, plugin, state, config, service, on_path_instead })
    }

    /// Whether this user may change it: an error names what cannot be written.
    pub fn may_be_changed(&self) -> Result<(), InstallationError> {
        let project = self.plugin.as_ref().and_then(|plugin| plugin.project.as_deref());
        [Some(self.core.root()), Some(&self.core.directory), project]
            .into_iter()
            .flatten()
            .try_for_each(writable)
    }

    /// The entry point that PATH's `openclaw` leads to: `openclaw.mjs`.
    pub fn entry(&self) -> Result<Utf8PathBuf, InstallationError> {
        let entry = Package::read(&self.core.directory)?.bin("openclaw");
        entry.ok_or(InstallationError::NotGlobal { path: self.core.directory.clone() })
    }

    /// A handle of its service; none where it has no service.
    pub fn service<'a>(&'a self, machine: &'a LiveMachine) -> Option<Systemd<'a>> {
        self.service.as_ref().map(|service| Systemd { service, machine })
    }

    /// What listens on the Gateway's port and is not of the service that codexpin stops and
    /// starts: with its files exchanged under it, a Gateway breaks, and one that is to be
    /// started finds its port taken.
    pub async fn other_gateway(
        &self,
        machine: &LiveMachine,
    ) -> Result<Option<(u16, OtherListener)>, ServiceError> {
        if let Some(service) = self.service(machine) {
            let port = service.service.port;
            return Ok(service.other_listener().await?.map(|other| (port, other)));
        }
        let port = service::port_without_unit(&self.config, &machine.environment);
        let other = service::other_on_port(port, 0).filter(OtherListener::may_be_a_gateway);
        Ok(other.map(|other| (port, other)))
    }

    /// The link that npm made for the shell.
    pub fn link(&self) -> Utf8PathBuf {
        self.prefix.join("bin/openclaw")
    }
}

impl ManagedPlugin {
    /// Looks in the layout of 6.1 and later, then in the older one
    /// (`install-paths` in the bundled sources of the releases).
    pub fn find(state: &Utf8Path) -> Result<Option<Self>, InstallationError> {
        let name = format!("node_modules/{}", PackageName::PLUGIN);
        let mut projects: Vec<Utf8PathBuf> = state
            .join("npm/projects")
            .read_dir_utf8()
            .into_iter()
            .flatten()
            .flatten()
            .filter(|entry| entry.file_name().starts_with("openclaw-codex-"))
            .map(camino::Utf8DirEntry::into_path)
            .filter(|project| project.join(&name).join("package.json").exists())
            .collect();
        projects.sort();
        let shared = state.join("npm");
        Ok(match projects.into_iter().next() {
            Some(project) => {
                Some(Self { package: Package::read(&project.join(&name))?, project: Some(project) })
            }
            None if shared.join(&name).join("package.json").exists() => {
                Some(Self { package: Package::read(&shared.join(&name))?, project: None })
            }
            None => None,
        })
    }

    /// Its release.
    pub fn version(&self) -> Version {
        self.package.version
    }
}

/// Node and entry point of an `ExecStart=`.
fn program_of(
    path: &Utf8Path,
    unit: &UnitText,
) -> Result<(Utf8PathBuf, Utf8PathBuf), InstallationError> {
    let unknown =
        || InstallationError::Command { unit: path.to_owned(), command: unit.command.join(" ") };
    let mut words = unit.command.iter().map(|word| Utf8PathBuf::from(word.as_str()));
    let program = words.next().ok_or_else(unknown)?;
    match program.file_name() {
        Some("node") => {
            let entry = words.find(|word| !word.as_str().starts_with('-')).ok_or_else(unknown)?;
            Ok((entry, program))
        }
        Some("openclaw") => Ok((program, node_on_path(&unit.environment)?)),
        _ => Err(unknown()),
    }
}

fn node_on_path(environment: &Environment) -> Result<Utf8PathBuf, InstallationError> {
    let name = Utf8Path::new("node");
    process::find(name, environment).ok_or(InstallationError::Node { path: name.to_owned() })
}

/// Asks a Node for its version.
pub async fn run_node(
    machine: &LiveMachine,
    executable: Utf8PathBuf,
) -> Result<Node, InstallationError> {
    let program = Program {
        executable: executable.clone(),
        arguments: vec!["--version".to_owned()],
        directory: "/".into(),
        environment: machine.environment.inherited(),
        time_limit: std::time::Duration::from_secs(30),
        log: None,
        enclosure: None,
        limits: None,
    };
    let finished = machine.processes.run(&program, &CancellationToken::new()).await?;
    let text = finished.stdout.raw();
    match (text.trim().strip_prefix('v'), executable.parent()) {
        (Some(version), Some(bin)) => Ok(Node { version: version.to_owned(), bin: bin.to_owned() }),
        _ => Err(InstallationError::Node { path: executable }),
    }
}

/// Where the live `OpenClaw` keeps its state, and its config: by its service's
/// unit, or else by the shell. Nothing is run, and nothing has to be there.
pub fn lives_in(environment: &Environment, home: &Utf8Path) -> (Utf8PathBuf, Utf8PathBuf) {
    let unit = systemd::read_unit(&systemd::unit_path(environment, home), home);
    state_and_config(unit.as_ref().map_or(environment, |unit| &unit.environment), home)
}

/// What the live Gateway reads its config with: the environment of its service's unit,
/// or else the shell's, and `.env` of its state.
pub fn gateway_environment(environment: &Environment, home: &Utf8Path) -> Environment {
    let unit = systemd::read_unit(&systemd::unit_path(environment, home), home);
    let started_with = unit.map_or_else(|| environment.clone(), |unit| unit.environment);
    let (state, _) = state_and_config(&started_with, home);
    with_dot_env(started_with, &state)
}

/// The directory of the Node that the live `OpenClaw`'s service runs on, where it
/// has a service that names one.
pub fn node_of_service(environment: &Environment, home: &Utf8Path) -> Option<Utf8PathBuf> {
    let path = systemd::unit_path(environment, home);
    let unit = systemd::read_unit(&path, home)?;
    let (_, node) = program_of(&path, &unit).ok()?;
    node.parent().map(Utf8Path::to_owned)
}

/// By the variables that `OpenClaw` documents for it (docs/help/environment.md).
fn state_and_config(environment: &Environment, home: &Utf8Path) -> (Utf8PathBuf, Utf8PathBuf) {
    let path = |name: &str| {
        let value = environment.get(name)?;
        Some(match value.strip_prefix("~/") {
            Some(rest) => home.join(rest),
            None => Utf8PathBuf::from(value),
        })
    };
    let home = path(OPENCLAW_HOME).or_else(|| path("HOME")).unwrap_or_else(|| home.to_owned());
    let state = path(OPENCLAW_STATE_DIR).unwrap_or_else(|| home.join(".openclaw"));
    let config = path(OPENCLAW_CONFIG_PATH).unwrap_or_else(|| state.join("openclaw.json"));
    (state, config)
}

fn writable(path: &Utf8Path) -> Result<(), InstallationError> {
    if fs::is_writable(path) {
        return Ok(());
    }
    Err(InstallationError::NotWritable { path: path.to_owned() })
}

/// Runs the live entry point with the live Node, with HOME and every
/// `OpenClaw` path in scratch: a program for questions such as `--version`.
pub fn question(
    node: &Node,
    entry: &Utf8Path,
    arguments: &[&str],
    shell: &Environment,
    scratch: &Utf8Path,
) -> Program {
    Program {
        executable: node.executable(),
        arguments: std::iter::once(entry.as_str())
            .chain(arguments.iter().copied())
            .map(str::to_owned)
            .collect(),
        directory: scratch.to_owned(),
        environment: in_scratch_home(shell.inherited(), scratch).with_path_first(&node.bin),
        time_limit: std::time::Duration::from_mins(2),
        log: None,
        enclosure: None,
        limits: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_service_says_where_the_state_is() {
        let home = Utf8Path::new("/home/user");
        let environment = |pairs: &[(&str, &str)]| -> Environment {
            pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()
        };
        for (pairs, state, config) in [
            (&[][..], "/home/user/.openclaw", "/home/user/.openclaw/openclaw.json"),
            (&[("HOME", "/srv")], "/srv/.openclaw", "/srv/.openclaw/openclaw.json"),
            (
                &[("HOME", "/srv"), ("OPENCLAW_STATE_DIR", "~/claw")],
                "/home/user/claw",
                "/home/user/claw/openclaw.json",
            ),
            (
                &[("OPENCLAW_HOME", "/oc"), ("OPENCLAW_CONFIG_PATH", "/etc/oc.json")],
                "/oc/.openclaw",
                "/etc/oc.json",
            ),
        ] {
            let found = state_and_config(&environment(pairs), home);
            assert_eq!(found, (state.into(), config.into()), "{pairs:?}");
        }
    }
}
