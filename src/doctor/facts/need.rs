//! What the Gateway needs from outside of its files and does not have.

use camino::Utf8PathBuf;

/// Something that settings name and that is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// What: a variable's name, a file, a provider.
    pub name: String,
    /// What kind of thing it is.
    pub kind: MissingKind,
    /// Whether it is a reference to a secret, which has to resolve at the start.
    pub is_secret: bool,
    /// The files and the settings in them that name it.
    pub places: Vec<(Utf8PathBuf, String)>,
    /// This shell has the variable, and the Gateway does not.
    pub in_shell: bool,
}

/// A kind of thing that settings need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MissingKind {
    /// A variable of the Gateway's environment.
    Variable,
    /// The file of a provider of secrets.
    File,
    /// The program of a provider of secrets.
    Program,
    /// A provider of secrets that the config does not define.
    Provider,
}
