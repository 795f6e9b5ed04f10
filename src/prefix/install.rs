//! One npm install of one candidate, from an empty directory to a tree that is
//! what the registry promised.
//!
//! A cold install lets npm resolve and unpack everything. With a finished
//! prefix of an older release to grow from, its unchanged files are linked, its
//! lock file is where npm starts, and npm replaces what differs: what a user has
//! who upgrades in place. The lock file that results travels with the pin.

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use super::plugin::PluginInstall;
use super::{InstallError, Prefix, TreeLocks, core_project, plugin_home, tree};
use crate::fs::foreign;
use crate::node::choice::Node;
use crate::npm::egress::Egress;
use crate::npm::run::LOGS;
use crate::npm::run::{Npm, NpmCommand, NpmError};
use crate::npm::{self, InstallScripts, LockFile};
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
    /// A finished prefix to share files with.
    pub donor: Option<&'a Prefix>,
    pub stop: &'a CancellationToken,
}

/// How an install went.
pub(super) struct InstallResult {
    pub entry: Utf8PathBuf,
    /// Whether files are shared with the donor.
    pub grown: bool,
    pub plugin_project: Option<Utf8PathBuf>,
    pub locks: TreeLocks,
    /// What it tried to reach.
    pub egress: Egress,
    /// Which of the core's install scripts ran; none where npm does not say.
    pub scripts: Option<InstallScripts>,
}

impl PrefixInstall<'_> {
    /// Installs with the registries, and what the user opens it to, as all that can be
    /// reached. What fails after it was refused something is never tried in the open: a
    /// release could ask for it.
    pub(super) async fn run(&self) -> Result<InstallResult, InstallError> {
        let tmp = self.home.join("enclosure");
        crate::fs::create_private_dir(&tmp).map_err(InstallError::from)?;
        let limits = Limits::of_candidate(vec![self.directory.to_owned()]);
        let npm = self.npm.clone().limited(limits.clone());
        let proxy = match npm.registry_proxy(self.directory, tmp, self.node).await? {
            Ok(proxy) => proxy,
            Err(egress) => {
                let installed = Box::pin(PrefixInstall { npm: &npm, ..*self }.once()).await?;
                within(&limits).await?;
                return Ok(InstallResult { egress, ..installed });
            }
        };
        let npm = npm.behind(&proxy, self.home)?;
        let installed = Box::pin(PrefixInstall { npm: &npm, ..*self }.once()).await;
        // The record is complete only once the proxy has closed its connections.
        let egress = proxy.close().await;
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

    async fn once(&self) -> Result<InstallResult, InstallError> {
        let installed = self.attempt(self.donor).await?;
        let Some(donor) = self.donor.filter(|_| installed.grown) else { return Ok(installed) };
        if donor.is_as_installed().await? {
            return Ok(installed);
        }
        // An install script wrote into a file of both, or the donor was not sound before:
        // neither of the two is what its release is.
        donor.condemn()?;
        crate::fs::remove(&plugin_home(self.directory))?;
        self.attempt(None).await
    }

    async fn attempt(&self, donor: Option<&Prefix>) -> Result<InstallResult, InstallError> {
        let grown = match donor {
            Some(donor) => match self.grow(donor).await {
                // The donor's files may be the cause. Only a cold install says something
                // about the candidate.
                Err(InstallError::Npm(NpmError::Failed { .. })) => false,
                grown => grown?,
            },
            None => false,
        };
        if !grown {
            self.cold().await?;
        }
        let core = core_project(self.directory);
        let integrity = self.candidate.core_integrity.as_deref();
        // Now: what comes next runs the candidate, which could write another one.
        let lock = self.verify(&core, &PackageName::CORE, self.candidate.core, integrity)?;
        let mut locks = TreeLocks { core: lock, plugin: None };
        let package = Utf8Path::new("core/node_modules/openclaw");
        let commands: DeclaredCommands = self.manifest(package)?;
        let entry = package.join(commands.openclaw()?);
        let scripts = self.scripts(&core, grown);
        let mut plugin_project = None;
        if let Some(plugin) = &self.candidate.plugin {
            let install = PluginInstall {
                version: plugin.version,
                node: self.node,
                npm: self.npm,
                directory: self.directory,
                entry: &self.directory.join(&entry),
                stop: self.stop,
            };
            let project = install.run().await?;
            let integrity = plugin.integrity.as_deref();
            let directory = self.directory.join(&project);
            let lock = self.verify(&directory, &PackageName::PLUGIN, plugin.version, integrity)?;
            locks.plugin = Some(lock);
            plugin_project = Some(project);
        }
        let egress = Egress::default();
        Ok(InstallResult { entry, grown, plugin_project, locks, egress, scripts })
    }

    async fn cold(&self) -> Result<(), InstallError> {
        let core = core_project(self.directory);
        crate::fs::remove(&core)?;
        // The logs of an earlier attempt list scripts that ran in a tree that is gone.
        crate::fs::remove(&self.home.join(LOGS))?;
        let core = project(core, &PackageName::CORE, self.candidate.core)?;
        self.npm.install(&self.job(&core), &[], &[]).await?;
        Ok(())
    }

    /// Grows the core from a donor; false where the result cannot be trusted
    /// and a cold install has to follow.
    async fn grow(&self, donor: &Prefix) -> Result<bool, InstallError> {
        let core = project(core_project(self.directory), &PackageName::CORE, self.candidate.core)?;
        let from = donor.core().join("node_modules");
        let before = tree::fingerprint(&[&from])?;
        if tree::link(&from, &core.join("node_modules")).is_err() {
            // Another file system, or too many links to one file: install cold instead.
            return Ok(false);
        }
        fs::write(core.join("package-lock.json"), &donor.manifest.locks.core)?;
        self.npm.install(&self.job(&core), &[], &[]).await?;
        // npm normally replaces files. Had it written into one, the donor's file, which is
        // the same inode, would have changed too.
        Ok(tree::fingerprint(&[&from])? == before)
    }

    /// Which install scripts ran. `OpenClaw` installs its plugins with
    /// `--ignore-scripts`, so that only the core has any.
    fn scripts(&self, core: &Utf8Path, grown: bool) -> Option<InstallScripts> {
        let file = core.join("node_modules/.package-lock.json");
        let lock = foreign::read_to_string_below(self.directory, &file, foreign::TEXT).ok()?;
        let lock = LockFile::parse(&lock).ok()?;
        let before = match self.donor.filter(|_| grown) {
            Some(donor) => Some(donor.manifest.scripts.as_ref()?),
            None => None,
        };
        InstallScripts::read(self.home, LOGS, &lock, before).ok()
    }

    /// Holds what npm wrote against what the registry said: the lock file, and what the
    /// package says of itself. npm unpacks any tarball under the name and the version
    /// that the registry's list has for it. Comes back with the lock file's text.
    fn verify(
        &self,
        project: &Utf8Path,
        package: &PackageName,
        version: Version,
        integrity: Option<&str>,
    ) -> Result<String, InstallError> {
        let other = |found: String| {
            let package = package.clone();
            Err(InstallError::NotTheCandidate { package, version, found })
        };
        let file = project.join("package-lock.json");
        let text = foreign::read_to_string_below(self.directory, &file, foreign::TEXT)?;
        let lock = LockFile::parse(&text).map_err(std::io::Error::other)?;
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
            return Ok(text);
        }
        other(format!("a tarball that calls itself {}@{}", said.name, said.version))
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

    fn job<'a>(&'a self, project: &'a Utf8Path) -> NpmCommand<'a> {
        NpmCommand { project, node: self.node, home: self.home, log: None, stop: self.stop }
    }
}

/// What was too quick for the watch.
async fn within(limits: &Limits) -> Result<(), InstallError> {
    match limits.exceeded_on_disk().await {
        Some(limit) => Err(NpmError::Limited(limit).into()),
        None => Ok(()),
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
