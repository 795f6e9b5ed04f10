//! Copies of what an apply may change, or what a release that it starts may
//! change: config, unit, manifests, agent state.

use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::fs;
use crate::installation::Installation;
use crate::sqlite::{self, SqliteError};

/// What a saved file is, which decides whether it is ever put back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SavedKind {
    /// `openclaw.json`.
    Config,
    /// The systemd unit.
    Unit,
    /// `package.json` and lock files, to read later what was installed.
    Manifest,
    /// An agent's files. Never put back by itself: a refresh token in it may
    /// have been used since, and the older one would log the agent out.
    State,
    /// A state database. Put back only where a release that failed its proof
    /// has migrated it, because that is one-way.
    Database,
}

/// One file in a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedFile {
    /// What it is.
    pub kind: SavedKind,
    /// Where it was.
    pub path: Utf8PathBuf,
    /// The copy, relative to the backup.
    pub copy: Utf8PathBuf,
    /// SHA-256 of the copy, in hexadecimal.
    pub sha256: String,
    /// A database's `user_version`, which `OpenClaw` counts its migrations by
    /// (`openclaw.schemaVersions` in its package.json).
    pub schema: Option<i64>,
}

/// A file could not be saved or put back.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A file.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A database.
    #[error(transparent)]
    Database(#[from] SqliteError),
}

/// Saves everything that there is into `backup`, which must be private.
pub(super) fn save(
    installation: &Installation,
    backup: &Utf8Path,
    half_done: impl Fn(),
) -> Result<Vec<SavedFile>, BackupError> {
    let mut saved = Vec::new();
    for (kind, path, copy) in everything(installation) {
        if !path.is_file() {
            continue;
        }
        let target = backup.join(&copy);
        fs::create_private_dir(target.parent().unwrap_or(backup))?;
        let schema = if kind == SavedKind::Database {
            sqlite::copy(&path, &target)?;
            Some(sqlite::user_version(&target)?)
        } else {
            fs::write_private(&target, &fs_err::read(&path)?)?;
            None
        };
        fs_err::File::open(&target)?.sync_all()?;
        let sha256 = hash_of(&target)?.unwrap_or_default();
        saved.push(SavedFile { kind, path, copy, sha256, schema });
        half_done();
    }
    Ok(saved)
}

/// What a backup of it takes. Bytes.
pub(super) fn size(installation: &Installation) -> u64 {
    let files = everything(installation).into_iter();
    files.filter_map(|(_, path, _)| Some(path.metadata().ok()?.len())).sum()
}

fn everything(installation: &Installation) -> Vec<(SavedKind, Utf8PathBuf, Utf8PathBuf)> {
    let mut all =
        vec![(SavedKind::Config, installation.config.clone(), Utf8PathBuf::from("openclaw.json"))];
    if let Some(service) = &installation.service {
        let name = service.unit.file_name().unwrap_or("unit");
        all.push((SavedKind::Unit, service.unit.clone(), name.into()));
    }
    let core = &installation.core.directory;
    all.push((SavedKind::Manifest, core.join("package.json"), "core/package.json".into()));
    let project = installation.plugin.as_ref().and_then(|plugin| plugin.project.as_ref());
    for name in ["package.json", "package-lock.json"] {
        all.extend(project.map(|project| {
            (SavedKind::Manifest, project.join(name), Utf8PathBuf::from("plugin").join(name))
        }));
    }
    let state = &installation.state;
    let mut directories = vec![state.join("state")];
    directories.extend(entries(&state.join("agents")).into_iter().map(|a| a.join("agent")));
    for file in directories.iter().flat_map(|directory| entries(directory)) {
        let name = file.as_str();
        let kind = if name.ends_with(".sqlite") {
            SavedKind::Database
        } else if name.ends_with("-wal")
            || name.ends_with("-shm")
            || file.starts_with(state.join("state"))
        {
            continue;
        } else {
            SavedKind::State
        };
        let copy = Utf8Path::new("state").join(file.strip_prefix(state).unwrap_or(&file));
        all.push((kind, file.clone(), copy));
    }
    all
}

fn entries(directory: &Utf8Path) -> Vec<Utf8PathBuf> {
    let read = directory.read_dir_utf8().into_iter().flatten().flatten();
    let mut paths: Vec<_> = read.map(camino::Utf8DirEntry::into_path).collect();
    paths.sort();
    paths
}

impl SavedFile {
    /// Puts the file back if it is different now; whether it was.
    pub(super) fn put_back(&self, backup: &Utf8Path) -> Result<bool, BackupError> {
        if hash_of(&self.path)?.as_deref() == Some(&self.sha256) {
            return Ok(false);
        }
        replace(&self.path, &fs_err::read(backup.join(&self.copy))?)?;
        Ok(true)
    }

    /// Puts a database back if it was migrated since, the migrated one saved
    /// in `after`; the schema that it had then, if so. The service must be stopped.
    pub(super) fn put_back_if_migrated(
        &self,
        backup: &Utf8Path,
    ) -> Result<Option<i64>, BackupError> {
        if !self.path.is_file() {
            return Ok(None);
        }
        let now = sqlite::user_version(&self.path)?;
        if Some(now) == self.schema {
            return Ok(None);
        }
        let after = backup.join("after").join(&self.copy);
        fs::create_private_dir(after.parent().unwrap_or(backup))?;
        sqlite::copy(&self.path, &after)?;
        let fresh = Utf8PathBuf::from(format!("{}.codexpin", self.path));
        fs::write_private(&fresh, &fs_err::read(backup.join(&self.copy))?)?;
        // On disk before it takes the old one's name: after a power cut there is the whole
        // old database or the whole new one.
        fs_err::File::open(&fresh)?.sync_all()?;
        // Before the rename: SQLite would replay the migrated database's log into the old
        // one that it then finds beside it.
        for tail in ["-wal", "-shm"] {
            fs::remove(&Utf8PathBuf::from(format!("{}{tail}", self.path)))?;
        }
        fs_err::rename(&fresh, &self.path)?;
        fs::sync_directory(self.path.parent().unwrap_or(backup))?;
        Ok(Some(now))
    }
}

/// Writes a file anew where it is, through a link (a config kept elsewhere).
pub(super) fn replace(path: &Utf8Path, content: &[u8]) -> io::Result<()> {
    let real = path.canonicalize_utf8().unwrap_or_else(|_| path.to_owned());
    fs::write_atomic(&real, content)
}

/// SHA-256 of a file, in hexadecimal; none where there is no file.
pub(super) fn hash_of(path: &Utf8Path) -> io::Result<Option<String>> {
    match fs_err::read(path) {
        Ok(content) => Ok(Some(format!("{:x}", Sha256::digest(content)))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    fn database(path: &Utf8Path, schema: i64) -> Connection {
        let connection = Connection::open(path).unwrap();
        connection.pragma_update(None, "journal_mode", "wal").unwrap();
        connection.pragma_update(None, "user_version", schema).unwrap();
        connection
            .execute_batch("create table if not exists t (x); insert into t values (1)")
            .unwrap();
        connection
    }

    #[test]
    fn a_database_in_use_is_copied_whole_and_put_back_only_after_a_migration() {
        let guard = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(guard.path().to_owned()).unwrap();
        let live = root.join("openclaw.sqlite");
        // Open while it is copied: its rows are in the log and not in the file.
        let open_elsewhere = database(&live, 1);
        let copy = root.join("backup/openclaw.sqlite");
        fs::create_private_dir(copy.parent().unwrap()).unwrap();
        sqlite::copy(&live, &copy).unwrap();
        drop(open_elsewhere);
        let saved = SavedFile {
            kind: SavedKind::Database,
            path: live.clone(),
            copy: "openclaw.sqlite".into(),
            sha256: String::new(),
            schema: Some(sqlite::user_version(&copy).unwrap()),
        };
        let backup = root.join("backup");
        drop(database(&live, 1));
        assert_eq!(saved.put_back_if_migrated(&backup).unwrap(), None);
        drop(database(&live, 2));
        assert_eq!(saved.put_back_if_migrated(&backup).unwrap(), Some(2));
        let rows = |path: &Utf8Path| -> i64 {
            let connection = Connection::open(path).unwrap();
            connection.query_row("select count(*) from t", [], |row| row.get(0)).unwrap()
        };
        assert_eq!((sqlite::user_version(&live).unwrap(), rows(&live)), (1, 1));
        assert_eq!(rows(&backup.join("after/openclaw.sqlite")), 3);
    }

    #[test]
    fn reading_a_database_leaves_no_file_beside_it() {
        let guard = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(guard.path().to_owned()).unwrap();
        drop(database(&root.join("a.sqlite"), 7));
        assert_eq!(sqlite::user_version(&root.join("a.sqlite")).unwrap(), 7);
        assert_eq!(entries(&root), [root.join("a.sqlite")]);
    }
}
