//! A login to ask with, and how a candidate has the use of it.

use std::fmt;

use crate::login::LentLogin;
use crate::process::Processes;
use crate::question::Lending;
use crate::redact;
use crate::secret::Secret;
use crate::upstream::live::{LiveMode, RelayLogin};
use crate::upstream::pace::Pace;

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
    Token(Box<Tokens>),
    /// An API key.
    Key(Secret),
}

/// An access token, and the one that a relay's candidate holds in its place.
struct Tokens {
    real: LentLogin,
    made_up: LentLogin,
}

impl LentAccount {
    /// With a `ChatGPT` login.
    pub fn of_token(lending: Lending, token: LentLogin, pace: Pace) -> Self {
        let made_up = LentLogin::made_up(&token.profile, &token.provider);
        let credential = LentCredential::Token(Box::new(Tokens { real: token, made_up }));
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
