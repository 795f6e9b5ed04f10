//! The scratch home of one check: a fresh state directory with a minimal config
//! for the route and a made-up login, removed when the check is over.

use std::net::TcpListener;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use serde_json::{Value, json};

use crate::fs::{Lock, create_private_dir, remove, write_private};
use crate::route::Route;

/// How long the made-up login is valid. Seconds.
const VALID_FOR: u64 = 10 * 24 * 60 * 60;
/// The account that the made-up login belongs to.
const ACCOUNT: &str = "acct-made-up";
const EMAIL: &str = "nobody@example.invalid";
/// A key in the shape of the public API's, which only the loopback accepts.
const API_KEY: &str = "sk-made-up-by-codexpin";

/// The ending of a home's lock file.
const LOCK: &str = ".lock";

/// A scratch home; dropped, it is gone.
#[derive(Debug)]
pub(super) struct ScratchHome {
    path: Utf8PathBuf,
    _in_use: Lock,
}

impl ScratchHome {
    /// Makes a scratch home under `parent` for turns on this route; a provider
    /// that `OpenClaw` does not know is served at `base_url`.
    pub(super) fn make(parent: &Utf8Path, route: &Route, base_url: &str) -> std::io::Result<Self> {
        fs::create_dir_all(parent)?;
        // The lock comes first: a home without one may be swept.
        let file = tempfile::Builder::new().prefix("home-").suffix(LOCK).tempfile_in(parent)?;
        let lock = file.into_temp_path().keep().map_err(|error| error.error)?;
        let lock = Utf8PathBuf::from_path_buf(lock)
            .map_err(|path| std::io::Error::other(format!("{} is not UTF-8", path.display())))?;
        let in_use = Lock::try_take(&lock).map_err(std::io::Error::other)?;
        let path = Utf8PathBuf::from(lock.as_str().trim_end_matches(LOCK));
        create_private_dir(&path)?;
        let home = Self { path, _in_use: in_use };
        home.fill(route, base_url)?;
        Ok(home)
    }

    pub(super) fn path(&self) -> &Utf8Path {
        &self.path
    }

    pub(super) fn workspace(&self) -> Utf8PathBuf {
        self.path.join("workspace")
    }

    /// What makes this home different from every other.
    pub(super) fn id(&self) -> &str {
        self.path.file_name().unwrap_or_default().trim_start_matches("home-")
    }

    fn fill(&self, route: &Route, base_url: &str) -> std::io::Result<()> {
        let state = self.path.join(".openclaw");
        let agent = state.join("agents/main/agent");
        for directory in [&agent, &self.workspace(), &self.path.join("tmp")] {
            create_private_dir(directory)?;
        }
        let config = config(route, base_url, free_port()?, &self.workspace());
        write_private(&state.join("openclaw.json"), format!("{config:#}\n").as_bytes())?;
        if login(route) == Login::ChatGpt {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
            let profiles = profiles(&route.provider, now + VALID_FOR);
            write_private(&agent.join("auth-profiles.json"), format!("{profiles:#}\n").as_bytes())?;
        }
        Ok(())
    }
}

impl Drop for ScratchHome {
    fn drop(&mut self) {
        // What cannot be removed now is swept by the next start.
        let _ = remove(&self.path);
        let _ = remove(&lock_file(&self.path));
    }
}

/// Beside the home, so that it outlives what a candidate does inside.
fn lock_file(home: &Utf8Path) -> Utf8PathBuf {
    Utf8PathBuf::from(format!("{home}{LOCK}"))
}

/// Removes the scratch homes that a killed codexpin left in `parent`.
pub fn sweep(parent: &Utf8Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let Ok(path) = Utf8PathBuf::from_path_buf(entry.path()) else { continue };
        if path.is_dir() && Lock::try_take(&lock_file(&path)).is_ok() {
            // Left-overs cost disk and nothing else; the next start tries again.
            let _ = remove(&path);
            let _ = remove(&lock_file(&path));
        }
    }
}

/// How a route's provider is logged in to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Login {
    /// A `ChatGPT` login, through `chatgpt.com`.
    ChatGpt,
    /// A key for the public API.
    ApiKey,
    /// A provider of the config's own, plain HTTP to the loopback.
    Custom,
}

fn login(route: &Route) -> Login {
    match route.provider.as_str() {
        "openai-codex" => Login::ChatGpt,
        "openai" => Login::ApiKey,
        _ => Login::Custom,
    }
}

/// Environment variables with the route's made-up credential.
pub(super) fn credentials(route: &Route) -> Vec<(&'static str, &'static str)> {
    match login(route) {
        Login::ApiKey => vec![("OPENAI_API_KEY", API_KEY)],
        Login::ChatGpt | Login::Custom => Vec::new(),
    }
}

fn config(route: &Route, base_url: &str, port: u16, workspace: &Utf8Path) -> Value {
    let id = route.model_id();
    let mut defaults = json!({
        "model": { "primary": id, "fallbacks": [] },
        "skipBootstrap": true,
        "workspace": workspace,
    });
    if let Some(harness) = &route.harness {
        // Releases up to 2026.5.7 refuse this key; they have one harness only.
        defaults["models"] = json!({ id: { "agentRuntime": { "id": harness } } });
    }
    let mut config = json!({
        "gateway": { "mode": "local", "port": port },
        "agents": { "defaults": defaults },
    });
    match login(route) {
        Login::ChatGpt => {
            let name = format!("{}:default", route.provider);
            config["auth"] =
                json!({ "profiles": { name: { "provider": route.provider, "mode": "oauth" } } });
        }
        Login::ApiKey => {}
        Login::Custom => {
            let model = json!({ "id": route.model, "name": route.model });
            config["models"] = json!({ "providers": { &route.provider: {
                "baseUrl": base_url, "apiKey": API_KEY, "api": "openai-responses", "models": [model],
            } } });
        }
    }
    config
}

/// The login file of releases before SQLite; later ones migrate it.
fn profiles(provider: &str, expires: u64) -> Value {
    let name = format!("{provider}:default");
    json!({ "version": 1, "profiles": { name: {
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

/// A port that nobody listens on now.
fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parent() -> (tempfile::TempDir, Utf8PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(directory.path().to_owned()).unwrap();
        (directory, path)
    }

    fn made(parent: &Utf8Path, route: &str) -> ScratchHome {
        ScratchHome::make(parent, &route.parse().unwrap(), "http://127.0.0.1:1/v1").unwrap()
    }

    #[test]
    fn nothing_is_left_of_a_home_that_is_dropped() {
        let (_guard, parent) = parent();
        drop(made(&parent, "openai-codex/gpt-5.5"));
        assert_eq!(fs::read_dir(&parent).unwrap().count(), 0);
    }

    #[test]
    fn the_homes_of_a_killed_codexpin_are_swept_and_those_in_use_are_not() {
        let (_guard, parent) = parent();
        let in_use = made(&parent, "openai-codex/gpt-5.5");
        fs::create_dir_all(parent.join("home-abandoned/workspace")).unwrap();
        sweep(&parent);
        assert!(in_use.path().exists());
        assert!(!parent.join("home-abandoned").exists());
    }

    #[test]
    fn each_kind_of_route_gets_its_own_config_and_login() {
        let (_guard, parent) = parent();
        let shown = |route: &str| {
            let home = made(&parent, route);
            let state = home.path().join(".openclaw");
            let config = fs::read_to_string(state.join("openclaw.json")).unwrap();
            let config: Value = serde_json::from_str(&config).unwrap();
            let login = state.join("agents/main/agent/auth-profiles.json").exists();
            let mut text = format!("{config:#}\nlogin file: {login}");
            text = text.replace(home.path().as_str(), "[HOME]");
            text.replace(&config["gateway"]["port"].to_string(), "[PORT]")
        };
        insta::assert_snapshot!("chatgpt", shown("openai-codex/gpt-5.5"));
        insta::assert_snapshot!("api_key", shown("openai/gpt-5.5@openclaw"));
        insta::assert_snapshot!("custom", shown("loop/test-model"));
    }
}
