//! What a candidate is logged in with: a login that a user lends for the session, or a
//! made-up one, good with the loopback and nowhere else.

use std::fmt;
use std::io;

use camino::Utf8Path;

use crate::login::{AuthStore, LentLogin, account_hash, lend};
use crate::openclaw::names::{OPENAI, OPENAI_CODEX};
use crate::process::Processes;
use crate::question::Lending;
use crate::redact;
use crate::route::Route;
use crate::secret::Secret;
use crate::upstream::live::{LiveMode, RelayLogin};
use crate::upstream::pace::Pace;

/// A key in the shape of the public API's, which only the loopback accepts.
pub(super) const API_KEY: &str = crate::config::MADE_UP;
/// The names under which releases and the Codex app-server look for an API key.
const KEYS: [&str; 2] = ["OPENAI_API_KEY", "CODEX_API_KEY"];

/// A login of the user's, lent for a session.
pub struct LentAccount {
    /// Whose it is and how it is lent, in words.
    pub lending: Lending,
    credential: LentCredential,
    /// How fast it may be asked.
    pub pace: Pace,
}

/// What is lent.
enum LentCredential {
    /// The access token of a `ChatGPT` login. Boxed: it is much the larger.
    Token(Box<TokenPair>),
    /// An API key.
    Key(Secret),
}

/// An access token, and the one that a relay's candidate holds in its place.
struct TokenPair {
    real: LentLogin,
    made_up: LentLogin,
}

impl LentAccount {
    /// With a `ChatGPT` login.
    pub fn of_token(lending: Lending, token: LentLogin, pace: Pace) -> Self {
        let made_up = LentLogin::made_up(&token.profile, &token.provider);
        let credential = LentCredential::Token(Box::new(TokenPair { real: token, made_up }));
        Self { lending, credential, pace }
    }

    /// With an API key.
    pub fn of_key(lending: Lending, key: Secret, pace: Pace) -> Self {
        Self { lending, credential: LentCredential::Key(key), pace }
    }

    /// Whether it is a `ChatGPT` login.
    pub(super) fn is_token(&self) -> bool {
        matches!(self.credential, LentCredential::Token(_))
    }

    /// The login under the name that a candidate's config has for it: the real one,
    /// or, where codexpin relays, a made-up one.
    pub(super) fn login(&self, profile: &str, provider: &str) -> Option<LentLogin> {
        let LentCredential::Token(tokens) = &self.credential else { return None };
        let held = if self.lending.relay { &tokens.made_up } else { &tokens.real };
        Some(held.clone().under(profile, provider))
    }

    /// Whose `ChatGPT` login it is, as a hash.
    pub fn account_hash(&self) -> Option<String> {
        let LentCredential::Token(tokens) = &self.credential else { return None };
        tokens.real.account.as_ref().map(account_hash)
    }

    /// Has what is lent masked, should a candidate write it down.
    pub(super) fn hide_from(&self, processes: &Processes) {
        match &self.credential {
            LentCredential::Token(tokens) => {
                processes.hide(&tokens.real.access, redact::TOKEN);
                if let Some(account) = &tokens.real.account {
                    processes.hide(account, redact::ACCOUNT);
                }
            }
            LentCredential::Key(key) => processes.hide(key, redact::TOKEN),
        }
    }

    /// The variables with the API key that the candidate holds.
    pub(super) fn variables(&self) -> Vec<(&'static str, &str)> {
        match &self.credential {
            LentCredential::Key(key) => {
                let held = if self.lending.relay { crate::config::MADE_UP } else { key.reveal() };
                KEYS.map(|name| (name, held)).to_vec()
            }
            LentCredential::Token(_) => Vec::new(),
        }
    }

    /// Which way the candidate's requests take.
    pub(super) fn mode(&self) -> LiveMode {
        if !self.lending.relay {
            return LiveMode::Tunnel;
        }
        LiveMode::Relay(match &self.credential {
            LentCredential::Token(tokens) => RelayLogin {
                made_up_access: tokens.made_up.access.clone(),
                access: tokens.real.access.clone(),
                made_up_account: tokens
                    .made_up
                    .account
                    .as_ref()
                    .map_or("", Secret::reveal)
                    .to_owned(),
                account: tokens.real.account.clone(),
            },
            LentCredential::Key(key) => RelayLogin {
                made_up_access: Secret::new(crate::config::MADE_UP),
                access: key.clone(),
                made_up_account: String::new(),
                account: None,
            },
        })
    }
}

impl fmt::Debug for LentAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LentAccount").field("lending", &self.lending).finish_non_exhaustive()
    }
}

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
                OPENAI_CODEX => Self::ChatGpt,
                OPENAI => Self::ApiKey,
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
    store: AuthStore,
) -> io::Result<()> {
    let login = |profile: &LoginProfile| account.login(&profile.name, &profile.provider);
    lend(&profiles.iter().filter_map(login).collect::<Vec<_>>(), state, store)
}

/// The name that `OpenClaw` gives to a provider's first login.
pub(super) fn profile_name(provider: &str) -> String {
    format!("{provider}:default")
}
