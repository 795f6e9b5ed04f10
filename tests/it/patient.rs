//! A machine with a made-up installation: a global npm package, a state directory, a
//! unit, as far as `codexpin doctor` reads them.

use std::os::unix::fs::PermissionsExt as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use camino::Utf8PathBuf;
use serde_json::{Value, json};

use crate::machine::{Machine, Run, machines_node, tree};

/// What no output may have in it.
const CANARIES: [&str; 6] = [
    "canary-refresh",
    "canary-account",
    "canary-person@example.com",
    "canary-gateway-token",
    "canary-api-key",
    "canary-url-password",
];

/// A machine with an installation.
pub(crate) struct Patient {
    pub(crate) machine: Machine,
}

impl Patient {
    /// With this release, a login that is good, and nothing wrong.
    pub(crate) fn new(release: &str) -> Self {
        let mut machine = Machine::new();
        machine.only_with(&["node"]);
        let path = format!("{}:{}", machine.root().join("npm/bin"), machine.root().join("bin"));
        machine.set("PATH", path);
        let patient = Self { machine };
        patient.install("npm", release);
        patient.config(json!({
            "meta": { "lastTouchedVersion": release, "lastTouchedAt": "2026-05-20T10:00:00Z" },
            "gateway": { "auth": { "mode": "token", "token": "canary-gateway-token" } },
            "agents": { "defaults": { "model": { "primary": "openai-codex/gpt-5.5" } } },
            "auth": { "profiles": { "openai-codex:canary-person@example.com": {
                "provider": "openai-codex", "mode": "oauth",
            } } },
        }));
        patient.logins(&[("openai-codex:canary-person@example.com", "2099-01-01T00:00:00Z")]);
        patient
    }

    pub(crate) fn install(&self, prefix: &str, release: &str) {
        let prefix = self.machine.root().join(prefix);
        let package = prefix.join("lib/node_modules/openclaw");
        let manifest = json!({
            "name": "openclaw", "version": release, "bin": { "openclaw": "openclaw.mjs" },
            "engines": { "node": format!(">={}", machines_node()) },
        });
        Self::write(package.join("package.json"), &manifest.to_string(), 0o644);
        Self::write(package.join("openclaw.mjs"), "", 0o755);
        Self::write(package.join("dist/index.js"), "", 0o644);
        fs_err::create_dir_all(prefix.join("bin")).unwrap();
        let target = "../lib/node_modules/openclaw/openclaw.mjs";
        fs_err::os::unix::fs::symlink(target, prefix.join("bin/openclaw")).unwrap();
    }

    /// The release's own doctor as this script of Node's.
    pub(crate) fn own_doctor(&self, script: &str) {
        let package = self.machine.root().join("npm/lib/node_modules/openclaw");
        Self::write(package.join("openclaw.mjs"), script, 0o755);
    }

    pub(crate) fn state(&self) -> Utf8PathBuf {
        self.machine.home().join(".openclaw")
    }

    pub(crate) fn write(file: impl Into<Utf8PathBuf>, text: &str, mode: u32) {
        let file = file.into();
        fs_err::create_dir_all(file.parent().unwrap()).unwrap();
        fs_err::write(&file, text).unwrap();
        fs_err::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    #[expect(clippy::needless_pass_by_value, reason = "json! makes one")]
    pub(crate) fn config(&self, config: Value) {
        Self::write(self.state().join("openclaw.json"), &config.to_string(), 0o600);
    }

    pub(crate) fn agent(&self, file: &str) -> Utf8PathBuf {
        self.state().join("agents/main/agent").join(file)
    }

    /// As releases of May keep logins.
    pub(crate) fn logins(&self, logins: &[(&str, &str)]) {
        let profile = |(name, ends): &(&str, &str)| {
            let ends: jiff::Timestamp = ends.parse().unwrap();
            let claims = json!({ "exp": ends.as_second(), "https://api.openai.com/auth": {
                "chatgpt_account_id": "canary-account",
            } });
            let claims = URL_SAFE_NO_PAD.encode(claims.to_string());
            let profile = json!({
                "type": "oauth", "provider": "openai-codex", "refresh": "canary-refresh",
                "access": format!("e30.{claims}.x"), "expires": ends.as_millisecond(),
                "email": "canary-person@example.com",
            });
            ((*name).to_owned(), profile)
        };
        let profiles: serde_json::Map<_, _> = logins.iter().map(profile).collect();
        let store = json!({ "version": 1, "profiles": profiles });
        Self::write(self.agent("auth-profiles.json"), &store.to_string(), 0o600);
    }

    pub(crate) fn unit(&self, prefix: &str) {
        let entry =
            self.machine.root().join(prefix).join("lib/node_modules/openclaw/dist/index.js");
        let node = self.machine.root().join("bin/node");
        let unit = format!("[Service]\nExecStart={node} {entry} gateway --port 18999\n");
        let file = ".config/systemd/user/openclaw-gateway.service";
        Self::write(self.machine.home().join(file), &unit, 0o644);
    }

    /// A database as newer releases have one, under a write-ahead log.
    pub(crate) fn database(&self, schema: i64) {
        let file = self.state().join("state/openclaw.sqlite");
        fs_err::create_dir_all(file.parent().unwrap()).unwrap();
        codexpin::sqlite::write(&file, |connection| {
            connection.pragma_update(None, "journal_mode", "wal")?;
            connection.pragma_update(None, "user_version", schema)
        })
        .unwrap();
    }

    /// Runs it, and sees to it that it changed nothing and told no secret.
    #[track_caller]
    pub(crate) fn doctor(&self, words: &str) -> Run {
        let before = tree(&self.state());
        let run = self.machine.run(&format!("doctor {words}"));
        let after = tree(&self.state());
        assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
        assert!(before == after, "doctor changed a file");
        for canary in CANARIES {
            assert!(!run.stdout.contains(canary), "{canary} in {}", run.stdout);
            assert!(!run.stderr.contains(canary), "{canary} in {}", run.stderr);
        }
        run
    }

    #[track_caller]
    pub(crate) fn ids(&self) -> (i32, Vec<String>) {
        let run = self.doctor("--json");
        let value: Value = serde_json::from_str(&run.stdout).unwrap();
        assert_eq!(value["format"], 1);
        let findings = value["findings"].as_array().unwrap().iter();
        (run.code, findings.map(|finding| finding["id"].as_str().unwrap().to_owned()).collect())
    }

    /// Lets others pass through to the home, as on a machine whose homes are not private.
    pub(crate) fn in_a_public_place(self) -> Self {
        let passable = std::fs::Permissions::from_mode(0o755);
        fs_err::set_permissions(self.machine.root(), passable).unwrap();
        self
    }

    /// Replaces fields of the core's package.json.
    pub(crate) fn manifest(&self, change: impl FnOnce(&mut Value)) {
        let file = self.machine.root().join("npm/lib/node_modules/openclaw/package.json");
        let mut manifest: Value = serde_json::from_slice(&fs_err::read(&file).unwrap()).unwrap();
        change(&mut manifest);
        Self::write(file, &manifest.to_string(), 0o644);
    }

    /// The plugin as older releases have it, with its Codex CLI.
    pub(crate) fn plugin(&self, release: &str) {
        let modules = self.state().join("npm/node_modules");
        let package = |name: &str, manifest: Value| {
            let file = modules.join(name).join("package.json");
            Self::write(file, &manifest.to_string(), 0o644);
        };
        let wants = json!({ "@openai/codex": "0.130.0" });
        let plugin =
            json!({ "name": "@openclaw/codex", "version": release, "dependencies": wants });
        package("@openclaw/codex", plugin);
        package("@openai/codex", json!({ "name": "@openai/codex", "version": "0.130.0" }));
    }

    /// A profile with a good `ChatGPT` login.
    pub(crate) fn subscription(provider: &str) -> Value {
        json!({
            "type": "oauth", "provider": provider, "refresh": "canary-refresh",
            "access": token(), "expires": 4_070_908_800_000_u64, "accountId": "canary-account",
        })
    }

    /// A profile with an API key.
    pub(crate) fn api_key(provider: &str) -> Value {
        json!({ "type": "api_key", "provider": provider, "key": "canary-api-key" })
    }

    /// An agent's store of these logins: a JSON file, or from 2026.6.5 on a database of
    /// this schema.
    #[expect(clippy::needless_pass_by_value, reason = "json! makes one")]
    pub(crate) fn store(&self, agent: &str, schema: Option<i64>, profiles: Value) {
        let directory = self.state().join("agents").join(agent).join("agent");
        fs_err::create_dir_all(&directory).unwrap();
        let store = json!({ "version": 1, "profiles": profiles }).to_string();
        let Some(schema) = schema else {
            return Self::write(directory.join("auth-profiles.json"), &store, 0o600);
        };
        codexpin::sqlite::write(&directory.join("openclaw-agent.sqlite"), |connection| {
            connection.execute_batch(
                "create table auth_profile_store (store_key text primary key, store_json text);
                 create table auth_profile_state (state_key text primary key, state_json text);",
            )?;
            connection
                .execute("insert into auth_profile_store values ('primary', ?1)", [&store])?;
            connection.pragma_update(None, "user_version", schema)
        })
        .unwrap();
    }

    /// An agent's own order of logins, in the store that it has.
    #[expect(clippy::needless_pass_by_value, reason = "json! makes one")]
    pub(crate) fn own_order(&self, agent: &str, order: Value) {
        let directory = self.state().join("agents").join(agent).join("agent");
        let state = json!({ "version": 1, "order": order }).to_string();
        let database = directory.join("openclaw-agent.sqlite");
        if !database.exists() {
            return Self::write(directory.join("auth-state.json"), &state, 0o600);
        }
        codexpin::sqlite::write(&database, |connection| {
            connection
                .execute("insert into auth_profile_state values ('primary', ?1)", [&state])
                .map(drop)
        })
        .unwrap();
    }

    /// `auth.json` as Codex writes it.
    pub(crate) fn codex_home(directory: impl Into<Utf8PathBuf>) {
        let login = json!({
            "auth_mode": "chatgpt", "OPENAI_API_KEY": null,
            "tokens": { "access_token": token(), "refresh_token": "canary-refresh" },
        });
        Self::write(directory.into().join("auth.json"), &login.to_string(), 0o600);
    }

    /// What doctor finds, without the notes and what is this machine's own: `level id`, and
    /// each finding as a whole.
    #[track_caller]
    pub(crate) fn findings(&self) -> (Vec<String>, Vec<Value>) {
        let value: Value = serde_json::from_str(&self.doctor("--json").stdout).unwrap();
        let findings = value["findings"].as_array().unwrap().clone();
        let of_machine = ["disk-full", "disk-tight", "memory-small", "user-namespaces-denied"];
        let matters = |finding: &Value| {
            let id = finding["id"].as_str().unwrap_or_default();
            finding["level"] != "note" && id != "service-unseen" && !of_machine.contains(&id)
        };
        let matters: Vec<_> = findings.into_iter().filter(matters).collect();
        let name = |finding: &Value| {
            let text = |field: &str| finding[field].as_str().unwrap_or_default().to_owned();
            format!("{} {}", text("level"), text("id"))
        };
        (matters.iter().map(name).collect(), matters)
    }
}

/// An access token that ends in 2099.
fn token() -> String {
    let claims = json!({ "exp": 4_070_908_800_u64, "https://api.openai.com/auth": {
        "chatgpt_account_id": "canary-account",
    } });
    format!("e30.{}.x", URL_SAFE_NO_PAD.encode(claims.to_string()))
}
