//! Lock files that npm makes of real releases are what the registry says.

use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};
use codexpin::env::Environment;
use codexpin::npm::registry::{Registry, RegistryLimits};
use codexpin::npm::{LockFile, NpmConfig, NpmEnvironment, lock_audit};
use codexpin::release::PackageName;

fn registry(cache: &Utf8Path) -> Registry {
    let environment = Environment::of_this_process();
    let output = Command::new("npm").args(["config", "get", "registry"]).output().unwrap();
    let default = String::from_utf8(output.stdout).unwrap().trim().parse().unwrap();
    let config = NpmConfig::load(&NpmEnvironment {
        env: environment.all().clone(),
        home: environment.get("HOME").unwrap().into(),
        cwd: cache.to_owned(),
        npm: None,
    });
    let config = config.with_default_registry(default);
    let limits = RegistryLimits::of(&config);
    Registry::new(config, limits, cache.join("registry"), jiff::Timestamp::now).unwrap()
}

/// The lock file that npm makes of a release today.
fn lock(directory: &Utf8Path, package: &PackageName, version: &str, peers: &[&str]) -> String {
    let project = directory.join(version);
    fs_err::create_dir_all(&project).unwrap();
    fs_err::write(project.join("package.json"), "{}").unwrap();
    let flags = ["--package-lock-only", "--save-exact", "--omit-lockfile-registry-resolved"];
    let made = Command::new("npm")
        .current_dir(&project)
        .args(["install", &format!("{package}@{version}"), "--no-audit", "--no-fund"])
        .args(flags.iter().chain(peers))
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    fs_err::read_to_string(project.join("package-lock.json")).unwrap()
}

#[tokio::test]
async fn lock_files_of_real_releases_are_taken() {
    let guard = tempfile::tempdir().unwrap();
    let root = Utf8PathBuf::from_path_buf(guard.path().canonicalize().unwrap()).unwrap();
    let registry = registry(&root);
    let no_peers = ["--legacy-peer-deps"];
    let own = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("known-good.lock/2026.5.28.json");
    for (package, version, text) in [
        (PackageName::CORE, "2026.5.28", fs_err::read_to_string(own).unwrap()),
        // Its dependencies have peers that need not be there.
        (PackageName::CORE, "2026.3.23", lock(&root, &PackageName::CORE, "2026.3.23", &[])),
        (PackageName::CORE, "2026.6.6", lock(&root, &PackageName::CORE, "2026.6.6", &[])),
        // The first that bundles a package.
        (PackageName::CORE, "2026.9.6", lock(&root, &PackageName::CORE, "2026.9.6", &[])),
        // Its dependencies are aliases.
        (PackageName::PLUGIN, "2026.9.5", lock(&root, &PackageName::PLUGIN, "2026.9.5", &no_peers)),
    ] {
        let read = LockFile::check(&text, &package, version.parse().unwrap(), None).unwrap();
        let packages = lock_audit::packages(&read);
        let published = registry.published(packages).await.unwrap();
        let audited = lock_audit::audit(&read, &package, &published);
        assert_eq!(audited, Ok(()), "{package}@{version}");
    }
}
