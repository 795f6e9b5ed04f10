//! The scratch home of one turn: directories of its own, removed when the turn
//! is over.

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;

use crate::fs::{Lock, create_private_dir, remove};

/// The ending of a home's lock file.
const LOCK: &str = ".lock";

/// A scratch home; dropped, it is gone.
#[derive(Debug)]
pub(super) struct ScratchHome {
    path: Utf8PathBuf,
    _in_use: Lock,
}

impl ScratchHome {
    /// Makes an empty scratch home under `parent`.
    pub(super) fn make(parent: &Utf8Path) -> std::io::Result<Self> {
        fs::create_dir_all(parent)?;
        // The lock comes first: a home without one may be swept.
        let file = tempfile::Builder::new().prefix("home-").suffix(LOCK).tempfile_in(parent)?;
        let lock = file.into_temp_path().keep().map_err(|error| error.error)?;
        let lock = Utf8PathBuf::from_path_buf(lock)
            .map_err(|path| std::io::Error::other(format!("{} is not UTF-8", path.display())))?;
        let in_use = Lock::try_take(&lock).map_err(std::io::Error::other)?;
        let path = Utf8PathBuf::from(lock.as_str().trim_end_matches(LOCK));
        create_private_dir(&path)?;
        let home = Self { path, _in_use: in_use };
        for directory in
            [home.state(), home.workspace(), home.tmp(), home.rooms(), home.path.join("bin")]
        {
            create_private_dir(&directory)?;
        }
        Ok(home)
    }

    pub(super) fn path(&self) -> &Utf8Path {
        &self.path
    }

    /// What `OpenClaw` takes for its state directory.
    pub(super) fn state(&self) -> Utf8PathBuf {
        self.path.join(".openclaw")
    }

    /// What `OpenClaw` takes for its config.
    pub(super) fn config(&self) -> Utf8PathBuf {
        self.state().join("openclaw.json")
    }

    /// Where the agent works.
    pub(super) fn workspace(&self) -> Utf8PathBuf {
        self.path.join("workspace")
    }

    /// Where temporary files go.
    pub(super) fn tmp(&self) -> Utf8PathBuf {
        self.path.join("tmp")
    }

    /// What an enclosure has in place of `/tmp` and `/var/tmp`.
    pub(super) fn rooms(&self) -> Utf8PathBuf {
        self.path.join("rooms")
    }

    /// What makes this home different from every other.
    pub(super) fn id(&self) -> &str {
        self.path.file_name().unwrap_or_default().trim_start_matches("home-")
    }
}

impl Drop for ScratchHome {
    fn drop(&mut self) {
        // What cannot be removed now is swept by the next start.
        let _ = remove(&self.path);
        let _ = remove(&lock_file(&self.path));
    }
}

/// Beside the home, so that it outlives what a candidate does inside.
fn lock_file(home: &Utf8Path) -> Utf8PathBuf {
    Utf8PathBuf::from(format!("{home}{LOCK}"))
}

/// Removes the scratch homes that a killed codexpin left in `parent`.
pub fn sweep(parent: &Utf8Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let Ok(path) = Utf8PathBuf::from_path_buf(entry.path()) else { continue };
        if path.is_dir() && Lock::try_take(&lock_file(&path)).is_ok() {
            // Left-overs cost disk and nothing else; the next start tries again.
            let _ = remove(&path);
            let _ = remove(&lock_file(&path));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parent() -> (tempfile::TempDir, Utf8PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(directory.path().to_owned()).unwrap();
        (directory, path)
    }

    #[test]
    fn nothing_is_left_of_a_home_that_is_dropped() {
        let (_guard, parent) = parent();
        drop(ScratchHome::make(&parent).unwrap());
        assert_eq!(fs::read_dir(&parent).unwrap().count(), 0);
    }

    #[test]
    fn the_homes_of_a_killed_codexpin_are_swept_and_those_in_use_are_not() {
        let (_guard, parent) = parent();
        let in_use = ScratchHome::make(&parent).unwrap();
        fs::create_dir_all(parent.join("home-abandoned/workspace")).unwrap();
        sweep(&parent);
        assert!(in_use.path().exists());
        assert!(!parent.join("home-abandoned").exists());
    }
}
