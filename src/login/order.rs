//! The order in which an agent is told to use its logins. An agent's own order goes
//! before `auth.order` of the config (`resolveAuthProfileOrder` in 2026.4.11, 5.5 and 6.8).

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use serde::Deserialize;

use super::store::{SHARED, StoreFile, databases, of_agents};
use super::{LoginFormat, Place};
use crate::fs::read_private;
use crate::sqlite::{self, has_table};

/// Files of an agent that can hold an order; the first one with an order wins.
const FILES: [&str; 2] = ["auth-state.json", "auth-profiles.json"];
/// The same in databases: table, column with the JSON, rows.
const TABLES: [(&str, &str, &str); 3] = [
    ("auth_profile_state", "state_json", "true"),
    ("auth_profile_store", "store_json", "true"),
    (
        "config_machine_state",
        "value_json",
        "state_key in ('authProfiles.state', 'authProfiles.store')",
    ),
];

/// The profiles that one agent uses for a provider, by its own order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginOrder {
    /// The agent; `main` for what all agents share.
    pub agent: String,
    /// Where it stands.
    pub file: Utf8PathBuf,
    /// How: [`LoginFormat::Inline`] in a JSON file, [`LoginFormat::Sqlite`] in a database.
    pub format: LoginFormat,
    /// The provider.
    pub provider: String,
    /// The profiles, as the order names them. None at all are an order, too.
    pub profiles: Vec<String>,
}

/// What of a store is looked at; everything else of it is passed over.
#[derive(Deserialize)]
struct OrderOnly {
    #[serde(default)]
    order: Option<BTreeMap<String, Vec<String>>>,
}

/// The agents' own orders. What cannot be read has none: [`super::read`] tells of it.
pub fn orders(place: &Place) -> Vec<LoginOrder> {
    let mut found = Vec::new();
    each_text(place, |source, format, text| found.extend(in_text(text, source, format)));
    found
}

/// Calls with the JSON of every store that can be read, databases first.
pub(super) fn each_text(place: &Place, mut call: impl FnMut(&StoreFile, LoginFormat, &[u8])) {
    for database in databases(place).unwrap_or_default() {
        for text in in_database(&database).unwrap_or_default() {
            call(&database, LoginFormat::Sqlite, &text);
        }
    }
    for name in FILES {
        for file in of_agents(place, name).unwrap_or_default() {
            if let Ok(text) = read_private(&file.path) {
                call(&file, LoginFormat::Inline, &text);
            }
        }
    }
}

fn in_text(text: &[u8], source: &StoreFile, format: LoginFormat) -> Vec<LoginOrder> {
    let store: Option<OrderOnly> = serde_json::from_slice(text).ok();
    let orders = store.and_then(|store| store.order).unwrap_or_default();
    let order = |(provider, profiles)| LoginOrder {
        agent: source.agent.clone(),
        file: source.path.clone(),
        format,
        provider,
        profiles,
    };
    orders.into_iter().map(order).collect()
}

fn in_database(
    database: &StoreFile,
) -> Result<Vec<zeroize::Zeroizing<Vec<u8>>>, sqlite::SqliteError> {
    sqlite::read(&database.path, |connection| {
        let mut texts = Vec::new();
        for (table, column, which) in TABLES {
            if !has_table(connection, table)? {
                continue;
            }
            let sql = format!("select {column} from {table} where {which}");
            let mut statement = connection.prepare(&sql)?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                texts.push(zeroize::Zeroizing::new(row.get_ref(0)?.as_bytes()?.to_vec()));
            }
        }
        Ok(texts)
    })
}

/// The order that holds for an agent and a provider: its own, else that of all agents.
pub fn of_agent<'a>(
    orders: &'a [LoginOrder],
    agent: &str,
    provider: &str,
    reads: impl Fn(LoginFormat) -> bool,
) -> Option<&'a LoginOrder> {
    [agent, SHARED].into_iter().find_map(|agent| {
        orders
            .iter()
            .find(|order| order.agent == agent && order.provider == provider && reads(order.format))
    })
}
