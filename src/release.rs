//! Releases: what a registry has, in which order, and what pairs with what.

pub mod end;
pub mod line;
pub mod pairing;
mod schemas;
pub mod version;

use std::fmt;

use serde::Serialize;

pub use schemas::Schemas;
pub use version::{Channel, Version};

/// The npm name of a package, such as `openclaw` or `@openclaw/codex`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct PackageName(&'static str);

impl PackageName {
    /// The core: the agent and its Gateway.
    pub const CORE: Self = Self("openclaw");
    /// The plugin that runs the Codex app-server.
    pub const PLUGIN: Self = Self("@openclaw/codex");

    /// The name as npm writes it.
    pub const fn as_str(&self) -> &'static str {
        self.0
    }
}

impl fmt::Display for PackageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}
