//! What is to be installed: a pin with its lock files, read and checked.

use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;

use super::exchange::PartKind;
use crate::explain::{Class, Explain};
use crate::npm::{
    LockAuditError, LockFile, LockFileError, Registry, RegistryError, integrity, lock_audit,
};
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
    /// The registry has something else.
    #[error("the lock file of {package}@{version} is not of this registry's packages: {source}")]
    Audit {
        /// The package.
        package: PackageName,
        /// Its release.
        version: Version,
        /// What differs.
        source: LockAuditError,
    },
    /// The registry cannot be asked.
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

impl Explain for ApplyTargetError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Pin(error) => error.hint(),
            Self::LockFile { .. } => Some(
                "restore it from git, or test and pin the release again: `codexpin pin VERSION`"
                    .to_owned(),
            ),
            Self::Audit { .. } => Some(
                "where its origin is in doubt, test and pin the release yourself: `codexpin pin VERSION`"
                    .to_owned(),
            ),
            Self::Registry(error) => error.hint(),
        }
    }

    fn class(&self) -> Class {
        match self {
            Self::Pin(_) | Self::LockFile { .. } => Class::Failure,
            Self::Audit { .. } => Class::Rollback,
            Self::Registry(error) => error.class(),
        }
    }
}

impl PinnedPackage {
    /// Holds the lock file against what the registry says of every package in it.
    pub(super) async fn audit(
        &self,
        package: PackageName,
        registry: &Registry,
    ) -> Result<(), ApplyTargetError> {
        let Some(lock) = &self.lock else { return Ok(()) };
        let published = registry.published(lock_audit::packages(lock)).await?;
        lock_audit::audit(lock, &package, &published).map_err(|source| ApplyTargetError::Audit {
            package,
            version: self.version,
            source,
        })
    }
}

impl ApplyTarget {
    /// What is to be staged for one of the two.
    pub(super) fn package(&self, part: PartKind) -> Option<(PackageName, &PinnedPackage)> {
        match part {
            PartKind::Core => Some((PackageName::CORE, &self.core)),
            PartKind::Plugin => Some((PackageName::PLUGIN, self.plugin.as_ref()?)),
        }
    }

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
