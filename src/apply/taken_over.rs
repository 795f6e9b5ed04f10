//! Files of the state directory that a newer release has taken into its databases, and
//! left beside their place under another name. An older release looks for them under
//! their own; the newer one does not start where it finds them written anew
//! ("Left legacy update-check state in place because shared `SQLite` state already
//! differs", 2026.7.1 run over what 5.28 had written).

use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use crate::fs;

/// Directories with much in them and none of these files.
const PASSED_OVER: [&str; 8] =
    ["npm", "node_modules", "sessions", "workspace", "extensions", "media", "backups", "plugins"];
/// How deep they lie: `agents/<id>/agent/auth-state.json`.
const DEPTH: usize = 4;

/// A file that was taken over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakenOver {
    /// Where the older release looks for it, and writes it.
    pub original: Utf8PathBuf,
    /// What the newer one left.
    pub kept: Utf8PathBuf,
}

/// All of them below a state directory, the newest copy of each; no link is followed.
pub(super) fn find(state: &Utf8Path) -> Vec<TakenOver> {
    let passed_over = |entry: &walkdir::DirEntry| {
        entry.file_type().is_dir() && PASSED_OVER.iter().any(|name| entry.file_name() == *name)
    };
    let mut found: Vec<TakenOver> = Vec::new();
    let entries = walkdir::WalkDir::new(state).max_depth(DEPTH).sort_by_file_name().into_iter();
    for entry in entries.filter_entry(|entry| !passed_over(entry)) {
        let Ok(entry) = entry else { continue };
        let Ok(kept) = Utf8PathBuf::from_path_buf(entry.path().to_owned()) else { continue };
        let name = kept.file_name().unwrap_or_default();
        let Some(original) = original(name).filter(|_| entry.file_type().is_file()) else {
            continue;
        };
        let original = kept.with_file_name(original);
        // Sorted by name, and the names end with the time: a later one is newer.
        found.retain(|other| other.original != original);
        found.push(TakenOver { original, kept });
    }
    found
}

/// What a file was called before it was taken over: `runs.sqlite` of
/// `runs.sqlite.migrated` (6.1), `auth-state.json` of
/// `auth-state.json.sqlite-import.1795738543929.bak` (7.1).
fn original(name: &str) -> Option<&str> {
    if let Some((original, time)) = name.split_once(".sqlite-import.") {
        return (time.rsplit('.').next() == Some("bak")).then_some(original);
    }
    let (original, time) = name.split_once(".migrated")?;
    (time.is_empty() || time.starts_with('-')).then_some(original)
}

impl TakenOver {
    /// Whether it holds logins, which are moved and not copied.
    pub(super) fn is_of_an_agent(&self, state: &Utf8Path) -> bool {
        self.original.starts_with(state.join("agents"))
    }

    /// Puts a copy where the older release looks. What is there stays.
    pub(super) fn bring_back(&self) -> io::Result<()> {
        if self.original.exists() {
            return Ok(());
        }
        let fresh = Utf8PathBuf::from(format!("{}.codexpin", self.original));
        fs_err::copy(&self.kept, &fresh)?;
        fs_err::File::open(&fresh)?.sync_all()?;
        fs_err::rename(&fresh, &self.original)?;
        fs::sync_directory(fresh.parent().unwrap_or(&fresh))
    }
}

/// A database's file with those that `SQLite` may have put beside it.
pub(super) fn with_log(path: &Utf8Path) -> Vec<Utf8PathBuf> {
    let mut all = vec![path.to_owned()];
    if path.extension() == Some("sqlite") {
        all.extend(["-wal", "-shm"].map(|tail| Utf8PathBuf::from(format!("{path}{tail}"))));
    }
    all
}

/// Moves a file out of the state directory, to where the backup keeps it. One that is
/// not there was moved before.
pub(super) fn set_aside(path: &Utf8Path, state: &Utf8Path, aside: &Utf8Path) -> io::Result<()> {
    move_file(path, &aside_of(path, state, aside))
}

/// The way back.
pub(super) fn put_back(path: &Utf8Path, state: &Utf8Path, aside: &Utf8Path) -> io::Result<()> {
    move_file(&aside_of(path, state, aside), path)
}

fn aside_of(path: &Utf8Path, state: &Utf8Path, aside: &Utf8Path) -> Utf8PathBuf {
    aside.join(path.strip_prefix(state).unwrap_or(path))
}

fn move_file(from: &Utf8Path, to: &Utf8Path) -> io::Result<()> {
    if !fs_err::symlink_metadata(from).is_ok_and(|metadata| metadata.is_file()) {
        return Ok(());
    }
    let directory = to.parent().unwrap_or(to);
    fs::create_private_dir(directory)?;
    if let Err(error) = fs_err::rename(from, to) {
        if error.kind() != io::ErrorKind::CrossesDevices {
            return Err(error);
        }
        fs_err::copy(from, to)?;
        fs_err::File::open(to)?.sync_all()?;
        fs_err::remove_file(from)?;
    }
    fs::sync_directory(directory)?;
    fs::sync_directory(from.parent().unwrap_or(from))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(files: &[&str]) -> (tempfile::TempDir, Utf8PathBuf) {
        let guard = tempfile::tempdir().unwrap();
        let state = Utf8PathBuf::from_path_buf(guard.path().to_owned()).unwrap();
        for file in files {
            fs_err::create_dir_all(state.join(file).parent().unwrap()).unwrap();
            fs_err::write(state.join(file), *file).unwrap();
        }
        (guard, state)
    }

    #[test]
    fn what_an_upgrade_took_over_is_found_by_the_name_that_it_left() {
        let (_guard, state) = state(&[
            "update-check.json.migrated",
            "tasks/runs.sqlite.migrated",
            "agents/main/agent/auth-state.json.sqlite-import.1795738543929.bak",
            "agents/main/agent/auth-state.json.sqlite-import.1795738999999.bak",
            "agents/main/agent/auth-profiles.json.openai-provider-unification.1.bak",
            "devices/paired.json.migrated-2026-08-30T10-00-00Z",
            "openclaw.json.bak",
            "agents/main/sessions/x.json.migrated",
            "migrated",
        ]);
        let found = find(&state);
        let relative = |path: &Utf8Path| path.strip_prefix(&state).unwrap().to_string();
        let originals: Vec<_> = found.iter().map(|file| relative(&file.original)).collect();
        assert_eq!(
            originals,
            [
                "agents/main/agent/auth-state.json",
                "devices/paired.json",
                "tasks/runs.sqlite",
                "update-check.json",
            ]
        );
        assert!(found[0].kept.as_str().contains("999999"), "the newest one");
    }

    #[test]
    fn what_is_brought_back_is_a_copy_and_what_is_set_aside_comes_back_as_it_was() {
        let (_guard, state) = state(&["tasks/runs.sqlite.migrated"]);
        let file = find(&state).remove(0);
        file.bring_back().unwrap();
        fs_err::write(&file.original, "written since").unwrap();
        file.bring_back().unwrap();
        assert_eq!(fs_err::read_to_string(&file.original).unwrap(), "written since");
        assert!(file.kept.exists());
        let aside = state.join("backup");
        for _ in 0..2 {
            set_aside(&file.original, &state, &aside).unwrap();
            assert!(!file.original.exists() && aside.join("tasks/runs.sqlite").exists());
        }
        put_back(&file.original, &state, &aside).unwrap();
        assert_eq!(fs_err::read_to_string(&file.original).unwrap(), "written since");
    }
}
