//! The logins by label, the files that they are in, and the databases.

use camino::{Utf8Path, Utf8PathBuf};

use crate::doctor::facts::{Account, AuthFile, Database};
use crate::env::Environment;
use crate::explain::Explain as _;
use crate::login::{self, Login, LoginKind, Place};
use crate::openclaw::names::{OPENAI, OPENAI_PROVIDERS};
use crate::secret::Secret;
use crate::sqlite;

/// Files of an agent that hold logins.
const OF_AGENT: [&str; 3] = ["auth.json", "auth-profiles.json", "openclaw-agent.sqlite"];
const DATABASE: &str = "openclaw-agent.sqlite";

/// What the state directory holds of logins.
#[derive(Default)]
pub(super) struct Stores {
    pub(super) accounts: Vec<Account>,
    pub(super) api_key: bool,
    pub(super) unread: Option<(String, Option<String>)>,
    pub(super) files: Vec<AuthFile>,
    pub(super) databases: Vec<Database>,
}

pub(super) fn read(state: &Utf8Path, home: &Utf8Path, environment: &Environment) -> Stores {
    let place = Place::new(state, home).with_environment(environment);
    let mut stores =
        Stores { files: files(&place), databases: databases(state), ..Stores::default() };
    stores.api_key = dot_env_has_key(state);
    match login::read(&place) {
        Ok(logins) => {
            stores.api_key |= logins
                .iter()
                .any(|login| login.provider == OPENAI && login.kind != LoginKind::OAuth);
            stores.accounts = accounts(&logins);
        }
        Err(error) => {
            stores.unread = Some((error.to_string(), error.hint()));
        }
    }
    stores
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

/// Whether the Gateway gets an API key of OpenAI's from its own `.env`
/// (docs/help/environment.md). The name is looked for, the value is not kept.
fn dot_env_has_key(state: &Utf8Path) -> bool {
    let text = fs_err::read(state.join(".env")).map(zeroize::Zeroizing::new).unwrap_or_default();
    text.split(|byte| *byte == b'\n').any(|line| {
        let line = line.trim_ascii();
        let line = line.strip_prefix(b"export ").unwrap_or(line);
        line.starts_with(b"OPENAI_API_KEY=") && line.len() > b"OPENAI_API_KEY=".len()
    })
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
            files.push(AuthFile { path, size: metadata.len(), mode: metadata.mode() });
        }
    }
    files
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
