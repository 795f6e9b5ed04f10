//! Whether two releases of a package hold the same code, whatever they call
//! themselves.
//!
//! Two releases never have the same tarball: each says its version. What is left
//! out is what a build stamps: the version, commit and time, the hashes in the
//! names of a bundle's chunks (2026.7.1-1 corrects four things of 2026.7.1, and
//! of its chunks nearly every one has another name), the changelog and the docs.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::LazyLock;

use camino::{Utf8Path, Utf8PathBuf};
use regex::bytes::{NoExpand, Regex};
use serde_json::Value;
use walkdir::WalkDir;

use super::build_info::BuildInfo;
use crate::fs::foreign;
use crate::release::Version;

/// Not code: for a reader, or made anew by every build.
const LEFT_OUT: &[&str] = &[
    "CHANGELOG.md",
    "LICENSE",
    "README.md",
    "THIRD_PARTY_NOTICES.md",
    "npm-shrinkwrap.json",
    "package.json",
    "dist/build-info.json",
    "dist/canvas-host/a2ui/.bundle.hash",
    "dist/cli-startup-metadata.json",
    "dist/postinstall-inventory.json",
];
/// What the package itself does not have: dependencies, and pages to read.
const LEFT_OUT_DIRECTORIES: &[&str] = &["docs", "node_modules"];

/// An unpacked package and what its build stamped into it.
#[derive(Debug, Clone, Copy)]
pub(super) struct PackageFiles<'a> {
    /// Where it is.
    pub directory: &'a Utf8Path,
    /// Its version.
    pub version: Version,
    /// What it was built from, where that is known.
    pub build: Option<&'a BuildInfo>,
}

/// Whether both hold the same code. Ends at the first difference: that the names
/// of the files differ is known without reading one.
pub(super) fn same_code(one: PackageFiles<'_>, other: PackageFiles<'_>) -> io::Result<bool> {
    let (files, others) = (one.files()?, other.files()?);
    let counts = |files: &BTreeMap<Vec<u8>, BTreeSet<Utf8PathBuf>>| -> Vec<(Vec<u8>, usize)> {
        files.iter().map(|(name, paths)| (name.clone(), paths.len())).collect()
    };
    if counts(&files) != counts(&others) || one.manifest()? != other.manifest()? {
        return Ok(false);
    }
    for (paths, others) in files.values().zip(others.values()) {
        let (mut left, mut right) = (Vec::new(), Vec::new());
        for path in paths {
            let text = one.read(path)?;
            if others.contains(path) && text == other.read(path)? {
                continue;
            }
            left.push(one.without_stamps(&text));
        }
        for path in others {
            let text = other.read(path)?;
            if paths.contains(path) && text == one.read(path)? {
                continue;
            }
            right.push(other.without_stamps(&text));
        }
        left.sort();
        right.sort();
        if left != right {
            return Ok(false);
        }
    }
    Ok(true)
}

impl PackageFiles<'_> {
    /// Its files by their name without a chunk's hash. Declarations do not run.
    fn files(&self) -> io::Result<BTreeMap<Vec<u8>, BTreeSet<Utf8PathBuf>>> {
        let mut files: BTreeMap<Vec<u8>, BTreeSet<Utf8PathBuf>> = BTreeMap::new();
        let relative = |path: &std::path::Path| {
            let path = path.strip_prefix(self.directory).map_err(io::Error::other)?;
            Utf8PathBuf::from_path_buf(path.to_owned())
                .map_err(|path| io::Error::other(format!("{} is not UTF-8", path.display())))
        };
        let runs = |entry: &walkdir::DirEntry| {
            let top = entry.depth() == 1 && entry.file_type().is_dir();
            !(top && LEFT_OUT_DIRECTORIES.iter().any(|name| entry.file_name() == *name))
        };
        for entry in WalkDir::new(self.directory).into_iter().filter_entry(runs) {
            let entry = entry?;
            if entry.file_type().is_dir() {
                continue;
            }
            let path = relative(entry.path())?;
            let declares =
                [".d.ts", ".d.mts", ".d.cts"].iter().any(|end| path.as_str().ends_with(end));
            if declares || LEFT_OUT.contains(&path.as_str()) {
                continue;
            }
            files.entry(without_hashes(path.as_str().as_bytes())).or_default().insert(path);
        }
        Ok(files)
    }

    fn read(&self, path: &Utf8Path) -> io::Result<Vec<u8>> {
        foreign::read_below(self.directory, path, foreign::ANY)
    }

    /// `package.json` without its version. What it depends on stays.
    fn manifest(&self) -> io::Result<Value> {
        let text = self.read(Utf8Path::new("package.json"))?;
        let mut manifest: Value = serde_json::from_slice(&text).map_err(io::Error::other)?;
        if let Some(fields) = manifest.as_object_mut() {
            fields.remove("version");
        }
        Ok(manifest)
    }

    fn without_stamps(&self, text: &[u8]) -> Vec<u8> {
        // Longest first: the version of a correction begins with its release's version.
        let mut stamps = vec![self.version.to_string(), self.version.base().to_string()];
        if let Some(build) = self.build {
            stamps.extend([build.commit.clone(), build.short().to_owned()]);
            stamps.extend(build.built_at.clone());
        }
        let pattern: Vec<_> = stamps.iter().map(|stamp| regex::escape(stamp)).collect();
        match Regex::new(&pattern.join("|")) {
            Ok(stamps) => without_hashes(&stamps.replace_all(text, NoExpand(b"@"))),
            Err(_) => without_hashes(text),
        }
    }
}

/// `state-db-DDSD6wpM.js` and `state-db-h6henlHr.js` are one chunk of two builds.
fn without_hashes(text: &[u8]) -> Vec<u8> {
    #[expect(clippy::unwrap_used, reason = "a constant")]
    static HASH: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"-[A-Za-z0-9_-]{8}[0-9]?(\.(?:mjs|cjs|js|css|d\.ts|d\.mts)\b)").unwrap()
    });
    HASH.replace_all(text, &b"-*$1"[..]).into_owned()
}

#[cfg(test)]
mod tests {
    use fs_err as fs;

    use super::*;

    fn package(version: &str, files: &[(&str, &str)]) -> (tempfile::TempDir, Utf8PathBuf) {
        let guard = tempfile::tempdir().unwrap();
        let directory = Utf8PathBuf::from_path_buf(guard.path().to_owned()).unwrap();
        let manifest = format!(r#"{{"name": "openclaw", "version": "{version}"}}"#);
        for (path, text) in files.iter().chain([&("package.json", manifest.as_str())]) {
            let path = directory.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        (guard, directory)
    }

    fn same(good: &[(&str, &str)], bad: &[(&str, &str)]) -> bool {
        let (_one, good) = package("2026.7.1", good);
        let (_other, bad) = package("2026.7.1-1", bad);
        let of = |directory, version: &str| PackageFiles {
            directory,
            version: version.parse().unwrap(),
            build: None,
        };
        same_code(of(&good, "2026.7.1"), of(&bad, "2026.7.1-1")).unwrap()
    }

    #[test]
    fn another_version_and_other_names_of_chunks_are_the_same_code() {
        assert!(same(
            &[
                ("dist/index.js", "import './run-AAAAAAAA.js'; const v = '2026.7.1';"),
                ("dist/run-AAAAAAAA.js", "run()"),
                ("CHANGELOG.md", "old"),
                ("docs/page.md", "old"),
            ],
            &[
                ("dist/index.js", "import './run-BBBBBBBB.js'; const v = '2026.7.1-1';"),
                ("dist/run-BBBBBBBB.js", "run()"),
                ("CHANGELOG.md", "new"),
            ],
        ));
    }

    #[test]
    fn one_other_line_is_other_code() {
        let good = [("dist/run-AAAAAAAA.js", "run()"), ("dist/run-CCCCCCCC.js", "walk()")];
        assert!(!same(
            &good,
            &[("dist/run-BBBBBBBB.js", "run()"), ("dist/run-DDDDDDDD.js", "sit()")]
        ));
        assert!(same(
            &good,
            &[("dist/run-BBBBBBBB.js", "walk()"), ("dist/run-DDDDDDDD.js", "run()")]
        ));
        assert!(!same(&good, &good[..1]), "a file less");
    }

    #[test]
    fn a_package_that_is_not_there_is_an_error_and_not_the_same() {
        let directory = Utf8Path::new("/nowhere/at/all");
        let package = PackageFiles { directory, version: "2026.7.1".parse().unwrap(), build: None };
        assert!(same_code(package, package).is_err());
    }
}
