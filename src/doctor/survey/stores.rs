//! The logins by label, the files that they are in, and the databases.

use camino::{Utf8Path, Utf8PathBuf};

use crate::doctor::facts::{Account, ApiKey, AuthFile, Database, KeyPlace};
use crate::env::{CODEX_HOME, Environment};
use crate::explain::Explain as _;
use crate::login::{self, CodexHomeLogin, Login, LoginFormat, LoginKind, LoginOrder, Place};
use crate::openclaw::names::{OPENAI, OPENAI_PROVIDERS, reads};
use crate::release::Version;
use crate::secret::Secret;
use crate::sqlite;

/// Files of an agent that hold logins.
const OF_AGENT: [&str; 4] =
    ["auth.json", "auth-profiles.json", "codex-home/auth.json", "openclaw-agent.sqlite"];
const DATABASE: &str = "openclaw-agent.sqlite";

/// What the state directory holds of logins.
#[derive(Default)]
pub(super) struct Stores {
    pub(super) accounts: Vec<Account>,
    pub(super) api_keys: Vec<ApiKey>,
    pub(super) orders: Vec<LoginOrder>,
    pub(super) codex_homes: Vec<CodexHomeLogin>,
    pub(super) unread: Option<(String, Option<String>)>,
    pub(super) files: Vec<AuthFile>,
    pub(super) databases: Vec<Database>,
}

pub(super) fn read(
    state: &Utf8Path,
    home: &Utf8Path,
    environment: &Environment,
    release: Option<Version>,
) -> Stores {
    let place = Place::new(state, home).with_environment(environment);
    let codex_homes = login::codex_homes(&place, &codex_home(home, environment));
    let mut stores = Stores {
        files: files(&place),
        databases: databases(state),
        orders: login::orders(&place),
        api_keys: codex_homes.iter().filter_map(key_in_home).collect(),
        codex_homes,
        ..Stores::default()
    };
    match login::read(&place) {
        Ok(logins) => {
            let read = |login: &&Login| release.is_none_or(|release| reads(release, login.format));
            stores
                .api_keys
                .extend(logins.iter().filter(read).filter_map(|login| key(&place, login)));
            stores.accounts = accounts(&logins);
        }
        Err(error) => {
            stores.unread = Some((error.to_string(), error.hint()));
        }
    }
    stores
}

/// The user's own Codex home.
pub(super) fn codex_home(home: &Utf8Path, environment: &Environment) -> Utf8PathBuf {
    let named = environment.get(CODEX_HOME).map(Utf8PathBuf::from);
    named.unwrap_or_else(|| home.join(".codex"))
}

/// A profile with a key of OpenAI's.
fn key(place: &Place, login: &Login) -> Option<ApiKey> {
    let of_openai = OPENAI_PROVIDERS.contains(&login.provider.as_str());
    (of_openai && login.kind == LoginKind::ApiKey).then(|| ApiKey {
        place: KeyPlace::Profile,
        file: Some(store_of(&place.state, login)),
        label: login.label(),
        name: login.profile.clone(),
        provider: login.provider.clone(),
        agent: Some(login.agent.clone()),
    })
}

fn store_of(state: &Utf8Path, login: &Login) -> Utf8PathBuf {
    let agent = state.join("agents").join(&login.agent).join("agent");
    let name = match login.format {
        LoginFormat::Sqlite => DATABASE,
        LoginFormat::Inline | LoginFormat::Sealed => "auth-profiles.json",
    };
    agent.join(name)
}

/// The user's own Codex home is not the Gateway's as a rule: its keys are not counted.
fn key_in_home(home: &CodexHomeLogin) -> Option<ApiKey> {
    let agent = home.agent.clone().filter(|_| home.api_key)?;
    let name = "OPENAI_API_KEY".to_owned();
    Some(ApiKey {
        place: KeyPlace::CodexHome,
        file: Some(home.path.clone()),
        label: name.clone(),
        name,
        provider: OPENAI.to_owned(),
        agent: Some(agent),
    })
}

fn accounts(logins: &[Login]) -> Vec<Account> {
    let mut known: Vec<&Secret> = Vec::new();
    let of_openai =
        logins.iter().filter(|login| OPENAI_PROVIDERS.contains(&login.provider.as_str()));
    let mut accounts = Vec::new();
    for login in of_openai {
        let account = login.account.as_ref().map(|account| {
            known.iter().position(|other| *other == account).unwrap_or_else(|| {
                known.push(account);
                known.len() - 1
            })
        });
        accounts.push(Account {
            label: login.label(),
            profile: login.profile.clone(),
            provider: login.provider.clone(),
            kind: login.kind,
            format: login.format,
            agent: login.agent.clone(),
            expires: login.expires,
            has_access: login.access.is_some(),
            renewable: login.holds_refresh,
            account,
        });
    }
    accounts
}

fn agents(state: &Utf8Path) -> Vec<Utf8PathBuf> {
    let agents = state.join("agents").read_dir_utf8().into_iter().flatten().flatten();
    let mut agents: Vec<_> = agents.map(|agent| agent.path().join("agent")).collect();
    agents.sort();
    agents
}

fn files(place: &Place) -> Vec<AuthFile> {
    use std::os::unix::fs::MetadataExt as _;
    let state = &place.state;
    let of_agents =
        agents(state).into_iter().flat_map(|agent| OF_AGENT.map(|name| agent.join(name)));
    let shared = [state.join("state/openclaw.sqlite"), state.join("credentials/oauth.json")];
    let mut files = Vec::new();
    for path in of_agents.chain(shared) {
        if let Ok(metadata) = fs_err::metadata(&path) {
            let mode = within_reach(&path, metadata.mode());
            files.push(AuthFile { path, size: metadata.len(), mode });
        }
    }
    files
}

/// The permissions that matter: others get to a file only where they may pass through
/// every directory above it.
fn within_reach(path: &Utf8Path, mode: u32) -> u32 {
    use std::os::unix::fs::MetadataExt as _;
    let real = path.canonicalize_utf8().unwrap_or_else(|_| path.to_owned());
    let above = real.ancestors().skip(1).filter_map(|above| fs_err::metadata(above).ok());
    let passed = above.fold(0o011, |passed, metadata| passed & metadata.mode());
    let group = if passed & 0o010 == 0 { 0o070 } else { 0 };
    let others = if passed & 0o001 == 0 { 0o007 } else { 0 };
    mode & !(group | others)
}

fn databases(state: &Utf8Path) -> Vec<Database> {
    let shared = (state.join("state/openclaw.sqlite"), false);
    let of_agents = agents(state).into_iter().map(|agent| (agent.join(DATABASE), true));
    let all = std::iter::once(shared).chain(of_agents).filter(|(path, _)| path.is_file());
    all.map(|(path, of_agent)| {
        let schema = sqlite::user_version(&path).map_err(|error| error.to_string());
        Database { path, of_agent, schema }
    })
    .collect()
}
