//! `OpenClaw`'s databases: read without leaving files behind, and copied while a Gateway
//! may be writing to them.

use std::io::Read as _;

use camino::{Utf8Path, Utf8PathBuf};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::fs;

/// How long a writer may keep a reader waiting.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(5);

/// How a database is opened so that nothing new lies beside it afterwards
/// (<https://sqlite.org/wal.html#read_only_databases>,
/// <https://sqlite.org/uri.html>).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OpenMode {
    /// No write-ahead log: a reader only takes the file's own lock. Also with a
    /// log whose index is there, which a reader shares.
    Shared,
    /// It has a write-ahead log when it is written to, and has none now: no
    /// process has it open, and a plain reader would create the log and its index.
    Immutable,
    /// A log without its index: no process has it open, and its last writer crashed or
    /// it is a copy. The index is made in memory, and the log is
    /// not written back at the end.
    Alone,
}

impl OpenMode {
    fn of(path: &Utf8Path) -> Self {
        let beside = |ending: &str| Utf8PathBuf::from(format!("{path}{ending}")).exists();
        match (has_log(path), beside("-wal"), beside("-shm")) {
            (false, ..) | (true, true, true) => Self::Shared,
            (true, false, _) => Self::Immutable,
            (true, true, false) => Self::Alone,
        }
    }

    fn parameters(self) -> &'static str {
        match self {
            Self::Shared => "mode=ro",
            Self::Immutable => "immutable=1",
            Self::Alone => "mode=ro&vfs=unix-none",
        }
    }
}

/// Whether a database is written through a write-ahead log: its header says so
/// (<https://sqlite.org/fileformat.html>, the read version at offset 19).
fn has_log(path: &Utf8Path) -> bool {
    let mut header = [0; 20];
    let read = fs_err::File::open(path).and_then(|mut file| file.read_exact(&mut header));
    read.is_ok() && header[19] == 2
}

fn open(path: &Utf8Path) -> Result<Connection, SqliteError> {
    // SQLite would wait for whoever writes to a FIFO.
    if !fs_err::metadata(path)?.is_file() {
        return Err(std::io::Error::other(format!("{path} is not a regular file")).into());
    }
    connect(path).map_err(|source| SqliteError::Database { path: path.to_owned(), source })
}

fn connect(path: &Utf8Path) -> rusqlite::Result<Connection> {
    let mode = OpenMode::of(path);
    let escaped = path.as_str().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    let uri = format!("file:{escaped}?{}", mode.parameters());
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(uri, flags)?;
    connection.busy_timeout(PATIENCE)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    if mode == OpenMode::Alone {
        connection.pragma_update(None, "locking_mode", "exclusive")?;
    }
    Ok(connection)
}

/// Reads from a database, also while another process writes to it. No file appears,
/// goes or grows beside it. Only if the last writer ends within the read, the log
/// and its index stay, until the next writer takes them in.
pub fn read<T>(
    path: &Utf8Path,
    from: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> Result<T, SqliteError> {
    let failed = |source| SqliteError::Database { path: path.to_owned(), source };
    from(&open(path)?).map_err(failed)
}

/// Copies by `SQLite`'s backup API, which also reads what is still in the
/// write-ahead log; the copy is one private file (<https://sqlite.org/backup.html>).
pub fn copy(from: &Utf8Path, to: &Utf8Path) -> Result<(), SqliteError> {
    let failed = |source| SqliteError::Database { path: from.to_owned(), source };
    fs::write_private(to, b"")?;
    let source = open(from)?;
    let mut copy = Connection::open(to).map_err(failed)?;
    let backup = rusqlite::backup::Backup::new(&source, &mut copy).map_err(failed)?;
    backup.run_to_completion(512, std::time::Duration::from_millis(5), None).map_err(failed)
}

/// The number by which `OpenClaw` counts its migrations (`openclaw.schemaVersions`
/// in its package.json).
pub fn user_version(path: &Utf8Path) -> Result<i64, SqliteError> {
    read(path, |connection| connection.pragma_query_value(None, "user_version", |row| row.get(0)))
}

/// Writes to a database in a scratch directory, or to a live one whose Gateway is
/// stopped; where there is none it is made, private.
pub fn write<T>(
    path: &Utf8Path,
    to: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> Result<T, SqliteError> {
    if !path.exists() {
        fs::write_private(path, b"")?;
    }
    let failed = |source| SqliteError::Database { path: path.to_owned(), source };
    let connection = Connection::open(path).map_err(failed)?;
    to(&connection).map_err(failed)
}

/// Whether a database has a table of this name.
pub fn has_table(connection: &Connection, name: &str) -> rusqlite::Result<bool> {
    let sql = "select 1 from sqlite_schema where type = 'table' and name = ?1";
    connection.prepare(sql)?.exists([name])
}

/// A database could not be read or copied.
#[derive(Debug, thiserror::Error)]
pub enum SqliteError {
    /// `SQLite` says so.
    #[error("{path}: {source}")]
    Database {
        /// The database.
        path: Utf8PathBuf,
        /// What `SQLite` said.
        source: rusqlite::Error,
    },
    /// It is no file that can be read, or the copy cannot be written.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl SqliteError {
    /// Whether there is no room on the disk.
    pub fn is_full(&self) -> bool {
        match self {
            Self::Database { source, .. } => {
                source.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull)
            }
            Self::Io(error) => error.kind() == std::io::ErrorKind::StorageFull,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Every file beside the database, with what is in it.
    fn listing(directory: &Utf8Path) -> BTreeMap<String, Vec<u8>> {
        let entries = directory.read_dir_utf8().unwrap().map(Result::unwrap);
        let content = |path: &Utf8Path| fs_err::read(path).unwrap();
        entries.map(|entry| (entry.file_name().to_owned(), content(entry.path()))).collect()
    }

    fn written(path: &Utf8Path, journal: &str) -> Connection {
        let writer = Connection::open(path).unwrap();
        writer.pragma_update(None, "journal_mode", journal).unwrap();
        writer.execute_batch("create table t (x); insert into t values (7)").unwrap();
        writer
    }

    fn seven(path: &Utf8Path) -> i64 {
        read(path, |connection| connection.query_row("select x from t", [], |row| row.get(0)))
            .unwrap()
    }

    #[test]
    fn reading_leaves_no_trace_whether_or_not_a_writer_has_it_open() {
        for journal in ["wal", "delete"] {
            let guard = tempfile::tempdir().unwrap();
            let directory = Utf8Path::from_path(guard.path()).unwrap();
            let path = directory.join("a.sqlite");
            let writer = written(&path, journal);
            let names =
                |listing: BTreeMap<String, Vec<u8>>| listing.into_keys().collect::<Vec<_>>();
            let before = listing(directory);
            assert_eq!(seven(&path), 7);
            let after = listing(directory);
            assert_eq!(before.get("a.sqlite-wal"), after.get("a.sqlite-wal"));
            assert_eq!(before["a.sqlite"], after["a.sqlite"]);
            assert_eq!(names(before), names(after));
            drop(writer);
            let before = listing(directory);
            assert_eq!(before.len(), 1, "{journal}");
            assert_eq!(seven(&path), 7);
            assert_eq!(listing(directory), before, "{journal}");
        }
    }

    #[test]
    fn a_log_that_nobody_took_in_is_read_and_stays_as_it_is() {
        let guard = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(guard.path()).unwrap();
        let (live, copy) = (root.join("live"), root.join("copy"));
        fs_err::create_dir_all(&live).unwrap();
        fs_err::create_dir_all(&copy).unwrap();
        let _writer = written(&live.join("a.sqlite"), "wal");
        for name in ["a.sqlite", "a.sqlite-wal"] {
            fs_err::copy(live.join(name), copy.join(name)).unwrap();
        }
        let before = listing(&copy);
        assert_eq!(seven(&copy.join("a.sqlite")), 7);
        assert_eq!(listing(&copy), before);
    }

    #[test]
    fn a_writer_in_the_middle_of_a_change_is_not_disturbed() {
        let guard = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(guard.path()).unwrap().join("a.sqlite");
        let writer = written(&path, "wal");
        writer.execute_batch("begin immediate; update t set x = 8").unwrap();
        assert_eq!(seven(&path), 7);
        writer.execute_batch("commit").unwrap();
        assert_eq!(seven(&path), 8);
    }

    #[test]
    fn a_fifo_in_the_place_of_a_database_is_an_error_and_no_wait() {
        let guard = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(guard.path().join("x.sqlite")).unwrap();
        nix::unistd::mkfifo(path.as_std_path(), nix::sys::stat::Mode::S_IRWXU).unwrap();
        let error = user_version(&path).unwrap_err().to_string();
        assert!(error.contains("x.sqlite is not a regular file"), "{error}");
        let error = copy(&path, &path.with_extension("copy")).unwrap_err().to_string();
        assert!(error.contains("x.sqlite is not a regular file"), "{error}");
    }
}
