//! Every environment variable that codexpin reads or sets, in one place, and
//! the environment itself as a value that is passed in.

use std::collections::BTreeMap;

/// Where scratch prefixes, Node runtimes and registry answers are kept.
pub const CACHE_DIR: &str = "CODEXPIN_CACHE_DIR";
/// Where sessions, their journals and backups are kept. For a check command: the
/// scratch state directory of the candidate.
pub const STATE_DIR: &str = "CODEXPIN_STATE_DIR";
/// How much the scratch prefixes may take, such as `20GB`.
pub const CACHE_LIMIT: &str = "CODEXPIN_CACHE_LIMIT";
/// Set for every process that codexpin starts: which run it belongs to.
pub const RUN: &str = "CODEXPIN_RUN";
/// The user's own directory for sockets of services, such as `/run/user/1000`.
pub const XDG_RUNTIME_DIR: &str = "XDG_RUNTIME_DIR";
/// Test builds only: the named point at which codexpin ends itself with SIGKILL.
pub const CHECKPOINT: &str = "CODEXPIN_KILL_AT";

/// For a check command: the core release under test.
pub const CORE_VERSION: &str = "CODEXPIN_CORE_VERSION";
/// For a check command: the plugin release with it; empty where there is none.
pub const PLUGIN_VERSION: &str = "CODEXPIN_PLUGIN_VERSION";
/// For a check command: the prefix that the candidate is installed in.
pub const PREFIX: &str = "CODEXPIN_PREFIX";
/// For a check command: the candidate's `openclaw`, to be run.
pub const OPENCLAW: &str = "CODEXPIN_OPENCLAW";
/// For a check command: the port of the scratch Gateway.
pub const PORT: &str = "CODEXPIN_PORT";

/// `OpenClaw`: the directory that stands for the user's home.
pub const OPENCLAW_HOME: &str = "OPENCLAW_HOME";
/// `OpenClaw`: the state directory, `~/.openclaw` where unset.
pub const OPENCLAW_STATE_DIR: &str = "OPENCLAW_STATE_DIR";
/// `OpenClaw`: the config file, `openclaw.json` in the state directory where unset.
pub const OPENCLAW_CONFIG_PATH: &str = "OPENCLAW_CONFIG_PATH";
/// `OpenClaw`: the token that a Gateway and its client share.
pub const OPENCLAW_GATEWAY_TOKEN: &str = "OPENCLAW_GATEWAY_TOKEN";
/// `OpenClaw`: directories besides the config's own that `$include` may read from.
pub const OPENCLAW_INCLUDE_ROOTS: &str = "OPENCLAW_INCLUDE_ROOTS";
/// `OpenClaw`: where `credentials/` is instead of in the state directory.
pub const OPENCLAW_OAUTH_DIR: &str = "OPENCLAW_OAUTH_DIR";
/// `OpenClaw` 2026.5.12: the seed of the key that logins are sealed with.
pub const OPENCLAW_AUTH_PROFILE_SECRET_KEY: &str = "OPENCLAW_AUTH_PROFILE_SECRET_KEY";
/// `OpenClaw`: no update check, no update.
pub const OPENCLAW_NO_AUTO_UPDATE: &str = "OPENCLAW_NO_AUTO_UPDATE";
/// `OpenClaw`: no channels (Telegram, Slack, ...) are connected.
pub const OPENCLAW_SKIP_CHANNELS: &str = "OPENCLAW_SKIP_CHANNELS";

/// Codex: the directory of its own login and settings, `~/.codex` where unset.
pub const CODEX_HOME: &str = "CODEX_HOME";

/// Node: a file of authorities to trust besides its own.
pub const NODE_EXTRA_CA_CERTS: &str = "NODE_EXTRA_CA_CERTS";
/// Node: no compiled code is kept for the next start of the same program
/// (<https://nodejs.org/api/cli.html#node_disable_compile_cache1>).
pub const NODE_DISABLE_COMPILE_CACHE: &str = "NODE_DISABLE_COMPILE_CACHE";
/// What the user may have set for TLS, and a candidate that speaks its own needs.
pub const TRUSTED_AUTHORITIES: [&str; 4] =
    ["SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS", "CODEX_CA_CERTIFICATE"];

/// What a child may inherit: how to find programs, how text is written, where
/// temporary files go, and which authorities TLS trusts. Nothing else: no
/// token that happens to be in the user's shell reaches a candidate.
const INHERITED: [&str; 10] = [
    "PATH",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "TMPDIR",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "NODE_EXTRA_CA_CERTS",
    "USER",
];

/// A snapshot of environment variables, taken once in `main`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// The variables of this process that are valid text.
    pub fn of_this_process() -> Self {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self(std::env::vars_os().filter_map(text).collect())
    }

    /// A variable's value; an empty one counts as unset.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// All variables, by name.
    pub fn all(&self) -> &BTreeMap<String, String> {
        &self.0
    }

    /// What a child may inherit of it: the allow-list.
    #[must_use]
    pub fn inherited(&self) -> Self {
        let allowed = |(name, _): &(&String, &String)| INHERITED.contains(&name.as_str());
        Self(self.0.iter().filter(allowed).map(|(n, v)| (n.clone(), v.clone())).collect())
    }

    /// The directories on PATH that are named from the root.
    pub fn path(&self) -> impl Iterator<Item = &camino::Utf8Path> {
        let path = self.get("PATH").unwrap_or_default().split(':');
        path.filter(|name| name.starts_with('/')).map(camino::Utf8Path::new)
    }

    /// The same environment with one variable set.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    /// The same environment with a directory first on its PATH.
    #[must_use]
    pub fn with_path_first(self, directory: &camino::Utf8Path) -> Self {
        let path = match self.get("PATH") {
            Some(rest) => format!("{directory}:{rest}"),
            None => directory.to_string(),
        };
        self.with("PATH", path)
    }
}

/// HOME and every `OpenClaw` path inside a scratch home, as an install and a
/// turn need them: some releases write state in a lifecycle script.
#[must_use]
pub fn in_scratch_home(environment: Environment, home: &camino::Utf8Path) -> Environment {
    let state = home.join(".openclaw");
    environment
        .with("HOME", home.as_str())
        .with("TMPDIR", home.join("tmp").as_str())
        .with(OPENCLAW_HOME, home.as_str())
        .with(OPENCLAW_CONFIG_PATH, state.join("openclaw.json").as_str())
        .with(OPENCLAW_STATE_DIR, state.as_str())
        .with(OPENCLAW_NO_AUTO_UPDATE, "1")
        .with(OPENCLAW_SKIP_CHANNELS, "1")
        // Some 20 MB that would be written for a home that is used once.
        .with(NODE_DISABLE_COMPILE_CACHE, "1")
        .with("NO_COLOR", "1")
}

impl FromIterator<(String, String)> for Environment {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(variables: I) -> Self {
        Self(variables.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_inherits_only_what_is_on_the_list() {
        let shell: Environment = [("PATH", "/bin"), ("OPENAI_API_KEY", "made-up"), ("LANG", "C")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into_iter()
            .collect();
        let names: Vec<_> = shell.inherited().all().keys().cloned().collect();
        assert_eq!(names, ["LANG", "PATH"]);
    }
}
