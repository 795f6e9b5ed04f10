//! What is to be installed: a pin with its lock files, read and checked.

use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;
use sha2::{Digest as _, Sha512};

use crate::explain::{Class, Explain};
use crate::npm::{LockFile, LockFileError};
use crate::pin::{Pin, PinFileError};
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
            integrity: pin.core_integrity.clone(),
            lock: locks
                .map(|locks| (directory.join(&locks.core), locks.core_integrity.as_str()))
                .map(|(path, hash)| {
                    read(&path, hash, &PackageName::CORE, pin.core, pin.core_integrity.as_deref())
                })
                .transpose()?,
        };
        let plugin_lock = locks.and_then(|locks| {
            Some((directory.join(locks.plugin.as_ref()?), locks.plugin_integrity.clone()?))
        });
        let plugin = pin.plugin.map(|version| {
            let integrity = pin.plugin_integrity.clone();
            let lock = plugin_lock
                .map(|(path, hash)| {
                    read(&path, &hash, &PackageName::PLUGIN, version, integrity.as_deref())
                })
                .transpose()?;
            Ok::<_, ApplyTargetError>(PinnedPackage { version, integrity, lock })
        });
        Ok(Self { core, plugin: plugin.transpose()? })
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
    use base64::Engine as _;
    let digest = Sha512::digest(content);
    format!("sha512-{}", base64::engine::general_purpose::STANDARD.encode(digest))
}
