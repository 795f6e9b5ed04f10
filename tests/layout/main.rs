//! The layout that `lib.rs` draws: who may import whom, no cycles, and one name
//! for one type.

#![allow(clippy::unwrap_used, reason = "a test")]

mod files;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use files::SourceTree;

/// For each module, the modules that it may import besides what everything
/// stands on.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    (
        "app",
        &[
            "answers",
            "apply",
            "catalogue",
            "changes",
            "check",
            "config",
            "diagnose",
            "doctor",
            "event",
            "installation",
            "lab",
            "log",
            "login",
            "node",
            "npm",
            "observation",
            "openclaw",
            "pin",
            "prefix",
            "process",
            "question",
            "release",
            "remedy",
            "route",
            "search",
            "session",
            "transcript",
            "upstream",
            "verdict",
        ],
    ),
    // Arguments in, an exit status out: besides the uses and what shows their results,
    // only plain values.
    (
        "cli",
        &[
            "app",
            "apply",
            "catalogue",
            "diagnose",
            "doctor",
            "event",
            "pin",
            "question",
            "release",
            "report",
            "route",
            "search",
            "upstream",
            "verdict",
        ],
    ),
    ("release", &["npm"]),
    ("npm", &["node", "process", "release"]),
    ("node", &["npm", "process", "release"]),
    ("openclaw", &["release"]),
    ("login", &["openclaw", "release"]),
    ("route", &["openclaw"]),
    ("config", &["openclaw", "release", "route"]),
    ("question", &["route"]),
    ("observation", &["process", "question", "release", "route"]),
    ("catalogue", &["observation"]),
    ("transcript", &["catalogue"]),
    ("verdict", &["search", "catalogue", "observation", "openclaw", "question", "transcript"]),
    ("answers", &["catalogue", "observation", "process", "question", "release", "verdict"]),
    ("diagnose", &["catalogue", "release", "transcript"]),
    ("remedy", &["catalogue", "openclaw", "question", "release", "route"]),
    ("search", &[]),
    ("event", &["question", "release", "search", "verdict"]),
    ("log", &["event"]),
    ("upstream", &["observation", "question"]),
    ("prefix", &["node", "npm", "openclaw", "process", "release"]),
    (
        "check",
        &[
            "config",
            "installation",
            "login",
            "observation",
            "node",
            "npm",
            "openclaw",
            "prefix",
            "process",
            "question",
            "release",
            "route",
            "upstream",
        ],
    ),
    (
        "session",
        &["search", "catalogue", "event", "observation", "node", "question", "release", "verdict"],
    ),
    (
        "lab",
        &[
            "answers",
            "check",
            "config",
            "event",
            "node",
            "npm",
            "observation",
            "prefix",
            "question",
            "release",
            "route",
            "session",
            "verdict",
        ],
    ),
    ("changes", &["node", "npm", "prefix", "release"]),
    ("pin", &["release"]),
    ("installation", &["config", "openclaw", "node", "npm", "prefix", "process", "release"]),
    (
        "apply",
        &[
            "config",
            "event",
            "installation",
            "log",
            "login",
            "openclaw",
            "pin",
            "node",
            "npm",
            "prefix",
            "process",
            "release",
        ],
    ),
    ("process", &[]),
    (
        "doctor",
        &[
            "apply",
            "config",
            "installation",
            "login",
            "openclaw",
            "pin",
            "node",
            "npm",
            "prefix",
            "process",
            "release",
            "route",
        ],
    ),
    (
        "report",
        &[
            "app",
            "apply",
            "search",
            "catalogue",
            "changes",
            "check",
            "diagnose",
            "doctor",
            "event",
            "installation",
            "observation",
            "pin",
            "node",
            "npm",
            "prefix",
            "question",
            "release",
            "route",
            "session",
            "verdict",
        ],
    ),
];

/// What everything may stand on.
const GROUND: [&str; 12] = [
    "env",
    "explain",
    "fs",
    "host",
    "sqlite",
    "secret",
    "redact",
    "exit_code",
    "failpoint",
    "paths",
    "proxy",
    "visible",
];

#[test]
fn every_module_imports_only_what_the_layout_allows() {
    let mut wrong = Vec::new();
    for (module, allowed) in MAY_IMPORT.iter().copied() {
        for file in files_of(module) {
            for imported in imports(&fs::read_to_string(&file).unwrap()) {
                let fine = imported == module
                    || allowed.contains(&imported.as_str())
                    || GROUND.contains(&imported.as_str());
                if !fine {
                    wrong.push(format!("{} imports {imported}", file.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_module_has_its_rule() {
    let lib = fs::read_to_string("src/lib.rs").unwrap();
    let modules = lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    let without: Vec<_> = modules
        .filter(|module| !GROUND.contains(module))
        .filter(|module| !MAY_IMPORT.iter().any(|(name, _)| name == module))
        .collect();
    assert!(without.is_empty(), "{without:?}");
}

#[test]
fn only_process_starts_programs_and_only_report_prints() {
    let mut wrong = Vec::new();
    for file in rust_files(Path::new("src")) {
        let text = fs::read_to_string(&file).unwrap();
        let inside = |folder: &str| {
            file.starts_with(format!("src/{folder}"))
                || file == Path::new(&format!("src/{folder}.rs"))
        };
        if !inside("process") && text.contains("Command::new(") {
            wrong.push(format!("{} starts a program", file.display()));
        }
        if !inside("report") && (text.contains("println!(") || text.contains("eprintln!(")) {
            wrong.push(format!("{} prints", file.display()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_fact_about_openclaw_has_one_place() {
    let mut wrong = Vec::new();
    for file in rust_files(Path::new("src")) {
        let text = fs::read_to_string(&file).unwrap();
        let inside = |place: &str| file.starts_with(place);
        let named = ["release(2", "beta(2", "prereleases_of(2"];
        let names_release = named.iter().any(|name| text.contains(&format!("Version::{name}")));
        if names_release && !inside("src/openclaw") && !inside("src/release") {
            wrong.push(format!("{} names a release: openclaw's table does", file.display()));
        }
        if text.contains("json5::") && !inside("src/config/source.rs") {
            wrong.push(format!("{} parses JSON5: config does", file.display()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn no_two_types_share_a_name() {
    let mut by_name: BTreeMap<String, Vec<String>> = BTreeMap::new();
    // What Linux has in `holder.rs`, other systems have in `elsewhere.rs`: one type.
    let tree = SourceTree::read();
    for file in tree.files().filter(|file| !file.path.ends_with("elsewhere.rs")) {
        for name in file.type_names() {
            by_name.entry(name.to_owned()).or_default().push(file.path.display().to_string());
        }
    }
    by_name.retain(|_, files| files.len() > 1);
    assert!(by_name.is_empty(), "{by_name:#?}");
}

/// A folder and the files in it belong together; between any others, an import
/// goes one way.
#[test]
fn files_import_each_other_in_one_direction_only() {
    let circles = SourceTree::read().cycles();
    assert!(circles.is_empty(), "{circles:#?}");
}

fn files_of(module: &str) -> Vec<PathBuf> {
    let mut files = rust_files(&Path::new("src").join(module));
    files.push(Path::new("src").join(format!("{module}.rs")));
    files.retain(|file| file.file_name().is_none_or(|name| name != "tests.rs"));
    files
}

fn rust_files(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// The crate's own modules that a file names, its unit tests left out.
fn imports(text: &str) -> BTreeSet<String> {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or(text);
    let names = code.split("crate::").skip(1);
    names
        .map(|rest| rest.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect())
        .collect()
}
