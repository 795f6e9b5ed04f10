//! All prefixes of this machine: finding a finished one, making a new one,
//! keeping them within a size.

use std::collections::BTreeSet;
use std::time::{Instant, SystemTime};

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::install::PrefixInstall;
use super::packages::{LayOutError, PackageStore, PackageUse};
use super::tree::{self, ContentHashes};
use super::{
    FORMAT, InstallError, Prefix, PrefixManifest, StoreError, blocking, core_project, marker, name,
    plugin_home,
};
use crate::fs::{Lock, LockError, foreign, write_atomic};
use crate::host::HostPort;
use crate::node::choice::Node;
use crate::npm::run::Npm;
use crate::release::Version;
use crate::release::pairing::Candidate;

/// How much disk the prefixes may take by default. Bytes.
pub const DEFAULT_LIMIT: u64 = 15_000_000_000;

/// The directory of the packages that they share, among them.
const PACKAGES: &str = ".packages";

/// The scratch prefixes of this machine.
#[derive(Debug, Clone)]
pub struct PrefixStore {
    directory: Utf8PathBuf,
    packages: PackageStore,
    npm: Npm,
    limit: u64,
    open_to: Vec<HostPort>,
}

/// A prefix as `cache ls` shows it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct PrefixListing {
    /// Its directory's name.
    pub name: String,
    /// The core release; none where the prefix is half made.
    pub core: Option<Version>,
    /// Bytes on disk that no other prefix before it in the list has counted.
    pub bytes: u64,
    /// When it was last used.
    pub used: Timestamp,
}

impl PrefixStore {
    /// The prefixes in `directory`, made by `npm`, together not larger than
    /// `limit` bytes.
    pub fn new(directory: Utf8PathBuf, npm: Npm, limit: u64) -> Self {
        // Where the prefixes are: only there can they have the same files.
        let packages = PackageStore::new(directory.join(PACKAGES));
        Self { directory, packages, npm, limit, open_to: Vec::new() }
    }

    /// The same, where installs may reach these places, too. What was made that way is
    /// kept apart, and is used with the same places alone.
    #[must_use]
    pub fn opened_to(mut self, mut open_to: Vec<HostPort>) -> Self {
        open_to.sort();
        open_to.dedup();
        self.npm = self.npm.opened_to(open_to.clone());
        Self { open_to, ..self }
    }

    /// The same, whose installs run with the user's rights where they cannot be enclosed.
    #[must_use]
    pub fn unenclosed(mut self, unenclosed: bool) -> Self {
        self.npm = self.npm.unenclosed(unenclosed);
        self
    }

    /// The npm that makes them.
    pub fn npm(&self) -> &Npm {
        &self.npm
    }

    /// The candidate's prefix: a finished one whose files are unchanged, or a new one.
    pub async fn provide(
        &self,
        candidate: &Candidate,
        node: &Node,
        stop: &CancellationToken,
    ) -> Result<Prefix, StoreError> {
        let name = name(candidate, node, &self.open_to);
        loop {
            if let Some(mut prefix) = self.finished(&name).await? {
                // The manifest names the path that Node had when the prefix was made; it may
                // have moved since.
                prefix.manifest.node = node.clone();
                return Ok(prefix);
            }
            let alone = self.wait_for(&name, stop).await?;
            // Another codexpin may have made it while this one waited for the lock.
            if self.manifest(&name).is_none() {
                self.make(&name, candidate, node, stop).await?;
            }
            drop(alone);
            if let Some(mut prefix) = self.finished(&name).await? {
                prefix.reused = false;
                return Ok(prefix);
            }
        }
    }

    /// The candidate's finished prefix where there is one, held against removal,
    /// to read what is in it. It is not looked at for writes, and never made.
    pub fn kept(&self, candidate: &Candidate, node: &Node) -> Option<Prefix> {
        let name = name(candidate, node, &self.open_to);
        let lock = Lock::try_share(&self.lock_file(&name)).ok()?;
        let manifest = self.manifest(&name)?;
        let directory = self.directory.join(name);
        Some(Prefix { directory, manifest, reused: true, _in_use: lock })
    }

    async fn wait_for(&self, name: &str, stop: &CancellationToken) -> Result<Lock, StoreError> {
        let file = self.lock_file(name);
        tokio::select! {
            lock = Lock::wait(&file) => Ok(lock?),
            () = stop.cancelled() => Err(InstallError::Npm(crate::npm::run::NpmError::Stopped).into()),
        }
    }

    /// A finished prefix, held against removal. One whose files have changed
    /// since npm made it is removed.
    async fn finished(&self, name: &str) -> Result<Option<Prefix>, StoreError> {
        let Some(manifest) = self.manifest(name) else { return Ok(None) };
        let lock = match Lock::try_share(&self.lock_file(name)) {
            Ok(lock) => lock,
            Err(LockError::Held { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let directory = self.directory.join(name);
        if !untouched(directory.clone(), manifest.fingerprint.clone()).await? {
            drop(lock);
            self.remove_touched(name, &manifest)?;
            return Ok(None);
        }
        // Its time is when the prefix was last used: the order in which prefixes are removed.
        let marker = std::fs::File::options().append(true).open(self.marker(name))?;
        marker.set_modified(SystemTime::now())?;
        Ok(Some(Prefix { directory, manifest, reused: true, _in_use: lock }))
    }

    /// Removes a prefix whose files have changed, unless another check runs from it: that
    /// one may go on, and the next that needs the prefix waits for it.
    fn remove_touched(&self, name: &str, manifest: &PrefixManifest) -> Result<(), StoreError> {
        match Lock::try_take(&self.lock_file(name)) {
            // Another codexpin may have made it anew before the lock was taken.
            Ok(_alone) if self.manifest(name).as_ref() == Some(manifest) => Ok(self.remove(name)?),
            Ok(_) | Err(LockError::Held { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    async fn make(
        &self,
        name: &str,
        candidate: &Candidate,
        node: &Node,
        stop: &CancellationToken,
    ) -> Result<(), StoreError> {
        let directory = self.directory.join(name);
        // Without its manifest it is what a kill left of an install.
        self.remove(name)?;
        let home = directory.join("home");
        fs::create_dir_all(home.join("tmp"))?;
        let lock = self.lock_to_begin_with(candidate, node)?;
        let begun = Instant::now();
        let install = PrefixInstall {
            candidate,
            node,
            npm: &self.npm,
            directory: &directory,
            home: &home,
            packages: &self.packages,
            lock: lock.as_deref(),
            stop,
        };
        let mut spoiled = BTreeSet::new();
        let installed = Box::pin(install.run(&mut spoiled)).await;
        self.condemn_users_of(&spoiled)?;
        let installed = match installed {
            Ok(installed) => installed,
            Err(error) => {
                crate::fs::remove(&directory)?;
                return Err(error.into());
            }
        };
        crate::fs::remove(&home)?;
        let (measured, mut hashes) = (directory.clone(), installed.hashes);
        let (fingerprint, content, bytes) = blocking(move || {
            let (fingerprint, content) =
                (fingerprint(&measured)?, content(&measured, &mut hashes)?);
            // One name in the store, and one here.
            Ok((fingerprint, content, tree::own_use(&measured, 2)?))
        })
        .await?;
        let install_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let manifest = PrefixManifest {
            format: FORMAT,
            candidate: candidate.clone(),
            node: node.clone(),
            entry: installed.entry,
            plugin_project: installed.plugin_project,
            made_in: directory.clone(),
            open_to: self.open_to.clone(),
            locks: installed.locks,
            egress: Some(installed.egress),
            scripts: installed.scripts,
            installed: Timestamp::now(),
            install_ms,
            bytes,
            fingerprint,
            content,
        };
        let text = serde_json::to_vec_pretty(&manifest).map_err(std::io::Error::other)?;
        // Last of all: only a prefix with a manifest is ever used.
        write_atomic(&self.marker(name), &text)?;
        self.keep_within_limit(name).await
    }

    /// The lock file of the same or the nearest older release, made with the same Node. A
    /// newer one would give a tree that no upgrade gives.
    fn lock_to_begin_with(
        &self,
        candidate: &Candidate,
        node: &Node,
    ) -> Result<Option<String>, StoreError> {
        let manifests = self.names()?.into_iter().filter_map(|name| self.manifest(&name));
        let near = manifests.filter(|manifest| {
            manifest.node.version == node.version && manifest.candidate.core <= candidate.core
        });
        let nearest = near.max_by_key(|manifest| manifest.candidate.core);
        Ok(nearest.map(|manifest| manifest.locks.core))
    }

    /// Has every prefix made anew that has files of these packages.
    fn condemn_users_of(&self, packages: &BTreeSet<String>) -> Result<(), StoreError> {
        if packages.is_empty() {
            return Ok(());
        }
        for name in self.names()? {
            let lock = self.manifest(&name).map(|manifest| manifest.locks.core);
            if lock.is_some_and(|lock| packages.iter().any(|hash| lock.contains(hash.as_str()))) {
                crate::fs::remove(&self.marker(&name))?;
            }
        }
        Ok(())
    }

    fn manifest(&self, name: &str) -> Option<PrefixManifest> {
        let directory = self.directory.join(name);
        let text = foreign::read(&self.marker(name), foreign::TEXT).ok()?;
        let manifest: PrefixManifest = serde_json::from_slice(&text).ok()?;
        // A plugin counts only if OpenClaw has it on record, which names an absolute path:
        // a prefix that was moved is as good as none.
        let plugin = manifest.candidate.plugin.is_some();
        let whole = directory.is_dir()
            && plugin == manifest.plugin_project.is_some()
            && (!plugin || manifest.made_in == directory);
        Some(manifest).filter(|manifest| manifest.format == FORMAT && whole)
    }

    fn names(&self) -> Result<Vec<String>, StoreError> {
        let entries = match fs::read_dir(&self.directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        };
        let mut names: Vec<_> = entries
            .flatten()
            .filter(|entry| entry.path().is_dir())
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| name != PACKAGES)
            .collect();
        names.sort();
        Ok(names)
    }

    /// Every prefix, the one not used for longest first.
    pub async fn list(&self) -> Result<Vec<PrefixListing>, StoreError> {
        let store = self.clone();
        blocking(move || {
            let mut listed = Vec::new();
            for name in store.names().map_err(std::io::Error::other)? {
                let directory = store.directory.join(&name);
                let marker =
                    fs::metadata(store.marker(&name)).or_else(|_| fs::metadata(&directory));
                let used = marker.and_then(|m| m.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
                listed.push((used, name));
            }
            listed.sort();
            let mut seen = BTreeSet::new();
            let kept = listed.into_iter().map(|(used, name)| {
                let bytes = tree::disk_use(&store.directory.join(&name), &mut seen)?;
                let core = store.manifest(&name).map(|manifest| manifest.candidate.core);
                let used = Timestamp::try_from(used).unwrap_or(Timestamp::UNIX_EPOCH);
                Ok(PrefixListing { name, core, bytes, used })
            });
            kept.collect()
        })
        .await
        .map_err(Into::into)
    }

    /// What the packages take that the prefixes share.
    pub async fn packages(&self) -> Result<PackageUse, StoreError> {
        let packages = self.packages.clone();
        Ok(blocking(move || packages.disk_use()).await?)
    }

    /// Removes packages that no prefix has, and then the prefixes not used for longest with
    /// what they alone have, until the rest fits in `limit` bytes. What is in use stays.
    /// Returns the prefixes that were removed.
    pub async fn prune(&self, limit: u64) -> Result<Vec<PrefixListing>, StoreError> {
        let mut removed = Vec::new();
        let mut kept = self.list().await?.into_iter();
        self.remove_unused().await?;
        while self.bytes().await? > limit {
            let Some(prefix) = kept.next() else { break };
            match Lock::try_take(&self.lock_file(&prefix.name)) {
                Ok(_alone) => {
                    self.remove(&prefix.name)?;
                    self.remove_unused().await?;
                    removed.push(prefix);
                }
                Err(LockError::Held { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(removed)
    }

    async fn remove_unused(&self) -> Result<(), StoreError> {
        let packages = self.packages.clone();
        match blocking(move || Ok(packages.remove_unused())).await? {
            Err(LayOutError::Lock(error)) => Err(error.into()),
            removed => removed.map_err(|error| std::io::Error::other(error).into()),
        }
    }

    /// What all of it takes on the disk.
    async fn bytes(&self) -> Result<u64, StoreError> {
        let directory = self.directory.clone();
        Ok(blocking(move || tree::disk_use(&directory, &mut BTreeSet::new())).await?)
    }

    async fn keep_within_limit(&self, but: &str) -> Result<(), StoreError> {
        // Adding up the sizes in the manifests is cheap; the files are measured only if
        // that sum is over the limit.
        let recorded: u64 =
            self.names()?.iter().filter_map(|n| self.manifest(n)).map(|m| m.bytes).sum();
        if recorded > self.limit {
            let _keep = Lock::try_share(&self.lock_file(but));
            self.prune(self.limit).await?;
        }
        Ok(())
    }

    /// The marker goes first: a removal that is cut short leaves a half-made prefix.
    fn remove(&self, name: &str) -> std::io::Result<()> {
        let directory = self.directory.join(name);
        crate::fs::remove(&self.marker(name))?;
        crate::fs::remove(&directory)
    }

    /// Beside the prefix and not in it: a candidate has its hands on what is in it, and
    /// the sandbox hides what is beside it.
    fn marker(&self, name: &str) -> Utf8PathBuf {
        marker(&self.directory.join(name))
    }

    fn lock_file(&self, name: &str) -> Utf8PathBuf {
        self.directory.join(format!("{name}.lock"))
    }
}

pub(super) fn fingerprint(directory: &Utf8Path) -> std::io::Result<String> {
    of_trees(directory, tree::fingerprint)
}

pub(super) fn content(directory: &Utf8Path, hashes: &mut ContentHashes) -> std::io::Result<String> {
    of_trees(directory, |trees| hashes.of_trees(trees))
}

fn of_trees<T>(directory: &Utf8Path, look: impl FnOnce(&[&Utf8Path]) -> T) -> T {
    let (core, plugin) = (core_project(directory), plugin_home(directory));
    let trees = [core.as_path(), plugin.as_path()].into_iter().filter(|tree| tree.exists());
    look(&trees.collect::<Vec<_>>())
}

async fn untouched(directory: Utf8PathBuf, expected: String) -> std::io::Result<bool> {
    blocking(move || Ok(fingerprint(&directory)? == expected)).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::Environment;
    use crate::npm::NpmPlaces;
    use crate::prefix::TreeLocks;
    use crate::process::Processes;

    #[tokio::test]
    async fn a_prefix_that_was_written_to_is_removed_once_nobody_uses_it() {
        let guard = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(guard.path().to_owned()).unwrap();
        let places = NpmPlaces {
            executable: "npm".into(),
            global_config: None,
            user_config: root.join("npmrc"),
            project_config: None,
            cache: root.join("cache"),
        };
        let npm = Npm::new(&places, &Environment::default(), &[], Processes::default());
        let store = PrefixStore::new(root.join("prefixes"), npm, DEFAULT_LIMIT);
        let candidate = Candidate {
            core: "2026.6.1".parse().unwrap(),
            core_integrity: None,
            node: None,
            plugin: None,
        };
        let node = Node { version: "22.23.3".to_owned(), bin: "/usr/bin".into() };
        let directory = store.directory.join(name(&candidate, &node, &[]));
        fs::create_dir_all(&directory).unwrap();
        let manifest = PrefixManifest {
            format: FORMAT,
            candidate: candidate.clone(),
            node: node.clone(),
            entry: "core/openclaw.mjs".into(),
            plugin_project: None,
            made_in: directory.clone(),
            installed: Timestamp::now(),
            install_ms: 1,
            open_to: Vec::new(),
            locks: TreeLocks { core: "{}".to_owned(), plugin: None },
            egress: None,
            scripts: None,
            bytes: 0,
            fingerprint: "of other files".to_owned(),
            content: String::new(),
        };
        fs::write(
            store.marker(&name(&candidate, &node, &[])),
            serde_json::to_vec(&manifest).unwrap(),
        )
        .unwrap();

        let in_use = store.kept(&candidate, &node).unwrap();
        let name = name(&candidate, &node, &[]);
        assert!(store.finished(&name).await.unwrap().is_none());
        assert!(store.marker(&name).is_file(), "it was removed under whoever uses it");
        drop(in_use);
        assert!(store.finished(&name).await.unwrap().is_none());
        assert!(!directory.exists(), "it is of no use and takes up space");
    }
}
