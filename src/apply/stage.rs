//! Staging: the pinned packages installed by npm beside the live ones, on the
//! same file system, and brought into the shape that the live ones have.

use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::target::Wanted;
use crate::explain::{Class, Explain};
use crate::fs;
use crate::installation::{Installation, ManagedPlugin};
use crate::installation::{Package, PackageError};
use crate::node::{Node, satisfies};
use crate::npm::{self, Npm, NpmCommand, NpmError};
use crate::release::{PackageName, Version};

/// What `npm ci` gets; lifecycle scripts run, as they do for the user. A
/// plugin's peer, the core, is the live one and not a second copy.
const CI: [&str; 5] = ["ci", "--no-audit", "--no-fund", "--omit=dev", "--json"];
const NO_PEERS: [&str; 2] = ["--legacy-peer-deps", "--omit=peer"];

/// The pinned packages could not be made ready. The live ones were not touched.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// npm failed.
    #[error(transparent)]
    Npm(#[from] NpmError),
    /// npm installed something else.
    #[error("npm installed {package}@{found} where {wanted} is pinned")]
    OtherVersion {
        /// The package.
        package: PackageName,
        /// What came.
        found: Version,
        /// What was asked for.
        wanted: Version,
    },
    /// The tarball is not the one that was tested.
    #[error(
        "{package}@{version} from this registry is not the tarball that was tested: its integrity hash differs"
    )]
    OtherIntegrity {
        /// The package.
        package: PackageName,
        /// The release.
        version: Version,
    },
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
    /// Two copies of a dependency want the same place.
    #[error("{path} is in openclaw's own node_modules and beside it")]
    Collision {
        /// The dependency.
        path: Utf8PathBuf,
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
            Self::Npm(NpmError::Missing) => "put npm on PATH".to_owned(),
            Self::Npm(_) | Self::Io(_) | Self::Package(_) => return None,
            Self::OtherVersion { .. } | Self::OtherIntegrity { .. } => {
                "this registry does not have what was tested: use the one that the pin was made with"
                    .to_owned()
            }
            Self::Node { needs, .. } => format!(
                "install a Node that satisfies `{needs}`, and `openclaw gateway install --force` with it"
            ),
            Self::Entry { .. } => {
                "this release cannot replace the live one in place; install it by hand".to_owned()
            }
            Self::Collision { .. } => {
                "codexpin cannot lay this release out as a global package; install it by hand"
                    .to_owned()
            }
        })
    }

    fn class(&self) -> Class {
        match self {
            Self::Npm(NpmError::Stopped) => Class::Interrupted,
            Self::Npm(NpmError::Failed { failure, .. })
                if failure.meaning() == crate::npm::run::Meaning::Infrastructure =>
            {
                Class::Infrastructure
            }
            _ => Class::Rollback,
        }
    }
}

/// What staging runs with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stage<'a> {
    pub(super) npm: &'a Npm,
    pub(super) installation: &'a Installation,
    /// Where npm's output goes.
    pub(super) logs: &'a Utf8Path,
    pub(super) stop: &'a CancellationToken,
}

impl Stage<'_> {
    /// Makes the core ready at `ready`, which is beside the live package.
    pub(super) async fn core(&self, wanted: &Wanted, ready: &Utf8Path) -> Result<(), StageError> {
        let name = PackageName::CORE;
        let project = ready.with_file_name("stage");
        self.install(&project, &name, wanted, &[]).await?;
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
        as_global_package(&project, &name)?;
        fs_err::rename(&package.directory, ready)?;
        fs::remove(&project)?;
        Ok(())
    }

    /// Makes the plugin's managed project ready at `ready`.
    pub(super) async fn plugin(
        &self,
        plugin: &ManagedPlugin,
        project: &Utf8Path,
        wanted: &Wanted,
        ready: &Utf8Path,
    ) -> Result<(), StageError> {
        let name = PackageName::PLUGIN;
        let stage = ready.with_file_name("stage-plugin");
        self.install(&stage, &name, wanted, &NO_PEERS).await?;
        // OpenClaw's own keys (`overrides`, `openclaw`) stay for its next update.
        let text = fs_err::read_to_string(project.join("package.json"))?;
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
        wanted: &Wanted,
        extra: &[&str],
    ) -> Result<(), StageError> {
        fs::remove(project)?;
        let home = project.with_file_name("home");
        fs::create_private_dir(project)?;
        fs::create_private_dir(&home.join("tmp"))?;
        let log = self.logs.join(format!("npm-{}", project.file_name().unwrap_or("stage")));
        let job = NpmCommand {
            project,
            node: &self.installation.node,
            home: &home,
            log: Some(&log),
            stop: self.stop,
        };
        if let Some(lock) = &wanted.lock {
            fs_err::write(project.join("package.json"), lock.manifest())?;
            fs_err::write(project.join("package-lock.json"), lock.text())?;
            let arguments = CI.iter().chain(extra).map(ToString::to_string).collect();
            self.npm.run(&job, arguments).await?;
        } else {
            let nothing = std::collections::BTreeMap::new();
            fs_err::write(project.join("package.json"), npm::project::manifest(&nothing))?;
            let package = format!("{name}@{}", wanted.version);
            let exact: Vec<_> = ["--save-exact"].iter().chain(extra).copied().collect();
            self.npm.install(&job, &[package], &exact).await?;
        }
        fs::remove(&home)?;
        verify(project, name, wanted)
    }
}

/// Holds what npm installed against the pin: npm itself checked every tarball
/// against the hashes that it writes here.
fn verify(project: &Utf8Path, name: &PackageName, wanted: &Wanted) -> Result<(), StageError> {
    let package = Package::read(&project.join("node_modules").join(name.as_str()))?;
    if package.version != wanted.version {
        let (package, found) = (name.clone(), package.version);
        return Err(StageError::OtherVersion { package, found, wanted: wanted.version });
    }
    let text = fs_err::read_to_string(project.join("node_modules/.package-lock.json"))?;
    let tree: Value = serde_json::from_str(&text).map_err(io::Error::other)?;
    let found = tree["packages"][format!("node_modules/{name}")]["integrity"].as_str();
    if wanted.integrity.is_some() && found != wanted.integrity.as_deref() {
        let (package, version) = (name.clone(), wanted.version);
        return Err(StageError::OtherIntegrity { package, version });
    }
    Ok(())
}

/// Turns a project's tree into a global package's: the dependencies move from
/// beside the package into its own `node_modules`, where `npm install -g` puts them.
fn as_global_package(project: &Utf8Path, name: &PackageName) -> Result<(), StageError> {
    let modules = project.join("node_modules");
    let own = modules.join(name.as_str()).join("node_modules");
    fs_err::create_dir_all(&own)?;
    for entry in modules.read_dir_utf8()? {
        let entry = entry?;
        let dependency = entry.file_name();
        if dependency == name.as_str() || dependency == ".package-lock.json" {
            continue;
        }
        move_into(entry.path(), &own.join(dependency))?;
    }
    // The package's own command is no dependency of itself.
    fs::remove(&own.join(".bin").join(name.as_str()))?;
    Ok(())
}

/// Moves a directory, or what is in it where the directory (a scope, `.bin`) is there already.
fn move_into(from: &Utf8Path, to: &Utf8Path) -> Result<(), StageError> {
    if to.symlink_metadata().is_err() {
        return Ok(fs_err::rename(from, to)?);
    }
    let holder = |path: &Utf8Path| path.file_name().is_some_and(|n| n.starts_with(['@', '.']));
    if !holder(from) {
        return Err(StageError::Collision { path: to.to_owned() });
    }
    for entry in from.read_dir_utf8()? {
        let entry = entry?;
        move_into(entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[&str]) -> (tempfile::TempDir, Utf8PathBuf) {
        let guard = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(guard.path().to_owned()).unwrap();
        for file in files {
            let path = root.join("node_modules").join(file);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, "").unwrap();
        }
        (guard, root)
    }

    fn there(root: &Utf8Path, file: &str) -> bool {
        root.join("node_modules").join(file).exists()
    }

    #[test]
    fn dependencies_move_into_the_package_as_npm_lays_out_a_global_one() {
        let (_guard, root) = tree(&[
            "openclaw/openclaw.mjs",
            "openclaw/node_modules/@scope/own/x",
            ".package-lock.json",
            ".bin/openclaw",
            ".bin/tool",
            "zod/index.js",
            "@scope/beside/x",
        ]);
        as_global_package(&root, &PackageName::CORE).unwrap();
        for file in ["zod/index.js", "@scope/beside/x", "@scope/own/x", ".bin/tool"] {
            assert!(there(&root, &format!("openclaw/node_modules/{file}")), "{file}");
        }
        for file in [".bin/openclaw", ".package-lock.json"] {
            assert!(!there(&root, &format!("openclaw/node_modules/{file}")), "{file}");
        }
    }

    #[test]
    fn a_dependency_in_both_places_is_refused() {
        let (_guard, root) = tree(&["openclaw/node_modules/zod/index.js", "zod/index.js"]);
        let error = as_global_package(&root, &PackageName::CORE).unwrap_err();
        assert!(matches!(error, StageError::Collision { .. }), "{error}");
    }
}
