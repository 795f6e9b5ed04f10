//! What is installed, or is to be, by version.

use serde::{Deserialize, Serialize};

use super::exchange::PartKind;
use crate::release::Version;

/// A core and its plugin, by version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versions {
    /// The core.
    pub core: Version,
    /// The plugin, where there is one.
    pub plugin: Option<Version>,
}

impl Versions {
    /// The version of one of the two.
    pub fn of(&self, part: PartKind) -> Version {
        match part {
            PartKind::Core => self.core,
            PartKind::Plugin => self.plugin.unwrap_or(self.core),
        }
    }
}
