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

use super::lockfile::LockEntry;
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
    /// Reads npm's logs in `logs`, below `home`, where install scripts may write, too.
    /// `present` is every package that is there, by its place.
    pub(crate) fn read<'a>(
        home: &Utf8Path,
        logs: &str,
        present: impl Iterator<Item = (&'a str, &'a LockEntry)>,
    ) -> io::Result<Self> {
        foreign::check_directory_below(home, logs.into())?;
        let mut log = String::new();
        for entry in home.join(logs).read_dir_utf8()? {
            let left = foreign::TEXT.saturating_sub(log.len() as u64);
            log.push_str(&foreign::read_to_string_below(home, entry?.path(), left)?);
        }
        Ok(Self::of(&log, present))
    }

    fn of<'a>(log: &str, present: impl Iterator<Item = (&'a str, &'a LockEntry)>) -> Self {
        let ran: BTreeSet<String> = finished(log).collect();
        let not_run: BTreeSet<String> = present
            .filter(|(_, entry)| entry.has_install_script)
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
    use crate::npm::LockFile;

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
        let scripts = InstallScripts::of(LOG, lock(&["openclaw", "quiet"]).packages());
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
}
