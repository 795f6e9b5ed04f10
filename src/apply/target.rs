//! What is to be installed: a pin with its lock files, read and checked.

use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;

use crate::explain::{Class, Explain};
use crate::npm::{LockFile, LockFileError, integrity};
use crate::pin::{self, Pin, PinFileError};
use crate::release::{PackageName, Version};

/// One package as it is to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PinnedPackage {
    /// The exact release.
    pub version: Version,
    /// The hash of its tarball, where the pin has it.
    pub integrity: Option<String>,
    /// The tested dependency tree, where the pin has it.
    #[serde(skip)]
    pub lock: Option<LockFile>,
}

/// The pinned candidate as it is to be installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ApplyTarget {
    /// The core.
    pub core: PinnedPackage,
    /// The plugin, where the pin has one.
    pub plugin: Option<PinnedPackage>,
}

/// The pin cannot be installed as it was tested.
#[derive(Debug, thiserror::Error)]
pub enum ApplyTargetError {
    /// A lock file is not the one whose hash the pin has.
    #[error(transparent)]
    Pin(#[from] PinFileError),
    /// A lock file does not say what the pin says.
    #[error("{path} does not fit the pin: {source}")]
    LockFile {
        /// The lock file.
        path: Utf8PathBuf,
        /// Why not.
        source: LockFileError,
    },
}

impl Explain for ApplyTargetError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Pin(error) => error.hint(),
            Self::LockFile { .. } => Some(
                "restore it from git, or test and pin the release again: `codexpin pin VERSION`"
                    .to_owned(),
            ),
        }
    }

    fn class(&self) -> Class {
        Class::Failure
    }
}

impl ApplyTarget {
    /// Reads the pin's lock files, which are relative to the pin file's `directory`.
    pub fn read(pin: &Pin, directory: &Utf8Path) -> Result<Self, ApplyTargetError> {
        let locks = pin.lock.as_ref();
        let core = PinnedPackage {
            version: pin.core,
            integrity: hash("core_integrity", pin.core_integrity.as_ref())?,
            lock: locks
                .map(|locks| {
                    let path = pin::beside(directory, &locks.core)?;
                    let integrity = pin.core_integrity.as_deref();
                    read(&path, &locks.core_integrity, &PackageName::CORE, pin.core, integrity)
                })
                .transpose()?,
        };
        let plugin_lock = locks.and_then(|locks| Some((locks.plugin.as_ref()?, locks)));
        let plugin = pin.plugin.map(|version| {
            let integrity = hash("plugin_integrity", pin.plugin_integrity.as_ref())?;
            let lock = plugin_lock
                .map(|(named, locks)| {
                    let path = pin::beside(directory, named)?;
                    let hash = locks.plugin_integrity.as_deref();
                    let hash = hash.ok_or(PinFileError::LockWithoutHash { path: path.clone() })?;
                    read(&path, hash, &PackageName::PLUGIN, version, integrity.as_deref())
                })
                .transpose()?;
            Ok::<_, ApplyTargetError>(PinnedPackage { version, integrity, lock })
        });
        Ok(Self { core, plugin: plugin.transpose()? })
    }
}

/// npm takes any other text for no hash at all.
fn hash(key: &'static str, found: Option<&String>) -> Result<Option<String>, ApplyTargetError> {
    match found.filter(|hash| !integrity::is_well_formed(hash)) {
        Some(found) => Err(PinFileError::NotAHash { key, found: found.clone() }.into()),
        None => Ok(found.cloned()),
    }
}

fn read(
    path: &Utf8Path,
    hash: &str,
    package: &PackageName,
    version: Version,
    integrity: Option<&str>,
) -> Result<LockFile, ApplyTargetError> {
    let text = fs_err::read_to_string(path).map_err(PinFileError::Io)?;
    if file_integrity(text.as_bytes()) != hash {
        return Err(PinFileError::LockChanged { path: path.to_owned() }.into());
    }
    LockFile::check(&text, package, version, integrity)
        .map_err(|source| ApplyTargetError::LockFile { path: path.to_owned(), source })
}

/// The hash of a file as npm writes hashes: `sha512-` and base64.
pub fn file_integrity(content: &[u8]) -> String {
    integrity::of(content)
}
