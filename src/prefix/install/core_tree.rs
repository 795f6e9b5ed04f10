//! The core's tree. npm resolves it, from the lock file of an older release where there is
//! one, and fetches; the packages are laid out from the store; npm runs their scripts. What
//! cannot be laid out that way npm installs as a whole.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::{Npms, PrefixInstall};
use crate::fs::foreign;
use crate::node::Platform;
use crate::npm::lockfile::PlacedPackage;
use crate::npm::run::{LOGS, NpmCommand, NpmError};
use crate::npm::{self, InstallScripts, LockFile, tarball};
use crate::prefix::packages::{LayOutError, Tarballs};
use crate::prefix::tree::ContentHashes;
use crate::prefix::{InstallError, blocking, core_project, store};
use crate::release::{PackageName, Version};

/// npm's list of what is in `node_modules`.
const HIDDEN_LOCK: &str = "node_modules/.package-lock.json";

/// How many tarballs are fetched at a time: as many as npm opens connections to a host.
const AT_ONCE: usize = 15;

/// A core whose packages lie where they belong.
pub(super) struct LaidOut {
    pub(super) packages: Vec<PlacedPackage>,
    /// The lock file, as npm wrote it before any script ran.
    pub(super) lock: String,
}

impl PrefixInstall<'_> {
    /// Lays the core out from the store. None where that cannot be done: only an install by
    /// npm alone says something about the candidate then.
    pub(super) async fn lay_out(&self, npms: &Npms<'_>) -> Result<Option<LaidOut>, InstallError> {
        let core = project(core_project(self.directory), &PackageName::CORE, self.candidate.core)?;
        let job = self.job(&core);
        if let Some(text) = self.lock {
            fs::write(core.join("package-lock.json"), text)?;
        }
        match npms.npm.resolve(&job).await {
            // The other release's lock file may be the cause.
            Err(NpmError::Failed { .. }) if self.lock.is_some() => return Ok(None),
            resolved => resolved?,
        }
        let lock = self.lock_file(&core)?;
        let read = LockFile::parse(&lock).ok().zip(Platform::of_this_machine(self.node));
        let packages = read.and_then(|(lock, platform)| lock.tarballs(&platform));
        let Some(packages) = packages else { return Ok(None) };
        let there =
            self.fetch(npms, &job, &packages).await? && self.link(npms, &core, &packages).await?;
        Ok(there.then_some(LaidOut { packages, lock }))
    }

    /// Fetches what is neither in the store nor in npm's cache, and has npm fetch what is not
    /// where tarballs usually are; false where it cannot.
    async fn fetch(
        &self,
        npms: &Npms<'_>,
        job: &NpmCommand<'_>,
        packages: &[PlacedPackage],
    ) -> Result<bool, InstallError> {
        let missing = packages.iter().filter(|package| {
            !self.packages.has(&package.integrity)
                && tarball::cached(npms.npm.cache(), &package.integrity).is_none()
        });
        // A package may be wanted at several places.
        let missing: BTreeMap<String, PlacedPackage> =
            missing.map(|package| (package.id.clone(), package.clone())).collect();
        fs::create_dir_all(self.tarballs(npms).fetched)?;
        let left: Vec<Option<String>> = stream::iter(missing.into_values())
            .map(async |package| self.download(npms, &package).await)
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await?;
        let left: Vec<String> = left.into_iter().flatten().collect();
        if left.is_empty() {
            return Ok(true);
        }
        match npms.npm.fetch(job, &left).await {
            Err(NpmError::Failed { .. }) => Ok(false),
            fetched => fetched.map(|()| true).map_err(Into::into),
        }
    }

    /// Fetches one package; its name where that is left to npm.
    async fn download(
        &self,
        npms: &Npms<'_>,
        package: &PlacedPackage,
    ) -> io::Result<Option<String>> {
        let left_to_npm = Ok(Some(package.id.clone()));
        let Some(registries) = npms.registries else { return left_to_npm };
        let file = self.tarballs(npms).fetched.join(Tarballs::file_name(&package.integrity));
        let downloaded = tokio::select! {
            downloaded = registries.download(&package.id, &package.integrity, &file) => downloaded,
            () = self.stop.cancelled() => return left_to_npm,
        };
        let Err(error) = downloaded else { return Ok(None) };
        tracing::debug!("{}: {error}", package.id);
        crate::fs::remove(&file)?;
        left_to_npm
    }

    fn tarballs(&self, npms: &Npms<'_>) -> Tarballs {
        let npm_cache = npms.npm.cache().to_owned();
        Tarballs { fetched: self.home.join("tarballs"), npm_cache }
    }

    async fn link(
        &self,
        npms: &Npms<'_>,
        core: &Utf8Path,
        packages: &[PlacedPackage],
    ) -> Result<bool, InstallError> {
        let (packages, tarballs) = (packages.to_vec(), self.tarballs(npms));
        let laid_out = self.packages.lay_out(packages, tarballs, core.to_owned(), self.stop).await;
        match laid_out {
            Ok(()) => Ok(true),
            Err(LayOutError::Stopped) => Err(NpmError::Stopped.into()),
            Err(error) => {
                tracing::info!("{} is installed by npm alone: {error}", self.candidate.core);
                Ok(false)
            }
        }
    }

    /// Throws away the packages that were written to since they were unpacked; which, and the
    /// hashes of all files.
    pub(super) async fn condemn_changed(
        &self,
        core: &LaidOut,
    ) -> Result<(BTreeSet<String>, ContentHashes), InstallError> {
        let (store, directory) = (self.packages.clone(), self.directory.to_owned());
        let packages = core.packages.clone();
        let looked = blocking(move || {
            let mut hashes = ContentHashes::default();
            store::content(&directory, &mut hashes)?;
            Ok((store.condemn_changed(&packages, &mut hashes)?, hashes))
        });
        Ok(looked.await?)
    }

    /// What an install by npm alone makes of the candidate.
    pub(super) async fn whole(&self, npms: &Npms<'_>) -> Result<(), InstallError> {
        let core = core_project(self.directory);
        crate::fs::remove(&core)?;
        // The logs of an earlier attempt list scripts that ran in a tree that is gone.
        crate::fs::remove(&self.home.join(LOGS))?;
        let core = project(core, &PackageName::CORE, self.candidate.core)?;
        npms.scripts.install(&self.job(&core), &[], &[]).await?;
        Ok(())
    }

    /// Which install scripts ran. `OpenClaw` installs its plugins with
    /// `--ignore-scripts`, so that only the core has any.
    pub(super) fn scripts(
        &self,
        core: &Utf8Path,
        laid_out: Option<&[PlacedPackage]>,
    ) -> Option<InstallScripts> {
        // npm's own list of what is there, which it leaves to whoever lays it out.
        let file = if laid_out.is_some() { "package-lock.json" } else { HIDDEN_LOCK };
        let file = core.join(file);
        let lock = foreign::read_to_string_below(self.directory, &file, foreign::TEXT).ok()?;
        let lock = LockFile::parse(&lock).ok()?;
        let places = laid_out.map(|all| all.iter().map(|one| &*one.place).collect::<BTreeSet<_>>());
        let present = lock.packages().filter(|(place, entry)| {
            let is_there = |places: &BTreeSet<_>| places.contains(Utf8Path::new(place));
            entry.in_bundle || places.as_ref().is_none_or(is_there)
        });
        InstallScripts::read(self.home, LOGS, present).ok()
    }

    pub(super) fn job<'a>(&'a self, project: &'a Utf8Path) -> NpmCommand<'a> {
        NpmCommand { project, node: self.node, home: self.home, log: None, stop: self.stop }
    }
}

/// An npm project that depends on exactly one release of one package.
fn project(
    directory: Utf8PathBuf,
    package: &PackageName,
    version: Version,
) -> Result<Utf8PathBuf, InstallError> {
    fs::create_dir_all(&directory)?;
    let dependencies = [(package.to_string(), version.to_string())].into();
    fs::write(directory.join("package.json"), npm::project::manifest(&dependencies))?;
    Ok(directory)
}
