//! The scratch home that a config is made fit for.

use camino::{Utf8Path, Utf8PathBuf};

use super::credential::is_shaped;
use crate::secret::Secret;

/// What a sanitised config points at.
#[derive(Debug, Clone, Copy)]
pub struct Scratch<'a> {
    /// The scratch home; every path leads into it.
    pub home: &'a Utf8Path,
    /// The agent's workspace, inside it.
    pub workspace: &'a Utf8Path,
    /// The port of the check's own Gateway.
    pub port: u16,
    /// The token of the check's own Gateway.
    pub token: &'a Secret,
    /// Where providers of the config's own are served, such as
    /// `http://127.0.0.1:4000/v1`.
    pub base_url: &'a str,
}

impl Scratch<'_> {
    /// Where a path of the config leads instead; none where it is inside already.
    pub(super) fn instead_of(&self, path: &str) -> Option<Utf8PathBuf> {
        if self.has(path) {
            return None;
        }
        let fit = |name: &&str| !["", ".", "..", "~"].contains(name) && !is_shaped(name);
        let name = path.rsplit(['/', '\\']).find(fit);
        Some(self.home.join("from-config").join(name.unwrap_or("file")))
    }

    /// The log file of a check.
    pub(super) fn log(&self) -> Utf8PathBuf {
        self.home.join("openclaw.log")
    }

    fn has(&self, path: &str) -> bool {
        let path = Utf8Path::new(path);
        path.starts_with(self.home) && !path.components().any(|part| part.as_str() == "..")
    }
}

/// Settings with slashes that are no files: routes of the web interface, and
/// commands of a chat.
const NO_FILES: [&str; 4] = ["basePath", "path", "resetTriggers", "endpoint"];

/// Whether a setting's text is the path of a file, or of a directory, that is
/// not relative to the workspace.
pub(super) fn is_path(name: &str, text: &str) -> bool {
    let drive = |text: &str| {
        let mut chars = text.chars();
        chars.next().is_some_and(|c| c.is_ascii_alphabetic())
            && chars.next() == Some(':')
            && matches!(chars.next(), Some('\\' | '/'))
    };
    if NO_FILES.contains(&name) && !names_path(name) {
        return text.starts_with("~/") || text.starts_with("file:");
    }
    text == "~"
        || ["~/", "~\\", "file:", "\\\\", "$HOME"].iter().any(|start| text.starts_with(start))
        || drive(text)
        || text.starts_with('/')
            && (names_path(name) || text.trim_end_matches('/').matches('/').count() > 1)
        || names_path(name) && text.split(['/', '\\']).any(|part| part == "..")
}

/// Whether a setting of this name holds a path.
fn names_path(name: &str) -> bool {
    let name = name.to_lowercase();
    ["dir", "dirs", "file", "root", "roots", "paths", "cwd", "workspace", "store", "home", "binary"]
        .iter()
        .any(|end| name.ends_with(end))
        || name.ends_with("path") && !["path", "basepath"].contains(&name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_from_models_commands_and_routes() {
        for (name, text, expected) in [
            ("workspace", "~/clawd", true),
            ("workspace", "/clawd", true),
            ("workspace", "../clawd", true),
            ("workspace", "clawd", false),
            ("anything", "/home/me/x", true),
            ("anything", "C:\\x", true),
            ("anything", "file:///x", true),
            ("anything", "openai/gpt-5.5", false),
            ("anything", "https://example.invalid/a/b", false),
            ("resetTriggers", "/new", false),
            ("basePath", "/a/b/c", false),
        ] {
            assert_eq!(is_path(name, text), expected, "{name}: {text}");
        }
    }
}
