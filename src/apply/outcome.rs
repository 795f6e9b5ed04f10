//! How an apply or an undo ended.

use camino::Utf8PathBuf;
use jiff::Timestamp;
use serde::Serialize;

use super::journal::{Operation, Setback};
use super::versions::Versions;
use crate::release::Version;

/// A directory that is kept so that `undo` is an exchange.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeptTree {
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
    /// The config cannot be read, and no service was there to try it.
    ConfigBroken {
        /// The config.
        path: Utf8PathBuf,
        /// What is wrong with it, and where.
        problem: String,
    },
    /// The config could not be read, and a saved one is in its place.
    ConfigReplaced {
        /// The config.
        path: Utf8PathBuf,
        /// What was wrong with it, and where.
        problem: String,
        /// The backup's copy of it.
        broken: Utf8PathBuf,
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
pub enum ApplyOutcome {
    /// Nothing to do.
    AlreadyAsPinned {
        /// What is installed.
        installed: Versions,
    },
    /// It is held already.
    AlreadyHeld {
        /// What is to stay.
        held: Versions,
        /// Since when.
        since: Timestamp,
    },
    /// Nothing holds it that could be let go.
    NotHeld {
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
        kept: Vec<KeptTree>,
        /// Older generations that are gone now.
        removed: Vec<Utf8PathBuf>,
        /// What to know.
        notes: Vec<Note>,
    },
    /// Done as planned, but a proof could not be carried out. Nothing is put back.
    Unproven {
        /// Apply or undo.
        operation: Operation,
        /// What was installed.
        from: Versions,
        /// What is installed.
        to: Versions,
        /// What prevented each proof.
        why: Vec<String>,
        /// The backup.
        backup: Utf8PathBuf,
        /// What is kept for `undo`.
        kept: Vec<KeptTree>,
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
        /// What kind of reason that is.
        setback: Setback,
        /// The backup.
        backup: Utf8PathBuf,
        /// What to know.
        notes: Vec<Note>,
    },
}

impl ApplyOutcome {
    /// Whether whoever asks for an undo has it when a killed one has ended like this: the
    /// undo is finished, or the apply that it would undo was put back.
    pub fn settles_an_undo(&self) -> bool {
        match self {
            Self::AlreadyAsPinned { .. } | Self::AlreadyHeld { .. } | Self::NotHeld { .. } => false,
            Self::Done { operation, .. } | Self::Unproven { operation, .. } => {
                *operation == Operation::Undo
            }
            Self::RolledBack { operation, .. } => *operation == Operation::Apply,
        }
    }

    /// What to know afterwards.
    pub fn notes(&self) -> &[Note] {
        match self {
            Self::AlreadyAsPinned { .. } | Self::AlreadyHeld { .. } | Self::NotHeld { .. } => &[],
            Self::Done { notes, .. }
            | Self::Unproven { notes, .. }
            | Self::RolledBack { notes, .. } => notes,
        }
    }
}
