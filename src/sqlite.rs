//! `OpenClaw`'s databases, read without a trace and copied while somebody may
//! be writing to them.

use camino::{Utf8Path, Utf8PathBuf};
use rusqlite::{Connection, OpenFlags};

use crate::fs;

/// Read-only. Without a write-ahead log nothing else has it open: `immutable`
/// then keeps `SQLite` from making one (<https://sqlite.org/wal.html>).
fn open(path: &Utf8Path) -> rusqlite::Result<Connection> {
    let log = Utf8PathBuf::from(format!("{path}-wal")).exists();
    let escaped = path.as_str().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    let uri = format!("file:{escaped}?{}", if log { "mode=ro" } else { "immutable=1" });
    Connection::open_with_flags(uri, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI)
}

/// Copies by `SQLite`'s backup API, which also reads what is still in the
/// write-ahead log; the copy is one private file (<https://sqlite.org/backup.html>).
pub fn copy(from: &Utf8Path, to: &Utf8Path) -> Result<(), SqliteError> {
    let failed = |source| SqliteError::Database { path: from.to_owned(), source };
    fs::write_private(to, b"")?;
    let source = open(from).map_err(failed)?;
    let mut copy = Connection::open(to).map_err(failed)?;
    let backup = rusqlite::backup::Backup::new(&source, &mut copy).map_err(failed)?;
    backup.run_to_completion(512, std::time::Duration::from_millis(5), None).map_err(failed)
}

/// The number by which `OpenClaw` counts its migrations (`openclaw.schemaVersions`
/// in its package.json).
pub fn user_version(path: &Utf8Path) -> Result<i64, SqliteError> {
    let failed = |source| SqliteError::Database { path: path.to_owned(), source };
    let connection = open(path).map_err(failed)?;
    connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(failed)
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
    /// The copy cannot be written.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}
