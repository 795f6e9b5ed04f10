//! Why a store of logins could not be read.

use camino::{Utf8Path, Utf8PathBuf};

use crate::explain::{Class, Explain};
use crate::sqlite::SqliteError;

/// A store could not be read. It names files, never what is in them.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// The system says so.
    #[error("cannot read {path}: {source}")]
    Io {
        /// The file.
        path: Utf8PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file, or what a database holds, is not a store of logins.
    #[error("{path} is not a store of logins that this codexpin knows")]
    Malformed {
        /// The file or the database.
        path: Utf8PathBuf,
    },
    /// A sealed login has no key.
    #[error("{path} is sealed, and its key is not at {key}")]
    NoKey {
        /// The sealed file.
        path: Utf8PathBuf,
        /// Where the key would be.
        key: Utf8PathBuf,
    },
    /// A sealed login does not open.
    #[error("{path} does not open with the key that is there")]
    WrongKey {
        /// The sealed file.
        path: Utf8PathBuf,
    },
    /// A database could not be read.
    #[error(transparent)]
    Sqlite(#[from] SqliteError),
}

impl LoginError {
    pub(super) fn io(path: &Utf8Path, source: std::io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }
}

impl Explain for LoginError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::NoKey { .. } | Self::WrongKey { .. } => Some(
                "the key is OPENCLAW_AUTH_PROFILE_SECRET_KEY of the Gateway's environment, a file, \
                 or on macOS in the keychain, which codexpin does not read"
                    .to_owned(),
            ),
            _ => None,
        }
    }

    fn class(&self) -> Class {
        Class::Failure
    }
}
