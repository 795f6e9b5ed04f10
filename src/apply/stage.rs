//! Staging: the pinned packages installed beside the live ones, on the
//! same file system, and brought into the shape that the live ones have.

use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::target::PinnedPackage;
use crate::explain::{Class, Explain};
use crate::fs::{self, foreign};
use crate::installation::{
    Installation, ManagedPlugin, ManagerError, Package, PackageError, PackageManager,
    PackageRequest,
};
use crate::node::{Node, satisfies};
use crate::release::{PackageName, Version};

/// The pinned packages could not be made ready. The live ones were not touched.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// The package manager did not install what is pinned.
    #[error(transparent)]
    Manager(#[from] ManagerError),
    /// The release does not start on this Node.
    #[error("openclaw {version} needs Node {needs}; {} is {}", .node.executable(), .node.version)]
    Node {
        /// The release.
        version: Version,
        /// Its `engines.node`.
        needs: String,
        /// The Node that the installation runs on.
        node: Node,
    },
    /// The unit, or the shell's link, would run a file that the release does not have.
    #[error("openclaw {version} has no {entry}, which the live installation runs")]
    Entry {
        /// The release.
        version: Version,
        /// The file, relative to the package.
        entry: Utf8PathBuf,
    },
    /// A manifest cannot be read.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// Files cannot be written or moved.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Explain for StageError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Manager(error) => return error.hint(),
            Self::Io(_) | Self::Package(_) => return None,
            Self::Node { needs, .. } => format!(
                "install a Node that satisfies `{needs}`, and `openclaw gateway install --force` with it"
            ),
            Self::Entry { .. } => {
                "this release cannot replace the live one in place; install it by hand".to_owned()
            }
        })
    }

    fn class(&self) -> Class {
        match self {
            Self::Manager(error) => error.class(),
            _ => Class::Rollback,
        }
    }
}

/// What staging runs with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Staging<'a, M> {
    pub(super) manager: &'a M,
    pub(super) installation: &'a Installation,
    /// Where the package manager's output goes.
    pub(super) logs: &'a Utf8Path,
    pub(super) stop: &'a CancellationToken,
}

impl<M: PackageManager> Staging<'_, M> {
    /// Makes the core ready at `ready`, which is beside the live package.
    pub(super) async fn core(
        &self,
        wanted: &PinnedPackage,
        ready: &Utf8Path,
        half_done: impl Fn(),
    ) -> Result<(), StageError> {
        let name = PackageName::CORE;
        let project = ready.with_file_name("stage");
        self.install(&project, &name, wanted, true).await?;
        half_done();
        let package = Package::read(&project.join("node_modules").join(name.as_str()))?;
        if !satisfies(&self.installation.node.version, package.node.as_deref()) {
            return Err(StageError::Node {
                version: package.version,
                needs: package.node.unwrap_or_default(),
                node: self.installation.node.clone(),
            });
        }
        let missing = |entry: Utf8PathBuf| StageError::Entry { version: wanted.version, entry };
        let bin = package.bin("openclaw").ok_or_else(|| missing("openclaw.mjs".into()))?;
        let service = self.installation.service.as_ref().map(|s| package.directory.join(&s.entry));
        if let Some(entry) = [Some(bin), service].into_iter().flatten().find(|e| !e.exists()) {
            let relative = entry.strip_prefix(&package.directory).unwrap_or(&entry).to_owned();
            return Err(missing(relative));
        }
        self.manager.lay_out_globally(&project, &name)?;
        fs_err::rename(&package.directory, ready)?;
        fs::remove(&project)?;
        Ok(())
    }

    /// Makes the plugin's managed project ready at `ready`.
    pub(super) async fn plugin(
        &self,
        plugin: &ManagedPlugin,
        project: &Utf8Path,
        wanted: &PinnedPackage,
        ready: &Utf8Path,
        half_done: impl Fn(),
    ) -> Result<(), StageError> {
        let name = PackageName::PLUGIN;
        let stage = ready.with_file_name("stage-plugin");
        self.install(&stage, &name, wanted, false).await?;
        half_done();
        // OpenClaw's own keys (`overrides`, `openclaw`) stay for its next update.
        let text = foreign::read_to_string_named(&project.join("package.json"), foreign::TEXT)?;
        let mut manifest: Value = serde_json::from_str(&text).map_err(|error| {
            let path = project.join("package.json");
            PackageError::Manifest { path, reason: error.to_string() }
        })?;
        manifest["dependencies"][name.as_str()] = wanted.version.to_string().into();
        let manifest = serde_json::to_string_pretty(&manifest).map_err(io::Error::other)? + "\n";
        let mode = fs_err::metadata(project.join("package.json"))?.permissions();
        fs_err::write(stage.join("package.json"), manifest)?;
        fs_err::set_permissions(stage.join("package.json"), mode)?;
        // The plugin finds its host by this link; `openclaw plugins install`
        // makes it so (seen with 2026.9.5).
        let old_link = plugin.package.directory.join("node_modules/openclaw");
        let host =
            old_link.read_link_utf8().unwrap_or_else(|_| self.installation.core.directory.clone());
        let modules = stage.join("node_modules").join(name.as_str()).join("node_modules");
        fs_err::create_dir_all(&modules)?;
        if !modules.join("openclaw").exists() {
            fs_err::os::unix::fs::symlink(host, modules.join("openclaw"))?;
        }
        fs_err::rename(&stage, ready)?;
        Ok(())
    }

    async fn install(
        &self,
        project: &Utf8Path,
        name: &PackageName,
        pinned: &PinnedPackage,
        with_peers: bool,
    ) -> Result<(), StageError> {
        let request = PackageRequest {
            project,
            package: name,
            version: pinned.version,
            integrity: pinned.integrity.as_deref(),
            lock: pinned.lock.as_ref(),
            with_peers,
            node: &self.installation.node,
            logs: self.logs,
            stop: self.stop,
        };
        Ok(self.manager.install(&request).await?)
    }
}

/// How much a tree takes, in bytes of its files. A file that several names
/// share counts once.
pub(super) fn size_of(path: &Utf8Path) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    let mut seen = std::collections::BTreeSet::new();
    let mut open = vec![path.to_owned()];
    let mut total = 0;
    while let Some(directory) = open.pop() {
        for entry in directory.read_dir_utf8().into_iter().flatten().flatten() {
            let Ok(metadata) = entry.path().symlink_metadata() else { continue };
            if metadata.is_dir() {
                open.push(entry.into_path());
            } else if metadata.nlink() == 1 || seen.insert((metadata.dev(), metadata.ino())) {
                total += metadata.blocks() * 512;
            }
        }
    }
    total
}
