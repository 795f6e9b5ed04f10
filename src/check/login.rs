//! Logins that are made up for a turn: in the shape of real ones, good with the
//! loopback and nowhere else.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use camino::Utf8Path;
use serde_json::{Map, Value, json};

use crate::fs::{create_private_dir, write_private};
use crate::route::Route;

/// How long the made-up login is valid. Seconds.
const VALID_FOR: u64 = 10 * 24 * 60 * 60;
/// The account that the made-up login belongs to.
const ACCOUNT: &str = "acct-made-up";
const EMAIL: &str = "nobody@example.invalid";
/// A key in the shape of the public API's, which only the loopback accepts.
pub(super) const API_KEY: &str = crate::config::MADE_UP;

/// How a route's provider is logged in to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Login {
    /// A `ChatGPT` login, through `chatgpt.com`.
    ChatGpt,
    /// A key for the public API.
    ApiKey,
    /// A provider of the config's own, plain HTTP to the loopback.
    Custom,
}

impl Login {
    pub(super) fn of(route: &Route) -> Self {
        match route.provider.as_str() {
            "openai-codex" => Self::ChatGpt,
            "openai" => Self::ApiKey,
            _ => Self::Custom,
        }
    }

    /// Environment variables with the made-up credential. OpenClaw reads the first,
    /// the Codex app-server the second.
    pub(super) fn environment(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::ApiKey => &[("OPENAI_API_KEY", API_KEY), ("CODEX_API_KEY", API_KEY)],
            Self::ChatGpt | Self::Custom => &[],
        }
    }
}

/// A `ChatGPT` login that a config counts on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Profile {
    /// Its name in the config.
    pub(super) name: String,
    pub(super) provider: String,
}

impl Profile {
    /// The one that a minimal config has for this route.
    pub(super) fn of(route: &Route) -> Option<Self> {
        let (name, provider) = (profile_name(&route.provider), route.provider.clone());
        (Login::of(route) == Login::ChatGpt).then_some(Self { name, provider })
    }
}

/// Writes the login file of releases before `SQLite`, which later ones migrate.
pub(super) fn write(profiles: &[Profile], state: &Utf8Path) -> std::io::Result<()> {
    if profiles.is_empty() {
        return Ok(());
    }
    let agent = state.join("agents/main/agent");
    create_private_dir(&agent)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let expires = now + VALID_FOR;
    let entries = profiles.iter().map(|profile| {
        let entry = json!({
            "type": "oauth",
            "provider": profile.provider,
            "access": access_token(expires),
            "refresh": "made-up",
            "expires": expires * 1000,
            "accountId": ACCOUNT,
            "email": EMAIL,
        });
        (profile.name.clone(), entry)
    });
    let file = json!({ "version": 1, "profiles": entries.collect::<Map<_, _>>() });
    write_private(&agent.join("auth-profiles.json"), format!("{file:#}\n").as_bytes())
}

/// The name that `OpenClaw` gives to a provider's first login.
pub(super) fn profile_name(provider: &str) -> String {
    format!("{provider}:default")
}

/// A token in the shape of a `ChatGPT` login's, signed by nobody.
fn access_token(expires: u64) -> String {
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = part(json!({ "alg": "RS256", "typ": "JWT" }));
    let claims = part(json!({
        "exp": expires,
        "https://api.openai.com/auth": {
            "chatgpt_account_id": ACCOUNT, "chatgpt_plan_type": "pro",
        },
        "https://api.openai.com/profile": { "email": EMAIL },
    }));
    format!("{header}.{claims}.{}", URL_SAFE_NO_PAD.encode("signed by nobody"))
}
