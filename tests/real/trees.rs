//! What codexpin lays out from its store of packages, beside what npm itself makes of the
//! same lock file.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use sha2::{Digest as _, Sha256};

use crate::support::{User, cache};

/// A release of each band of packagings that can be installed from any registry.
const RELEASES: [&str; 6] =
    ["2026.5.19", "2026.5.28", "2026.6.1", "2026.7.1", "2026.9.4", "2026.9.5"];

/// Every file and link of a tree: its content, and whether it can be run.
fn files(tree: &Path) -> BTreeMap<PathBuf, String> {
    let entries = walkdir::WalkDir::new(tree).into_iter().map(Result::unwrap);
    let files = entries.filter(|entry| !entry.file_type().is_dir());
    files
        .map(|file| {
            let path = file.path().strip_prefix(tree).unwrap().to_owned();
            if file.path_is_symlink() {
                return (
                    path,
                    format!("-> {}", std::fs::read_link(file.path()).unwrap().display()),
                );
            }
            let mode = file.metadata().unwrap().permissions().mode() & 0o777;
            let hash = Sha256::digest(std::fs::read(file.path()).unwrap());
            (path, format!("{mode:o} {hash:x}"))
        })
        .collect()
}

/// `npm ci` with the Node that the prefix was made with.
fn npm_ci(prefix: &Path, project: &Path, node: &Path) {
    for file in ["package.json", "package-lock.json"] {
        std::fs::copy(prefix.join("core").join(file), project.join(file)).unwrap();
    }
    let path = format!("{}:{}", node.display(), std::env::var("PATH").unwrap());
    let home = project.join("home");
    let output = Command::new("npm")
        .args(["ci", "--omit=dev", "--no-audit", "--no-fund", "--cache"])
        .arg(cache().join("npm"))
        .current_dir(project)
        .env("PATH", path)
        .env("HOME", &home)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn differences(release: &str) -> Vec<String> {
    let user = User::new();
    // What is asked does not matter: the prefix does.
    let checked = user.run(&["check", release, "--exec", "true"]);
    assert_eq!(checked.code, Some(0), "{checked:?}");
    let prefixes = std::fs::read_dir(cache().join("prefixes")).unwrap().map(Result::unwrap);
    let record = prefixes.map(|entry| entry.path()).find(|path| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let is_record = path.extension().is_some_and(|extension| extension == "json");
        is_record && name.split(['_', '+']).next() == Some(release)
    });
    let record = record.unwrap();
    let prefix = record.with_extension("");
    let record: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&record).unwrap()).unwrap();
    let project = tempfile::tempdir().unwrap();
    npm_ci(&prefix, project.path(), Path::new(record["node"]["bin"].as_str().unwrap()));
    let (ours, theirs) =
        (files(&prefix.join("core/node_modules")), files(&project.path().join("node_modules")));
    assert!(theirs.len() > 1000, "{release}: npm made {} files", theirs.len());
    let all = ours.keys().chain(theirs.keys());
    // npm's own list, which it keeps for its next run.
    let all = all.filter(|path| path.as_os_str() != ".package-lock.json");
    all.filter(|path| ours.get(*path) != theirs.get(*path))
        .map(|path| {
            format!("{release} {}: {:?} {:?}", path.display(), ours.get(path), theirs.get(path))
        })
        .collect()
}

#[test]
fn what_is_laid_out_is_what_npm_ci_makes_file_by_file() {
    let found: Vec<String> = thread::scope(|scope| {
        let halves = RELEASES.chunks(RELEASES.len() / 2).map(|some| {
            scope.spawn(|| some.iter().flat_map(|release| differences(release)).collect::<Vec<_>>())
        });
        let halves: Vec<_> = halves.collect();
        halves.into_iter().flat_map(|half| half.join().unwrap()).collect()
    });
    assert!(found.is_empty(), "{} differ: {:#?}", found.len(), &found[..found.len().min(20)]);
}
