//! What a turn logs in with: made up, good with the loopback and nowhere else.

use camino::Utf8Path;

use crate::login::{Lent, Shelf, lend};
use crate::route::Route;

/// A key in the shape of the public API's, which only the loopback accepts.
pub(super) const API_KEY: &str = crate::config::MADE_UP;

/// How a route's provider is logged in to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Login {
    /// A `ChatGPT` login, through `chatgpt.com`.
    ChatGpt,
    /// A key for the public API.
    ApiKey,
    /// A provider of the config's own, plain HTTP to the loopback.
    Custom,
}

impl Login {
    pub(super) fn of(route: &Route) -> Self {
        match route.provider.as_str() {
            "openai-codex" => Self::ChatGpt,
            "openai" => Self::ApiKey,
            _ => Self::Custom,
        }
    }

    /// Environment variables with the made-up credential. OpenClaw reads the first,
    /// the Codex app-server the second.
    pub(super) fn environment(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::ApiKey => &[("OPENAI_API_KEY", API_KEY), ("CODEX_API_KEY", API_KEY)],
            Self::ChatGpt | Self::Custom => &[],
        }
    }
}

/// A `ChatGPT` login that a config counts on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Profile {
    /// Its name in the config.
    pub(super) name: String,
    pub(super) provider: String,
}

impl Profile {
    /// The one that a minimal config has for this route.
    pub(super) fn of(route: &Route) -> Option<Self> {
        let (name, provider) = (profile_name(&route.provider), route.provider.clone());
        (Login::of(route) == Login::ChatGpt).then_some(Self { name, provider })
    }
}

/// Writes the login file of releases before `SQLite`, which later ones migrate.
pub(super) fn write(profiles: &[Profile], state: &Utf8Path) -> std::io::Result<()> {
    let made_up = |profile: &Profile| Lent::made_up(&profile.name, &profile.provider);
    lend(&profiles.iter().map(made_up).collect::<Vec<_>>(), state, Shelf::Inline)
}

/// The name that `OpenClaw` gives to a provider's first login.
pub(super) fn profile_name(provider: &str) -> String {
    format!("{provider}:default")
}
