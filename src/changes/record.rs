//! `changes.json` in a session's directory.

use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use super::Changes;
use crate::fs::write_atomic;
use crate::visible;

/// The name in a session's directory.
pub const FILE: &str = "changes.json";
/// The format that this codexpin reads and writes.
const FORMAT: u32 = 1;

/// `changes.json` cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// It is not what it was written as.
    #[error("{path} does not parse: {source}")]
    Syntax {
        /// The file.
        path: Utf8PathBuf,
        /// What and where.
        source: serde_json::Error,
    },
    /// Another codexpin wrote it.
    #[error("{path} has format {found}; this codexpin knows format {FORMAT}")]
    OtherFormat {
        /// The file.
        path: Utf8PathBuf,
        /// Its format.
        found: u32,
    },
    /// It cannot be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
}

#[derive(Serialize)]
struct ChangesFile<'a> {
    format: u32,
    #[serde(flatten)]
    changes: &'a Changes,
}

/// Writes what changed into a session's directory.
pub fn save(session: &Utf8Path, changes: &Changes) -> Result<(), RecordError> {
    let path = session.join(FILE);
    let text = serde_json::to_string_pretty(&ChangesFile { format: FORMAT, changes })
        .map_err(|source| RecordError::Syntax { path: path.clone(), source })?;
    Ok(write_atomic(&path, visible::json(&text).as_bytes())?)
}

/// What was written into a session's directory; none where nothing was.
pub fn load(session: &Utf8Path) -> Result<Option<Changes>, RecordError> {
    #[derive(Deserialize)]
    struct Format {
        format: u32,
    }
    let path = session.join(FILE);
    let text = match fs_err::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let syntax = |source| RecordError::Syntax { path: path.clone(), source };
    let Format { format } = serde_json::from_slice(&text).map_err(syntax)?;
    if format != FORMAT {
        return Err(RecordError::OtherFormat { path, found: format });
    }
    serde_json::from_slice(&text).map(Some).map_err(syntax)
}
