#![allow(clippy::unwrap_used, reason = "tests")]

use camino::Utf8Path;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::secret::Secret;

const HOME: &str = "/scratch/home";
const BASE_URL: &str = "http://127.0.0.1:4000/v1";
const FIXTURE: &str = "src/config/fixtures/openclaw.json";

fn of(tree: Value) -> Loaded {
    Loaded { file: "openclaw.json".into(), tree }
}

fn clean(config: &Loaded) -> Sanitised {
    let token = Secret::new("made-up-gateway-token");
    let home = Utf8Path::new(HOME);
    let workspace = home.join("workspace");
    sanitise(
        config,
        &Scratch { home, workspace: &workspace, port: 4001, token: &token, base_url: BASE_URL },
    )
}

fn route(tree: Value) -> Option<String> {
    route_of(&of(tree)).unwrap().map(|route| route.to_string())
}

/// The texts in a tree, with where they stand.
fn texts(tree: &Value) -> Vec<(String, String)> {
    fn visit(value: &Value, key: &Key, texts: &mut Vec<(String, String)>) {
        match value {
            Value::Object(object) => {
                object.iter().for_each(|(name, value)| visit(value, &key.name(name), texts));
            }
            Value::Array(items) => items
                .iter()
                .enumerate()
                .for_each(|(index, item)| visit(item, &key.index(index), texts)),
            Value::String(text) => texts.push((key.to_string(), text.clone())),
            _ => {}
        }
    }
    let mut found = Vec::new();
    visit(tree, &Key::default(), &mut found);
    found
}

#[test]
fn a_grown_config_becomes_fit_for_a_scratch_home() {
    let config = load(FIXTURE.into(), &Environment::default()).unwrap();
    let clean = clean(&config);
    let changes: Vec<_> = clean.changes.iter().map(ToString::to_string).collect();
    let text = format!(
        "route: {}\nagent: {}\nlogins: {:?}\n\n{}\n\n{:#}",
        route_of(&config).unwrap().unwrap(),
        clean.agent,
        clean.logins,
        changes.join("\n"),
        clean.config,
    );
    assert!(!text.contains("planted"), "{text}");
    insta::assert_snapshot!(text);
}

#[test]
fn an_empty_config_gets_only_what_a_check_needs() {
    let clean = clean(&of(json!({})));
    let keys: Vec<_> = clean.changes.iter().map(|change| change.key.to_string()).collect();
    assert_eq!(
        keys,
        [
            "gateway.mode",
            "gateway.bind",
            "gateway.port",
            "gateway.auth",
            "discovery.mdns.mode",
            "update.checkOnStart",
            "logging.file",
            "agents.defaults.workspace",
            "agents.defaults.skipBootstrap",
            "agents.defaults.heartbeat",
        ]
    );
}

#[test]
fn what_a_check_is_to_find_stays() {
    for (key, value) in [
        ("models.providers.openai-codex.baseUrl", json!("https://chatgpt.com/backend-api")),
        ("models.providers.openai-codex.api", json!("openai-responses")),
        ("models.providers.openai.baseUrl", json!("https://api.openai.com/v1/")),
        ("models.providers.openai.baseUrl", json!("no address")),
        ("meta.lastTouchedVersion", json!("2026.9.5")),
        ("agents.defaults.noSuchSetting", json!({"a": [1]})),
        ("noSuchSection", json!({"mode": "x", "maxTokens": 4})),
        ("plugins.allow", json!(["telegram"])),
        ("agents.defaults.agentRuntime.id", json!("codex")),
        ("session.resetTriggers", json!(["/new", "/reset"])),
    ] {
        let mut tree = json!({});
        assert!(Key::of(key).set(&mut tree, value.clone()));
        assert_eq!(Key::of(key).get(&clean(&of(tree)).config), Some(&value), "{key}");
    }
}

#[test]
fn providers_of_the_configs_own_lead_to_the_loopback() {
    for (provider, url) in [
        ("litellm", "https://llm.example.invalid/v1"),
        ("openai", "http://localhost:9999/v1"),
        ("openai", "https://openai.com.example.invalid/v1"),
        ("openai-codex", "https://proxy.example.invalid/backend-api"),
    ] {
        let tree = json!({"models": {"providers": {provider: {"baseUrl": url}}}});
        let clean = clean(&of(tree));
        assert_eq!(clean.config["models"]["providers"][provider]["baseUrl"], BASE_URL, "{url}");
    }
}

#[test]
fn only_what_the_turn_depends_on_is_filled_in() {
    let guard = tempfile::tempdir().unwrap();
    let file = Utf8PathBuf::from_path_buf(guard.path().join("openclaw.json")).unwrap();
    let loaded = |text: &str, environment: Environment| {
        fs_err::write(&file, text).unwrap();
        load(&file, &environment)
    };
    let text = "{agents: {defaults: {model: '${MODEL}'}}, other: '${PLANTED}', channels: {x: {token: '${NO}'}}}";
    let set = || Environment::default().with("PLANTED", "planted-secret");
    let config = loaded(text, set().with("MODEL", "openai/gpt-5.5")).unwrap();
    assert_eq!(route_of(&config).unwrap().unwrap().to_string(), "openai/gpt-5.5");
    let clean = clean(&config);
    assert_eq!(clean.config["other"], MADE_UP);
    assert!(!format!("{clean:?} {config:?}").contains("planted"));
    let error = loaded(text, set()).unwrap_err().to_string().replace(file.as_str(), "FILE");
    assert_eq!(
        error,
        "FILE: agents.defaults.model needs the environment variable MODEL, which is not set"
    );
}

#[test]
fn the_route_is_the_primary_model_of_the_agent_with_its_harness() {
    let model = |id: &str, settings: Value| json!({"agents": {"defaults": {"model": {"primary": id}, "models": settings}}});
    let runtime = |id: &str| json!({"agentRuntime": {"id": id}});
    for (tree, expected) in [
        (json!({}), None),
        (json!({"agents": {"defaults": {"model": "openai/gpt-5.5"}}}), Some("openai/gpt-5.5")),
        (
            model("openai/gpt-5.5", json!({"openai/gpt-5.5": runtime("codex")})),
            Some("openai/gpt-5.5@codex"),
        ),
        (
            model("openai/gpt-5.5", json!({"openai/*": runtime("openclaw")})),
            Some("openai/gpt-5.5@openclaw"),
        ),
        (
            model("openai/gpt-5.5", json!({"openai/gpt-5.5": runtime("auto")})),
            Some("openai/gpt-5.5"),
        ),
        (model("openai-codex/gpt-5.5@openai-codex:work", json!({})), Some("openai-codex/gpt-5.5")),
        (
            model("Codex", json!({"openai-codex/gpt-5.5": {"alias": "codex"}})),
            Some("openai-codex/gpt-5.5"),
        ),
        (
            json!({
                "agents": {"defaults": {"model": "a/b"}, "list": [{"id": "main", "model": "openai/gpt-5.5"}]},
                "models": {"providers": {"openai": {"agentRuntime": {"id": "codex"}}}},
            }),
            Some("openai/gpt-5.5@codex"),
        ),
    ] {
        assert_eq!(route(tree.clone()).as_deref(), expected, "{tree}");
    }
    let error = route_of(&of(model("gpt-5.5", json!({})))).unwrap_err().to_string();
    assert_eq!(
        error,
        "openclaw.json: agents.defaults.model.primary is not a model written provider/model, and no alias of one"
    );
}

/// Places that are removed or replaced, for a secret.
const SECRET_PLACES: &[&str] = &[
    "channels.telegram.botToken",
    "channels.slack.accounts.work.anything",
    "channels",
    "hooks.token",
    "hooks.gmail.anything",
    "cron.webhookToken",
    "cron.anything",
    "mcp.servers.x.args",
    "mcp.servers.x.env.TOKEN",
    "mcp.anything",
    "env.vars.SOME_KEY",
    "env.OPENAI_API_KEY",
    "env.OTHER",
    "env.vars",
    "env",
    "gateway.auth.token",
    "gateway.auth.password",
    "gateway.remote.token",
    "gateway.controlUi.github.token",
    "models.providers.openai.apiKey",
    "models.providers.x.apiKey",
    "models.providers.x.headers.X-Any",
    "models.providers.x.request.auth.value",
    "models.providers.x.request.headers.X-Any",
    "models.providers.x.baseUrl",
    "models.providers.x.localService.env.ANY",
    "agents.defaults.memorySearch.remote.apiKey",
    "agents.defaults.sandbox.docker.env.ANY",
    "agents.defaults.cliBackends.x.env.ANY",
    "agents.defaults.params.headers.any",
    "agents.entries.other.anything",
    "skills.entries.x.apiKey",
    "skills.entries.x.env.ANY",
    "plugins.entries.x.config.anything",
    "plugins.entries.codex.config.appServer.authToken",
    "plugins.entries.codex.env.ANY",
    "secrets.providers.x.anything",
    "tools.web.search.apiKey",
    "tools.media.models.anything",
    "talk.providers.x.apiKey",
    "messages.tts.providers.x.apiKey",
    "diagnostics.otel.headers.any",
    "commands.ownerDisplaySecret",
    "unknown.deep.apiKey",
    "unknown.password",
    "unknown.headers.any",
    "unknown.webhookUrl",
    "auth.profiles.x.email",
];
/// Places of any kind, for what shows by its shape that it is a secret.
const ANY_PLACES: &[&str] = &[
    "unknown.text",
    "unknown",
    "ui.assistant.name",
    "tools.exec.text",
    "agents.defaults.text",
    "models.mode",
];
/// Places that are known to hold paths.
const PATH_PLACES: &[&str] = &[
    "agents.defaults.workspace",
    "agents.defaults.repoRoot",
    "agents.defaults.cwd",
    "agents.entries.main.workspace",
    "agents.entries.main.agentDir",
    "agents.entries.main.identity.avatar",
    "logging.file",
    "diagnostics.cacheTrace.filePath",
    "session.store",
    "cron.store",
    "worktreeRoot",
    "skills.load.extraDirs",
    "plugins.load.paths",
    "plugins.entries.codex.config.appServer.command",
    "gateway.tls.certPath",
    "gateway.controlUi.root",
    "browser.executablePath",
    "memory.qmd.paths",
    "tools.exec.safeBinTrustedDirs",
    "models.providers.x.localService.cwd",
    "unknown.stateDir",
];

/// A value in some shape that settings have.
fn shaped(text: &str) -> BoxedStrategy<Value> {
    // A single name after a slash may be a chat command where no name says path.
    let plain = prop_oneof![Just(json!(text)), Just(json!([text]))];
    if text.starts_with('/') {
        return plain.boxed();
    }
    prop_oneof![
        plain,
        Just(json!({"source": "exec", "provider": "p", "id": text})),
        Just(json!({"more": {"value": text}, "list": [{"x": text}]})),
    ]
    .boxed()
}

fn planted(places: &'static [&'static str], text: &'static str) -> impl Strategy<Value = Value> {
    let place = (prop::sample::select(places), shaped(text));
    prop::collection::vec(place, 1..12).prop_map(|places| {
        let mut tree = json!({"agents": {"list": [{"id": "main"}, {"id": "other"}]}});
        for (place, value) in places {
            Key::of(place).set(&mut tree, value);
        }
        tree
    })
}

proptest! {
    #[test]
    fn no_secret_survives_where_settings_are_removed_or_replaced(tree in planted(SECRET_PLACES, "planted-secret")) {
        let clean = clean(&of(tree));
        prop_assert!(!format!("{clean:?}").contains("planted"), "{:#}", clean.config);
    }

    #[test]
    fn no_secret_survives_that_shows_by_its_shape(
        tree in prop_oneof![
            planted(ANY_PLACES, "sk-planted-0123456789"),
            planted(ANY_PLACES, "${PLANTED}"),
            planted(ANY_PLACES, "a ${PLANTED} b"),
            planted(ANY_PLACES, "https://planted:planted@example.invalid/a"),
            planted(ANY_PLACES, "https://example.invalid/?a=planted"),
            planted(ANY_PLACES, "Authorization: Bearer planted-0123456789"),
        ]
    ) {
        let clean = clean(&of(tree));
        let shown = format!("{clean:?}").to_lowercase();
        prop_assert!(!shown.contains("planted"), "{:#}", clean.config);
    }

    #[test]
    fn no_path_leads_out_of_the_scratch_home(
        tree in prop_oneof![
            planted(PATH_PLACES, "/planted/x"),
            planted(PATH_PLACES, "/planted"),
            planted(PATH_PLACES, "~/planted"),
            planted(PATH_PLACES, "/scratch/home/../../planted"),
            planted(PATH_PLACES, "${HOME}/planted"),
        ]
    ) {
        let clean = clean(&of(tree));
        for (key, text) in texts(&clean.config) {
            let inside = text.starts_with(HOME) && !text.contains("..");
            prop_assert!(!text.contains("planted") || inside, "{key}: {text}");
        }
    }

    #[test]
    fn what_is_sanitised_once_is_not_changed_again(
        tree in prop_oneof![
            planted(SECRET_PLACES, "planted-secret"),
            planted(ANY_PLACES, "https://me:pw@example.invalid/a?b=1"),
            planted(PATH_PLACES, "~/planted"),
        ]
    ) {
        let once = clean(&of(tree));
        let twice = clean(&of(once.config.clone()));
        prop_assert_eq!(&twice.config, &once.config);
        prop_assert_eq!(twice.changes, vec![]);
    }
}

#[test]
fn a_config_that_never_ends_is_an_error_and_not_waited_for() {
    let guard = tempfile::tempdir().unwrap();
    let file = Utf8PathBuf::from_path_buf(guard.path().join("openclaw.json")).unwrap();
    let said = || {
        let error = read(&file, &Environment::default()).unwrap_err();
        std::error::Error::source(&error).unwrap().to_string()
    };
    nix::unistd::mkfifo(file.as_std_path(), nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert!(said().contains("a FIFO"), "{}", said());
    fs_err::remove_file(&file).unwrap();
    std::os::unix::fs::symlink("/dev/zero", &file).unwrap();
    assert!(said().contains("a device"), "{}", said());
}
