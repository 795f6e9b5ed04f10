//! Copying a state directory: files as they are, databases by `SQLite`'s own
//! backup, packages left where they are.

use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use walkdir::WalkDir;

use crate::fs::create_private_dir;
use crate::sqlite;

/// What is not state: packages, and the temporary files and logs of a run that
/// is over.
const LEFT_OUT: [&str; 3] = ["npm", "tmp", "logs"];

/// Copies the state directory `from` to `to`, which is there and private.
pub(super) fn copy(from: &Utf8Path, to: &Utf8Path) -> io::Result<()> {
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

#[cfg(test)]
mod tests {
    use super::*;

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
        copy(&from, &to).unwrap();
        drop(open);
        assert!(!to.join("state/openclaw.sqlite-wal").exists());
        let copied = rusqlite::Connection::open(to.join("state/openclaw.sqlite")).unwrap();
        let row: i64 = copied.query_row("select x from t", [], |row| row.get(0)).unwrap();
        assert_eq!(row, 7);
        assert!(to.join("openclaw.json").exists() && to.join("a/npm/kept").exists());
        assert!(!to.join("npm").exists());
    }
}
