//! What doctor says of installations as users have reported them: logins that an order
//! leaves out, that lie in Codex's own home, that stand beside a key, or in databases that
//! the release refuses.

use serde_json::{Value, json};

use crate::machine::machines_node;
use crate::patient::Patient;

/// An installation whose config names this model and says this besides.
fn with(release: &str, model: &str, more: Value) -> Patient {
    let patient = Patient::new(release);
    let mut config = json!({
        "meta": { "lastTouchedVersion": release },
        "agents": { "defaults": { "model": { "primary": model } } },
    });
    merge(&mut config, more);
    patient.config(config);
    fs_err::remove_dir_all(patient.state().join("agents")).unwrap();
    patient
}

fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (name, value) in from {
                merge(into.entry(name).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}

/// The route in the Codex harness, as releases from 2026.5.12 on name it.
fn codex_harness() -> Value {
    json!({
        "agents": { "defaults": { "models": {
            "openai/gpt-5.5": { "agentRuntime": { "id": "codex" } },
        } } },
        "plugins": { "entries": { "codex": { "enabled": true } } },
    })
}

/// The first command of the finding of this name.
fn first_command(findings: &[Value], id: &str) -> String {
    let found = findings.iter().find(|finding| finding["id"] == id);
    found.unwrap_or_else(|| panic!("no {id} in {findings:#?}"))["commands"][0]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

#[test]
fn an_order_in_the_config_that_leaves_out_the_only_login_is_a_problem() {
    let order = json!({ "auth": { "order": {
        "openai-codex": ["openai-codex:one@example.net", "openai-codex:two@example.net"],
    } } });
    let patient = with("2026.4.11", "openai-codex/gpt-5.4", order);
    let login = Patient::subscription("openai-codex");
    patient.store("main", None, json!({ "openai-codex:default": login }));
    let (names, findings) = patient.findings();
    assert_eq!(names, ["problem auth-order-excludes"]);
    let command = first_command(&findings, "auth-order-excludes");
    assert_eq!(command, "openclaw config unset auth.order.openai-codex");
    assert!(!format!("{findings:?}").contains("example.net"), "{findings:?}");
    patient.doctor("").exits(1);
}

#[test]
fn an_order_of_a_database_by_the_older_names_leaves_out_the_login_that_was_renamed() {
    let order = json!({ "auth": { "order": { "openai": ["openai-codex:default"] } } });
    let patient = with("2026.6.11", "openai/gpt-5.5", order.clone());
    merge_config(&patient, "2026.6.11", &order);
    let login = Patient::subscription("openai");
    patient.store("main", Some(1), json!({ "openai:chatgpt-default": login }));
    let (names, findings) = patient.findings();
    assert!(names.contains(&"problem auth-order-excludes".to_owned()), "{names:?}");
    let command = first_command(&findings, "auth-order-excludes");
    assert_eq!(command, "openclaw config unset auth.order.openai");
}

/// The embedded harness, so that no plugin is needed.
fn merge_config(patient: &Patient, release: &str, more: &Value) {
    let mut config = json!({
        "meta": { "lastTouchedVersion": release },
        "agents": { "defaults": {
            "model": { "primary": "openai/gpt-5.5" },
            "models": { "openai/gpt-5.5": { "agentRuntime": { "id": "openclaw" } } },
        } },
    });
    merge(&mut config, more.clone());
    patient.config(config);
}

#[test]
fn an_agents_own_order_is_told_with_that_agent() {
    let patient = with("2026.5.18", "openai-codex/gpt-5.5", json!({}));
    for agent in ["main", "ops"] {
        let login = Patient::subscription("openai-codex");
        patient.store(agent, None, json!({ "openai-codex:default": login }));
    }
    patient.own_order("ops", json!({ "openai-codex": ["openai-codex:gone"] }));
    let (names, findings) = patient.findings();
    assert_eq!(names, ["problem auth-order-excludes"]);
    assert_eq!(
        first_command(&findings, "auth-order-excludes"),
        "openclaw models auth order clear --provider openai-codex --agent ops"
    );

    let patient = with("2026.7.1", "openai/gpt-5.5", json!({}));
    merge_config(&patient, "2026.7.1", &json!({}));
    let login = Patient::subscription("openai");
    patient.store("main", Some(1), json!({ "openai:default": login }));
    patient.own_order("main", json!({ "openai": [] }));
    let (names, findings) = patient.findings();
    assert_eq!(names, ["problem auth-order-excludes"], "an order of none");
    assert!(first_command(&findings, "auth-order-excludes").contains("order clear"));
}

#[test]
fn an_order_that_names_a_login_that_is_there_is_in_order() {
    let order = json!({ "auth": { "order": {
        "openai-codex": ["openai-codex:gone", "openai-codex:default"],
    } } });
    let patient = with("2026.5.18", "openai-codex/gpt-5.5", order);
    let login = Patient::subscription("openai-codex");
    patient.store("main", None, json!({ "openai-codex:default": login }));
    patient.doctor("").exits(0);
}

#[test]
fn a_login_in_codexs_own_home_is_sound_until_releases_stop_looking_there() {
    for (release, schemas, expected) in [
        ("2026.6.8", None, vec![]),
        ("2026.9.4", Some((19, 19)), vec![]),
        ("2026.9.5", Some((21, 21)), vec!["problem login-in-codex-home"]),
        ("2026.9.6", Some((22, 22)), vec!["problem login-in-codex-home"]),
    ] {
        let patient = with(release, "openai/gpt-5.5", codex_harness());
        patient.plugin(release);
        if let Some((state, agent)) = schemas {
            patient.manifest(|manifest| {
                manifest["openclaw"] =
                    json!({ "schemaVersions": { "state": state, "agent": agent } });
            });
        }
        patient.store("main", Some(schemas.map_or(1, |(_, agent)| agent)), json!({}));
        Patient::codex_home(patient.agent("codex-home"));
        let (names, findings) = patient.findings();
        assert_eq!(names, expected, "{release}");
        if let Some(finding) = findings.first() {
            let commands = finding["commands"].to_string();
            assert!(commands.contains("migrate plan codex --from"), "{commands}");
        }
    }
}

#[test]
fn a_login_in_codexs_own_home_is_none_for_a_turn_that_codex_does_not_run() {
    let patient = with("2026.6.8", "openai/gpt-5.5", json!({}));
    merge_config(&patient, "2026.6.8", &json!({}));
    Patient::codex_home(patient.agent("codex-home"));
    assert_eq!(patient.findings().0, ["problem no-login"]);
}

#[test]
fn the_users_own_codex_home_counts_where_the_config_says_so() {
    let mut config = codex_harness();
    config["plugins"]["entries"]["codex"]["config"] =
        json!({ "appServer": { "homeScope": "user" } });
    let patient = with("2026.9.5", "openai/gpt-5.5", config);
    patient.plugin("2026.9.5");
    assert_eq!(patient.findings().0, ["problem no-login"]);
    Patient::codex_home(patient.machine.home().join(".codex"));
    assert_eq!(patient.findings().0, [""; 0]);
}

/// A subscription and a key side by side in one store.
fn both(release: &str, more: Value) -> Patient {
    let patient = with(release, "openai/gpt-5.5", more);
    patient.plugin(release);
    let profiles = json!({
        "openai-codex:default": Patient::subscription("openai-codex"),
        "openai:media": Patient::api_key("openai"),
    });
    patient.store("main", None, profiles);
    patient
}

#[test]
fn a_key_in_the_store_beside_a_subscription_is_a_warning_with_the_line_that_prevents_it() {
    let whole_agent = json!({
        "agents": { "defaults": { "agentRuntime": { "id": "codex" } } },
        "plugins": { "entries": { "codex": { "enabled": true } } },
    });
    let patient = both("2026.5.5", whole_agent);
    let (names, findings) = patient.findings();
    assert_eq!(names, ["warning api-key-billing"]);
    assert_eq!(
        first_command(&findings, "api-key-billing"),
        "openclaw config set auth.order.openai-codex '[\"openai-codex:default\"]' --strict-json"
    );
    let run = patient.doctor("").exits(3);
    assert!(
        run.stdout.contains("openai/gpt-5.5@codex"),
        "the whole agent's harness: {}",
        run.stdout
    );

    let mut ordered = codex_harness();
    ordered["auth"]["order"]["openai-codex"] = json!(["openai-codex:default"]);
    both("2026.5.18", ordered).doctor("").exits(0);
}

#[test]
fn a_key_that_an_order_names_behind_the_login_is_somebodys_choice() {
    let order = |names: &[&str]| {
        let patient = with("2026.7.1", "openai/gpt-5.5", json!({}));
        merge_config(&patient, "2026.7.1", &json!({ "auth": { "order": { "openai": names } } }));
        let profiles = json!({
            "openai:default": Patient::subscription("openai"),
            "openai:key": Patient::api_key("openai"),
        });
        patient.store("main", Some(1), profiles);
        patient.findings().0
    };
    assert_eq!(order(&["openai:default", "openai:key"]), [""; 0]);
    assert_eq!(order(&["openai:key", "openai:default"]), ["warning api-key-billing"]);
    assert_eq!(order(&["openai:default"]), [""; 0]);
}

#[test]
fn a_key_in_the_environment_or_the_config_is_told_with_the_way_to_keep_turns_from_it() {
    let login = || json!({ "openai:default": Patient::subscription("openai") });
    let embedded = |more: Value| {
        let patient = with("2026.7.1", "openai/gpt-5.5", json!({}));
        merge_config(&patient, "2026.7.1", &more);
        patient.store("main", Some(1), login());
        patient
    };
    let warned = |patient: &Patient| {
        let (names, findings) = patient.findings();
        assert_eq!(names, ["warning api-key-billing"]);
        first_command(&findings, "api-key-billing")
    };
    let config = embedded(json!({ "env": { "vars": { "OPENAI_API_KEY": "canary-api-key" } } }));
    assert_eq!(warned(&config), "openclaw config unset env.vars.OPENAI_API_KEY");
    let provider =
        json!({ "models": { "providers": { "openai": { "apiKey": "canary-api-key" } } } });
    assert_eq!(warned(&embedded(provider)), "openclaw config unset models.providers.openai.apiKey");
    let dot_env = embedded(json!({}));
    Patient::write(dot_env.state().join(".env"), "OPENAI_API_KEY=canary-api-key\n", 0o600);
    assert!(warned(&dot_env).starts_with("sed -i.bak -E '/^(export )?OPENAI_API_KEY[=]/d' "));
    let service = embedded(json!({}));
    service.unit("npm");
    let drop_in = ".config/systemd/user/openclaw-gateway.service.d/key.conf";
    let text = "[Service]\nEnvironment=OPENAI_API_KEY=canary-api-key\n";
    Patient::write(service.machine.home().join(drop_in), text, 0o600);
    assert!(warned(&service).starts_with("mkdir -p "));

    let mut codex = codex_harness();
    codex["env"] = json!({ "OPENAI_API_KEY": "canary-api-key" });
    let in_codex = |config: Value| {
        let patient = with("2026.7.1", "openai/gpt-5.5", config);
        patient.plugin("2026.7.1");
        patient.store("main", Some(1), login());
        patient
    };
    let command = warned(&in_codex(codex.clone()));
    assert!(command.contains("appServer.clearEnv"), "{command}");
    codex["plugins"]["entries"]["codex"]["config"] =
        json!({ "appServer": { "clearEnv": ["OPENAI_API_KEY", "CODEX_API_KEY"] } });
    assert_eq!(in_codex(codex).findings().0, [""; 0]);
}

#[test]
fn a_route_of_keys_beside_a_subscription_is_told_to_be_metered_at_every_turn() {
    let patient = both("2026.5.18", json!({}));
    let (names, findings) = patient.findings();
    assert_eq!(names, ["warning api-key-billing"]);
    assert_eq!(
        first_command(&findings, "api-key-billing"),
        "openclaw config set agents.defaults.model.primary openai-codex/gpt-5.5"
    );
    let route = with("2026.5.18", "openai-codex/gpt-5.5", json!({}));
    let profiles = json!({
        "openai-codex:default": Patient::subscription("openai-codex"),
        "openai:media": Patient::api_key("openai"),
    });
    route.store("main", None, profiles);
    assert_eq!(route.findings().0, [""; 0], "that provider has keys of its own");
}

#[test]
fn agents_whose_database_the_release_refuses_are_one_problem_that_begins_with_a_stop() {
    let older = |release: &str, supported: (i64, i64), agents: &[(&str, i64)]| {
        let patient = with(release, "openai/gpt-5.5", json!({}));
        merge_config(&patient, release, &json!({}));
        let (state, agent) = supported;
        patient.manifest(|manifest| {
            manifest["openclaw"] = json!({ "schemaVersions": { "state": state, "agent": agent } });
            manifest["engines"]["node"] = json!(format!(">={}", machines_node()));
        });
        for (agent, schema) in agents {
            let login = Patient::subscription("openai");
            patient.store(agent, Some(*schema), json!({ "openai:default": login }));
        }
        patient.findings()
    };
    let (names, findings) = older("2026.9.5", (21, 21), &[("main", 19), ("ops", 19)]);
    assert_eq!(names, ["problem state-from-older"]);
    assert!(findings[0]["title"].as_str().unwrap().ends_with("older: main, ops"));
    let commands: Vec<_> =
        findings[0]["commands"].as_array().unwrap().iter().map(|c| c.as_str().unwrap()).collect();
    assert_eq!(
        commands,
        [
            "openclaw gateway stop",
            "openclaw backup create --verify",
            "openclaw doctor --fix",
            "openclaw gateway start",
        ]
    );
    let one = older("2026.9.6", (22, 23), &[("main", 23), ("ops", 21)]);
    assert_eq!(one.0, ["problem state-from-older"], "one of two");
    let newer = older("2026.9.5", (21, 21), &[("main", 22)]);
    assert_eq!(newer.0, ["problem state-from-newer"]);
    assert_eq!(older("2026.9.4", (21, 21), &[("main", 19)]).0, [""; 0], "moved at the start");
}
