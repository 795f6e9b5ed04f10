//! One thing that is, or may be, wrong.

use camino::Utf8PathBuf;
use serde::Serialize;

/// How much a finding matters. The order is that of weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Worth knowing; nothing has to be done.
    Note,
    /// It works, or may work, and can bite.
    Warning,
    /// The agent cannot answer this way, or the next start fails.
    Problem,
}

/// A finding: what, where, why it matters, and what mends it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Its name, which stays the same from version to version.
    pub id: &'static str,
    /// The check of OpenClaw's own doctor that found it; none where codexpin did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub openclaw_check: Option<String>,
    /// How much it matters.
    pub level: Level,
    /// What is wrong, in one line.
    pub title: String,
    /// The file that it is about.
    pub file: Option<Utf8PathBuf>,
    /// The setting in that file.
    pub key: Option<String>,
    /// Why it matters.
    pub why: String,
    /// What mends it: commands, in their order.
    pub commands: Vec<String>,
}

impl Finding {
    /// Something that has to be mended.
    pub(super) fn problem(id: &'static str, title: impl Into<String>) -> Self {
        Self::new(id, Level::Problem, title)
    }

    /// Something that can bite.
    pub(super) fn warning(id: &'static str, title: impl Into<String>) -> Self {
        Self::new(id, Level::Warning, title)
    }

    /// Something to know.
    pub(super) fn note(id: &'static str, title: impl Into<String>) -> Self {
        Self::new(id, Level::Note, title)
    }

    /// A finding whose level depends on the facts.
    pub(super) fn new(id: &'static str, level: Level, title: impl Into<String>) -> Self {
        let (title, why) = (title.into(), String::new());
        let (openclaw_check, file, key) = (None, None, None);
        Self { id, openclaw_check, level, title, file, key, why, commands: Vec::new() }
    }

    /// It is OpenClaw's own.
    #[must_use]
    pub(super) fn of_check(mut self, check: impl Into<String>) -> Self {
        self.openclaw_check = Some(check.into());
        self
    }

    #[must_use]
    pub(super) fn file(mut self, file: impl Into<Utf8PathBuf>) -> Self {
        self.file = Some(file.into());
        self
    }

    #[must_use]
    pub(super) fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    #[must_use]
    pub(super) fn why(mut self, why: impl Into<String>) -> Self {
        self.why = why.into();
        self
    }

    #[must_use]
    pub(super) fn mends(mut self, commands: Vec<String>) -> Self {
        self.commands.extend(commands);
        self
    }

    #[must_use]
    pub(super) fn mend(mut self, command: impl Into<String>) -> Self {
        self.commands.push(command.into());
        self
    }
}
