//! What a turn logs in with: made up, good with the loopback and nowhere else,
//! or what an account lends.

use std::io;

use camino::Utf8Path;

use super::account::LentAccount;
use crate::login::{AuthStore, LentLogin, lend};
use crate::route::Route;

/// A key in the shape of the public API's, which only the loopback accepts.
pub(super) const API_KEY: &str = crate::config::MADE_UP;

/// How a route's provider is logged in to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ScratchLoginKind {
    /// A `ChatGPT` login, through `chatgpt.com`.
    ChatGpt,
    /// A key for the public API.
    ApiKey,
    /// A provider of the config's own, plain HTTP to the loopback.
    Custom,
}

impl ScratchLoginKind {
    pub(super) fn of(route: &Route, account: Option<&LentAccount>) -> Self {
        match account {
            Some(account) if account.is_token() => Self::ChatGpt,
            Some(_) => Self::ApiKey,
            None => match route.provider.as_str() {
                "openai-codex" => Self::ChatGpt,
                "openai" => Self::ApiKey,
                _ => Self::Custom,
            },
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
pub(super) struct LoginProfile {
    /// Its name in the config.
    pub(super) name: String,
    pub(super) provider: String,
}

impl LoginProfile {
    /// The one that a minimal config has for this route.
    pub(super) fn of(route: &Route, account: Option<&LentAccount>) -> Option<Self> {
        let (name, provider) = (profile_name(&route.provider), route.provider.clone());
        (ScratchLoginKind::of(route, account) == ScratchLoginKind::ChatGpt)
            .then_some(Self { name, provider })
    }
}

/// Writes made-up logins as releases before `SQLite` have them; later ones migrate.
pub(super) fn make_up(profiles: &[LoginProfile], state: &Utf8Path) -> io::Result<()> {
    let made_up = |profile: &LoginProfile| LentLogin::made_up(&profile.name, &profile.provider);
    lend(&profiles.iter().map(made_up).collect::<Vec<_>>(), state, AuthStore::Inline)
}

/// Writes what the account lends, under the names that the config has for it, where
/// this release looks for it.
pub(super) fn lend_to(
    account: &LentAccount,
    profiles: &[LoginProfile],
    state: &Utf8Path,
    shelf: AuthStore,
) -> io::Result<()> {
    let login = |profile: &LoginProfile| account.login(&profile.name, &profile.provider);
    lend(&profiles.iter().filter_map(login).collect::<Vec<_>>(), state, shelf)
}

/// The name that `OpenClaw` gives to a provider's first login.
pub(super) fn profile_name(provider: &str) -> String {
    format!("{provider}:default")
}
