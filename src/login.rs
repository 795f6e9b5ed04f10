//! The logins that a state directory of `OpenClaw` holds: read without their
//! refresh tokens, and written as what a candidate is lent.
//!
//! Refresh tokens are single-use, so none is taken out of a store but by [`carry`],
//! which moves a login for an apply: that there is one is noticed, and its bytes are
//! dropped where they were read. [`LentLogin`] has no field for one.
//!
//! Where releases keep `ChatGPT` logins. 2026.5.12, 5.18, 6.1, 6.8, 6.11, 7.1, 8.2
//! and 9.5 were run; what is between them is from the code that they ship:
//!
//! | release | store |
//! |---|---|
//! | 2026.5.18 to 6.1 | `agents/<id>/agent/auth-profiles.json`, in plain text |
//! | 2026.5.12 | the same file without tokens, and `credentials/auth-profiles/<id>.json`, sealed |
//! | 2026.6.5 to 7.1 | table `auth_profile_store` of `agents/<id>/agent/openclaw-agent.sqlite` |
//! | 2026.8.1 on | `authProfiles.store` in `config_machine_state` of `state/openclaw.sqlite` for the agents together; the agent's own table besides |
//!
//! A release reads its own kind and leaves the older ones: 6.5 to 7.1 pass over an
//! inline file, and 9.5 does not start a turn while one lies there. `openclaw
//! doctor --fix` moves a login along and leaves the old file under another name
//! (`auth-profiles.json.sqlite-import.<ms>.bak`, `.migrated-<time>`), refresh
//! token and all: such files are part of a [`Fingerprint`], and are not read. Whoever
//! copies a live state directory as it is copies them too.
//!
//! Not read: `auth.json` and `credentials/oauth.json` of earlier releases, the macOS
//! keychain. Logins of the Codex app-server itself are noticed ([`codex_homes`]) and never lent.

pub mod carry;
mod codex_home;
mod error;
mod fingerprint;
mod lend;
mod made_up;
mod order;
mod place;
mod profile;
mod reference;
mod sealed;
mod store;

pub use codex_home::{CodexHomeLogin, codex_homes};
pub use error::LoginError;
pub use fingerprint::Fingerprint;
pub use lend::{AuthStore, LentLogin, lend};
pub use order::{LoginOrder, of_agent as order_of_agent, orders};
pub use place::Place;
pub use reference::{LoginReference, references};

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

pub use crate::openclaw::names::LoginFormat;
use crate::openclaw::names::OPENAI_PROVIDERS;
use crate::secret::Secret;

/// A login that a state directory holds, without its refresh token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// Its label, such as `openai-codex:default`. A release may put the account's
    /// address after the colon: see [`Self::label`].
    pub profile: String,
    /// `openai-codex` up to 2026.6.1, `openai` once doctor has moved it.
    pub provider: String,
    /// How it logs in.
    pub kind: LoginKind,
    /// Where it was found.
    pub format: LoginFormat,
    /// The access token of an [`LoginKind::OAuth`] login. Keys and static tokens are not
    /// read: they are never lent.
    pub access: Option<Secret>,
    /// The account that it belongs to, from the profile or from the token.
    pub account: Option<Secret>,
    /// When the access token ends: by the profile or by the token itself, whichever
    /// is earlier.
    pub expires: Option<Timestamp>,
    /// Whether a refresh token is stored with it.
    pub holds_refresh: bool,
    /// The agent that it is stored under; `main` for what all agents share.
    pub agent: String,
}

impl Login {
    /// The profile's name with an address in it left out.
    pub fn label(&self) -> String {
        label(&self.profile)
    }

    /// Whose it is, to tell one account from another without writing it down.
    pub fn account_hash(&self) -> Option<String> {
        self.account.as_ref().map(account_hash)
    }

    /// Whether the `ChatGPT` route can be asked with it until then.
    pub fn serves_until(&self, then: Timestamp) -> bool {
        self.kind == LoginKind::OAuth
            && OPENAI_PROVIDERS.contains(&self.provider.as_str())
            && self.access.is_some()
            && self.expires.is_some_and(|expires| expires > then)
    }
}

/// A profile's name with an address in it left out.
pub fn label(profile: &str) -> String {
    match profile.split_once(':') {
        Some((provider, name)) if name.contains('@') => format!("{provider}:***"),
        _ => profile.to_owned(),
    }
}

/// An account, to be told from another without writing it down.
pub fn account_hash(account: &Secret) -> String {
    format!("{:x}", Sha256::digest(account.reveal()))
}

/// How a login logs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginKind {
    /// An access token that is refreshed.
    OAuth,
    /// A key for a public API.
    ApiKey,
    /// A token that is not refreshed.
    Token,
}

/// Reads the logins of a live state directory: its databases first, then its
/// files, each agent in the order of their names. Nothing in the directory
/// changes; a Gateway that writes meets at most `SQLite`'s shared lock, for as long
/// as one row takes to read.
///
/// More than one store can hold a login of the same name, after an upgrade or
/// back: the caller takes the one that its release reads.
pub fn read(place: &Place) -> Result<Vec<Login>, LoginError> {
    let mut logins = Vec::new();
    for database in store::databases(place)? {
        logins.extend(store::in_database(&database)?);
    }
    for file in store::inline_files(place)? {
        logins.extend(store::in_file(&file, place)?);
    }
    Ok(logins)
}

#[cfg(test)]
mod tests;
