//! What a release opens of the databases that are there.

use serde::{Deserialize, Serialize};

/// The `user_version`s of the databases that a release opens at most
/// (`openclaw.schemaVersions` in its package.json).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schemas {
    /// Of `state/openclaw.sqlite`.
    pub state: i64,
    /// Of each agent's `openclaw-agent.sqlite`.
    pub agent: i64,
}
