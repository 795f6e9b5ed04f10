//! What is installed, and what runs it.

use camino::Utf8PathBuf;
use jiff::Timestamp;

use crate::installation::ServiceStatus;
use crate::release::Version;

/// An installed core.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Core {
    /// Its release.
    pub version: Version,
    /// The package directory.
    pub directory: Utf8PathBuf,
    /// `engines.node`.
    pub node: Option<String>,
    /// `openclaw.schemaVersions`: state, agent. From 2026.7.2-beta on.
    pub schemas: Option<(i64, i64)>,
    /// When its files were put there.
    pub installed: Option<Timestamp>,
}

/// The installed plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstalledPlugin {
    /// Its release.
    pub version: Version,
    /// The package directory.
    pub directory: Utf8PathBuf,
    /// The `@openai/codex` that it asks for.
    pub wants_codex: Option<String>,
    /// The `@openai/codex` that is there.
    pub codex: Option<CodexCli>,
}

/// An installed `@openai/codex`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodexCli {
    /// Its version.
    pub version: String,
    /// Its package for this platform that should be there and is not.
    pub missing_binary: Option<String>,
}

/// A plugin that `OpenClaw` installed and keeps, the Codex one among them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManagedPackage {
    /// Its npm name, such as `@openclaw/discord`.
    pub name: String,
    /// Its release.
    pub version: Version,
    /// The package directory.
    pub directory: Utf8PathBuf,
    /// The npm project that it stands in.
    pub project: Utf8PathBuf,
}

impl ManagedPackage {
    /// The name under which the config knows it: `discord`.
    pub(in crate::doctor) fn plugin(&self) -> &str {
        self.name.rsplit('/').next().unwrap_or(&self.name)
    }
}

/// An `openclaw` on PATH.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnPath {
    /// The command.
    pub command: Utf8PathBuf,
    /// Its package directory, links followed.
    pub directory: Utf8PathBuf,
    /// Its release.
    pub version: Option<Version>,
}

/// The unit, and what systemd says about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitRead {
    /// The unit file.
    pub path: Utf8PathBuf,
    /// The Node of `ExecStart=`; none where it runs something else.
    pub node: Option<Utf8PathBuf>,
    /// The entry point of `ExecStart=`.
    pub entry: Option<Utf8PathBuf>,
    /// Whether both are there.
    pub node_exists: bool,
    /// Whether both are there.
    pub entry_exists: bool,
    /// `OPENCLAW_SERVICE_VERSION`: the release that wrote the unit.
    pub written_by: Option<String>,
    /// Whether its environment has `OPENCLAW_NO_AUTO_UPDATE`.
    pub no_auto_update: bool,
    /// Files with its variables that are not there, and whether it starts without them.
    pub missing_files: Vec<(Utf8PathBuf, bool)>,
    /// What systemd says, or why it says nothing.
    pub standing: Result<ServiceStatus, String>,
}
