//! Logins that are made up for a turn: in the shape of real ones, good with the
//! loopback and nowhere else.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use camino::Utf8Path;
use serde_json::{Value, json};

use crate::fs::{create_private_dir, write_private};
use crate::route::Route;

/// How long the made-up login is valid. Seconds.
const VALID_FOR: u64 = 10 * 24 * 60 * 60;
/// The account that the made-up login belongs to.
const ACCOUNT: &str = "acct-made-up";
const EMAIL: &str = "nobody@example.invalid";
/// A key in the shape of the public API's, which only the loopback accepts.
pub(super) const API_KEY: &str = "sk-made-up-by-codexpin";

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

    /// Writes what is kept in a file: the login file of releases before `SQLite`,
    /// which later ones migrate.
    pub(super) fn write(self, route: &Route, state: &Utf8Path) -> std::io::Result<()> {
        if self != Self::ChatGpt {
            return Ok(());
        }
        let agent = state.join("agents/main/agent");
        create_private_dir(&agent)?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let profiles = profiles(&route.provider, now + VALID_FOR);
        write_private(&agent.join("auth-profiles.json"), format!("{profiles:#}\n").as_bytes())
    }
}

/// The name that `OpenClaw` gives to a provider's first login.
pub(super) fn profile_name(provider: &str) -> String {
    format!("{provider}:default")
}

fn profiles(provider: &str, expires: u64) -> Value {
    json!({ "version": 1, "profiles": { profile_name(provider): {
        "type": "oauth",
        "provider": provider,
        "access": access_token(expires),
        "refresh": "made-up",
        "expires": expires * 1000,
        "accountId": ACCOUNT,
        "email": EMAIL,
    } } })
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
