//! The scratch home of one turn: directories of its own, removed when the turn
//! is over, and the copies of state that it begins and ends with.

use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use walkdir::WalkDir;

use crate::fs::{Lock, create_private_dir, remove};
use crate::sqlite;
use crate::upstream::loopback::{Script, ScriptedRead};

/// The ending of a home's lock file.
const LOCK: &str = ".lock";
/// What is not state: packages, and the temporary files and logs of a run that
/// is over.
const LEFT_OUT: [&str; 3] = ["npm", "tmp", "logs"];

/// A scratch home; dropped, it is gone.
#[derive(Debug)]
pub(super) struct ScratchHome {
    path: Utf8PathBuf,
    _in_use: Lock,
}

impl ScratchHome {
    /// Makes an empty scratch home under `parent`.
    pub(super) fn make(parent: &Utf8Path) -> io::Result<Self> {
        fs::create_dir_all(parent)?;
        // The lock comes first: a home without one may be swept.
        let file = tempfile::Builder::new().prefix("home-").suffix(LOCK).tempfile_in(parent)?;
        let lock = file.into_temp_path().keep().map_err(|error| error.error)?;
        let lock = Utf8PathBuf::from_path_buf(lock)
            .map_err(|path| io::Error::other(format!("{} is not UTF-8", path.display())))?;
        let in_use = Lock::try_take(&lock).map_err(io::Error::other)?;
        let path = Utf8PathBuf::from(lock.as_str().trim_end_matches(LOCK));
        create_private_dir(&path)?;
        let home = Self { path, _in_use: in_use };
        for directory in
            [home.state(), home.workspace(), home.tmp(), home.private_tmp(), home.path.join("bin")]
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

    /// Where the enclosure's own `/tmp`, `/var/tmp` and hidden directories lie.
    pub(super) fn private_tmp(&self) -> Utf8PathBuf {
        self.path.join("private-tmp")
    }

    /// What makes this home different from every other.
    pub(super) fn id(&self) -> &str {
        self.path.file_name().unwrap_or_default().trim_start_matches("home-")
    }

    /// Writes the files that so many tool calls are to read, with random contents, so
    /// that an answer proves that they were read.
    pub(super) fn hide_probe_files(&self, calls: u16) -> io::Result<Script> {
        let reads = (1..=calls).map(|call| {
            let file = self.workspace().join(format!("probe-{call}.txt"));
            let read = ScriptedRead { file, content: nonce() };
            crate::fs::write_private(&read.file, format!("{}\n", read.content).as_bytes())?;
            Ok(read)
        });
        Ok(Script { reads: reads.collect::<io::Result<_>>()? })
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
            // What cannot be removed costs only disk, and the next start tries again.
            let _ = remove(&path);
            let _ = remove(&lock_file(&path));
        }
    }
}

/// Copies the state directory `from` to `to`, which is there and private.
pub(super) fn copy_state(from: &Utf8Path, to: &Utf8Path) -> io::Result<()> {
    let wanted = |entry: &walkdir::DirEntry| {
        let name = entry.file_name().to_str().unwrap_or_default();
        !(entry.depth() == 1 && entry.file_type().is_dir() && LEFT_OUT.contains(&name))
    };
    for entry in WalkDir::new(from).min_depth(1).into_iter().filter_entry(wanted) {
        let entry = entry?;
        let path = Utf8PathBuf::from_path_buf(entry.path().to_owned())
            .map_err(|path| io::Error::other(format!("{} is not UTF-8", path.display())))?;
        let target = to.join(path.strip_prefix(from).map_err(io::Error::other)?);
        let kind = entry.file_type();
        let log_of_database = path.as_str().ends_with("-wal") || path.as_str().ends_with("-shm");
        if kind.is_dir() {
            create_private_dir(&target)?;
        } else if path.extension() == Some("sqlite") {
            sqlite::copy(&path, &target).map_err(io::Error::other)?;
        } else if kind.is_file() && !log_of_database {
            fs::copy(&path, &target)?;
        }
    }
    Ok(())
}

/// 128 random bits in hexadecimal.
pub(super) fn nonce() -> String {
    use std::hash::{BuildHasher as _, RandomState};
    // The standard library seeds its maps with the system's randomness.
    format!("{:016x}{:016x}", RandomState::new().hash_one(0), RandomState::new().hash_one(1))
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

    #[test]
    fn files_and_open_databases_are_copied_and_packages_are_not() {
        let guard = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(guard.path()).unwrap();
        let (from, to) = (root.join("from"), root.join("to"));
        for directory in
            [from.join("npm/projects"), from.join("state"), from.join("a/npm"), to.clone()]
        {
            fs::create_dir_all(directory).unwrap();
        }
        fs::write(from.join("openclaw.json"), "{}").unwrap();
        fs::write(from.join("npm/projects/package.json"), "{}").unwrap();
        fs::write(from.join("a/npm/kept"), "").unwrap();
        let open = rusqlite::Connection::open(from.join("state/openclaw.sqlite")).unwrap();
        open.pragma_update(None, "journal_mode", "wal").unwrap();
        open.execute_batch("create table t (x); insert into t values (7)").unwrap();
        copy_state(&from, &to).unwrap();
        drop(open);
        assert!(!to.join("state/openclaw.sqlite-wal").exists());
        let copied = rusqlite::Connection::open(to.join("state/openclaw.sqlite")).unwrap();
        let row: i64 = copied.query_row("select x from t", [], |row| row.get(0)).unwrap();
        assert_eq!(row, 7);
        assert!(to.join("openclaw.json").exists() && to.join("a/npm/kept").exists());
        assert!(!to.join("npm").exists());
    }

    #[test]
    fn every_tool_call_has_a_file_with_a_content_of_its_own() {
        let (_guard, parent) = parent();
        let home = ScratchHome::make(&parent).unwrap();
        assert!(home.hide_probe_files(0).unwrap().reads.is_empty());
        let script = home.hide_probe_files(3).unwrap();
        let contents: std::collections::BTreeSet<_> = script
            .reads
            .iter()
            .map(|read| {
                let content = std::fs::read_to_string(&read.file).unwrap();
                assert_eq!(content.trim(), read.content);
                content
            })
            .collect();
        assert_eq!(contents.len(), 3);
    }
}
