//! `codexpin doctor` on made-up installations: a global npm package, a state
//! directory, a unit, as far as it reads them.

use std::os::unix::fs::PermissionsExt as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use camino::Utf8PathBuf;
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::machine::{Machine, Run, machines_node, tree, which};

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
struct Patient {
    machine: Machine,
}

impl Patient {
    /// With this release, a login that is good, and nothing wrong.
    fn new(release: &str) -> Self {
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

    fn install(&self, prefix: &str, release: &str) {
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

    fn state(&self) -> Utf8PathBuf {
        self.machine.home().join(".openclaw")
    }

    fn write(file: impl Into<Utf8PathBuf>, text: &str, mode: u32) {
        let file = file.into();
        fs_err::create_dir_all(file.parent().unwrap()).unwrap();
        fs_err::write(&file, text).unwrap();
        fs_err::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    #[expect(clippy::needless_pass_by_value, reason = "json! makes one")]
    fn config(&self, config: Value) {
        Self::write(self.state().join("openclaw.json"), &config.to_string(), 0o600);
    }

    fn agent(&self, file: &str) -> Utf8PathBuf {
        self.state().join("agents/main/agent").join(file)
    }

    /// As releases of May keep logins.
    fn logins(&self, logins: &[(&str, &str)]) {
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

    fn unit(&self, prefix: &str) {
        let entry =
            self.machine.root().join(prefix).join("lib/node_modules/openclaw/dist/index.js");
        let node = self.machine.root().join("bin/node");
        let unit = format!("[Service]\nExecStart={node} {entry} gateway --port 18999\n");
        let file = ".config/systemd/user/openclaw-gateway.service";
        Self::write(self.machine.home().join(file), &unit, 0o644);
    }

    /// A database as newer releases have one, under a write-ahead log.
    fn database(&self, schema: i64) {
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
    fn doctor(&self, words: &str) -> Run {
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
    fn ids(&self) -> (i32, Vec<String>) {
        let run = self.doctor("--json");
        let value: Value = serde_json::from_str(&run.stdout).unwrap();
        assert_eq!(value["format"], 1);
        let findings = value["findings"].as_array().unwrap().iter();
        (run.code, findings.map(|finding| finding["id"].as_str().unwrap().to_owned()).collect())
    }
}

/// Three things that stop it, and some that can bite.
fn ailing() -> Patient {
    let patient = Patient::new("2026.6.1");
    patient.config(json!({
        "meta": { "lastTouchedVersion": "2026.7.1" },
        "gateway": { "auth": { "token": "canary-gateway-token" } },
        "update": { "auto": { "enabled": true }, "channel": "beta" },
        "agents": { "defaults": { "model": {
            "primary": "openai-codex/gpt-5.5", "fallbacks": ["anthropic/claude-sonnet-4-5"],
        } } },
    }));
    let catalogue = json!({ "providers": { "openai-codex": {
        "baseUrl": "https://me:canary-url-password@chatgpt.com/backend-api/v1?key=canary-api-key",
        "apiKey": "canary-api-key", "models": [],
    } } });
    Patient::write(patient.agent("models.json"), &catalogue.to_string(), 0o600);
    let two = [
        ("openai-codex:default", "2099-01-01T00:00:00Z"),
        ("openai-codex:canary-person@example.com", "2026-01-01T00:00:00Z"),
    ];
    patient.logins(&two);
    fs_err::set_permissions(
        patient.agent("auth-profiles.json"),
        std::fs::Permissions::from_mode(0o644),
    )
    .unwrap();
    patient.database(17);
    patient
}

#[test]
fn a_sound_installation_is_said_to_look_sound() {
    let patient = Patient::new("2026.5.18");
    let run = patient.doctor("").exits(0);
    assert_snapshot!(patient.machine.shown(&run));
}

#[test]
fn what_is_wrong_is_told_with_its_place_its_reason_and_what_mends_it() {
    let patient = ailing();
    let run = patient.doctor("").exits(1);
    assert_snapshot!(patient.machine.shown(&run));
}

#[test]
fn the_json_of_a_doctor_keeps_its_shape() {
    let patient = ailing();
    let run = patient.doctor("--json").exits(1);
    assert_snapshot!(patient.machine.shown(&run));
}

#[test]
fn the_exit_code_is_by_the_worst_finding() {
    let patient = Patient::new("2026.5.18");
    assert_eq!(patient.ids(), (0, vec!["no-service".to_owned()]));
    let open = std::fs::Permissions::from_mode(0o640);
    fs_err::set_permissions(patient.agent("auth-profiles.json"), open).unwrap();
    assert_eq!(patient.ids().0, 3);
    Patient::write(patient.state().join("openclaw.json"), "{ agents: ", 0o600);
    assert_eq!(patient.ids().0, 1);
    patient.machine.run("doctor --what").exits(2);
}

/// As an editor that was killed leaves it.
const BROKEN: &str = "{ // mine\n  agents: {\n";

#[test]
fn a_broken_config_is_a_finding_with_its_place_beside_the_others() {
    let patient = Patient::new("2026.5.18");
    Patient::write(patient.state().join("openclaw.json"), BROKEN, 0o600);
    let open = std::fs::Permissions::from_mode(0o640);
    fs_err::set_permissions(patient.agent("auth-profiles.json"), open).unwrap();
    let value: Value = serde_json::from_str(&patient.doctor("--json").exits(1).stdout).unwrap();
    let findings = value["findings"].as_array().unwrap();
    assert_eq!(findings[0]["id"], "config-unreadable");
    let why = findings[0]["why"].as_str().unwrap();
    assert!(why.contains("openclaw.json:3:1 is not JSON5: EOF parsing object"), "{why}");
    assert!(findings.iter().any(|finding| finding["id"] != "config-unreadable"
        && finding["file"].as_str().is_some_and(|file| file.ends_with("auth-profiles.json"))));
}

#[test]
fn the_newest_saved_config_is_the_one_to_put_in_place_where_none_says_when_it_was_written() {
    let patient = Patient::new("2026.8.1");
    let config = |tail: &str, version: &str| {
        let text = json!({ "meta": { "lastTouchedVersion": version } }).to_string();
        Patient::write(patient.state().join(format!("openclaw.json{tail}")), &text, 0o600);
    };
    for (tail, version) in
        [(".bak.10", "2026.8.1"), (".bak.2", "2026.8.1"), (".bak.1", "2026.8.1"), ("", "2026.9.5")]
    {
        config(tail, version);
    }
    let run = patient.doctor("").exits(1);
    let (saved, live) = ("openclaw.json.bak.1 ", "/.openclaw/openclaw.json");
    assert!(run.stdout.contains(&format!("{saved}{}", patient.machine.home())), "{}", run.stdout);
    assert!(run.stdout.contains(live));
}

#[test]
fn check_live_tells_where_the_config_is_broken_and_asks_nothing() {
    let patient = Patient::new("2026.5.18");
    Patient::write(patient.state().join("openclaw.json"), BROKEN, 0o600);
    let before = tree(&patient.state());
    let run = patient.machine.run("check live");
    assert_ne!(run.code, 0);
    assert!(run.stderr.contains("openclaw.json:3:1 is not JSON5"), "{}", run.stderr);
    assert!(run.stderr.contains("mend "), "{}", run.stderr);
    assert_eq!(tree(&patient.state()), before);
}

#[test]
fn a_machine_without_openclaw_gets_a_finding_and_no_crash() {
    let mut machine = Machine::new();
    machine.only_with(&["node"]);
    let run = machine.run("doctor").exits(1);
    assert_snapshot!(machine.shown(&run));
    let (run, value) = machine.run_json("doctor");
    run.exits(1);
    assert_eq!(value["findings"][0]["id"], "no-installation");
    assert_eq!(value["core"], Value::Null);
}

#[test]
fn an_empty_auth_file_is_found_which_no_log_tells_of() {
    let patient = Patient::new("2026.5.18");
    Patient::write(patient.agent("auth-profiles.json"), "", 0o600);
    let (code, ids) = patient.ids();
    assert_eq!(code, 1);
    assert!(ids.contains(&"login-file-empty".to_owned()), "{ids:?}");
    assert!(!ids.contains(&"logins-unreadable".to_owned()), "{ids:?}");
}

#[test]
fn the_copy_that_the_service_runs_is_the_one_that_is_looked_at() {
    let patient = Patient::new("2026.5.18");
    patient.install("other", "2026.5.28");
    patient.unit("other");
    let run = patient.doctor("").exits(3);
    let first = run.stdout.lines().next().unwrap();
    assert_eq!(
        first,
        "1 warning, no problem: the service runs 2026.5.28, and `openclaw` in this shell is 2026.5.18"
    );
    patient.unit("gone");
    let (code, ids) = patient.ids();
    assert_eq!((code, ids[0].as_str()), (1, "service-entry-missing"));
}

#[test]
fn what_the_service_runs_is_what_the_commands_name() {
    let patient = Patient::new("2026.5.18");
    patient.install("other", "2026.6.1");
    patient.unit("other");
    let run = patient.doctor("").exits(1);
    let entry = patient.machine.root().join("other/lib/node_modules/openclaw/openclaw.mjs");
    let command = format!("{} {entry} doctor --fix", patient.machine.root().join("bin/node"));
    assert!(run.stdout.contains(&command), "{}", run.stdout);
}

#[test]
fn the_pin_of_the_working_directory_is_held_against_what_is_installed() {
    let patient = Patient::new("2026.6.1");
    let pin = "format = 1\ncurrent = \"2026.5.28\"\n\n[[pin]]\ncore = \"2026.5.28\"\n\
        node = \"22.23.3\"\nroute = \"openai-codex/gpt-5.5\"\nupstream = \"loopback\"\n\
        tested = \"2026-05-29T10:00:00Z\"\npassed = 1\nchecks = 1\n\n[pin.first_bad]\n\
        core = \"2026.6.1\"\nsignature = \"unknown-model\"\nevidence = \"Unknown model\"\n";
    fs_err::write(patient.machine.pin_file(), pin).unwrap();
    let (code, ids) = patient.ids();
    assert_eq!(code, 1);
    assert!(ids.contains(&"known-bad".to_owned()), "{ids:?}");
    fs_err::write(patient.machine.pin_file(), "format = ").unwrap();
    assert!(patient.ids().1.contains(&"pin-file-unreadable".to_owned()));
}

#[test]
fn the_registry_is_asked_only_where_the_user_says_so() {
    let mut patient = Patient::new("2026.5.18");
    patient.doctor("").exits(0);
    assert!(patient.machine.registry.seen().is_empty(), "doctor asks nobody");
    let npm = which("npm").parent().unwrap().to_owned();
    let path = format!("{}:{npm}:/usr/bin:/bin", patient.machine.root().join("npm/bin"));
    patient.machine.set("PATH", path);
    let run = patient.doctor("--online --json").exits(0);
    let value: Value = serde_json::from_str(&run.stdout).unwrap();
    let findings = value["findings"].as_array().unwrap();
    let latest = findings.iter().find(|finding| finding["id"] == "not-latest");
    assert!(latest.is_some(), "{value:#}");
    assert!(!patient.machine.registry.seen().is_empty());
}
