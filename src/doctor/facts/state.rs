//! What the state directory holds.

use camino::Utf8PathBuf;
use jiff::Timestamp;

use crate::login::{LoginFormat, LoginKind};

/// A ChatGPT login, by label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The profile's label; an address in it is left out.
    pub label: String,
    /// The profile's name as the store has it; never printed.
    pub profile: String,
    /// `openai-codex` or `openai`.
    pub provider: String,
    /// How it logs in.
    pub kind: LoginKind,
    /// How it is stored.
    pub format: LoginFormat,
    /// Under which agent.
    pub agent: String,
    /// When its access token ends.
    pub expires: Option<Timestamp>,
    /// Whether it has an access token.
    pub has_access: bool,
    /// Whether it can be renewed.
    pub renewable: bool,
    /// Logins with the same number are of the same account.
    pub account: Option<usize>,
}

/// An API key of OpenAI's that a turn could be billed to. The key itself is not among it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Where it is.
    pub place: KeyPlace,
    /// The file that it is in; none where it is the shell's.
    pub file: Option<Utf8PathBuf>,
    /// What it is called there: a profile's label, a variable, a setting.
    pub label: String,
    /// The profile's name as the store has it; never printed. Else the same as the label.
    pub name: String,
    /// The provider that it is for.
    pub provider: String,
    /// The agent whose it is; none where it is everybody's.
    pub agent: Option<String>,
}

/// Where an API key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyPlace {
    /// A profile in a store of logins that the release reads.
    Profile,
    /// The environment of the service.
    Service,
    /// The environment of this shell, where there is no service.
    Shell,
    /// `.env` of the state directory.
    DotEnv,
    /// `openclaw.json`.
    Config,
    /// `auth.json` of a Codex home.
    CodexHome,
}

/// A file with logins in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthFile {
    /// The file.
    pub path: Utf8PathBuf,
    /// Its size in bytes.
    pub size: u64,
    /// Its permissions, without those that a directory above it takes away.
    pub mode: u32,
}

/// Where a provider's models, or one of them, are asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Endpoint {
    /// The config, an agent's `models.json`, or Codex's own `config.toml`.
    pub file: Utf8PathBuf,
    /// Which of them it is.
    pub kind: EndpointKind,
    /// Its place in it: `models.providers.openai-codex`, or a model of that one.
    pub key: String,
    /// The provider.
    pub provider: String,
    /// The model that differs from its provider; none for the provider itself.
    pub model: Option<String>,
    /// Its `baseUrl`, without user, password and query.
    pub base_url: Option<String>,
    /// Its `api`.
    pub api: Option<String>,
}

impl Endpoint {
    /// What a person calls it.
    pub(in crate::doctor) fn name(&self) -> String {
        match &self.model {
            Some(model) => format!("{}/{model}", self.provider),
            None => self.provider.clone(),
        }
    }
}

/// What kind of file says where models are asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum EndpointKind {
    /// `openclaw.json`.
    #[default]
    Config,
    /// An agent's `models.json`, which goes before the config.
    Catalogue,
    /// `config.toml` of a Codex home.
    Codex,
}

/// A database of `OpenClaw`'s.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Database {
    /// The file.
    pub path: Utf8PathBuf,
    /// Whether it is an agent's, and not that of all of them.
    pub of_agent: bool,
    /// Its `user_version`, or why it cannot be read.
    pub schema: Result<i64, String>,
}
