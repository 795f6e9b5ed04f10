//! What is known from elsewhere: pins, codexpin's own backups, the registry.

use camino::Utf8PathBuf;
use jiff::Timestamp;
use serde::Serialize;

use crate::apply::{Hold, Operation};
use crate::release::Version;

/// The pin file of the working directory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum PinRead {
    /// There is none.
    #[default]
    Missing,
    /// It cannot be used: why, and what to do.
    Refused(Utf8PathBuf, String, Option<String>),
    /// Read.
    Read {
        /// The file.
        path: Utf8PathBuf,
        /// The core and the plugin that `current` names.
        current: Option<(Version, Option<Version>)>,
        /// First bad releases: the release, its signature, the pin before it.
        bad: Vec<(Version, String, Version)>,
    },
}

/// An apply or undo that was cut short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplyLeft {
    /// Its backup directory.
    pub directory: Utf8PathBuf,
    /// From which core.
    pub from: Version,
    /// To which.
    pub to: Version,
    /// What was cut short.
    pub operation: Operation,
    /// Whether it had begun to change the installation.
    pub changed: bool,
    /// Whether it had stopped the service, and not started it again.
    pub stopped: bool,
    /// When it began.
    pub at: Timestamp,
}

/// What keeps `OpenClaw` from updating itself, by codexpin's own record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum HoldRead {
    /// Nothing does.
    #[default]
    NotHeld,
    /// The record cannot be read: why, and what to do.
    Refused(String, Option<String>),
    /// It is held.
    Held {
        /// The record.
        hold: Hold,
        /// What of it is gone, in words.
        gone: Vec<String>,
    },
}

/// What the registry says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RegistryFacts {
    /// What `latest` stands for.
    pub latest: Option<Version>,
    /// Whether it has the installed core.
    pub has_core: bool,
    /// The publisher's word against the installed core.
    pub deprecated: Option<String>,
    /// The plugin that pairs with the installed core.
    pub plugin: Option<Version>,
}
