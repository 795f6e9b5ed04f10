//! A login to ask with, and how a candidate has the use of it.

use std::fmt;
use std::io;

use camino::Utf8Path;

use crate::login::Lent;
use crate::question::Lending;
use crate::secret::Secret;
use crate::upstream::live::{RelayLogin, Way};
use crate::upstream::pace::Pace;

/// The names under which releases and the Codex app-server look for an API key.
const KEYS: [&str; 2] = ["OPENAI_API_KEY", "CODEX_API_KEY"];

/// A login of the user's, lent for a session.
pub struct Account {
    /// Whose it is and how it is lent, in words.
    pub lending: Lending,
    credential: Credential,
    /// How fast it may be asked.
    pub pace: Pace,
}

/// What is lent.
enum Credential {
    /// The access token of a `ChatGPT` login. Boxed: it is much the larger.
    Token(Box<Tokens>),
    /// An API key.
    Key(Secret),
}

/// An access token, and the one that a relay's candidate holds in its place.
struct Tokens {
    real: Lent,
    made_up: Lent,
}

impl Account {
    /// With a `ChatGPT` login.
    pub fn of_token(lending: Lending, token: Lent, pace: Pace) -> Self {
        let made_up = Lent::made_up(&token.profile, &token.provider);
        let credential = Credential::Token(Box::new(Tokens { real: token, made_up }));
        Self { lending, credential, pace }
    }

    /// With an API key.
    pub fn of_key(lending: Lending, key: Secret, pace: Pace) -> Self {
        Self { lending, credential: Credential::Key(key), pace }
    }

    /// Whether it is a `ChatGPT` login.
    pub(super) fn is_token(&self) -> bool {
        matches!(self.credential, Credential::Token(_))
    }

    /// The login under the name that a candidate's config has for it: the real one,
    /// or, where codexpin relays, a made-up one.
    pub(super) fn login(&self, profile: &str, provider: &str) -> Option<Lent> {
        let Credential::Token(tokens) = &self.credential else { return None };
        let held = if self.lending.relay { &tokens.made_up } else { &tokens.real };
        Some(held.clone().under(profile, provider))
    }

    /// A text without what is lent, should a candidate have written it down.
    pub(super) fn masked(&self, text: &str) -> String {
        let secrets = match &self.credential {
            Credential::Token(tokens) => [Some(&tokens.real.access), tokens.real.account.as_ref()],
            Credential::Key(key) => [Some(key), None],
        };
        let secrets = secrets.into_iter().flatten().map(Secret::reveal);
        secrets
            .filter(|secret| !secret.is_empty())
            .fold(text.to_owned(), |text, secret| text.replace(secret, "***"))
    }

    /// The same for every file of a directory.
    pub(super) fn mask_files(&self, directory: &Utf8Path) -> io::Result<()> {
        for entry in directory.read_dir_utf8()? {
            let path = entry?.into_path();
            if !path.is_file() {
                continue;
            }
            // What is no text stays as it is where it holds no secret either.
            let bytes = fs_err::read(&path)?;
            let text = String::from_utf8_lossy(&bytes);
            let masked = self.masked(&text);
            if masked != text {
                crate::fs::write_private(&path, masked.as_bytes())?;
            }
        }
        Ok(())
    }

    /// The variables with the API key that the candidate holds.
    pub(super) fn variables(&self) -> Vec<(&'static str, &str)> {
        match &self.credential {
            Credential::Key(key) => {
                let held = if self.lending.relay { crate::config::MADE_UP } else { key.reveal() };
                KEYS.map(|name| (name, held)).to_vec()
            }
            Credential::Token(_) => Vec::new(),
        }
    }

    /// Which way the candidate's requests take.
    pub(super) fn way(&self) -> Way {
        if !self.lending.relay {
            return Way::Tunnel;
        }
        Way::Relay(match &self.credential {
            Credential::Token(tokens) => RelayLogin {
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
            Credential::Key(key) => RelayLogin {
                made_up_access: Secret::new(crate::config::MADE_UP),
                access: key.clone(),
                made_up_account: String::new(),
                account: None,
            },
        })
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").field("lending", &self.lending).finish_non_exhaustive()
    }
}
