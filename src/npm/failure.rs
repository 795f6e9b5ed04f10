//! What npm says when it fails, read from its `--json` error where it wrote one.

use std::fmt;

use serde::Deserialize;

use crate::process::Ending;
use crate::visible;

/// A failed npm command: the error code that npm gave, and its own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NpmFailure {
    /// npm's code, such as `E404`, `ETARGET` or `1` for a failed lifecycle script.
    pub code: String,
    /// npm's summary, in one line.
    pub summary: String,
    /// The package that it speaks of, where it names one.
    pub package: Option<String>,
    /// The line of a lifecycle script's output that says why it failed.
    pub script_line: Option<String>,
}

/// What a failure is about. It decides whether the candidate is skipped or the
/// whole session waits for the machine to be put right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// This candidate cannot be installed here, now or later.
    Untestable,
    /// Network, registry, disk or permissions: nothing about the candidate.
    Infrastructure,
}

impl NpmFailure {
    /// Reads npm's error object from stdout, or else its `npm error` lines.
    pub fn read(ending: Ending, stdout: &str, stderr: &str) -> Self {
        let error = json_error(stdout).unwrap_or_else(|| error_lines(stderr));
        let text = format!("{} {}", error.summary, error.detail);
        // A later step, an install script for one, fails over a file that is missing then.
        let disk = unwritten(stderr);
        let code = disk.map_or(error.code, str::to_owned);
        let script_line = error.detail.lines().find(|l| l.contains("error")).map(clean);
        Self {
            code: if code.is_empty() { ending.to_string() } else { code },
            package: package_named(&text),
            script_line,
            summary: clean(error.summary.lines().next().unwrap_or("it gave no reason")),
        }
    }

    /// What npm was content with and is none the less a failure: since npm 11 a file that
    /// could not be unpacked is no more than a warning.
    pub fn of_unpacking(stderr: &str) -> Option<Self> {
        let code = unwritten(stderr)?.to_owned();
        let summary = "a file could not be unpacked".to_owned();
        Some(Self { code, summary, package: None, script_line: None })
    }

    /// Whether the disk had no room for it.
    pub fn is_of_full_disk(&self) -> bool {
        FULL.contains(&self.code.as_str())
    }

    /// Whether this says something about the candidate or about the machine.
    pub fn meaning(&self) -> Meaning {
        let network = [
            "ECONNREFUSED",
            "ECONNRESET",
            "ENOTFOUND",
            "EAI_AGAIN",
            "ETIMEDOUT",
            "ERR_SOCKET_TIMEOUT",
            "EIDLETIMEOUT",
            "ENETUNREACH",
            "EHOSTUNREACH",
            "FETCH_ERROR",
            "ECONNABORTED",
        ];
        let machine = ["EACCES", "EPERM", "EROFS", "EMFILE", "ENFILE", "ENOMEM", "EIO"];
        // A setting of this machine that stops every release alike.
        let settings = ["EALLOWSCRIPTS", "ESTRICTALLOWSCRIPTS"];
        let registry = ["E401", "E403", "E429", "E500", "E502", "E503", "E504"];
        let tls = self.code.contains("CERT") || self.code.starts_with("ERR_SSL");
        let codes = network.iter().chain(&machine).chain(&FULL).chain(&registry).chain(&settings);
        if tls || codes.into_iter().any(|code| *code == self.code) || self.killed() {
            Meaning::Infrastructure
        } else {
            Meaning::Untestable
        }
    }

    fn killed(&self) -> bool {
        self.code.starts_with("killed by signal") || self.code.starts_with("stopped at")
    }
}

impl fmt::Display for NpmFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let package = self.package.as_deref();
        match (self.code.as_str(), package) {
            ("E404", Some(package)) => write!(f, "{package} is not in the registry (E404)"),
            ("ETARGET", Some(package)) => {
                write!(f, "the registry has no release that fits {package} (ETARGET)")
            }
            ("EINTEGRITY", Some(package)) => {
                write!(f, "{package} is not what its integrity hash promises (EINTEGRITY)")
            }
            ("EINTEGRITY", None) => {
                f.write_str("a tarball is not what its integrity hash promises (EINTEGRITY)")
            }
            ("ESTRICTALLOWSCRIPTS", _) => f.write_str(
                "npm's `strict-allow-scripts` does not let the install scripts of its \
                 dependencies run (ESTRICTALLOWSCRIPTS)",
            ),
            ("EDQUOT", _) => f.write_str("the disk quota is used up (EDQUOT)"),
            ("ENOSPC", _) => f.write_str("no space left on the disk (ENOSPC)"),
            (code, Some(source)) if self.summary.contains("git") => {
                write!(f, "a dependency cannot be fetched with git: {source} ({code})")
            }
            (code, _) => match &self.script_line {
                Some(line) if self.summary == "command failed" => {
                    write!(f, "an install script failed: {line}")
                }
                _ => write!(f, "{} ({code})", self.summary),
            },
        }
    }
}

/// A disk without room.
const FULL: [&str; 2] = ["ENOSPC", "EDQUOT"];
/// Why the machine, and no package, is to blame for a file that was not unpacked.
const UNWRITTEN: [&str; 7] = ["ENOSPC", "EDQUOT", "EIO", "EROFS", "EMFILE", "ENFILE", "ENOMEM"];

/// The machine's reason in npm's own warnings that it could not write what it unpacked.
/// npm shows the output of an install script after `npm error`, never as a line of its own,
/// so that none can say this in its stead.
fn unwritten(stderr: &str) -> Option<&'static str> {
    let mut warnings = stderr.lines().filter_map(|line| {
        line.strip_prefix("npm warn tar TAR_ENTRY_ERROR ")
            .or_else(|| line.strip_prefix("npm WARN tar TAR_ENTRY_ERROR "))
    });
    let named = |warning: &str| UNWRITTEN.into_iter().find(|code| warning.starts_with(code));
    warnings.find_map(named)
}

#[derive(Default, Deserialize)]
struct JsonError {
    #[serde(default, deserialize_with = "text_or_number")]
    code: String,
    #[serde(default)]
    summary: String,
    #[serde(default)]
    detail: String,
}

#[derive(Deserialize)]
struct Document {
    error: JsonError,
}

fn text_or_number<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(match serde_json::Value::deserialize(deserializer)? {
        serde_json::Value::String(text) => text,
        serde_json::Value::Null => String::new(),
        other => other.to_string(),
    })
}

/// Lifecycle scripts may print before the object, so it is looked for.
fn json_error(stdout: &str) -> Option<JsonError> {
    let starts = stdout
        .match_indices('{')
        .map(|(at, _)| at)
        .filter(|at| *at == 0 || stdout.as_bytes().get(at - 1) == Some(&b'\n'));
    starts.map(|at| &stdout[at..]).find_map(|text| {
        let mut documents = serde_json::Deserializer::from_str(text).into_iter::<Document>();
        documents.next()?.ok().map(|document| document.error)
    })
}

fn error_lines(stderr: &str) -> JsonError {
    let lines: Vec<_> = stderr.lines().filter_map(|line| line.strip_prefix("npm error ")).collect();
    let code = lines.iter().find_map(|line| line.strip_prefix("code ")).unwrap_or_default();
    let rest: Vec<_> = lines
        .iter()
        .filter(|line| {
            !["code ", "errno ", "syscall ", "path "].iter().any(|p| line.starts_with(p))
        })
        .copied()
        .collect();
    JsonError {
        code: code.to_owned(),
        summary: rest.first().copied().unwrap_or_default().to_owned(),
        detail: rest.join("\n"),
    }
}

/// The package in npm's sentences, with the range that was asked for dropped
/// where the package as a whole is missing.
fn package_named(text: &str) -> Option<String> {
    let quoted = |before: &str, until: &[char]| {
        let (_, after) = text.split_once(before)?;
        let end = after.find(until)?;
        Some(after[..end].to_owned())
    };
    if let Some(resource) = quoted("The requested resource '", &['\'']) {
        let name_end = resource[1..].find('@').map_or(resource.len(), |at| at + 1);
        return Some(resource[..name_end].to_owned());
    }
    if text.contains("git error") {
        // `command git ls-remote ssh://git@host/owner/name.git`: the host is nobody's business.
        let mut words = text.split_whitespace();
        let address = words.find(|word| word.contains("://") || word.starts_with("git@"))?;
        let path = address.rsplit([':']).next()?.trim_start_matches('/');
        let path = path.strip_prefix("git@").unwrap_or(path);
        let name = path.split_once('/').filter(|(host, _)| host.contains('.'));
        let name = name.map_or(path, |(_, name)| name);
        return Some(name.trim_end_matches(".git").to_owned());
    }
    quoted("No matching version found for ", &[' ', '\n'])
        .map(|name| name.trim_end_matches('.').to_owned())
        .or_else(|| quoted("integrity checksum failed when using ", &[' ']).and(None))
}

/// One line without addresses, and with nothing hidden in it: a report must not name a
/// private registry's host.
fn clean(line: &str) -> String {
    let words = line.split_whitespace().map(|word| match word.split_once("://") {
        Some((_, rest)) => rest.split_once('/').map_or("the registry", |(_, path)| path),
        None => word,
    });
    let text = words.collect::<Vec<_>>().join(" ");
    visible::line(&text.chars().take(300).collect::<String>()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MISSING: &str = r#"{
  "error": {
    "code": "E404",
    "summary": "Not Found - GET https://registry.example.test/cssomnom",
    "detail": "The requested resource 'cssomnom@^0.1.11' could not be found or you do not have permission to access it."
  }
}"#;

    fn read(stdout: &str) -> NpmFailure {
        NpmFailure::read(Ending::Exited(1), stdout, "")
    }

    #[test]
    fn a_missing_dependency_is_named_and_makes_the_candidate_untestable() {
        let failure = read(MISSING);
        assert_eq!(failure.to_string(), "cssomnom is not in the registry (E404)");
        assert_eq!(failure.meaning(), Meaning::Untestable);
    }

    #[test]
    fn a_dependency_that_git_cannot_fetch_is_named() {
        for address in [
            "ssh://git@git.example/somebody/signal-node.git",
            "git@git.example:somebody/signal-node.git",
            "https://git.example/somebody/signal-node.git",
        ] {
            let detail = format!(
                r"command git --no-replace-objects ls-remote {address}\nfatal: Could not read from remote repository."
            );
            let failure = read(&format!(
                r#"{{"error":{{"code":128,"summary":"An unknown git error occurred","detail":"{detail}"}}}}"#
            ));
            assert_eq!(
                failure.to_string(),
                "a dependency cannot be fetched with git: somebody/signal-node (128)"
            );
            assert_eq!(failure.meaning(), Meaning::Untestable);
        }
        let stderr = "npm error code 128\nnpm error An unknown git error occurred\nnpm error command git \
                      --no-replace-objects ls-remote ssh://git@git.example/a/b.git\n";
        let failure = NpmFailure::read(Ending::Exited(1), "", stderr);
        assert!(failure.to_string().contains("a/b"), "{failure}");
    }

    #[test]
    fn a_scoped_dependency_keeps_its_scope() {
        let failure = read(&MISSING.replace("cssomnom@^0.1.11", "@scope/gone@1.0.0"));
        assert_eq!(failure.package.as_deref(), Some("@scope/gone"));
    }

    #[test]
    fn a_version_that_is_not_there_is_named_with_its_range() {
        let failure = read(
            r#"{"error":{"code":"ETARGET","summary":"No matching version found for openclaw@2026.5.1.","detail":""}}"#,
        );
        assert_eq!(
            failure.to_string(),
            "the registry has no release that fits openclaw@2026.5.1 (ETARGET)"
        );
    }

    #[test]
    fn a_file_that_npm_could_not_unpack_is_the_machines_whatever_fails_after_it() {
        let warned = "npm warn tar TAR_ENTRY_ERROR ENOSPC: no space left on device, write\n";
        let after =
            "npm error code 1\nnpm error command failed\nnpm error Cannot find module 'x'\n";
        let failure = NpmFailure::read(Ending::Exited(1), "", &format!("{warned}{after}"));
        assert_eq!(failure.meaning(), Meaning::Infrastructure);
        assert_eq!(failure.to_string(), "no space left on the disk (ENOSPC)");
        let missing = NpmFailure::read(Ending::Exited(1), MISSING, warned);
        assert_eq!(missing.code, "ENOSPC");
        assert_eq!(NpmFailure::of_unpacking(warned).unwrap().code, "ENOSPC");
        // A script's output, and what says nothing of the machine.
        for stderr in [
            "npm error npm warn tar TAR_ENTRY_ERROR ENOSPC: no space left on device, write\n",
            "npm error code 1\nnpm error command failed\nnpm error ENOSPC: no space left on device\n",
            "npm warn tar TAR_ENTRY_ERROR ENOENT: no such file or directory\n",
        ] {
            assert_eq!(NpmFailure::of_unpacking(stderr), None, "{stderr}");
            let failure = NpmFailure::read(Ending::Exited(1), "", stderr);
            assert_eq!(failure.meaning(), Meaning::Untestable, "{stderr}");
        }
    }

    #[test]
    fn network_disk_and_login_troubles_say_nothing_about_the_candidate() {
        for code in [
            "ECONNREFUSED",
            "ENOSPC",
            "E401",
            "E503",
            "SELF_SIGNED_CERT_IN_CHAIN",
            "EACCES",
            "ESTRICTALLOWSCRIPTS",
        ] {
            let failure =
                read(&format!(r#"{{"error":{{"code":"{code}","summary":"s","detail":"d"}}}}"#));
            assert_eq!(failure.meaning(), Meaning::Infrastructure, "{code}");
        }
        let killed = NpmFailure::read(Ending::Signalled(9), "", "");
        assert_eq!(killed.meaning(), Meaning::Infrastructure);
    }

    #[test]
    fn a_failed_install_script_is_told_by_the_line_that_says_why() {
        let failure = read(
            r#"{"error":{"code":1,"summary":"command failed","detail":"sh -c node scripts/preinstall.mjs\n[openclaw] error: this OpenClaw release requires Node >=24.16.0 <25 || >=26.1.0."}}"#,
        );
        assert_eq!(
            failure.to_string(),
            "an install script failed: [openclaw] error: this OpenClaw release requires Node >=24.16.0 <25 || >=26.1.0."
        );
    }

    #[test]
    fn without_json_the_error_lines_serve() {
        let stderr =
            "npm error code E404\nnpm error 404 Not Found - GET https://registry.example.test/x\n";
        let failure = NpmFailure::read(Ending::Exited(1), "", stderr);
        assert_eq!(
            (failure.code.as_str(), failure.summary.as_str()),
            ("E404", "404 Not Found - GET x")
        );
    }

    #[test]
    fn output_before_the_object_does_not_hide_it() {
        let failure = read(&format!("> openclaw postinstall\n{{broken\n{MISSING}"));
        assert_eq!(failure.code, "E404");
    }
}
