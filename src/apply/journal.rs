//! How far an apply has come, on disk before each step: `backup.json`.

use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::backup::{Saved, SavedKind};
use super::plan::Versions;
use super::swap::Part;
use crate::fs;
use crate::installation::Installation;

/// The format that this codexpin reads and writes.
const FORMAT: u32 = 1;
const FILE: &str = "backup.json";

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Operation {
    /// A pin was applied.
    Apply,
    /// What an apply (or an undo) replaced was brought back.
    Undo,
}

/// How far it has come. Up to `Stopping` the live installation is as it was;
/// from `BackedUp` on it goes forward, unless it rolls back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Written down; staging begins.
    Prepared,
    /// The packages stand ready beside the live ones.
    Staged,
    /// The service is being stopped, then everything is saved.
    Stopping,
    /// Everything is saved.
    BackedUp,
    /// The core is being exchanged.
    SwappingCore,
    /// The plugin is being exchanged.
    SwappingPlugin,
    /// The config is put in place, the service started.
    Starting,
    /// The proof runs.
    Proving,
    /// As it was to be.
    Done,
    /// Being put back.
    RollingBack,
    /// As it was.
    RolledBack,
}

impl Phase {
    /// Whether nothing is left to do.
    pub fn is_finished(self) -> bool {
        matches!(self, Self::Done | Self::RolledBack)
    }
}

/// One apply or undo, with all that is needed to go on or to put back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The format of this file.
    pub format: u32,
    /// Apply or undo.
    pub operation: Operation,
    /// When it began.
    pub at: Timestamp,
    /// What was installed.
    pub from: Versions,
    /// What was to be.
    pub to: Versions,
    /// The installation as it was found.
    pub installation: Installation,
    /// What is exchanged.
    pub parts: Vec<Part>,
    /// Whether the service is to run afterwards.
    pub service_wanted: bool,
    /// Whether it ran before.
    pub service_ran: bool,
    /// A saved config that is to be put in place, where the operation has one.
    pub config_from: Option<Utf8PathBuf>,
    /// A saved config to be laid beside the live one, which has the user's edits.
    pub config_beside: Option<Utf8PathBuf>,
    /// The saved files.
    pub saved: Vec<Saved>,
    /// How far it has come.
    pub phase: Phase,
    /// Why it is, or was, put back.
    pub why: Option<String>,
}

/// A backup cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// A file.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// No backup of codexpin's, or a damaged one.
    #[error("{path} does not parse: {reason}")]
    Damaged {
        /// The file.
        path: Utf8PathBuf,
        /// Why.
        reason: String,
    },
    /// A later codexpin wrote it.
    #[error("{path} has format {found}; this codexpin knows format {FORMAT}")]
    NewerFormat {
        /// The file.
        path: Utf8PathBuf,
        /// Its format.
        found: u64,
    },
}

/// A record in its backup directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Journal {
    /// The backup directory.
    pub directory: Utf8PathBuf,
    /// What it says.
    pub record: Record,
}

impl Journal {
    /// Begins: makes the backup directory, readable by its owner only.
    pub(super) fn begin(
        backups: &Utf8Path,
        name: &str,
        record: Record,
    ) -> Result<Self, JournalError> {
        let journal = Self { directory: backups.join(name), record };
        fs::create_private_dir(&journal.directory)?;
        journal.write()?;
        Ok(journal)
    }

    /// Enters a phase, on disk before anything of it happens.
    pub(super) fn enter(&mut self, phase: Phase) -> Result<(), JournalError> {
        self.record.phase = phase;
        self.write()
    }

    pub(super) fn write(&self) -> Result<(), JournalError> {
        let text = serde_json::to_string_pretty(&self.record).map_err(io::Error::other)?;
        Ok(fs::write_atomic(&self.directory.join(FILE), text.as_bytes())?)
    }

    /// Reads one.
    pub fn read(directory: &Utf8Path) -> Result<Self, JournalError> {
        let path = directory.join(FILE);
        let text = fs_err::read_to_string(&path)?;
        let damaged = |e: serde_json::Error| JournalError::Damaged {
            path: path.clone(),
            reason: e.to_string(),
        };
        let value: serde_json::Value = serde_json::from_str(&text).map_err(damaged)?;
        match value["format"].as_u64() {
            Some(found) if found > u64::from(FORMAT) => {
                Err(JournalError::NewerFormat { path: path.clone(), found })
            }
            _ => {
                let record = serde_json::from_value(value).map_err(damaged)?;
                Ok(Self { directory: directory.to_owned(), record })
            }
        }
    }

    /// All of them, oldest first.
    pub fn all(backups: &Utf8Path) -> Result<Vec<Self>, JournalError> {
        let mut directories = Vec::new();
        match backups.read_dir_utf8() {
            Ok(entries) => {
                for entry in entries {
                    directories.push(entry?.into_path());
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
        // A directory without the file was killed before anything began.
        directories.retain(|directory| directory.join(FILE).exists());
        let mut all = directories.iter().map(|d| Self::read(d)).collect::<Result<Vec<_>, _>>()?;
        all.sort_by(|a, b| (a.record.at, &a.directory).cmp(&(b.record.at, &b.directory)));
        Ok(all)
    }

    /// The name by which `undo` finds it.
    pub fn name(&self) -> &str {
        self.directory.file_name().unwrap_or_default()
    }

    /// Where the config that is to be put in place is kept: where it was found
    /// it may be moved along while the apply goes on.
    pub(super) fn earlier_config(backups: &Utf8Path, name: &str) -> Utf8PathBuf {
        backups.join(name).join("openclaw.json.earlier")
    }

    /// The saved config, where there was one.
    pub fn saved_config(&self) -> Option<Utf8PathBuf> {
        let config = self.record.saved.iter().find(|saved| saved.kind == SavedKind::Config)?;
        Some(self.directory.join(&config.copy))
    }
}

impl Record {
    /// A record at its beginning.
    pub(super) fn new(
        operation: Operation,
        at: Timestamp,
        installation: &Installation,
        to: Versions,
        parts: Vec<Part>,
    ) -> Self {
        let plugin = installation.plugin.as_ref();
        Self {
            format: FORMAT,
            operation,
            at,
            from: Versions {
                core: installation.core.version,
                plugin: plugin.map(crate::installation::ManagedPlugin::version),
            },
            to,
            installation: installation.clone(),
            parts,
            service_wanted: false,
            service_ran: false,
            config_from: None,
            config_beside: None,
            saved: Vec::new(),
            phase: Phase::Prepared,
            why: None,
        }
    }
}
