//! Logins of the Codex app-server's own: `auth.json` in an agent's `codex-home`, or in
//! the user's `~/.codex`. They are noticed, and never lent: nothing of a token is kept.

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;

use super::Place;
use super::profile::{Fields, claims};
use super::store::of_agents;
use crate::fs::read_private;
use crate::secret::Secret;

/// The file, in a Codex home.
const FILE: &str = "auth.json";

/// What a Codex home holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodexHomeLogin {
    /// The file.
    pub path: Utf8PathBuf,
    /// The agent whose home it is; none for the user's own.
    pub agent: Option<String>,
    /// Whether there is an access token of a `ChatGPT` login.
    pub has_access: bool,
    /// Whether that login can be renewed.
    pub renewable: bool,
    /// When the access token ends, as it says itself.
    pub expires: Option<Timestamp>,
    /// Whether there is an API key.
    pub api_key: bool,
}

impl CodexHomeLogin {
    /// Whether a turn can be asked with its `ChatGPT` login, now or once it is renewed.
    pub fn is_good(&self, now: Timestamp) -> bool {
        self.renewable || (self.has_access && self.expires.is_none_or(|expires| expires > now))
    }
}

/// The Codex homes that hold something: the agents', then the one of the user.
pub fn codex_homes(place: &Place, of_user: &Utf8Path) -> Vec<CodexHomeLogin> {
    let name = format!("codex-home/{FILE}");
    let of_agents = of_agents(place, &name).unwrap_or_default();
    let of_agents = of_agents.into_iter().map(|file| (file.path, Some(file.agent)));
    let all = of_agents.chain([(of_user.join(FILE), None)]);
    all.filter_map(|(path, agent)| read(path, agent)).collect()
}

fn read(path: Utf8PathBuf, agent: Option<String>) -> Option<CodexHomeLogin> {
    let text = read_private(&path).ok()?;
    let fields: Fields<'_> = serde_json::from_slice(&text).ok()?;
    let tokens = fields.fields("tokens").unwrap_or_default();
    let access: Option<Secret> = tokens.secret("access_token");
    let expires = access
        .as_ref()
        .and_then(claims)
        .and_then(|claims| Timestamp::from_second(claims.get("exp")?.as_i64()?).ok());
    let login = CodexHomeLogin {
        path,
        agent,
        has_access: access.is_some(),
        renewable: tokens.holds("refresh_token"),
        expires,
        api_key: fields.holds("OPENAI_API_KEY"),
    };
    (login.has_access || login.renewable || login.api_key).then_some(login)
}
