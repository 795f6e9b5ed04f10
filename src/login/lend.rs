//! What a candidate is lent: a login with an access token and nothing that could
//! get another one.
//!
//! A turn needs no `refresh`: 2026.5.12, 5.18, 6.1, 6.8, 6.11, 7.1, 8.2 and 9.5
//! answered with the field absent, and 5.12 and 5.19 also with an empty or a made-up one, as
//! long as the access token was good. `openclaw doctor --fix` of 9.5 moves such a
//! login on as any other.
//!
//! Nothing of a live database is copied: a database that holds nothing but the row
//! with the login is enough, and the release makes the rest of its tables around it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use camino::Utf8Path;
use jiff::Timestamp;
use rusqlite::params;
use serde::Serialize;
use zeroize::Zeroizing;

use super::{Login, LoginKind};
use crate::fs::{create_private_dir, write_private};
use crate::openclaw::names::STATE_SCHEMA_WITH_LOGINS;
use crate::secret::Secret;
use crate::sqlite;

/// A login to be lent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LentLogin {
    /// The name that the candidate's config has for it.
    pub profile: String,
    /// The provider that the candidate knows it by.
    pub provider: String,
    /// The access token.
    pub access: Secret,
    /// The account that it belongs to.
    pub account: Option<Secret>,
    /// When the access token ends.
    pub expires: Timestamp,
    /// The agent that asks with it.
    pub agent: String,
    /// Whether to write a made-up refresh token. The service refuses it, so the ledger
    /// shows which candidates try to refresh.
    pub made_up_refresh: bool,
}

impl LentLogin {
    /// What can be lent of a login; none where it has no access token, or none whose
    /// end is known.
    pub fn of(login: &Login) -> Option<Self> {
        Some(Self {
            profile: login.profile.clone(),
            provider: login.provider.clone(),
            access: login.access.clone().filter(|_| login.kind == LoginKind::OAuth)?,
            account: login.account.clone(),
            expires: login.expires?,
            agent: login.agent.clone(),
            made_up_refresh: false,
        })
    }

    /// The same login under the name and the provider that a candidate's config has:
    /// `openai-codex` and `openai` are the same service before and after doctor.
    #[must_use]
    pub fn under(mut self, profile: &str, provider: &str) -> Self {
        profile.clone_into(&mut self.profile);
        provider.clone_into(&mut self.provider);
        self
    }
}

/// Where a release looks for logins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AuthStore {
    /// `auth-profiles.json` and no more, as a user of an older release has it: later
    /// ones answer once their doctor has moved it.
    Inline,
    /// That file for releases up to 2026.6.1, and beside it the agent's own database
    /// for 6.5 to 7.1. Each reads its own and leaves the other.
    Agent,
    /// The database of all agents: 2026.8.1 and later, which refuse to run while a
    /// file or an agent's database of an older kind is there.
    State,
}

impl AuthStore {
    /// The one that a release reads as it is, by its `package.json`
    /// (`openclaw.schemaVersions.state`). None for the betas whose databases nobody
    /// but they can make.
    pub fn of(package: &serde_json::Value) -> Option<Self> {
        match package.pointer("/openclaw/schemaVersions/state").and_then(serde_json::Value::as_i64)
        {
            None => Some(Self::Agent),
            Some(STATE_SCHEMA_WITH_LOGINS..) => Some(Self::State),
            Some(_) => None,
        }
    }
}

/// Writes logins into a scratch state directory, where the release looks for them.
/// A database that is there already (a plugin's installation left it) gets the
/// login besides what it has.
pub fn lend(logins: &[LentLogin], state: &Utf8Path, store: AuthStore) -> io::Result<()> {
    if logins.is_empty() {
        return Ok(());
    }
    if store == AuthStore::State {
        return in_state_database(&json(logins.iter())?, state);
    }
    let agents: BTreeSet<&str> = logins.iter().map(|login| login.agent.as_str()).collect();
    for agent in agents {
        let directory = state.join("agents").join(agent).join("agent");
        create_private_dir(&directory)?;
        let json = json(logins.iter().filter(|login| login.agent == agent))?;
        write_private(&directory.join("auth-profiles.json"), &json)?;
        if store == AuthStore::Agent {
            in_agent_database(&json, &directory)?;
        }
    }
    Ok(())
}

fn in_agent_database(json: &[u8], directory: &Utf8Path) -> io::Result<()> {
    let written = sqlite::write(&directory.join("openclaw-agent.sqlite"), |connection| {
        connection.execute_batch(
            "create table if not exists auth_profile_store (
               store_key TEXT NOT NULL PRIMARY KEY,
               store_json TEXT NOT NULL,
               updated_at INTEGER NOT NULL
             )",
        )?;
        let sql = "insert or replace into auth_profile_store values ('primary', ?1, ?2)";
        connection.execute(sql, params![text(json), now()])
    });
    written.map(drop).map_err(io::Error::other)
}

fn in_state_database(json: &[u8], state: &Utf8Path) -> io::Result<()> {
    let directory = state.join("state");
    create_private_dir(&directory)?;
    let written = sqlite::write(&directory.join("openclaw.sqlite"), |connection| {
        connection.execute_batch(
            "create table if not exists config_machine_state (
               state_key TEXT NOT NULL PRIMARY KEY,
               value_json TEXT NOT NULL,
               updated_at_ms INTEGER NOT NULL
             ) STRICT",
        )?;
        let sql = "insert or replace into config_machine_state
                   (state_key, value_json, updated_at_ms) values (?1, ?2, ?3)";
        connection.execute(sql, params!["authProfiles.store", text(json), now()])?;
        // Without this row the release does not look here, but in the agent's database.
        let place = r#"{"location":"state-db"}"#;
        connection.execute(sql, params!["auth.sharedStore", place, now()])
    });
    written.map(drop).map_err(io::Error::other)
}

fn text(json: &[u8]) -> &str {
    std::str::from_utf8(json).unwrap_or_default()
}

fn now() -> i64 {
    Timestamp::now().as_millisecond()
}

#[derive(Serialize)]
struct AuthProfiles<'a> {
    version: u8,
    profiles: BTreeMap<&'a str, AuthProfileEntry<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AuthProfileEntry<'a> {
    r#type: &'static str,
    provider: &'a str,
    access: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh: Option<&'static str>,
    expires: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    account_id: Option<&'a str>,
}

fn json<'a>(logins: impl Iterator<Item = &'a LentLogin>) -> io::Result<Zeroizing<Vec<u8>>> {
    let entry = |login: &'a LentLogin| {
        let entry = AuthProfileEntry {
            r#type: "oauth",
            provider: &login.provider,
            access: login.access.reveal(),
            refresh: login.made_up_refresh.then_some("made-up"),
            expires: login.expires.as_millisecond(),
            account_id: login.account.as_ref().map(Secret::reveal),
        };
        (login.profile.as_str(), entry)
    };
    let store = AuthProfiles { version: 1, profiles: logins.map(entry).collect() };
    Ok(Zeroizing::new(serde_json::to_vec(&store).map_err(io::Error::other)?))
}
