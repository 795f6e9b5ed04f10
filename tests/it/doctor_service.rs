//! What doctor says of the surroundings of the service: its variables and secrets, the
//! plugins beside the core.

use serde_json::{Value, json};

use crate::patient::Patient;

/// A sound installation with a service, whose config says this besides.
fn with(more: &Value) -> Patient {
    let patient = Patient::new("2026.6.1");
    let mut config = json!({
        "meta": { "lastTouchedVersion": "2026.6.1" },
        "agents": { "defaults": {
            "model": { "primary": "openai/gpt-5.5" },
            "models": { "openai/gpt-5.5": { "agentRuntime": { "id": "openclaw" } } },
        } },
    });
    for (name, value) in more.as_object().unwrap() {
        config[name] = value.clone();
    }
    patient.config(config);
    patient.store("main", None, json!({ "openai:default": Patient::subscription("openai") }));
    patient.unit("npm");
    patient
}

fn add(patient: &Patient, drop_in: &str) {
    let file = ".config/systemd/user/openclaw-gateway.service.d/more.conf";
    Patient::write(patient.machine.home().join(file), &format!("[Service]\n{drop_in}\n"), 0o600);
}

fn secret_config() -> Value {
    json!({
        "gateway": { "auth": { "mode": "token", "token": "${CLAW_TOKEN}" } },
        "channels": { "discord": {
            "token": { "source": "env", "provider": "default", "id": "DISCORD_BOT_TOKEN" },
        } },
    })
}

/// The names that are told to be missing.
fn lacking(patient: &Patient) -> Vec<String> {
    let (_, findings) = patient.findings();
    let titles = findings.iter().map(|finding| finding["title"].as_str().unwrap().to_owned());
    titles.collect()
}

#[test]
fn what_the_config_names_is_looked_for_where_the_service_gets_its_variables() {
    let patient = with(&secret_config());
    let (names, _) = patient.findings();
    assert_eq!(names, ["problem config-variable-unset", "problem secret-unresolved"]);
    patient.doctor("").exits(1);

    add(&patient, "Environment=CLAW_TOKEN=canary-gateway-token");
    let told = lacking(&patient);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("DISCORD_BOT_TOKEN"), "{told:?}");

    let text = "# mine\nexport DISCORD_BOT_TOKEN=\"canary-api-key\"\n";
    Patient::write(patient.state().join(".env"), text, 0o600);
    assert_eq!(patient.findings().0, [""; 0], "a drop-in and .env");
}

#[test]
fn a_shell_that_has_the_variable_does_not_make_up_for_the_service() {
    let mut patient = with(&secret_config());
    patient.machine.set("CLAW_TOKEN", "canary-gateway-token");
    patient.machine.set("DISCORD_BOT_TOKEN", "canary-api-key");
    let (names, findings) = patient.findings();
    assert_eq!(names.len(), 2, "{names:?}");
    let why = findings[0]["why"].as_str().unwrap();
    assert!(why.contains("this shell has it, and the service does not"), "{why}");
}

#[test]
fn an_environment_file_counts_and_one_that_is_gone_is_named() {
    let patient = with(&secret_config());
    let file = patient.machine.root().join("claw.env");
    add(&patient, &format!("EnvironmentFile={file}"));
    let text = "CLAW_TOKEN=canary-gateway-token\nDISCORD_BOT_TOKEN=canary-api-key\n";
    Patient::write(&file, text, 0o600);
    assert_eq!(patient.findings().0, [""; 0]);
    fs_err::remove_file(&file).unwrap();
    let (names, findings) = patient.findings();
    assert_eq!(
        names,
        [
            "problem service-environment-missing",
            "problem config-variable-unset",
            "problem secret-unresolved"
        ]
    );
    assert!(findings[0]["title"].as_str().unwrap().contains(file.as_str()), "{findings:?}");
}

#[test]
fn a_login_whose_key_is_kept_elsewhere_needs_it_too() {
    let patient = with(&json!({
        "secrets": { "providers": { "vault": { "source": "file", "path": "/nowhere/vault.json" } } },
    }));
    let reference = |source: &str, provider: &str, id: &str| json!({ "source": source, "provider": provider, "id": id });
    let profiles = json!({
        "openai:default": Patient::subscription("openai"),
        "anthropic:default": { "type": "api_key", "provider": "anthropic",
            "keyRef": reference("env", "default", "ANTHROPIC_KEY") },
        "groq:default": { "type": "api_key", "provider": "groq",
            "keyRef": reference("file", "vault", "/groq") },
        "xai:default": { "type": "token", "provider": "xai",
            "tokenRef": reference("exec", "unknown", "xai") },
    });
    patient.store("main", None, profiles);
    let told = lacking(&patient);
    for name in ["ANTHROPIC_KEY", "/nowhere/vault.json", "unknown"] {
        assert!(told.iter().any(|title| title.contains(name)), "{name} in {told:?}");
    }
    assert_eq!(told.len(), 3, "{told:?}");
}

#[test]
fn what_is_turned_off_needs_nothing() {
    let patient = with(&json!({
        "channels": { "slack": { "enabled": false, "botToken": "${SLACK_BOT_TOKEN}" } },
    }));
    assert_eq!(patient.findings().0, [""; 0]);
}

#[test]
fn every_plugin_that_openclaw_keeps_is_held_against_the_core() {
    let patient = with(&json!({}));
    let package = |project: &str, name: &str, release: &str| {
        let manifest = json!({ "name": name, "version": release }).to_string();
        let place = format!("npm/projects/{project}/node_modules/{name}/package.json");
        Patient::write(patient.state().join(place), &manifest, 0o644);
    };
    package("openclaw-discord-1a", "@openclaw/discord", "2026.6.1");
    assert_eq!(patient.findings().0, [""; 0]);
    package("openclaw-slack-2b", "@openclaw/slack", "2026.5.28");
    assert_eq!(patient.findings().0, ["problem managed-plugin-other"]);
    package("openclaw-slack-2b__openclaw-generation__g-3c", "@openclaw/slack", "2026.6.1");
    assert_eq!(patient.findings().0, ["warning plugin-generations"]);
}

#[test]
fn a_model_that_only_a_dot_env_names_is_read() {
    let patient = with(&json!({}));
    let config = json!({
        "meta": { "lastTouchedVersion": "2026.6.1" },
        "agents": { "defaults": { "model": { "primary": "${CLAW_MODEL}" } } },
    });
    patient.config(config);
    let (names, _) = patient.findings();
    assert_eq!(names, ["problem config-variable-unset"]);
    Patient::write(patient.state().join(".env"), "CLAW_MODEL=anthropic/claude\n", 0o600);
    assert_eq!(patient.findings().0, [""; 0]);
}
