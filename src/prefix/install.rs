//! One install of one candidate, from an empty directory to a tree that is what the
//! registry promised.
//!
//! ```text
//! npm: resolve ─▶ fetch what is new ─▶ lay out ─▶ npm: scripts ─▶ OpenClaw: plugin
//!      └──── with npm's cache ────┘               └─ without ─┘   └─ with it ─┘
//! ```

mod core_tree;

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use self::core_tree::LaidOut;
use super::packages::PackageStore;
use super::plugin::PluginInstall;
use super::tree::ContentHashes;
use super::{InstallError, TreeLocks, core_project, plugin_home};
use crate::explain::{Class, Explain as _};
use crate::fs::foreign;
use crate::node::choice::Node;
use crate::npm::egress::Egress;
use crate::npm::lockfile::PlacedPackage;
use crate::npm::registry_proxy::RegistryProxy;
use crate::npm::run::{Npm, NpmError};
use crate::npm::{InstallScripts, LockFile, commands};
use crate::process::Limits;
use crate::release::pairing::Candidate;
use crate::release::{PackageName, Version};

/// What one install needs.
pub(super) struct PrefixInstall<'a> {
    pub candidate: &'a Candidate,
    pub node: &'a Node,
    pub npm: &'a Npm,
    /// The directory of the new prefix; it is empty.
    pub directory: &'a Utf8Path,
    /// A scratch home for npm and the lifecycle scripts.
    pub home: &'a Utf8Path,
    pub packages: &'a PackageStore,
    /// The lock file of another release to resolve from.
    pub lock: Option<&'a str>,
    pub stop: &'a CancellationToken,
}

/// How an install went.
pub(super) struct InstallResult {
    pub entry: Utf8PathBuf,
    pub plugin_project: Option<Utf8PathBuf>,
    pub locks: TreeLocks,
    /// What it tried to reach.
    pub egress: Egress,
    /// Which of the core's install scripts ran; none where npm does not say.
    pub scripts: Option<InstallScripts>,
    /// The hashes of what is in the files.
    pub hashes: ContentHashes,
}

/// npm where it resolves and fetches, and npm where scripts run: they have no part in its
/// cache.
struct Npms<'a> {
    npm: Npm,
    scripts: Npm,
    /// What stands before the registries; none where npm asks them itself.
    registries: Option<&'a RegistryProxy>,
}

impl PrefixInstall<'_> {
    /// Installs with the registries, and what the user opens it to, as all that can be
    /// reached. What fails after it was refused something is never tried in the open: a
    /// release could ask for it.
    ///
    /// Into `spoiled` go the packages, by their integrity, that were written to since they
    /// were unpacked: what other prefixes have of them is not what was published.
    pub(super) async fn run(
        &self,
        spoiled: &mut BTreeSet<String>,
    ) -> Result<InstallResult, InstallError> {
        let limits = Limits::of_candidate(vec![self.directory.to_owned()]);
        let npm = self.npm.clone().limited(limits.clone());
        let scripts = npm.clone().with_cache(self.home.join("npm-cache"));
        let (resolving, running) =
            tokio::try_join!(self.proxy(&npm, "npm"), self.proxy(&scripts, "scripts"))?;
        let (resolving, running) = match (resolving, running) {
            (Ok(resolving), Ok(running)) => (resolving, running),
            (Err(egress), _) | (_, Err(egress)) => {
                let installed =
                    self.once(&Npms { npm, scripts, registries: None }, spoiled).await?;
                within(&limits).await?;
                return Ok(InstallResult { egress, ..installed });
            }
        };
        let npms = Npms {
            npm: npm.behind(&resolving, &self.home_of("npm"))?,
            scripts: scripts.behind(&running, &self.home_of("scripts"))?,
            registries: Some(&resolving),
        };
        let installed = Box::pin(self.once(&npms, spoiled)).await;
        // The record is complete only once the proxies have closed their connections.
        let (first, second) = tokio::join!(resolving.close(), running.close());
        let egress = first.and(second);
        match installed {
            Err(InstallError::Npm(NpmError::Stopped)) => Err(NpmError::Stopped.into()),
            Err(error) if error.is_of_the_release() && !egress.refused().is_empty() => {
                Err(InstallError::Refused { hosts: egress.refused(), error: Box::new(error) })
            }
            installed => {
                let installed = installed?;
                within(&limits).await?;
                Ok(InstallResult { egress, ..installed })
            }
        }
    }

    async fn proxy(
        &self,
        npm: &Npm,
        what: &str,
    ) -> Result<Result<RegistryProxy, Egress>, InstallError> {
        let tmp = self.home_of(what).join("enclosure");
        crate::fs::create_private_dir(&tmp)?;
        Ok(npm.registry_proxy(self.directory, tmp, self.node).await?)
    }

    /// Where npm's settings are while it resolves, and while scripts run.
    fn home_of(&self, what: &str) -> Utf8PathBuf {
        self.home.join(what)
    }

    async fn once(
        &self,
        npms: &Npms<'_>,
        spoiled: &mut BTreeSet<String>,
    ) -> Result<InstallResult, InstallError> {
        if let Some(core) = self.lay_out(npms).await? {
            let built = self.build(npms, &core).await;
            // However it ended: its scripts ran.
            let (changed, hashes) = self.condemn_changed(&core).await?;
            spoiled.extend(changed);
            match built {
                Err(error) if spoiled.is_empty() || error.class() == Class::Interrupted => {
                    return Err(error);
                }
                Ok(Some(installed)) if spoiled.is_empty() => {
                    return Ok(InstallResult { hashes, ..installed });
                }
                // With a file of the store that was written to, by a script or before, this
                // tree is not what its release is.
                _ => crate::fs::remove(&plugin_home(self.directory))?,
            }
        }
        self.whole(npms).await?;
        let lock = self.lock_file(&core_project(self.directory))?;
        self.finish(npms, lock, None).await
    }

    /// Runs the install scripts of what is laid out, and finishes it. None where a script
    /// failed: npm would go on without an optional package, but not here.
    async fn build(
        &self,
        npms: &Npms<'_>,
        core: &LaidOut,
    ) -> Result<Option<InstallResult>, InstallError> {
        let project = core_project(self.directory);
        if !commands::link(&project, &core.packages)? {
            match npms.scripts.rebuild(&self.job(&project)).await {
                Err(NpmError::Failed { .. }) => return Ok(None),
                rebuilt => rebuilt?,
            }
        }
        self.finish(npms, core.lock.clone(), Some(&core.packages)).await.map(Some)
    }

    /// Holds the core against what was promised and has `OpenClaw` install the plugin.
    async fn finish(
        &self,
        npms: &Npms<'_>,
        lock: String,
        packages: Option<&[PlacedPackage]>,
    ) -> Result<InstallResult, InstallError> {
        let core = core_project(self.directory);
        let integrity = self.candidate.core_integrity.as_deref();
        self.verify(&core, &lock, &PackageName::CORE, self.candidate.core, integrity)?;
        let mut locks = TreeLocks { core: lock, plugin: None };
        let package = Utf8Path::new("core/node_modules/openclaw");
        let commands: DeclaredCommands = self.manifest(package)?;
        let entry = package.join(commands.openclaw()?);
        let scripts = self.scripts(&core, packages);
        let mut plugin_project = None;
        if let Some(plugin) = &self.candidate.plugin {
            let install = PluginInstall {
                version: plugin.version,
                node: self.node,
                npm: &npms.npm,
                directory: self.directory,
                entry: &self.directory.join(&entry),
                stop: self.stop,
            };
            let project = install.run().await?;
            let integrity = plugin.integrity.as_deref();
            let directory = self.directory.join(&project);
            let lock = self.lock_file(&directory)?;
            self.verify(&directory, &lock, &PackageName::PLUGIN, plugin.version, integrity)?;
            locks.plugin = Some(lock);
            plugin_project = Some(project);
        }
        Ok(InstallResult {
            entry,
            plugin_project,
            locks,
            egress: Egress::default(),
            scripts,
            hashes: ContentHashes::default(),
        })
    }

    /// Holds what npm wrote against what the registry said: the lock file, and what the
    /// package says of itself. npm unpacks any tarball under the name and the version
    /// that the registry's list has for it.
    fn verify(
        &self,
        project: &Utf8Path,
        lock: &str,
        package: &PackageName,
        version: Version,
        integrity: Option<&str>,
    ) -> Result<(), InstallError> {
        let other = |found: String| {
            let package = package.clone();
            Err(InstallError::NotTheCandidate { package, version, found })
        };
        let lock = LockFile::parse(lock).map_err(std::io::Error::other)?;
        let Some(entry) = lock.top(package) else { return other("nothing".to_owned()) };
        if entry.version.as_deref() != Some(&version.to_string()) {
            return other(entry.version.clone().unwrap_or_default());
        }
        if let (Some(found), Some(promised)) = (entry.integrity.as_deref(), integrity)
            && found != promised
        {
            return other(format!("a tarball with another hash ({found})"));
        }
        let directory = project.join("node_modules").join(package.as_str());
        let said: PackageIdentity = self.manifest(&directory)?;
        if said.name == package.as_str() && said.version.parse() == Ok(version) {
            return Ok(());
        }
        other(format!("a tarball that calls itself {}@{}", said.name, said.version))
    }

    /// The lock file of a project of the prefix.
    fn lock_file(&self, project: &Utf8Path) -> Result<String, InstallError> {
        let file = project.join("package-lock.json");
        Ok(foreign::read_to_string_below(self.directory, &file, foreign::TEXT)?)
    }

    /// A package's own `package.json`.
    fn manifest<T: serde::de::DeserializeOwned>(
        &self,
        package: &Utf8Path,
    ) -> Result<T, InstallError> {
        let file = package.join("package.json");
        let text = foreign::read_below(self.directory, &file, foreign::TEXT)?;
        Ok(serde_json::from_slice(&text).map_err(std::io::Error::other)?)
    }
}

/// What was too quick for the watch.
async fn within(limits: &Limits) -> Result<(), InstallError> {
    match limits.exceeded_on_disk().await {
        Some(limit) => Err(NpmError::Limited(limit).into()),
        None => Ok(()),
    }
}

/// What a package calls itself.
#[derive(Deserialize)]
#[serde(default)]
struct PackageIdentity {
    name: String,
    version: String,
}

impl Default for PackageIdentity {
    fn default() -> Self {
        Self { name: "a package without a name".to_owned(), version: "no version".to_owned() }
    }
}

/// The commands that a package declares.
#[derive(Deserialize)]
struct DeclaredCommands {
    #[serde(default)]
    bin: Option<Commands>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Commands {
    One(Utf8PathBuf),
    Named(std::collections::BTreeMap<String, Utf8PathBuf>),
}

impl DeclaredCommands {
    /// The script behind the `openclaw` command.
    fn openclaw(self) -> Result<Utf8PathBuf, InstallError> {
        let script = match self.bin {
            Some(Commands::One(script)) => Some(script),
            Some(Commands::Named(mut scripts)) => scripts.remove("openclaw"),
            None => None,
        };
        script.ok_or(InstallError::NoCommand)
    }
}
