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

/// A file with logins in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthFile {
    /// The file.
    pub path: Utf8PathBuf,
    /// Its size in bytes.
    pub size: u64,
    /// Its permissions.
    pub mode: u32,
}

/// Where a provider's models are asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Endpoint {
    /// The config, or an agent's `models.json`.
    pub file: Utf8PathBuf,
    /// Whether it is the config.
    pub in_config: bool,
    /// The provider's place in it: `models.providers.openai-codex`.
    pub key: String,
    /// The provider.
    pub provider: String,
    /// Its `baseUrl`, without user, password and query.
    pub base_url: Option<String>,
    /// Its `api`, and those of its models.
    pub apis: Vec<String>,
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
