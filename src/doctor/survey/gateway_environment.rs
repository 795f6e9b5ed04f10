//! The variables that the Gateway has: those of its service's unit, or else of this shell,
//! and those of `.env` in the state directory, which fill in what is not set
//! (docs/help/environment.md).

use camino::{Utf8Path, Utf8PathBuf};

use crate::doctor::facts::{ApiKey, KeyPlace};
use crate::env::Environment;
use crate::installation::{self, Unit};
use crate::openclaw::names::{OPENAI, OPENAI_KEYS};

/// What the Gateway is started with, and what it adds by itself.
pub(super) struct GatewayEnvironment {
    /// All of it.
    pub(super) all: Environment,
    /// What it is started with.
    started_with: Environment,
    /// The unit; none where only this shell is known.
    unit: Option<Utf8PathBuf>,
    dot_env: Utf8PathBuf,
}

impl GatewayEnvironment {
    pub(super) fn of(state: &Utf8Path, started_with: &Environment, unit: Option<&Unit>) -> Self {
        let dot_env = state.join(".env");
        let all = installation::with_dot_env(started_with.clone(), state);
        let unit = unit.map(|unit| unit.path.clone());
        Self { all, started_with: started_with.clone(), unit, dot_env }
    }

    /// The keys of OpenAI's in it.
    pub(super) fn api_keys(&self) -> Vec<ApiKey> {
        let set = OPENAI_KEYS.into_iter().filter(|name| self.all.get(name).is_some());
        set.map(|name| {
            let (place, file) = match (self.started_with.get(name), &self.unit) {
                (Some(_), Some(unit)) => (KeyPlace::Service, Some(unit.clone())),
                (Some(_), None) => (KeyPlace::Shell, None),
                (None, _) => (KeyPlace::DotEnv, Some(self.dot_env.clone())),
            };
            ApiKey {
                place,
                file,
                label: name.to_owned(),
                name: name.to_owned(),
                provider: OPENAI.to_owned(),
                agent: None,
            }
        })
        .collect()
    }
}
