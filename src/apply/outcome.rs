//! What an apply or an undo tells: its steps while it happens, its end.

use camino::Utf8PathBuf;
use serde::Serialize;

use super::journal::{Operation, Phase};
use super::plan::Versions;
use super::swap::PartKind;
use crate::exit_code::ExitCode;
use crate::release::Version;

/// Something that happens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "step")]
pub enum Step {
    /// An earlier apply was killed; it is finished or put back.
    GoingOn {
        /// Its backup.
        backup: Utf8PathBuf,
        /// How far it had come.
        phase: Phase,
    },
    /// npm installs beside the live package.
    Staging {
        /// Core or plugin.
        part: PartKind,
        /// The release.
        version: Version,
    },
    /// The service is stopped.
    Stopping {
        /// Its unit file.
        unit: Utf8PathBuf,
    },
    /// Everything is in the backup.
    Saved {
        /// The backup.
        backup: Utf8PathBuf,
        /// How many files.
        files: usize,
    },
    /// A release is live.
    Swapped {
        /// Core or plugin.
        part: PartKind,
        /// The release.
        version: Version,
    },
    /// A saved config is in place.
    ConfigPlaced {
        /// The config.
        path: Utf8PathBuf,
        /// The saved one.
        saved: Utf8PathBuf,
    },
    /// The service is started.
    Starting {
        /// Its unit file.
        unit: Utf8PathBuf,
    },
    /// Version, service and reply are asked for.
    Proving {
        /// The release.
        version: Version,
    },
    /// It failed; everything is put back.
    PuttingBack {
        /// Why.
        why: String,
    },
}

/// A directory that is kept so that `undo` is an exchange.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Kept {
    /// Where.
    pub path: Utf8PathBuf,
    /// What it takes on the disk.
    pub bytes: u64,
}

/// Something to know afterwards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "note")]
pub enum Note {
    /// The release had changed the file; it is as it was.
    Restored {
        /// The file.
        path: Utf8PathBuf,
    },
    /// The release had migrated the database, which is one-way: it is as it
    /// was before. What the release wrote is in the backup, under `after`. A
    /// login that it refreshed meanwhile may have to be done again.
    DatabaseRestored {
        /// The database.
        path: Utf8PathBuf,
        /// Its schema after the migration.
        migrated: i64,
        /// Its schema again.
        schema: i64,
    },
    /// The config was last written by a newer release, and no service was
    /// started with it: that the release answers elsewhere does not say that
    /// its Gateway starts here.
    ConfigFromNewer {
        /// The config.
        path: Utf8PathBuf,
        /// Who wrote it.
        written_by: Version,
        /// Who refuses it.
        refused_by: Version,
    },
    /// The config was edited since the backup: the edits stay, the saved one
    /// is beside it.
    ConfigKept {
        /// The config.
        path: Utf8PathBuf,
        /// The saved one.
        saved: Utf8PathBuf,
    },
}

/// How an apply, an undo, or the going on with one ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "outcome")]
pub enum Outcome {
    /// Nothing to do.
    AlreadyAsPinned {
        /// What is installed.
        installed: Versions,
    },
    /// As it was to be.
    Done {
        /// Apply or undo.
        operation: Operation,
        /// What was installed.
        from: Versions,
        /// What is installed.
        to: Versions,
        /// The backup.
        backup: Utf8PathBuf,
        /// What is kept for `undo`.
        kept: Vec<Kept>,
        /// Older generations that are gone now.
        removed: Vec<Utf8PathBuf>,
        /// What to know.
        notes: Vec<Note>,
    },
    /// As it was.
    RolledBack {
        /// Apply or undo.
        operation: Operation,
        /// What is installed, as before.
        from: Versions,
        /// What was to be.
        to: Versions,
        /// Why.
        why: String,
        /// The backup.
        backup: Utf8PathBuf,
        /// What to know.
        notes: Vec<Note>,
    },
}

impl Outcome {
    /// The exit status that says this.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::AlreadyAsPinned { .. } | Self::Done { .. } => ExitCode::Success,
            Self::RolledBack { .. } => ExitCode::RolledBack,
        }
    }
}
