//! The files with logins: empty ones, and ones that others can read.

use super::Facts;
use super::finding::{Finding, Level};
use crate::openclaw::names::{LoginFormat, OPENAI, chatgpt_provider, reads};
use crate::process::quoted;

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    // A database without a byte is one that nothing was written to yet.
    let is_text = |file: &&super::AuthFile| file.path.extension() == Some("json");
    for file in facts.auth_files.iter().filter(is_text).filter(|file| file.size == 0) {
        let read = facts.release().is_none_or(|release| reads(release, LoginFormat::Inline));
        let level = if read && file.path.file_name() == Some("auth-profiles.json") {
            Level::Problem
        } else {
            Level::Warning
        };
        findings.push(
            Finding::new("login-file-empty", level, "a file that holds logins is empty")
                .file(&file.path)
                .why(
                    "onboarding of some releases empties it, and then no log says a word: the login \
                     that was in it is gone",
                )
                .mend(login(facts)),
        );
    }
    for file in facts.auth_files.iter().filter(|file| file.mode & 0o077 != 0) {
        findings.push(
            Finding::warning(
                "login-file-open",
                format!("a file with logins is open to other users ({:03o})", file.mode & 0o777),
            )
            .file(&file.path)
            .why("whoever has an account on this machine can use the login")
            .mend(format!("chmod 600 {}", quoted(file.path.as_str()))),
        );
    }
    findings
}

pub(super) fn sound(facts: &Facts) -> Option<String> {
    match facts.auth_files.len() {
        0 => None,
        1 => Some("1 file, not empty and private".to_owned()),
        n => Some(format!("{n} files, none empty, all private")),
    }
}

/// The command that logs in anew.
pub(super) fn login(facts: &Facts) -> String {
    let provider = facts.release().map_or(OPENAI, chatgpt_provider);
    facts.command(&format!("models auth login --provider {provider}"))
}
