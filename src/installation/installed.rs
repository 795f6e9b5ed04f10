//! What "installed" means, for every command: the `OpenClaw` that the Gateway's
//! service runs; without a service, the one that PATH finds.

use camino::{Utf8Path, Utf8PathBuf};

use super::service::systemd;
use super::{InstallationError, Package, program_of};
use crate::env::Environment;
use crate::process;
use crate::release::{PackageName, Version};

/// The installed release, however it was installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstalledRelease {
    /// The release.
    pub version: Version,
    /// The entry point, with links followed.
    pub entry: Utf8PathBuf,
    /// The unit that runs it; none where PATH was asked.
    pub unit: Option<Utf8PathBuf>,
    /// What PATH finds, where the service runs another one.
    pub on_path: Option<OpenClawOnPath>,
}

/// The `openclaw` that PATH finds and that the service does not run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenClawOnPath {
    /// The command.
    pub path: Utf8PathBuf,
    /// Its release, where its package has a version that codexpin can read.
    pub version: Option<Version>,
}

impl InstalledRelease {
    /// One sentence where the service and PATH differ.
    pub fn difference(&self) -> Option<String> {
        let OpenClawOnPath { path, version } = self.on_path.as_ref()?;
        let other = version.map_or_else(|| "another one".to_owned(), |other| other.to_string());
        Some(format!(
            "the service runs openclaw {}, and PATH finds {other} ({path}): the service's is the installed one",
            self.version
        ))
    }
}

/// Finds the installed release. Nothing is run, and nothing is touched.
///
/// # Errors
///
/// There is no service and no `openclaw` on PATH; the unit runs something else;
/// or what they name is no package of `OpenClaw`.
pub fn find(
    environment: &Environment,
    home: &Utf8Path,
) -> Result<InstalledRelease, InstallationError> {
    let located = ReleaseLocation::find(environment, home)?;
    let (package, entry) = package_of(&located.entry)
        .ok_or_else(|| InstallationError::NoPackage { path: located.entry.clone() })?;
    let on_path = located.instead_of(&package.directory, environment);
    let on_path = on_path.map(|path| {
        let version = package_of(&path).map(|(package, _)| package.version);
        OpenClawOnPath { path, version }
    });
    let unit = located.unit.map(|(path, _)| path);
    Ok(InstalledRelease { version: package.version, entry, unit, on_path })
}

/// What is run as `OpenClaw`, as the unit or PATH names it.
pub(super) struct ReleaseLocation {
    /// The entry point, or the `openclaw` command.
    pub(super) entry: Utf8PathBuf,
    /// The Node that the unit names.
    pub(super) node: Option<Utf8PathBuf>,
    /// The unit file and what it says.
    pub(super) unit: Option<(Utf8PathBuf, super::unit::UnitText)>,
}

impl ReleaseLocation {
    /// The service's wins over PATH's.
    pub(super) fn find(
        environment: &Environment,
        home: &Utf8Path,
    ) -> Result<Self, InstallationError> {
        let path = systemd::unit_path(environment, home);
        if let Some(unit) = systemd::read_unit(&path, home) {
            let (entry, node) = program_of(&path, &unit)?;
            return Ok(Self { entry, node: Some(node), unit: Some((path, unit)) });
        }
        let entry = on_path(environment).ok_or(InstallationError::None { unit: path })?;
        Ok(Self { entry, node: None, unit: None })
    }

    /// What PATH finds, where there is a service and it does not run that.
    pub(super) fn instead_of(
        &self,
        package: &Utf8Path,
        environment: &Environment,
    ) -> Option<Utf8PathBuf> {
        self.unit.as_ref()?;
        on_path(environment).filter(|path| {
            let other = path.canonicalize_utf8().ok();
            other.is_none_or(|other| !other.starts_with(package))
        })
    }
}

fn on_path(environment: &Environment) -> Option<Utf8PathBuf> {
    process::find(Utf8Path::new("openclaw"), environment)
}

/// The package that an entry point belongs to, whichever package manager installed it.
fn package_of(entry: &Utf8Path) -> Option<(Package, Utf8PathBuf)> {
    let entry = entry.canonicalize_utf8().ok()?;
    let is_core = |package: &Package| package.bin(PackageName::CORE.as_str()).is_some();
    let package = entry
        .ancestors()
        .skip(1)
        .filter_map(|directory| Package::read(directory).ok())
        .find(is_core)?;
    Some((package, entry))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Home {
        _guard: tempfile::TempDir,
        root: Utf8PathBuf,
    }

    impl Home {
        fn new() -> Self {
            let guard = tempfile::tempdir().unwrap();
            let root = Utf8PathBuf::from_path_buf(guard.path().canonicalize().unwrap()).unwrap();
            Self { _guard: guard, root }
        }

        /// A package in `PREFIX/lib/node_modules/openclaw`, with its link in `bin`.
        fn install(&self, prefix: &str, version: &str) -> Utf8PathBuf {
            use std::os::unix::fs::PermissionsExt as _;
            let package = self.root.join(prefix).join("lib/node_modules/openclaw");
            fs_err::create_dir_all(&package).unwrap();
            let manifest =
                format!(r#"{{"name":"openclaw","version":"{version}","bin":"openclaw.mjs"}}"#);
            fs_err::write(package.join("package.json"), manifest).unwrap();
            let entry = package.join("openclaw.mjs");
            fs_err::write(&entry, "").unwrap();
            fs_err::set_permissions(&entry, std::fs::Permissions::from_mode(0o755)).unwrap();
            let bin = self.root.join(prefix).join("bin");
            fs_err::create_dir_all(&bin).unwrap();
            fs_err::os::unix::fs::symlink(&entry, bin.join("openclaw")).unwrap();
            entry
        }

        fn unit(&self, command: &str) {
            let units = self.root.join(".config/systemd/user");
            fs_err::create_dir_all(&units).unwrap();
            let text = format!("[Service]\nExecStart={command}\n");
            fs_err::write(units.join("openclaw-gateway.service"), text).unwrap();
        }

        fn find(&self, prefix: &str) -> Result<InstalledRelease, InstallationError> {
            let path = self.root.join(prefix).join("bin").into_string();
            find(&[("PATH".to_owned(), path)].into_iter().collect(), &self.root)
        }
    }

    #[test]
    fn the_release_that_the_service_runs_is_the_installed_one_though_path_finds_another() {
        let home = Home::new();
        let served = home.install("service", "2026.7.1");
        home.install("shell", "2026.6.1");
        home.unit(&format!("/usr/bin/node {served} gateway"));
        let found = home.find("shell").unwrap();
        assert_eq!((found.version.to_string().as_str(), &found.entry), ("2026.7.1", &served));
        let sentence = found.difference().unwrap();
        assert!(sentence.contains("runs openclaw 2026.7.1, and PATH finds 2026.6.1"), "{sentence}");
        assert_eq!(home.find("service").unwrap().difference(), None, "PATH leads to the same");
    }

    #[test]
    fn without_a_service_path_says_what_is_installed_and_without_both_nothing_is() {
        let home = Home::new();
        home.install("shell", "2026.6.1");
        let found = home.find("shell").unwrap();
        assert_eq!((found.version.to_string().as_str(), found.unit), ("2026.6.1", None));
        assert!(matches!(home.find("nowhere"), Err(InstallationError::None { .. })));
    }

    #[test]
    fn a_service_that_runs_something_else_is_an_error_and_not_a_reason_to_ask_path() {
        let home = Home::new();
        home.install("shell", "2026.6.1");
        home.unit("/usr/local/bin/wrapper --port 1");
        assert!(matches!(home.find("shell"), Err(InstallationError::Command { .. })));
        home.unit("/usr/bin/node /gone/openclaw.mjs gateway");
        assert!(matches!(home.find("shell"), Err(InstallationError::NoPackage { .. })));
    }
}
