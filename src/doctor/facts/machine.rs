//! The machine, as far as known failures come from it.

use camino::Utf8PathBuf;

/// What the machine has. None where it does not say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MachineFacts {
    /// Free bytes for an ordinary user where the state is, and the directory.
    pub free: Option<(Utf8PathBuf, u64)>,
    /// Memory, in bytes.
    pub memory: Option<u64>,
    /// Swap, in bytes.
    pub swap: Option<u64>,
    /// The setting of the kernel that keeps ordinary users from making namespaces.
    pub namespaces_denied_by: Option<String>,
}
