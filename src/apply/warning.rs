//! What the user should know of a plan.

use camino::Utf8PathBuf;
use serde::Serialize;

use super::exchange::PartKind;
use crate::release::Version;

/// What the user should know before saying yes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "warning")]
pub enum Warning {
    /// The pin says nothing about the plugin that is installed: it stays.
    PluginLeftAlone {
        /// Its release.
        version: Version,
    },
    /// The pin has a plugin and the installation has none: it is not added.
    PluginNotAdded {
        /// The pinned release.
        version: Version,
    },
    /// All plugins share one npm project (layout before 2026.6.1): it stays.
    PluginInSharedProject {
        /// What is there.
        version: Version,
        /// What the pin has.
        pinned: Version,
    },
    /// The pin has no lock file: the dependencies are today's and not those
    /// that were tested.
    UntestedTree,
    /// The pin has no hash of the package: it is whatever the registry has today.
    NoIntegrity {
        /// Which of the two.
        part: PartKind,
        /// The pinned release.
        version: Version,
    },
    /// The config was last written by a newer release, and nowhere is one from
    /// before. 2026.5.28 and 2026.6.11 then refuse to start their service, with
    /// exit status 78 (seen); the proof fails and everything is put back.
    ConfigFromNewer {
        /// The config.
        path: Utf8PathBuf,
        /// Who wrote it.
        written_by: Version,
        /// Who will not start with it.
        refused_by: Version,
    },
    /// The config cannot be read, and no release starts with it: a saved one takes
    /// its place.
    ConfigBroken {
        /// The config.
        path: Utf8PathBuf,
        /// What is wrong with it, and where.
        problem: String,
    },
    /// The saved config does not have what was set since the upgrade.
    SettingsLeftOut {
        /// The top-level settings, by name.
        names: Vec<String>,
    },
    /// The hold does without the config.
    HeldWithoutConfig {
        /// Why.
        why: String,
    },
    /// `OpenClaw` is not kept from updating itself.
    NotHeld {
        /// Why.
        why: String,
    },
    /// There is no service: the user must restart the Gateway.
    NoService,
    /// The service is stopped and stays so.
    ServiceStopped,
    /// The service runs one installation, PATH finds another, which stays.
    OtherOnPath {
        /// What PATH finds.
        path: Utf8PathBuf,
    },
}
