//! Packages as they were published, each unpacked once for all prefixes: what a prefix has
//! of one is links to its files.
//!
//! Install scripts can write to such a file, and so into every prefix that has it. So a
//! package is held against what was unpacked after every install that has used it, and
//! thrown away where it differs.

use std::collections::BTreeSet;
use std::fs::File;
use std::os::unix::fs::MetadataExt as _;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use walkdir::WalkDir;

use super::blocking;
use super::tree::{self, ContentHashes};
use crate::fs::{Lock, LockError, foreign};
use crate::npm::integrity;
use crate::npm::lockfile::PlacedPackage;
use crate::npm::tarball::{self, TarballError};

/// The format of the records.
const FORMAT: u32 = 1;
/// In a package's directory: what was unpacked, and what is known of it.
const FILES: &str = "files";
const RECORD: &str = "record.json";
const HALF_MADE: &str = "half-made-";

/// A package cannot be put where it belongs; npm has to.
#[derive(Debug, thiserror::Error)]
pub(super) enum LayOutError {
    /// Its tarball is nowhere.
    #[error("the tarball {0} was not fetched")]
    NotFetched(String),
    /// Its tarball is none that can be unpacked here.
    #[error(transparent)]
    Tarball(#[from] TarballError),
    /// Codexpin was interrupted.
    #[error("interrupted")]
    Stopped,
    /// Packages are being removed.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A file could not be read or written.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// Where tarballs are.
#[derive(Debug)]
pub(super) struct Tarballs {
    /// Those that were fetched for this install, each named after its hash.
    pub(super) fetched: Utf8PathBuf,
    /// npm's cache.
    pub(super) npm_cache: Utf8PathBuf,
}

impl Tarballs {
    /// What a tarball that is fetched is called.
    pub(super) fn file_name(integrity: &str) -> String {
        integrity::digits(integrity).unwrap_or_default()
    }

    fn open(&self, integrity: &str) -> Option<File> {
        let fetched =
            foreign::open_below(&self.fetched, Self::file_name(integrity).as_str().into());
        fetched.ok().or_else(|| tarball::cached(&self.npm_cache, integrity))
    }
}

/// The packages of this machine.
#[derive(Debug, Clone)]
pub(super) struct PackageStore {
    directory: Utf8PathBuf,
}

/// What is known of a package; it lies beside its files.
#[derive(Debug, Serialize, Deserialize)]
struct PackageRecord {
    format: u32,
    /// The tarball's.
    integrity: String,
    /// Hash of the content of every file.
    content: String,
}

/// What the packages take on the disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct PackageUse {
    /// How many there are.
    pub packages: usize,
    /// Bytes of those that no prefix has.
    pub unused_bytes: u64,
}

impl PackageStore {
    pub(super) fn new(directory: Utf8PathBuf) -> Self {
        Self { directory }
    }

    /// Puts packages where they belong in a project; those that are not unpacked yet come from
    /// `tarballs`.
    pub(super) async fn lay_out(
        &self,
        packages: Vec<PlacedPackage>,
        tarballs: Tarballs,
        project: Utf8PathBuf,
        stop: &CancellationToken,
    ) -> Result<(), LayOutError> {
        fs::create_dir_all(&self.directory)?;
        let _in_use = Lock::try_share(&self.lock_file())?;
        if packages.iter().any(|package| !self.has(&package.integrity)) {
            // Two installs at a time have most packages in common, and each can use the
            // whole machine.
            let unpacking = self.directory.join("unpacking.lock");
            let _alone = tokio::select! {
                alone = Lock::wait(&unpacking) => alone?,
                () = stop.cancelled() => return Err(LayOutError::Stopped),
            };
            let (store, packages) = (self.clone(), packages.clone());
            blocking(move || Ok(store.unpack_missing(&packages, &tarballs))).await??;
        }
        let store = self.clone();
        blocking(move || {
            packages.par_iter().try_for_each(|package| {
                tree::link(&store.files(&package.integrity), &project.join(&package.place))
            })
        })
        .await?;
        Ok(())
    }

    fn unpack_missing(
        &self,
        packages: &[PlacedPackage],
        tarballs: &Tarballs,
    ) -> Result<(), LayOutError> {
        packages
            .par_iter()
            .filter(|package| !self.has(&package.integrity))
            .try_for_each(|package| self.unpack(&package.integrity, tarballs))
    }

    /// Whether the package is unpacked.
    pub(super) fn has(&self, integrity: &str) -> bool {
        self.record(integrity).is_some()
    }

    /// Unpacks a package beside its place and moves it there: what is there is whole. It may
    /// be there already, for another place of the same tree.
    fn unpack(&self, integrity: &str, tarballs: &Tarballs) -> Result<(), LayOutError> {
        let tarball = tarballs
            .open(integrity)
            .ok_or_else(|| LayOutError::NotFetched(integrity.to_owned()))?;
        let half_made = tempfile::Builder::new().prefix(HALF_MADE).tempdir_in(&self.directory)?;
        let entry = Utf8Path::from_path(half_made.path())
            .ok_or_else(|| std::io::Error::other("the cache has a name that is no UTF-8"))?;
        let files = entry.join(FILES);
        tarball::unpack(tarball, integrity, &files)?;
        let content = ContentHashes::default().of_trees(&[&files])?;
        let record = PackageRecord { format: FORMAT, integrity: integrity.to_owned(), content };
        let record = serde_json::to_vec(&record).map_err(std::io::Error::other)?;
        fs::write(entry.join(RECORD), record)?;
        match fs::rename(entry, self.entry(integrity)) {
            Err(_) if self.has(integrity) => Ok(()),
            renamed => Ok(renamed?),
        }
    }

    /// Throws away the packages among these that were written to since they were unpacked;
    /// their hashes.
    pub(super) fn condemn_changed(
        &self,
        packages: &[PlacedPackage],
        hashes: &mut ContentHashes,
    ) -> std::io::Result<BTreeSet<String>> {
        let mut changed = BTreeSet::new();
        for PlacedPackage { integrity, .. } in packages {
            let Some(record) = self.record(integrity) else { continue };
            if hashes.of_trees(&[&self.files(integrity)])? != record.content {
                crate::fs::remove(&self.entry(integrity))?;
                changed.insert(integrity.clone());
            }
        }
        Ok(changed)
    }

    /// Removes the packages that no prefix has, unless one is being made.
    pub(super) fn remove_unused(&self) -> Result<(), LayOutError> {
        if !self.directory.is_dir() {
            return Ok(());
        }
        let _alone = match Lock::try_take(&self.lock_file()) {
            Err(LockError::Held { .. }) => return Ok(()),
            alone => alone?,
        };
        for entry in self.entries()? {
            if !is_used(&entry)? {
                crate::fs::remove(&entry)?;
            }
        }
        Ok(())
    }

    /// What they take.
    pub(super) fn disk_use(&self) -> std::io::Result<PackageUse> {
        let entries = self.entries()?;
        let mut unused_bytes = 0;
        for entry in &entries {
            if !is_used(entry)? {
                unused_bytes += tree::own_use(entry, 1)?;
            }
        }
        Ok(PackageUse { packages: entries.len(), unused_bytes })
    }

    /// Every package's directory, those half made by a codexpin that was killed included.
    fn entries(&self) -> std::io::Result<Vec<Utf8PathBuf>> {
        let entries = match self.directory.read_dir_utf8() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let paths = entries.flatten().map(camino::Utf8DirEntry::into_path);
        Ok(paths.filter(|path| path.is_dir()).collect())
    }

    fn record(&self, integrity: &str) -> Option<PackageRecord> {
        let text = foreign::read(&self.entry(integrity).join(RECORD), foreign::TEXT).ok()?;
        let record: PackageRecord = serde_json::from_slice(&text).ok()?;
        Some(record).filter(|record| record.format == FORMAT && record.integrity == integrity)
    }

    fn files(&self, integrity: &str) -> Utf8PathBuf {
        self.entry(integrity).join(FILES)
    }

    /// Named after half of the hash: the whole of it stands in the record.
    fn entry(&self, integrity: &str) -> Utf8PathBuf {
        let digits = integrity::digits(integrity).unwrap_or_default();
        self.directory.join(digits.get(..64).unwrap_or("none"))
    }

    fn lock_file(&self) -> Utf8PathBuf {
        self.directory.join("packages.lock")
    }
}

/// Whether any prefix has one of its files.
fn is_used(entry: &Utf8Path) -> std::io::Result<bool> {
    for file in WalkDir::new(entry.join(FILES)) {
        match file {
            Ok(file) if file.file_type().is_file() && file.metadata()?.nlink() > 1 => {
                return Ok(true);
            }
            Ok(_) => {}
            Err(error) if is_missing(&error) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(false)
}

fn is_missing(error: &walkdir::Error) -> bool {
    error.io_error().is_some_and(|error| error.kind() == std::io::ErrorKind::NotFound)
}
