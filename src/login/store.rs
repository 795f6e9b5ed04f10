//! Where a state directory has its stores, and what is in one of them.

use camino::{Utf8Path, Utf8PathBuf};
use rusqlite::Connection;
use zeroize::Zeroizing;

use super::profile::{Fields, ProfileStore};
use super::sealed::{self, Reference};
use super::{Login, LoginError, LoginFormat, Place};
use crate::fs::read_private;
use crate::sqlite::{self, has_table};

/// What all agents share is theirs (docs/concepts/oauth.md: "main agent").
pub(super) const SHARED: &str = "main";

/// A file or a database, and the agent that it belongs to.
pub(super) struct StoreFile {
    pub(super) path: Utf8PathBuf,
    pub(super) agent: String,
}

/// The tables that hold logins: the column with a row's name, the column with the
/// JSON, and which rows are meant. The second is in the schema of 2026.6.1 to
/// 7.1 and no release was seen to fill it.
pub(super) const TABLES: [(&str, &str, &str, &str); 3] = [
    ("auth_profile_store", "store_key", "store_json", "true"),
    ("auth_profile_stores", "store_key", "store_json", "true"),
    ("config_machine_state", "state_key", "value_json", "state_key = 'authProfiles.store'"),
];

/// The databases that there are: the agents' own, then the one of them all.
pub(super) fn databases(place: &Place) -> Result<Vec<StoreFile>, LoginError> {
    let mut found = of_agents(place, "openclaw-agent.sqlite")?;
    found.push(StoreFile { path: place.state.join("state/openclaw.sqlite"), agent: SHARED.into() });
    found.retain(|source| source.path.exists());
    Ok(found)
}

/// The agents' `auth-profiles.json`, as far as they are there.
pub(super) fn inline_files(place: &Place) -> Result<Vec<StoreFile>, LoginError> {
    let mut found = of_agents(place, "auth-profiles.json")?;
    found.retain(|source| source.path.exists());
    Ok(found)
}

/// A file of this name in each agent's directory, whether or not it is there.
pub(super) fn of_agents(place: &Place, name: &str) -> Result<Vec<StoreFile>, LoginError> {
    let directory = place.state.join("agents");
    let mut agents = match directory.read_dir_utf8() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|source| LoginError::io(&directory, source))?,
    };
    agents.sort_by(|one, other| one.file_name().cmp(other.file_name()));
    let source = |entry: camino::Utf8DirEntry| StoreFile {
        path: entry.path().join("agent").join(name),
        agent: entry.file_name().to_owned(),
    };
    Ok(agents.into_iter().map(source).collect())
}

/// The logins of an agent's file, and what it has sealed.
pub(super) fn in_file(file: &StoreFile, place: &Place) -> Result<Vec<Login>, LoginError> {
    let text = read_private(&file.path).map_err(|source| LoginError::io(&file.path, source))?;
    let store = parse(&text, &file.path)?;
    let mut logins = Vec::new();
    for (name, fields) in &store.profiles {
        let reference: Option<Reference> = fields.object("oauthRef");
        let sealed = reference.and_then(|reference| Some((reference.file(place)?, reference)));
        // Plain tokens win over sealed ones, as in the release.
        let written = fields.holds("access") || fields.holds("refresh");
        let login = match sealed.filter(|_| !written) {
            Some((path, reference)) => {
                let provider = fields.text("provider").unwrap_or_default();
                let opened = sealed::open(&reference, &path, name, &provider, place)?;
                let tokens: Fields<'_> = serde_json::from_slice(&opened)
                    .map_err(|_| LoginError::Malformed { path: path.clone() })?;
                fields.login(&tokens, name, &file.agent, LoginFormat::Sealed)
            }
            None => fields.login(fields, name, &file.agent, LoginFormat::Inline),
        };
        logins.extend(login);
    }
    Ok(logins)
}

/// The logins of a database. Its pages pass through `SQLite`'s own memory, which
/// is not overwritten.
pub(super) fn in_database(database: &StoreFile) -> Result<Vec<Login>, LoginError> {
    let stores = sqlite::read(&database.path, |connection| {
        let mut stores = Vec::new();
        each_row(connection, |_, _, json| stores.push(Zeroizing::new(json.to_vec())))?;
        Ok(stores)
    })?;
    let mut logins = Vec::new();
    for text in &stores {
        let store = parse(text, &database.path)?;
        logins.extend(store.profiles.iter().filter_map(|(name, fields)| {
            fields.login(fields, name, &database.agent, LoginFormat::Sqlite)
        }));
    }
    Ok(logins)
}

/// Calls with every row that holds logins: table, the row's name, JSON.
pub(super) fn each_row(
    connection: &Connection,
    mut call: impl FnMut(&str, &[u8], &[u8]),
) -> rusqlite::Result<()> {
    for (table, key, json, which) in TABLES {
        if !has_table(connection, table)? {
            continue;
        }
        let sql = format!("select {key}, {json} from {table} where {which} order by {key}");
        let mut statement = connection.prepare(&sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            call(table, row.get_ref(0)?.as_bytes()?, row.get_ref(1)?.as_bytes()?);
        }
    }
    Ok(())
}

fn parse<'a>(text: &'a [u8], path: &Utf8Path) -> Result<ProfileStore<'a>, LoginError> {
    // serde's error is dropped: it may quote the file, tokens included.
    serde_json::from_slice(text).map_err(|_| LoginError::Malformed { path: path.to_owned() })
}
