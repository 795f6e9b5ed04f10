//! npm: global packages in `PREFIX/lib/node_modules`, with links in `PREFIX/bin`.

use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::Value;

use super::{ManagerError, PackageManager, PackageRequest};
use crate::fs::{self, foreign};
use crate::installation::{Installation, InstallationError, Package};
use crate::npm::{Npm, NpmCommand, project};
use crate::release::PackageName;

/// What `npm ci` gets; lifecycle scripts run, as they do for the user.
const CI: [&str; 5] = ["ci", "--no-audit", "--no-fund", "--omit=dev", "--json"];
const NO_PEERS: [&str; 2] = ["--legacy-peer-deps", "--omit=peer"];

/// The machine's npm as a manager of global packages.
#[derive(Debug)]
pub struct NpmGlobal<'a> {
    npm: &'a Npm,
}

impl<'a> NpmGlobal<'a> {
    /// With this npm.
    pub fn new(npm: &'a Npm) -> Self {
        Self { npm }
    }
}

impl NpmGlobal<'_> {
    /// The package that an entry point belongs to, if npm put it there globally:
    /// `PREFIX/lib/node_modules/openclaw`.
    pub(in crate::installation) fn find(
        entry: &Utf8Path,
    ) -> Result<(Package, Utf8PathBuf), InstallationError> {
        let not_global = || InstallationError::NotGlobal { path: entry.to_owned() };
        let named = link_target(entry);
        let linked = named.ancestors().find(|path| path.ends_with("node_modules/openclaw"));
        if let Some(link) = linked.filter(|path| path.is_symlink()) {
            let target = link.canonicalize_utf8().unwrap_or_default();
            let text = target.as_str();
            if !text.contains("/.pnpm/") {
                return Err(InstallationError::Linked { path: link.to_owned(), target });
            }
        }
        let real = entry.canonicalize_utf8().map_err(|_| not_global())?;
        let managers = [
            ("/.pnpm/", "pnpm"),
            ("/pnpm/", "pnpm"),
            ("/.bun/", "bun"),
            ("/nix/store/", "Nix"),
            ("/.yarn/", "Yarn"),
        ];
        for (mark, manager) in managers {
            if real.as_str().contains(mark) {
                return Err(InstallationError::OtherManager { path: real, manager });
            }
        }
        let directory = real
            .ancestors()
            .find(|path| path.ends_with("lib/node_modules/openclaw"))
            .filter(|path| !path.join(".git").exists())
            .ok_or_else(not_global)?;
        let prefix = directory.ancestors().nth(3).ok_or_else(not_global)?;
        Ok((Package::read(directory)?, prefix.to_owned()))
    }
}

impl PackageManager for NpmGlobal<'_> {
    async fn install(&self, request: &PackageRequest<'_>) -> Result<(), ManagerError> {
        let PackageRequest { project, package, version, logs, .. } = *request;
        fs::remove(project)?;
        let home = project.with_file_name("home");
        fs::create_private_dir(project)?;
        fs::create_private_dir(&home.join("tmp"))?;
        let log = logs.join(format!("npm-{}", project.file_name().unwrap_or("stage")));
        let job = NpmCommand {
            project,
            node: request.node,
            home: &home,
            log: Some(&log),
            stop: request.stop,
        };
        let extra: &[&str] = if request.with_peers { &[] } else { &NO_PEERS };
        if let Some(lock) = request.lock {
            fs_err::write(project.join("package.json"), lock.manifest())?;
            fs_err::write(project.join("package-lock.json"), lock.text())?;
            let arguments = CI.iter().chain(extra).map(ToString::to_string).collect();
            self.npm.run(&job, arguments).await?;
        } else {
            let nothing = std::collections::BTreeMap::new();
            fs_err::write(project.join("package.json"), project::manifest(&nothing))?;
            let exact: Vec<_> = ["--save-exact"].iter().chain(extra).copied().collect();
            self.npm.install(&job, &[format!("{package}@{version}")], &exact).await?;
        }
        fs::remove(&home)?;
        verify(request)
    }

    fn lay_out_globally(
        &self,
        project: &Utf8Path,
        package: &PackageName,
    ) -> Result<(), ManagerError> {
        as_global_package(project, package)
    }

    fn relink(
        &self,
        installation: &Installation,
        link: &Utf8Path,
        entry: &Utf8Path,
        half_done: impl Fn(),
    ) -> Result<(), ManagerError> {
        let leads_there = link.canonicalize_utf8().is_ok_and(|target| target == entry);
        if leads_there || !link.is_symlink() {
            half_done();
            return Ok(());
        }
        let relative = entry.strip_prefix(&installation.prefix).unwrap_or(entry);
        self.lead(link, &Utf8Path::new("..").join(relative), half_done)
    }

    fn lead(
        &self,
        link: &Utf8Path,
        target: &Utf8Path,
        half_done: impl Fn(),
    ) -> Result<(), ManagerError> {
        let fresh = link.with_file_name(".codexpin-link");
        // Left by a codexpin that was killed here.
        fs::remove(&fresh)?;
        if link.read_link_utf8().is_ok_and(|present| present == target) {
            half_done();
            return Ok(());
        }
        fs_err::os::unix::fs::symlink(target, &fresh)?;
        half_done();
        // Renamed over the old link, not removed and made: the command is never missing.
        fs_err::rename(&fresh, link)?;
        Ok(())
    }
}

/// One step of a link, as a path; the file itself where it is none.
fn link_target(path: &Utf8Path) -> Utf8PathBuf {
    match (path.read_link_utf8(), path.parent()) {
        (Ok(target), Some(parent)) => {
            let parent = parent.canonicalize_utf8().unwrap_or_else(|_| parent.to_owned());
            let mut joined = parent;
            for component in target.components() {
                match component.as_str() {
                    ".." => {
                        joined.pop();
                    }
                    other => joined.push(other),
                }
            }
            joined
        }
        _ => path.to_owned(),
    }
}

/// Holds what npm installed against the request: npm itself checked every tarball
/// against the hashes that it writes here.
fn verify(request: &PackageRequest<'_>) -> Result<(), ManagerError> {
    let PackageRequest { project, package: name, version: wanted, integrity, .. } = *request;
    let package = Package::read(&project.join("node_modules").join(name.as_str()))?;
    if package.version != wanted {
        let (package, found) = (name.clone(), package.version);
        return Err(ManagerError::OtherVersion { package, found, wanted });
    }
    let read = |file: &Utf8Path| -> io::Result<Value> {
        let text =
            foreign::read_below(project, &Utf8Path::new("node_modules").join(file), foreign::TEXT)?;
        serde_json::from_slice(&text).map_err(io::Error::other)
    };
    // npm unpacks any tarball under the name that the registry's list has for it.
    let manifest = read(&Utf8Path::new(name.as_str()).join("package.json"))?;
    if manifest["name"] != name.as_str() {
        let found = manifest["name"].as_str().unwrap_or("a package without a name").to_owned();
        return Err(ManagerError::OtherName { package: name.clone(), found });
    }
    let tree = read(Utf8Path::new(".package-lock.json"))?;
    let found = tree["packages"][format!("node_modules/{name}")]["integrity"].as_str();
    if integrity.is_some() && found != integrity {
        return Err(ManagerError::OtherIntegrity { package: name.clone(), version: wanted });
    }
    Ok(())
}

/// Turns a project's tree into a global package's: the dependencies move from
/// beside the package into its own `node_modules`, where `npm install -g` puts them.
fn as_global_package(project: &Utf8Path, name: &PackageName) -> Result<(), ManagerError> {
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
    // The package's own command is not among its dependencies' commands.
    fs::remove(&own.join(".bin").join(name.as_str()))?;
    Ok(())
}

/// Moves a directory, or what is in it where the directory (a scope, `.bin`) is there already.
fn move_into(from: &Utf8Path, to: &Utf8Path) -> Result<(), ManagerError> {
    if to.symlink_metadata().is_err() {
        return Ok(fs_err::rename(from, to)?);
    }
    let holder = |path: &Utf8Path| path.file_name().is_some_and(|n| n.starts_with(['@', '.']));
    if !holder(from) {
        return Err(ManagerError::Collision { path: to.to_owned() });
    }
    for entry in from.read_dir_utf8()? {
        let entry = entry?;
        move_into(entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::Node;

    fn root() -> (tempfile::TempDir, Utf8PathBuf) {
        let guard = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(guard.path().canonicalize().unwrap()).unwrap();
        (guard, path)
    }

    fn package_at(directory: &Utf8Path) -> Utf8PathBuf {
        fs_err::create_dir_all(directory).unwrap();
        let manifest = r#"{"name":"openclaw","version":"2026.7.1","bin":"openclaw.mjs"}"#;
        fs_err::write(directory.join("package.json"), manifest).unwrap();
        let entry = directory.join("openclaw.mjs");
        fs_err::write(&entry, "").unwrap();
        entry
    }

    fn link(target: &str, at: &Utf8Path) {
        fs_err::create_dir_all(at.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(target, at).unwrap();
    }

    #[test]
    fn a_global_npm_package_is_found_through_the_link_in_bin() {
        let (_guard, root) = root();
        package_at(&root.join("lib/node_modules/openclaw"));
        link("../lib/node_modules/openclaw/openclaw.mjs", &root.join("bin/openclaw"));
        let (package, prefix) = NpmGlobal::find(&root.join("bin/openclaw")).unwrap();
        assert_eq!(package.directory, root.join("lib/node_modules/openclaw"));
        assert_eq!(prefix, root);
    }

    #[test]
    fn what_npm_did_not_install_globally_is_refused_by_name() {
        let (_guard, root) = root();
        let refused = |entry: &Utf8Path| NpmGlobal::find(entry).unwrap_err().to_string();

        let checkout = package_at(&root.join("src/openclaw"));
        assert!(refused(&checkout).contains("no global npm package"));

        link("../../../src/openclaw", &root.join("npm/lib/node_modules/openclaw"));
        link("../lib/node_modules/openclaw/openclaw.mjs", &root.join("npm/bin/openclaw"));
        assert!(refused(&root.join("npm/bin/openclaw")).contains("is a link to"));

        let store = "pnpm/global/5/.pnpm/openclaw@2026.7.1/node_modules/openclaw";
        let pnpm = package_at(&root.join(store));
        assert!(refused(&pnpm).contains("installed by pnpm"));

        let bun = package_at(&root.join(".bun/install/global/node_modules/openclaw"));
        assert!(refused(&bun).contains("installed by bun"));
    }

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
        assert!(matches!(error, ManagerError::Collision { .. }), "{error}");
    }

    #[test]
    fn a_tarball_of_another_package_under_the_pinned_name_is_refused() {
        let guard = tempfile::tempdir().unwrap();
        let project = Utf8Path::from_path(guard.path()).unwrap();
        let directory = project.join("node_modules/openclaw");
        fs_err::create_dir_all(&directory).unwrap();
        let lock = r#"{"packages": {"node_modules/openclaw": {"integrity": "sha512-x"}}}"#;
        fs_err::write(project.join("node_modules/.package-lock.json"), lock).unwrap();
        let node = Node { version: "22.23.3".to_owned(), bin: "/node/bin".into() };
        let stop = tokio_util::sync::CancellationToken::new();
        let request = PackageRequest {
            project,
            package: &PackageName::CORE,
            version: "2026.6.1".parse().unwrap(),
            integrity: Some("sha512-x"),
            lock: None,
            with_peers: true,
            node: &node,
            logs: project,
            stop: &stop,
        };
        let said = |manifest: &str| {
            fs_err::write(directory.join("package.json"), manifest).unwrap();
            verify(&request).err().map(|error| error.to_string()).unwrap_or_default()
        };
        assert_eq!(said(r#"{"name": "openclaw", "version": "2026.6.1"}"#), "");
        let other = said(r#"{"name": "other", "version": "2026.6.1"}"#);
        assert_eq!(
            other,
            "npm installed a tarball that calls itself other where openclaw is pinned"
        );
        assert!(said(r#"{"version": "2026.6.1"}"#).contains("a package without a name"));
        let newer = said(r#"{"name": "openclaw", "version": "2026.6.2"}"#);
        assert_eq!(newer, "npm installed openclaw@2026.6.2 where 2026.6.1 is pinned");
    }
}
