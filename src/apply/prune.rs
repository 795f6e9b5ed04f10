//! What backups take on disk, and what of it no undo needs.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};

use super::exchange::Part;
use super::journal::ApplyJournal;
use super::stage::size_of;
use super::{ApplyError, BackupError, lock_file};
use crate::fs::{self, Lock};

/// A backup of which everything went that no undo needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrunedBackup {
    /// The backup.
    pub journal: ApplyJournal,
    /// What was freed. Bytes.
    pub freed: u64,
}

impl ApplyJournal {
    /// What it takes on disk, with the packages that are kept for its undo. Bytes.
    pub fn disk_use(&self) -> u64 {
        size_of(&self.directory) + self.kept().iter().map(|holder| size_of(holder)).sum::<u64>()
    }

    /// The directories with the packages that it replaced, where those are not live again.
    fn kept(&self) -> BTreeSet<Utf8PathBuf> {
        let kept = self
            .record
            .parts
            .iter()
            .filter(|part| !part.is_live(part.before) && part.has(part.before));
        kept.filter_map(holder).collect()
    }

    /// Whether it is the one to go back to: what it replaced is kept, for the very
    /// installation that it was made of.
    fn is_undoable(&self) -> bool {
        self.can_be_undone(&self.record.installation)
    }

    /// Takes out all but the record of what was done and the config as it was: a later
    /// apply may put that in place.
    fn strip(&self) -> std::io::Result<()> {
        let config = self.saved_config();
        for entry in self.directory.read_dir_utf8()? {
            let path = entry?.into_path();
            if path != self.file() && Some(&path) != config.as_ref() {
                fs::remove(&path)?;
            }
        }
        for holder in self.kept() {
            fs::remove(&holder)?;
        }
        fs::sync_directory(&self.directory)
    }
}

fn holder(part: &Part) -> Option<Utf8PathBuf> {
    let holder = part.other.parent()?;
    holder.file_name()?.starts_with(".codexpin-").then(|| holder.to_owned())
}

/// Frees what no undo needs, the oldest backup first. The newest one of each installation
/// that can be undone stays whole, and so does one that is not at its end.
///
/// # Errors
///
/// Another codexpin is at an installation, or a file cannot be removed.
pub fn prune(backups: &Utf8Path) -> Result<Vec<PrunedBackup>, ApplyError> {
    let journals = ApplyJournal::all(backups)?.journals;
    let core = |journal: &ApplyJournal| journal.record.installation.core.directory.clone();
    let mut pruned = Vec::new();
    for (index, journal) in journals.iter().enumerate() {
        let is_newest = || {
            let mut later = journals[index + 1..].iter();
            !later.any(|other| core(other) == core(journal) && other.is_undoable())
        };
        if !journal.record.progress.is_finished() || journal.is_undoable() && is_newest() {
            continue;
        }
        let _lock = Lock::try_take(&lock_file(backups, &core(journal)))?;
        let before = journal.disk_use();
        journal.strip().map_err(BackupError::Io)?;
        let freed = before.saturating_sub(journal.disk_use());
        if freed > 0 {
            pruned.push(PrunedBackup { journal: journal.clone(), freed });
        }
    }
    Ok(pruned)
}
