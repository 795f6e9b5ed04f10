//! Which install scripts an apply would have npm run: code of others, with the user's
//! rights, before anything is proved.

use std::collections::BTreeSet;

use camino::Utf8Path;
use serde::Serialize;
use serde_json::Value;

use super::exchange::PartKind;
use super::target::PinnedPackage;
use crate::fs::foreign;
use crate::installation::Installation;
use crate::npm::LockFile;

/// A package of the tested tree that has an install script.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlannedScript {
    /// With which of the two it is installed.
    pub part: PartKind,
    /// Name and version.
    pub package: String,
    /// Whether what is installed now has no package of this name with such a script.
    pub new: bool,
}

/// The scripts of a tree, as its lock file names them; npm runs no others. `known` are
/// the packages with scripts that are installed now.
pub(super) fn planned(
    part: PartKind,
    package: &PinnedPackage,
    known: &BTreeSet<String>,
) -> Vec<PlannedScript> {
    let lock = package.lock.iter().flat_map(LockFile::packages);
    let having = lock.filter(|(_, entry)| entry.has_install_script);
    let ids: BTreeSet<String> = having.filter_map(|(place, entry)| entry.id(place)).collect();
    let is_new = |id: &str| id.rsplit_once('@').is_none_or(|(name, _)| !known.contains(name));
    ids.into_iter().map(|id| PlannedScript { part, new: is_new(&id), package: id }).collect()
}

/// The names of the installed packages that have install scripts.
pub(super) fn installed(installation: &Installation) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    add_package(&installation.core.directory, &mut names);
    let project = installation.plugin.as_ref().and_then(|plugin| plugin.project.as_ref());
    if let Some(project) = project {
        add_packages(&project.join("node_modules"), &mut names);
    }
    names
}

fn add_package(directory: &Utf8Path, names: &mut BTreeSet<String>) {
    // The plugin's link to its host, above all: that is the core once more.
    if directory.is_symlink() {
        return;
    }
    let manifest = directory.join("package.json");
    let text = foreign::read(&manifest, foreign::TEXT).unwrap_or_default();
    let manifest: Value = serde_json::from_slice(&text).unwrap_or_default();
    let scripted = ["preinstall", "install", "postinstall"]
        .iter()
        .any(|script| manifest["scripts"][script].is_string());
    // npm builds what has such a file, whether it says so or not.
    if scripted || directory.join("binding.gyp").is_file() {
        names.extend(manifest["name"].as_str().map(str::to_owned));
    }
    add_packages(&directory.join("node_modules"), names);
}

/// Every package in a `node_modules`, those of scopes included.
fn add_packages(modules: &Utf8Path, names: &mut BTreeSet<String>) {
    // A link could lead out of the tree, or in a circle.
    if modules.is_symlink() {
        return;
    }
    for entry in modules.read_dir_utf8().into_iter().flatten().flatten() {
        match entry.file_name() {
            hidden if hidden.starts_with('.') => {}
            scope if scope.starts_with('@') => add_packages(entry.path(), names),
            _ => add_package(entry.path(), names),
        }
    }
}

#[cfg(test)]
mod tests {
    use fs_err::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_in_a_circle_and_what_is_no_file_do_not_hold_up_the_search_for_scripts() {
        let guard = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(guard.path()).unwrap();
        let modules = root.join("node_modules");
        for name in ["@scope/scripted", "plain", "strange"] {
            fs_err::create_dir_all(modules.join(name)).unwrap();
        }
        let write = |name: &str, text: &str| {
            fs_err::write(modules.join(name).join("package.json"), text).unwrap();
        };
        let scripted = r#"{"name": "@scope/scripted", "scripts": {"postinstall": "true"}}"#;
        write("@scope/scripted", scripted);
        write("plain", r#"{"name": "plain", "scripts": {"test": "true"}}"#);
        let fifo = modules.join("strange/package.json");
        nix::unistd::mkfifo(fifo.as_std_path(), nix::sys::stat::Mode::S_IRWXU).unwrap();
        symlink("..", modules.join("plain/node_modules")).unwrap();
        symlink(".", modules.join("@circle")).unwrap();
        let mut names = BTreeSet::new();
        add_packages(&modules, &mut names);
        assert_eq!(names.into_iter().collect::<Vec<_>>(), ["@scope/scripted"]);
    }
}
