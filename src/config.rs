//! A user's own `openclaw.json`, read as `OpenClaw` reads it and made fit for a
//! scratch home.
//!
//! ```text
//! openclaw.json ─ load ─▶ Loaded ─ sanitise ─▶ Sanitised { config, changes }
//!   + $include               └──── route_of ─▶ the route that it asks
//! ```
//!
//! Sanitising works on the tree as it is written, before `${ENV}` is filled in:
//! what an environment variable holds is most likely a secret. [`load`] fills in
//! only the few places that decide which model answers (`model.rs` lists
//! them); any other setting that names a variable gets a made-up value. So a
//! variable that is not set stops nothing, unless the turn depends on it, and a
//! secret from the environment never enters the tree.
//!
//! What is not known stays: that a release refuses a setting is what a check is
//! to find. The sections are those of `openclaw config schema` in 2026.5.18,
//! 2026.7.1 and 2026.9.5.

mod agent;
mod change;
mod credential;
mod error;
mod include;
mod key;
mod model;
mod provider;
mod sanitise;
mod scratch;
mod section;
mod source;
#[cfg(test)]
mod tests;
mod variable;

use std::fmt;

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::Value;

pub use change::{ChangeKind, ConfigChange};
pub use credential::MADE_UP;
pub use error::ConfigError;
pub use key::Key;
pub use model::{model_key, route_of};
pub use sanitise::{ConfigLogin, Sanitised, sanitise};
pub use scratch::Scratch;

use crate::env::Environment;

/// A config with its includes merged in. It holds what the file holds, secrets
/// too, so its `Debug` shows only where it was read.
#[derive(Clone, PartialEq)]
pub struct Loaded {
    file: Utf8PathBuf,
    tree: Value,
}

impl Loaded {
    /// The file that it was read from.
    pub fn file(&self) -> &Utf8Path {
        &self.file
    }

    /// The settings that a dotted pattern names, in which `*` stands for any one
    /// step. What stands there may be a secret.
    pub fn settings(&self, pattern: &str) -> Vec<(Key, &Value)> {
        let keys = Key::matching(pattern, &self.tree).into_iter();
        keys.filter_map(|key| Some((key.clone(), key.get(&self.tree)?))).collect()
    }

    /// The setting of this name, where there is one.
    pub fn setting(&self, dotted: &str) -> Option<&Value> {
        Key::of(dotted).get(&self.tree)
    }

    /// The agent that a turn goes to, for `openclaw agent --agent`: `main`
    /// where the config has it or names no agents, else its default agent.
    pub fn agent(&self) -> String {
        agent::of_the_turn(&self.tree).id
    }
}

impl fmt::Debug for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loaded").field("file", &self.file).finish_non_exhaustive()
    }
}

/// Reads a config with everything that it includes. The variables are used as
/// `OpenClaw` uses them, where the turn depends on one; those of the config's
/// own `env` section count where the environment has none of that name
/// (docs/gateway/configuration-reference.md, "Environment"). `.env` files and
/// the login shell are not read.
///
/// # Errors
///
/// What cannot be read or is no JSON5, an include that `OpenClaw` refuses too,
/// and a variable that the turn depends on and nobody sets.
pub fn load(path: &Utf8Path, environment: &Environment) -> Result<Loaded, ConfigError> {
    let mut tree = include::resolve(path, environment)?;
    model::expand(&mut tree, path, environment)?;
    Ok(Loaded { file: path.to_owned(), tree })
}
