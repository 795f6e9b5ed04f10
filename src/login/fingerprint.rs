//! Whether a store of logins is as it was.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use sha2::{Digest as _, Sha256};
use walkdir::WalkDir;

use super::{LoginError, Place, store};
use crate::fs::read_private;
use crate::sqlite;

type Hash = [u8; 32];

/// Hashes of everything in which an installation keeps logins: the files whole,
/// the databases by the rows that hold logins. A running Gateway writes its
/// databases for many reasons; that a login changed is not one of them, unless it
/// was refreshed. `auth-state.json` and its table are left out: they count uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint(BTreeMap<Utf8PathBuf, Hash>);

impl Fingerprint {
    /// Takes it now; nothing changes in the installation.
    pub fn take(place: &Place) -> Result<Self, LoginError> {
        let mut hashes = BTreeMap::new();
        for database in store::databases(place)? {
            hashes.insert(database.path.clone(), rows(&database.path)?);
        }
        for file in files(place)? {
            match read_private(&file) {
                Ok(text) => {
                    hashes.insert(file, Sha256::digest(text.as_slice()).into());
                }
                // Removed since it was listed: treated as never there.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(source) => return Err(LoginError::io(&file, source)),
            }
        }
        Ok(Self(hashes))
    }

    /// What is not as it was in `other`, came, or went; in the order of the paths.
    pub fn differences(&self, other: &Self) -> Vec<Utf8PathBuf> {
        let mut paths: Vec<_> = self.0.keys().chain(other.0.keys()).collect();
        paths.sort();
        paths.dedup();
        paths.retain(|path| self.0.get(*path) != other.0.get(*path));
        paths.into_iter().cloned().collect()
    }

    /// How many files and databases it is of.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the installation keeps no logins at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn rows(database: &Utf8Path) -> Result<Hash, LoginError> {
    let hash = sqlite::read(database, |connection| {
        let mut hash = Sha256::new();
        store::each_row(connection, |table, key, json| {
            for part in [table.as_bytes(), key, json] {
                hash.update(part.len().to_le_bytes());
                hash.update(part);
            }
        })?;
        Ok(hash)
    })?;
    Ok(hash.finalize().into())
}

/// Every file with logins in it, those that were left by a migration as well, and
/// the key of the sealed ones. The rest of `credentials/` belongs to channels, which
/// write there all the time.
fn files(place: &Place) -> Result<Vec<Utf8PathBuf>, LoginError> {
    let mut directories: Vec<_> =
        store::of_agents(place, "")?.into_iter().map(|source| source.path).collect();
    directories.push(place.credentials());
    directories.push(place.sealed());
    let sealed = place.sealed();
    let mut files = vec![place.key_file()];
    for directory in directories {
        let entries = WalkDir::new(&directory).min_depth(1).max_depth(1);
        for entry in entries.into_iter().flatten() {
            let Ok(path) = Utf8PathBuf::from_path_buf(entry.into_path()) else { continue };
            let wanted = directory == sealed || is_store(path.file_name().unwrap_or_default());
            if wanted && path.is_file() {
                files.push(path);
            }
        }
    }
    Ok(files)
}

/// The stores of all releases by name, and what migrations make of their names.
fn is_store(name: &str) -> bool {
    ["auth.json", "auth-profiles.json", "oauth.json"].iter().any(|store| {
        name.strip_prefix(store).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })
}
