//! Moves logins from the store that one release reads to the one that another reads:
//! the only place where a refresh token is taken out of a store. Refresh tokens are
//! single-use, so a login is moved and never copied: of two stores with the same one
//! the first to renew it locks the other out.
//!
//! What is moved is today's login, under the name, in the place and in the format of
//! the other release, whatever older copies lie beside it. How `OpenClaw` itself names
//! it on the way up was read in `doctor-auth-flat-profiles` of 2026.6.1
//! (`allocateOpenAIProfileId`) and seen in runs of 5.28, 6.1 and 7.1.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};
use rusqlite::params;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};
use zeroize::Zeroizing;

use super::profile::Fields;
use super::store::{SHARED, StoreFile, of_agents};
use super::{LoginError, Place, label};
use crate::fs;
use crate::openclaw::Change;
use crate::openclaw::names::{OPENAI, chatgpt_provider};
use crate::release::Version;
use crate::sqlite::{self, has_table};

/// Where an agent's logins are, for one release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "store", content = "path")]
pub enum AgentStore {
    /// `auth-profiles.json`.
    File(Utf8PathBuf),
    /// The row `primary` of `auth_profile_store` in the agent's database.
    Database(Utf8PathBuf),
    /// The row `authProfiles.store` of `config_machine_state` in the database of all
    /// agents, from 2026.8.1 on.
    Shared(Utf8PathBuf),
}

/// The logins of one agent, on their way from one release to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoginMove {
    /// Whose they are.
    pub agent: String,
    /// What they are called where they are now, addresses left out.
    pub labels: Vec<String>,
    /// Where they are.
    pub from: AgentStore,
    /// Where they are to be.
    pub to: AgentStore,
    /// The provider of a `ChatGPT` login there and here.
    providers: (String, String),
}

/// Finds what has to move so that `to` finds the logins that `from` reads now. None
/// where both read the same, and none on the way up into what no upgrade has been
/// at yet: `OpenClaw`'s own doctor does that, with the config.
pub fn find(place: &Place, from: Version, to: Version) -> Result<Vec<LoginMove>, LoginError> {
    let providers = (chatgpt_provider(from).to_owned(), chatgpt_provider(to).to_owned());
    let mut moves = Vec::new();
    for StoreFile { path, agent } in of_agents(place, FILE)? {
        let directory = path.parent().unwrap_or(&place.state);
        let store = |release| AgentStore::of(place, &agent, directory, release);
        let (from_store, to_store) = (store(from), store(to));
        if from_store == to_store && providers.0 == providers.1
            || to > from && !was_moved_before(directory, &to_store)
        {
            continue;
        }
        let mut of_agent = LoginMove {
            agent,
            labels: Vec::new(),
            from: from_store,
            to: to_store,
            providers: providers.clone(),
        };
        let Some(text) = of_agent.from.read()? else { continue };
        let store = Store::parse(&text, of_agent.from.path())?;
        of_agent.labels = of_agent.moving(&store).map(|(name, _)| label(name)).collect();
        if !of_agent.labels.is_empty() {
            moves.push(of_agent);
        }
    }
    Ok(moves)
}

const FILE: &str = "auth-profiles.json";
const DATABASE: &str = "openclaw-agent.sqlite";
/// In the name of the copy that doctor leaves when it renames the provider.
const RENAMED_MARK: &str = ".openai-provider-unification.";

/// Whether a release that reads `store` has had this agent's logins once.
fn was_moved_before(directory: &Utf8Path, store: &AgentStore) -> bool {
    match store {
        AgentStore::Database(path) | AgentStore::Shared(path) => path.is_file(),
        AgentStore::File(_) => {
            let mut entries = directory.read_dir_utf8().into_iter().flatten().flatten();
            entries.any(|entry| entry.file_name().contains(RENAMED_MARK))
        }
    }
}

impl LoginMove {
    /// Moves them. Done twice it is done once: what has arrived is no longer at its origin.
    pub fn take(&self) -> Result<(), LoginError> {
        let Some(text) = self.from.read()? else { return Ok(()) };
        let mut store = Store::parse(&text, self.from.path())?;
        let arrived = if self.from == self.to { None } else { self.to.read()? };
        let mut target = match &arrived {
            Some(text) => Store::parse(text, self.to.path())?,
            None => Store::default(),
        };
        let names = self.names(&store, &target);
        if names.is_empty() {
            return Ok(());
        }
        let provider = raw(&self.providers.1, self.to.path())?;
        let order = store.order(&names, &self.providers.1, self.from.path())?;
        let moving: Vec<_> = names
            .iter()
            .filter_map(|(name, new)| Some((new.clone(), store.profiles.remove(name.as_str())?)))
            .map(|(new, mut profile)| {
                if self.is_renamed(&Fields::of(&profile)) {
                    profile.insert("provider".into(), &provider);
                }
                (Cow::Owned(new), profile)
            })
            .collect();
        if self.from == self.to {
            store.profiles.extend(moving);
            store.put_order(order.as_deref());
            return self.to.write(&store.text(text.len())?);
        }
        target.profiles.extend(moving);
        if !target.rest.contains_key("order") {
            target.put_order(order.as_deref());
        }
        // The new place first: a kill between the two leaves the login in both, and the
        // next try takes it out of the old one before any release has started.
        self.to.write(&target.text(text.len() + arrived.as_ref().map_or(0, |text| text.len()))?)?;
        match &self.from {
            AgentStore::File(path) if store.profiles.is_empty() => {
                let path = real(path);
                fs::remove(&path).map_err(|source| LoginError::io(&path, source))
            }
            from => from.write(&store.text(text.len())?),
        }
    }

    /// The way back.
    #[must_use]
    pub fn back(&self) -> Self {
        Self {
            from: self.to.clone(),
            to: self.from.clone(),
            providers: (self.providers.1.clone(), self.providers.0.clone()),
            ..self.clone()
        }
    }

    /// A `ChatGPT` login has another provider there.
    fn is_renamed(&self, profile: &Fields<'_>) -> bool {
        self.providers.0 != self.providers.1
            && profile.text("provider").as_ref() == Some(&self.providers.0)
            && ["type", "mode"].iter().any(|key| profile.text(key).as_deref() == Some("oauth"))
            // One whose tokens are sealed is sealed under its name.
            && (profile.holds("access") || profile.holds("refresh"))
    }

    /// All of them where the store is another one, else those with another name.
    fn moving<'a>(
        &'a self,
        store: &'a Store<'_>,
    ) -> impl Iterator<Item = (&'a str, Fields<'a>)> + 'a {
        let profiles = store.profiles.iter();
        profiles
            .map(|(name, profile)| (name.as_ref(), Fields::of(profile)))
            .filter(|(_, profile)| self.from != self.to || self.is_renamed(profile))
    }

    /// What each of them is called now, and is to be called.
    fn names(&self, store: &Store<'_>, target: &Store<'_>) -> BTreeMap<String, String> {
        let there: BTreeSet<&str> =
            store.profiles.keys().chain(target.profiles.keys()).map(AsRef::as_ref).collect();
        let (from, to) = (&self.providers.0, &self.providers.1);
        let name = |name: &str| {
            let own = name.strip_prefix(from.as_str()).and_then(|rest| rest.strip_prefix(':'));
            let Some(own) = own else { return name.to_owned() };
            // On the way up a second name was made where the first was taken.
            let plain = own
                .strip_prefix("chatgpt-")
                .filter(|plain| there.contains(format!("{from}:{plain}").as_str()));
            let direct = format!("{to}:{}", plain.unwrap_or(own));
            if there.contains(direct.as_str()) && to == OPENAI {
                return format!("{to}:chatgpt-{own}");
            }
            direct
        };
        self.moving(store)
            .map(|(old, profile)| {
                let new = if self.is_renamed(&profile) { name(old) } else { old.to_owned() };
                (old.to_owned(), new)
            })
            .collect()
    }
}

impl AgentStore {
    fn of(place: &Place, agent: &str, directory: &Utf8Path, release: Version) -> Self {
        if !Change::LoginsInDatabase.is_in(release) {
            return Self::File(directory.join(FILE));
        }
        let shared = Self::Shared(place.state.join("state/openclaw.sqlite"));
        let is_shared = Change::OlderLoginsRefused.is_in(release)
            && agent == SHARED
            && matches!(shared.read(), Ok(Some(_)));
        if is_shared { shared } else { Self::Database(directory.join(DATABASE)) }
    }

    /// The file that it is in.
    pub fn path(&self) -> &Utf8Path {
        match self {
            Self::File(path) | Self::Database(path) | Self::Shared(path) => path,
        }
    }

    fn read(&self) -> Result<Option<Zeroizing<Vec<u8>>>, LoginError> {
        if !self.path().is_file() {
            return Ok(None);
        }
        let (table, sql) = match self {
            Self::File(path) => {
                let text = fs::read_private(path);
                return text.map(Some).map_err(|source| LoginError::io(path, source));
            }
            Self::Database(_) => (
                "auth_profile_store",
                "select store_json from auth_profile_store where store_key = 'primary'",
            ),
            Self::Shared(_) => (
                "config_machine_state",
                "select value_json from config_machine_state where state_key = 'authProfiles.store'",
            ),
        };
        Ok(sqlite::read(self.path(), |connection| {
            if !has_table(connection, table)? {
                return Ok(None);
            }
            let mut statement = connection.prepare(sql)?;
            let mut rows = statement.query([])?;
            let Some(row) = rows.next()? else { return Ok(None) };
            Ok(Some(Zeroizing::new(row.get_ref(0)?.as_bytes()?.to_vec())))
        })?)
    }

    fn write(&self, text: &[u8]) -> Result<(), LoginError> {
        let sql = match self {
            Self::File(path) => {
                let path = real(path);
                let written = fs::write_atomic_private(&path, text);
                return written.map_err(|source| LoginError::io(&path, source));
            }
            Self::Database(_) => {
                "insert or replace into auth_profile_store (store_key, store_json, updated_at)
                 values ('primary', ?1, ?2)"
            }
            Self::Shared(_) => {
                "insert or replace into config_machine_state (state_key, value_json, updated_at_ms)
                 values ('authProfiles.store', ?1, ?2)"
            }
        };
        let text = std::str::from_utf8(text).unwrap_or_default();
        let now = jiff::Timestamp::now().as_millisecond();
        sqlite::write(self.path(), |connection| {
            // What is deleted is overwritten in the file.
            connection.pragma_update(None, "secure_delete", true)?;
            connection.execute(sql, params![text, now])
        })?;
        Ok(())
    }
}

/// A file that is kept elsewhere is written where it is.
fn real(path: &Utf8Path) -> Utf8PathBuf {
    path.canonicalize_utf8().unwrap_or_else(|_| path.to_owned())
}

type Object<'a> = BTreeMap<Cow<'a, str>, &'a RawValue>;

/// A store, each part still as it is written.
#[derive(Default)]
struct Store<'a> {
    profiles: BTreeMap<Cow<'a, str>, Object<'a>>,
    rest: Object<'a>,
}

#[derive(Serialize)]
struct StoreJson<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u8>,
    profiles: &'a BTreeMap<Cow<'a, str>, Object<'a>>,
    #[serde(flatten)]
    rest: BTreeMap<&'a str, &'a RawValue>,
}

impl<'a> Store<'a> {
    fn parse(text: &'a [u8], path: &Utf8Path) -> Result<Self, LoginError> {
        // serde's error is dropped: it may quote the file, tokens included.
        let malformed = |_| LoginError::Malformed { path: path.to_owned() };
        let mut rest: Object<'a> = serde_json::from_slice(text).map_err(malformed)?;
        let profiles = match rest.remove("profiles") {
            Some(profiles) => serde_json::from_str(profiles.get()).map_err(malformed)?,
            None => BTreeMap::new(),
        };
        Ok(Self { profiles, rest })
    }

    /// The order in which profiles are tried, under their new names.
    fn order(
        &self,
        names: &BTreeMap<String, String>,
        provider: &str,
        path: &Utf8Path,
    ) -> Result<Option<Box<RawValue>>, LoginError> {
        let Some(order) = self.rest.get("order") else { return Ok(None) };
        let Ok(Value::Object(order)) = serde_json::from_str(order.get()) else { return Ok(None) };
        let mut new: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for (of, profiles) in order {
            for profile in profiles.as_array().into_iter().flatten() {
                let name = profile.as_str().unwrap_or_default();
                match names.get(name).filter(|new| *new != name) {
                    Some(renamed) => {
                        new.entry(provider.to_owned()).or_default().push(renamed.clone().into());
                    }
                    None => new.entry(of.clone()).or_default().push(profile.clone()),
                }
            }
        }
        raw(&new, path).map(Some)
    }

    fn put_order(&mut self, order: Option<&'a RawValue>) {
        if let Some(order) = order {
            self.rest.insert("order".into(), order);
        }
    }

    /// As JSON, in memory that is not left behind as it grows: `size` is about how much.
    fn text(&self, size: usize) -> Result<Zeroizing<Vec<u8>>, LoginError> {
        let mut text = Zeroizing::new(Vec::with_capacity(2 * size + 4096));
        let version = (!self.rest.contains_key("version")).then_some(1);
        let rest = self.rest.iter().map(|(key, value)| (key.as_ref(), *value)).collect();
        let json = StoreJson { version, profiles: &self.profiles, rest };
        serde_json::to_writer(&mut *text, &json)
            .map_err(|error| LoginError::io(Utf8Path::new(FILE), error.into()))?;
        Ok(text)
    }
}

fn raw(value: &impl Serialize, path: &Utf8Path) -> Result<Box<RawValue>, LoginError> {
    to_raw_value(value).map_err(|error| LoginError::io(path, error.into()))
}
