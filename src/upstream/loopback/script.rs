//! What the model does before it replies: it has files read by tools, and looks
//! whether they really were.

use camino::Utf8PathBuf;

/// The reply where a tool's result does not hold what the file does.
pub(super) const NOT_GENUINE: &str = "the tool's result is not genuine";
/// The reply where a client offers nothing that could read a file.
pub(super) const NO_TOOL: &str = "no tool that I know is offered";

/// The files that the model has read, one call a model request, before it
/// replies as it was asked to. Empty: it replies at once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Script {
    /// In the order in which they are asked for.
    pub reads: Vec<ScriptedRead>,
}

/// A file for a tool to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptedRead {
    /// Absolute, and within what the agent may read: its workspace.
    pub file: Utf8PathBuf,
    /// What the file holds: random, so that only who read it can know it. It is
    /// looked for within the tool's output, without white space around it.
    pub content: String,
}

impl ScriptedRead {
    /// Whether this output of a tool shows that the file was read.
    pub(super) fn is_in(&self, output: &str) -> bool {
        let content = self.content.trim();
        !content.is_empty() && output.contains(content)
    }
}
