//! The packages on disk, by their manifests.

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;
use serde_json::Value;

use crate::doctor::facts::{CodexCli, Core, InstalledPlugin, ManagedPackage, OnPath};
use crate::env::Environment;
use crate::fs::foreign;
use crate::installation::{Package, Unit};
use crate::process;
use crate::release::pairing::pairs;
use crate::release::{PackageName, Version};

/// The Codex plugin.
const PLUGIN: &str = PackageName::PLUGIN.as_str();

/// Every `openclaw` on PATH that is another package than those before it.
pub(super) fn on_path(environment: &Environment) -> Vec<OnPath> {
    let mut found: Vec<OnPath> = Vec::new();
    for directory in environment.get("PATH").unwrap_or_default().split(':') {
        let command = Utf8Path::new(directory).join("openclaw");
        let Some(package) = package_of(&command) else { continue };
        if found.iter().all(|other| other.directory != package) {
            let version = Package::read(&package).ok().map(|package| package.version);
            found.push(OnPath { command, directory: package, version });
        }
    }
    found
}

/// The package directory that a command or an entry point belongs to, whoever
/// installed it.
fn package_of(entry: &Utf8Path) -> Option<Utf8PathBuf> {
    let real = entry.canonicalize_utf8().ok()?;
    real.ancestors().skip(1).find(|directory| is_core(directory)).map(Utf8Path::to_owned)
}

fn is_core(directory: &Utf8Path) -> bool {
    manifest(directory).is_some_and(|manifest| manifest["name"] == PackageName::CORE.as_str())
}

fn manifest(directory: &Utf8Path) -> Option<Value> {
    let text = foreign::read_named(&directory.join("package.json"), foreign::TEXT).ok()?;
    serde_json::from_slice(&text).ok()
}

/// The core of the service, or else the first on PATH.
pub(super) fn core(unit: Option<&Unit>, on_path: &[OnPath]) -> Option<Core> {
    // A unit that runs a script of the user's does not tell: PATH's is likely the one.
    let directory = match unit.and_then(|unit| unit.entry.as_deref()) {
        Some(entry) => package_of(entry)?,
        None => on_path.first()?.directory.clone(),
    };
    let package = Package::read(&directory).ok()?;
    let schemas = manifest(&directory).and_then(|manifest| {
        let schemas = manifest.pointer("/openclaw/schemaVersions")?;
        Some((schemas["state"].as_i64()?, schemas["agent"].as_i64()?))
    });
    Some(Core {
        version: package.version,
        node: package.node,
        schemas,
        installed: changed(&directory.join("package.json")),
        directory,
    })
}

/// When a file was put there. npm gives files the time of the tarball's making, so
/// it is the time of the last change of the inode that tells.
fn changed(path: &Utf8Path) -> Option<Timestamp> {
    use std::os::unix::fs::MetadataExt as _;
    Timestamp::from_second(fs_err::metadata(path).ok()?.ctime()).ok()
}

/// The Node of the service, or else PATH's.
pub(super) fn node_of(unit: Option<&Unit>, environment: &Environment) -> Option<Utf8PathBuf> {
    match unit.and_then(|unit| unit.node.as_ref()) {
        Some(node) => Some(node.clone()).filter(|node| node.exists()),
        None => process::find(Utf8Path::new("node"), environment),
    }
}

/// The Codex plugin in the state directory, with the Codex CLI that it finds. Of several
/// generations the one that belongs to the core, else the one that was put there last.
pub(super) fn plugin(state: &Utf8Path, core: Option<Version>) -> Option<InstalledPlugin> {
    let found = managed(state).into_iter().filter(|package| package.name == PLUGIN);
    let best = |package: &ManagedPackage| {
        let belongs = core.is_some_and(|core| pairs(core, package.version));
        (belongs, changed(&package.directory.join("package.json")))
    };
    let found = found.max_by_key(best)?;
    let directory = found.directory;
    let wants_codex = manifest(&directory).and_then(|manifest| {
        let wanted = &manifest["dependencies"]["@openai/codex"];
        wanted.as_str().map(ToOwned::to_owned)
    });
    let codex = directory
        .ancestors()
        .map(|directory| directory.join("node_modules/@openai/codex"))
        .take_while(|place| place.starts_with(state))
        .find_map(|place| codex(&place));
    Some(InstalledPlugin { version: found.version, directory, wants_codex, codex })
}

/// Every package of `OpenClaw`'s own in the npm projects of the state directory: one
/// project a plugin and generation, or in older releases one for all of them.
pub(super) fn managed(state: &Utf8Path) -> Vec<ManagedPackage> {
    let npm = state.join("npm");
    let mut projects: Vec<_> = directories(&npm.join("projects"));
    projects.push(npm);
    let in_project = |project: Utf8PathBuf| {
        let packages = directories(&project.join("node_modules/@openclaw")).into_iter();
        packages.filter_map(move |directory| {
            let package = Package::read(&directory).ok()?;
            let name = manifest(&directory)?["name"].as_str()?.to_owned();
            let (version, project) = (package.version, project.clone());
            Some(ManagedPackage { name, version, directory, project })
        })
    };
    projects.into_iter().flat_map(in_project).collect()
}

fn directories(place: &Utf8Path) -> Vec<Utf8PathBuf> {
    let entries = place.read_dir_utf8().into_iter().flatten().flatten();
    let mut found: Vec<_> = entries.map(camino::Utf8DirEntry::into_path).collect();
    found.sort();
    found
}

fn codex(directory: &Utf8Path) -> Option<CodexCli> {
    let manifest = manifest(directory)?;
    let platform = format!("@openai/codex-{}", platform()?);
    let beside = directory.ancestors().nth(2)?;
    let wanted = manifest["optionalDependencies"].get(&platform).is_some();
    let there = [beside.join(&platform), directory.join("node_modules").join(&platform)]
        .iter()
        .any(|place| place.join("package.json").exists());
    Some(CodexCli {
        version: manifest["version"].as_str()?.to_owned(),
        missing_binary: (wanted && !there).then_some(platform),
    })
}

/// This platform as npm's packages name it: `linux-x64`.
fn platform() -> Option<String> {
    let name = crate::node::platform_package();
    name.strip_prefix("node-").map(ToOwned::to_owned)
}
