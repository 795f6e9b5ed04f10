//! A user's own `openclaw.json`, read as `OpenClaw` reads it and made fit for a
//! scratch home.
//!
//! ```text
//! openclaw.json ─ read, load ─▶ Loaded ─ sanitise ─▶ Sanitised { config, changes }
//!   + $include                     ├──── route_of ─▶ the route that it asks
//!                                  └─── last_touched ─▶ the release that wrote it
//! ```
//!
//! It is the only code that parses one. A config that is not there is `None` to
//! [`read`]; one that is broken is an error with its file, line and column, for
//! whoever needs it. No broken config counts as an empty one.
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
mod copies;
mod credential;
mod error;
mod include;
mod key;
mod model;
mod need;
mod provider;
mod renewal;
mod sanitise;
mod scratch;
mod section;
mod source;
mod stamp;
#[cfg(test)]
mod tests;
mod text;
mod variable;

use std::{fmt, io};

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::Value;

pub use change::{ChangeKind, ConfigChange};
pub use copies::{ConfigCopy, copies_beside, openclaws_copies};
pub use credential::MADE_UP;
pub use error::ConfigError;
pub use key::Key;
pub use model::{agent_harness, model_key, model_profile, route_in, route_of};
pub use need::{Need, Needed, needed};
pub use renewal::with_renewal_route;
pub use sanitise::{ConfigLogin, Sanitised, fingerprint, sanitise};
pub use scratch::Scratch;
pub use text::{outermost_missing, with_switch, without, written_at};

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

    /// The same with the variables that the turn depends on, for [`load`].
    ///
    /// # Errors
    ///
    /// One of them is set by nobody.
    pub fn with_variables(mut self, environment: &Environment) -> Result<Self, ConfigError> {
        model::expand(&mut self.tree, &self.file, environment)?;
        Ok(self)
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

/// Reads a config with everything that it includes; none where there is no such
/// file. Variables stay as they are written.
///
/// # Errors
///
/// What cannot be read or is no JSON5, and an include that `OpenClaw` refuses too.
pub fn read(path: &Utf8Path, environment: &Environment) -> Result<Option<Loaded>, ConfigError> {
    read_copy(path, path, environment)
}

/// Reads a copy of the config in `config` as if it stood there: what it includes is
/// found from there. None where there is no such copy.
///
/// # Errors
///
/// Those of [`read`].
pub fn read_copy(
    copy: &Utf8Path,
    config: &Utf8Path,
    environment: &Environment,
) -> Result<Option<Loaded>, ConfigError> {
    match include::resolve(copy, config, environment) {
        Ok(tree) => Ok(Some(Loaded { file: copy.to_owned(), tree })),
        Err(error) if error.is_missing(copy) => Ok(None),
        Err(error) => Err(error),
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
/// Those of [`read`], a file that is not there, and a variable that the turn
/// depends on and nobody sets.
pub fn load(path: &Utf8Path, environment: &Environment) -> Result<Loaded, ConfigError> {
    let missing = || ConfigError::Read {
        file: path.to_owned(),
        source: io::Error::from(io::ErrorKind::NotFound),
    };
    read(path, environment)?.ok_or_else(missing)?.with_variables(environment)
}
