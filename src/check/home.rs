//! The scratch home of one turn: directories of its own, removed when the turn
//! is over, and the copies of state that it begins and ends with.

use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use walkdir::WalkDir;

use crate::fs::{Lock, create_private_dir, foreign, remove};
use crate::sqlite;
use crate::upstream::loopback::{Script, ScriptedRead};

/// The ending of a home's lock file.
const LOCK: &str = ".lock";
/// What is not state: packages, and the temporary files and logs of a run that
/// is over.
const LEFT_OUT: [&str; 3] = ["npm", "tmp", "logs"];
/// What `SQLite` keeps beside a database that is open, or was not closed.
const BESIDE_DATABASE: [&str; 3] = ["-wal", "-shm", "-journal"];
/// How much state is copied. Bytes.
const LARGEST_STATE: u64 = 4 << 30;
/// How many files that were left out are named.
const MOST_TOLD: usize = 100;

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

/// Copies a state directory below `root`, which a candidate had its hands on, to `to`,
/// which is there, empty and private. No link is followed. Comes back with what is
/// left out, and why, a line each.
pub(super) fn copy_state(
    root: &Utf8Path,
    state: &Utf8Path,
    to: &Utf8Path,
) -> io::Result<Vec<String>> {
    foreign::check_directory_below(root, state)?;
    let from = root.join(state);
    let is_state = |entry: &walkdir::DirEntry| {
        let name = entry.file_name().to_str().unwrap_or_default();
        !(entry.depth() == 1 && entry.file_type().is_dir() && LEFT_OUT.contains(&name))
    };
    let (mut left_out, mut remaining) = (Vec::new(), LARGEST_STATE);
    for entry in WalkDir::new(&from).min_depth(1).into_iter().filter_entry(is_state) {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                left_out.push(error.to_string());
                continue;
            }
        };
        let Some(path) = Utf8Path::from_path(entry.path()) else {
            left_out.push(format!("{}: its name is not UTF-8", entry.path().display()));
            continue;
        };
        let below = path.strip_prefix(&from).map_err(io::Error::other)?;
        let (target, kind) = (to.join(below), entry.file_type());
        if kind.is_dir() {
            create_private_dir(&target)?;
        } else if !is_left_by_a_process(path, kind) {
            match copy_file(&from, below, &target, remaining) {
                Ok(copied) => remaining = remaining.saturating_sub(copied),
                Err(error) if is_full(&error) => return Err(error),
                Err(error) => {
                    // An empty or a half database would be worse than none.
                    remove(&target)?;
                    left_out.push(error.to_string());
                }
            }
        }
    }
    let more = left_out.len().saturating_sub(MOST_TOLD);
    if more > 0 {
        left_out.truncate(MOST_TOLD);
        left_out.push(format!("and {more} more"));
    }
    Ok(left_out)
}

/// A socket, and what `SQLite` keeps beside a database: it is copied with the database.
fn is_left_by_a_process(path: &Utf8Path, kind: std::fs::FileType) -> bool {
    use std::os::unix::fs::FileTypeExt as _;
    kind.is_socket() || BESIDE_DATABASE.iter().any(|ending| path.as_str().ends_with(ending))
}

/// Whether it is this machine that has no room for a copy.
fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Copies one file; how many bytes it has.
fn copy_file(from: &Utf8Path, below: &Utf8Path, target: &Utf8Path, limit: u64) -> io::Result<u64> {
    if below.extension() != Some("sqlite") {
        return foreign::copy_below(from, below, target, limit);
    }
    // SQLite opens by path, and follows links. Each file is looked at first; whoever could
    // exchange one meanwhile has ended.
    let mut size = 0;
    for ending in [""].iter().chain(&BESIDE_DATABASE) {
        let file = Utf8PathBuf::from(format!("{below}{ending}"));
        match foreign::open_below(from, &file).and_then(|file| file.metadata()) {
            Ok(found) => size += found.len(),
            Err(error) if !ending.is_empty() && error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    if size > limit {
        return Err(foreign::too_large(&from.join(below), limit));
    }
    sqlite::copy(&from.join(below), target).map_err(|error| {
        let full = error.is_full();
        io::Error::new(if full { io::ErrorKind::StorageFull } else { io::ErrorKind::Other }, error)
    })?;
    Ok(size)
}

/// 128 random bits in hexadecimal.
pub(super) fn nonce() -> String {
    use std::hash::{BuildHasher as _, RandomState};
    // The standard library seeds its maps with the system's randomness.
    format!("{:016x}{:016x}", RandomState::new().hash_one(0), RandomState::new().hash_one(1))
}

#[cfg(test)]
mod tests {
    use fs_err::os::unix::fs::symlink;

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
        let left_out = copy_state(root, Utf8Path::new("from"), &to).unwrap();
        assert_eq!(left_out, [""; 0]);
        drop(open);
        assert!(!to.join("state/openclaw.sqlite-wal").exists());
        let copied = rusqlite::Connection::open(to.join("state/openclaw.sqlite")).unwrap();
        let row: i64 = copied.query_row("select x from t", [], |row| row.get(0)).unwrap();
        assert_eq!(row, 7);
        assert!(to.join("openclaw.json").exists() && to.join("a/npm/kept").exists());
        assert!(!to.join("npm").exists());
    }

    #[test]
    fn a_state_is_copied_without_following_a_link_and_what_is_left_out_is_told() {
        let guard = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(guard.path()).unwrap();
        let (live, state, to) = (root.join("live"), root.join("home/state"), root.join("to"));
        for directory in [&live, &state, &to] {
            fs::create_dir_all(directory).unwrap();
        }
        fs::write(live.join("auth.json"), "token").unwrap();
        let database = rusqlite::Connection::open(live.join("live.sqlite")).unwrap();
        database.pragma_update(None, "journal_mode", "wal").unwrap();
        database.execute_batch("create table t (x); insert into t values ('token')").unwrap();
        let link = |to: &str, name: &str| symlink(live.join(to), state.join(name)).unwrap();
        link("live.sqlite", "linked.sqlite");
        link("auth.json", "auth.json");
        link("", "agents");
        // The log of the live database, beside one of the candidate's own.
        fs::write(state.join("own.sqlite"), "").unwrap();
        link("live.sqlite-wal", "own.sqlite-wal");
        nix::unistd::mkfifo(state.join("fifo").as_std_path(), nix::sys::stat::Mode::S_IRWXU)
            .unwrap();
        fs::File::create(state.join("huge")).unwrap().set_len(1 << 40).unwrap();
        fs::write(state.join("openclaw.json"), "{}").unwrap();

        let mut left_out = copy_state(&root.join("home"), Utf8Path::new("state"), &to).unwrap();
        left_out.sort();
        let copied: Vec<_> = fs::read_dir(&to).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(copied, ["openclaw.json"]);
        let kinds = [
            ("agents", "a link"),
            ("auth.json", "a link"),
            ("fifo", "a FIFO"),
            ("huge", "larger"),
            ("linked.sqlite", "a link"),
            ("own.sqlite-wal", "a link"),
        ];
        assert_eq!(left_out.len(), kinds.len(), "{left_out:?}");
        for (line, (name, why)) in left_out.iter().zip(kinds) {
            assert!(line.contains(&format!("home/state/{name}")) && line.contains(why), "{line}");
        }

        let replaced = root.join("home/replaced");
        symlink(&live, &replaced).unwrap();
        let error = copy_state(&root.join("home"), Utf8Path::new("replaced"), &to).unwrap_err();
        assert!(error.to_string().contains("`replaced` is a link"), "{error}");
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
