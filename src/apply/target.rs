//! What is to be installed: a pin with its lock files, read and checked.

use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;

use super::exchange::PartKind;
use crate::explain::{Class, Explain};
use crate::fs::foreign;
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
        source: Box<LockAuditError>,
    },
    /// The registry cannot be asked.
    #[error(transparent)]
    Registry(Box<RegistryError>),
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
        let published = registry.published(lock_audit::packages(lock)).await;
        let published = published.map_err(|error| ApplyTargetError::Registry(Box::new(error)))?;
        lock_audit::audit(lock, &package, &published).map_err(|source| ApplyTargetError::Audit {
            package,
            version: self.version,
            source: Box::new(source),
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
    let text = foreign::read_to_string(path, foreign::TEXT).map_err(PinFileError::Io)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn pin(directory: &Utf8Path) -> Pin {
        let lock = serde_json::json!({"lockfileVersion": 3, "packages": {
            "": {"dependencies": {"openclaw": "2026.6.1"}},
            "node_modules/openclaw": {
                "version": "2026.6.1", "integrity": file_integrity(b"core"),
            },
        }});
        let text = lock.to_string();
        fs_err::create_dir_all(directory.join("locks")).unwrap();
        fs_err::write(directory.join("locks/core.json"), &text).unwrap();
        serde_json::from_value(serde_json::json!({
            "core": "2026.6.1", "core_integrity": file_integrity(b"core"), "node": "22.0.0",
            "route": "openai/gpt-5.5", "upstream": "loopback", "tested": "2026-11-21T08:00:00Z",
            "passed": 1, "checks": 1,
            "lock": {"core": "locks/core.json", "core_integrity": file_integrity(text.as_bytes())},
        }))
        .unwrap()
    }

    #[test]
    fn a_pin_whose_hashes_and_lock_files_are_not_its_own_is_refused() {
        let guard = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(guard.path()).unwrap();
        let read = |pin: &Pin| ApplyTarget::read(pin, root);
        let good = pin(root);
        assert!(read(&good).is_ok());
        let said = |change: &dyn Fn(&mut Pin)| {
            let mut pin = good.clone();
            change(&mut pin);
            read(&pin).unwrap_err().to_string()
        };
        let lock = |change: &dyn Fn(&mut crate::pin::LockFiles)| {
            said(&|pin| change(pin.lock.as_mut().unwrap()))
        };
        let any = said(&|pin| pin.core_integrity = Some("any".to_owned()));
        assert_eq!(any, "`core_integrity = \"any\"` of the pin is no integrity hash");
        let outside = lock(&|lock| lock.core = "../core.json".into());
        assert!(outside.ends_with("is not below the pin file's directory"), "{outside}");
        let unhashed = said(&|pin| {
            pin.plugin = Some(pin.core);
            pin.lock.as_mut().unwrap().plugin = Some("locks/core.json".into());
        });
        assert!(unhashed.ends_with("has no hash of it"), "{unhashed}");
        let lock_file = root.join("locks/core.json");
        fs_err::remove_file(&lock_file).unwrap();
        nix::unistd::mkfifo(lock_file.as_std_path(), nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(lock(&|_| ()).contains("core.json: it is a FIFO"), "{}", lock(&|_| ()));
        fs_err::rename(root.join("locks"), root.join("elsewhere")).unwrap();
        std::os::unix::fs::symlink("elsewhere", root.join("locks")).unwrap();
        assert!(lock(&|_| ()).contains("is a symbolic link"));
    }
}
