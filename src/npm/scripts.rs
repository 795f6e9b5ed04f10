//! Which install scripts of a tree ran, as npm's own log says, and which did not.
//!
//! npm 11 runs all of them, npm 12 only those that the project allows: the same
//! release can be another tree under another npm.

use std::collections::BTreeSet;
use std::io;
use std::sync::LazyLock;

use camino::Utf8Path;
use regex::Regex;
use serde::{Deserialize, Serialize};

use super::lockfile::LockFile;
use crate::fs::foreign;

/// The install scripts of a tree.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstallScripts {
    /// Package, version and script, such as `openclaw@2026.6.1 postinstall`.
    pub ran: Vec<String>,
    /// Packages that have such scripts, of which none ran: `sharp@0.34.5`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_run: Vec<String>,
}

impl InstallScripts {
    /// Reads npm's logs in `logs`, below `home`, where install scripts may write, too. `lock` is the hidden lock file, which lists
    /// what is really there; `before` is what had run in the tree that npm
    /// started from, because npm leaves alone what did not change.
    pub(crate) fn read(
        home: &Utf8Path,
        logs: &str,
        lock: &LockFile,
        before: Option<&Self>,
    ) -> io::Result<Self> {
        foreign::check_directory_below(home, logs.into())?;
        let mut log = String::new();
        for entry in home.join(logs).read_dir_utf8()? {
            let left = foreign::TEXT.saturating_sub(log.len() as u64);
            log.push_str(&foreign::read_to_string_below(home, entry?.path(), left)?);
        }
        Ok(Self::of(&log, lock, before))
    }

    fn of(log: &str, lock: &LockFile, before: Option<&Self>) -> Self {
        let present: BTreeSet<String> =
            lock.packages().filter_map(|(place, entry)| entry.id(place)).collect();
        let mut ran: BTreeSet<String> = finished(log).collect();
        let earlier = before.into_iter().flat_map(|before| &before.ran);
        ran.extend(earlier.filter(|script| present.contains(package(script))).cloned());
        let having = lock.packages().filter(|(_, entry)| entry.has_install_script);
        let not_run: BTreeSet<String> = having
            .filter_map(|(place, entry)| entry.id(place))
            .filter(|of| !ran.iter().any(|script| package(script) == of))
            .collect();
        Self { ran: ran.into_iter().collect(), not_run: not_run.into_iter().collect() }
    }
}

/// `33 info run dep@1.0.0 install { code: 0, signal: null }`, since npm 7. The line
/// of a script's beginning has its command in place of the code.
fn finished(log: &str) -> impl Iterator<Item = String> {
    static RUN: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r"(?m)^\d+ info run (\S+@\S+ \w+) \{ code: (?:\d+|null), signal: .*\}$").ok()
    });
    let found = RUN.iter().flat_map(move |run| run.captures_iter(log));
    found.map(|captures| captures[1].to_owned())
}

/// `dep@1.0.0` of `dep@1.0.0 install`.
fn package(script: &str) -> &str {
    script.rsplit_once(' ').map_or(script, |(package, _)| package)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
20 http fetch GET 200 https://registry.example.test/dep 7ms
33 info run openclaw@1.0.0 preinstall node_modules/openclaw node -e \"{ code: 0 }\"
34 info run openclaw@1.0.0 preinstall { code: 0, signal: null }
35 info run @scope/dep@1.0.0-rc.1 install { code: 1, signal: null }
40 info run openclaw@1.0.0 postinstall { code: null, signal: 'SIGKILL' }
";

    fn lock(scripted: &[&str]) -> LockFile {
        let entry = |(name, version): (&str, &str)| {
            let script = scripted.contains(&name);
            (
                format!("node_modules/{name}"),
                serde_json::json!({ "version": version, "hasInstallScript": script }),
            )
        };
        let all = [("openclaw", "1.0.0"), ("@scope/dep", "1.0.0-rc.1"), ("quiet", "2.0.0")];
        let packages: serde_json::Map<_, _> = all.map(entry).into_iter().collect();
        LockFile::parse(&serde_json::json!({ "packages": packages }).to_string()).unwrap()
    }

    #[test]
    fn what_ran_is_told_by_npms_log_and_what_did_not_by_the_lock_file() {
        let scripts = InstallScripts::of(LOG, &lock(&["openclaw", "quiet"]), None);
        assert_eq!(
            scripts.ran,
            [
                "@scope/dep@1.0.0-rc.1 install",
                "openclaw@1.0.0 postinstall",
                "openclaw@1.0.0 preinstall"
            ]
        );
        assert_eq!(scripts.not_run, ["quiet@2.0.0"]);
    }

    #[test]
    fn what_had_run_in_the_tree_that_npm_started_from_counts_where_it_is_still_there() {
        let before = InstallScripts {
            ran: vec!["quiet@2.0.0 install".to_owned(), "gone@1.0.0 install".to_owned()],
            not_run: Vec::new(),
        };
        let scripts = InstallScripts::of("", &lock(&["openclaw", "quiet"]), Some(&before));
        assert_eq!(scripts.ran, ["quiet@2.0.0 install"]);
        assert_eq!(scripts.not_run, ["openclaw@1.0.0"]);
    }
}
