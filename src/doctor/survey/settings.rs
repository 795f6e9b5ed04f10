//! The settings of `openclaw.json` that findings are made of, and the copies that
//! `OpenClaw` keeps beside it.

use camino::Utf8Path;
use serde_json::Value;

use super::catalogue;
use crate::config::{self, ConfigError, Loaded};
use crate::doctor::facts::{
    ApiKey, ConfigRead, Endpoint, EndpointKind, Fallbacks, KeyPlace, PluginSwitch, SavedConfig,
    Settings, Updates,
};
use crate::env::Environment;
use crate::explain::Explain as _;
use crate::login;
use crate::openclaw::names::{CODEX, OPENAI, OPENAI_KEYS, OPENAI_PROVIDERS};
use crate::openclaw::{Change, refuses_config_of};
use crate::release::Version;

/// What was read of the config.
pub(super) struct Read {
    pub(super) config: ConfigRead,
    /// The release that wrote it last.
    pub(super) written_by: Option<Version>,
    pub(super) endpoints: Vec<Endpoint>,
    /// The API keys of OpenAI's that it names.
    pub(super) api_keys: Vec<ApiKey>,
    /// The config as it is written.
    pub(super) loaded: Option<Loaded>,
}

/// Reads the config as this release's Gateway with this environment reads it.
pub(super) fn read(path: &Utf8Path, environment: &Environment, release: Option<Version>) -> Read {
    let none = |config, written_by| Read {
        config,
        written_by,
        endpoints: Vec::new(),
        api_keys: Vec::new(),
        loaded: None,
    };
    let loaded = match config::read(path, environment) {
        Ok(Some(loaded)) => loaded,
        Ok(None) => return none(ConfigRead::Missing, None),
        Err(ConfigError::Read { file, source }) => {
            return none(ConfigRead::Refused(format!("{file}: {source}"), None), None);
        }
        Err(error) => {
            return none(ConfigRead::Refused(error.to_string(), error.hint()), None);
        }
    };
    let written_by = loaded.last_touched();
    let as_written = Some(loaded.clone());
    match loaded.with_variables(environment) {
        Ok(loaded) => Read {
            endpoints: endpoints(&loaded),
            api_keys: api_keys(&loaded),
            config: ConfigRead::Read(Box::new(settings(&loaded, release))),
            written_by,
            loaded: as_written,
        },
        // The hint is of `--route`.
        Err(error) => Read {
            loaded: as_written,
            ..none(ConfigRead::Unset(error.to_string(), None), written_by)
        },
    }
}

fn settings(loaded: &Loaded, release: Option<Version>) -> Settings {
    let of_agent = config::agent_harness(loaded);
    let taken = release.is_some_and(|release| !Change::HarnessOfModel.is_in(release));
    let route = match release {
        Some(release) => config::route_in(loaded, release),
        None => config::route_of(loaded),
    };
    let (route, not_a_model) = match route {
        Ok(route) => (route, None),
        Err(error) => (None, Some(error.to_string())),
    };
    let codex = loaded.settings("agents.*.models.*.agentRuntime.id");
    let listed = loaded.settings("agents.*.*.models.*.agentRuntime.id");
    let harness = codex.iter().chain(&listed).find(|(_, value)| **value == *CODEX);
    let harness = harness.map(|(key, _)| key.to_string());
    let of_agent = of_agent.map(|(key, _)| key.to_string());
    let (harness_key, ignored_harness) =
        if taken { (harness.or(of_agent), None) } else { (harness, of_agent) };
    let text = |dotted: &str| loaded.setting(dotted)?.as_str().map(ToOwned::to_owned);
    let is = |dotted: &str, wanted: bool| {
        loaded.setting(dotted).and_then(Value::as_bool) == Some(wanted)
    };
    Settings {
        route,
        not_a_model,
        route_key: config::model_key(loaded).map(|key| key.to_string()),
        profile: config::model_profile(loaded).map(|name| (login::label(&name), name)),
        agent: loaded.agent(),
        ignored_harness,
        harness_key,
        fallbacks: fallbacks(loaded),
        codex: PluginSwitch { off: switched_off(loaded) },
        codex_of_user: text(&app_server("homeScope")).as_deref() == Some("user"),
        codex_without: words(loaded, &app_server("clearEnv")),
        updates: Updates {
            auto: is("update.auto.enabled", true),
            checks_off: is("update.checkOnStart", false),
            channel: text("update.channel"),
        },
        off: off(loaded),
        order: order(loaded),
        profiles: profiles(loaded),
    }
}

/// Plugins and channels that do not load, whatever they are.
fn off(loaded: &Loaded) -> Vec<String> {
    let switches = ["plugins.entries.*.enabled", "channels.*.enabled"];
    let switches = switches.iter().flat_map(|pattern| loaded.settings(pattern));
    let off = switches.filter(|(_, value)| **value == Value::Bool(false));
    let named = off.filter_map(|(key, _)| key.to_string().rsplit('.').nth(1).map(str::to_owned));
    named.chain(words(loaded, "plugins.deny")).collect()
}

/// A setting of the Codex app-server.
fn app_server(name: &str) -> String {
    format!("plugins.entries.codex.config.appServer.{name}")
}

fn words(loaded: &Loaded, dotted: &str) -> Vec<String> {
    let words = loaded.setting(dotted).and_then(Value::as_array).into_iter().flatten();
    words.filter_map(Value::as_str).map(ToOwned::to_owned).collect()
}

/// The settings that give the Gateway a key of OpenAI's.
fn api_keys(loaded: &Loaded) -> Vec<ApiKey> {
    let variables = OPENAI_KEYS.iter().flat_map(|name| {
        [format!("env.{name}"), format!("env.vars.{name}")].map(|place| (place, OPENAI))
    });
    let providers =
        OPENAI_PROVIDERS.map(|provider| (format!("models.providers.{provider}.apiKey"), provider));
    let set = variables.chain(providers).filter(|(dotted, _)| {
        loaded.setting(dotted).is_some_and(|value| value.as_str() != Some(""))
    });
    set.map(|(dotted, provider)| ApiKey {
        place: KeyPlace::Config,
        file: Some(loaded.file().to_owned()),
        label: dotted.clone(),
        name: dotted,
        provider: provider.to_owned(),
        agent: None,
    })
    .collect()
}

fn fallbacks(loaded: &Loaded) -> Vec<Fallbacks> {
    let patterns = ["agents.*.model.fallbacks", "agents.*.*.model.fallbacks"];
    let lists = patterns.iter().flat_map(|pattern| loaded.settings(pattern));
    let named = lists.filter_map(|(key, value)| {
        let models = value.as_array()?.iter().filter_map(Value::as_str).map(ToOwned::to_owned);
        let models: Vec<_> = models.collect();
        (!models.is_empty()).then(|| Fallbacks { key: key.to_string(), models })
    });
    named.collect()
}

/// The setting that keeps the Codex plugin from loading (docs/plugins of the
/// releases: `deny` goes before `allow`, both before the entry).
fn switched_off(loaded: &Loaded) -> Option<String> {
    let is_false = |dotted: &str| loaded.setting(dotted) == Some(&Value::Bool(false));
    let names = |dotted: &str| {
        let list = loaded.setting(dotted).and_then(Value::as_array);
        list.map(|list| list.iter().any(|name| name == CODEX))
    };
    if is_false("plugins.enabled") {
        Some("plugins.enabled".to_owned())
    } else if names("plugins.deny") == Some(true) {
        Some("plugins.deny".to_owned())
    } else if names("plugins.allow") == Some(false) {
        Some("plugins.allow".to_owned())
    } else {
        is_false("plugins.entries.codex.enabled")
            .then(|| "plugins.entries.codex.enabled".to_owned())
    }
}

fn order(loaded: &Loaded) -> Vec<(String, Vec<String>)> {
    let order = loaded.setting("auth.order").and_then(Value::as_object);
    let listed = order.into_iter().flatten().filter_map(|(provider, profiles)| {
        let profiles = profiles.as_array()?.iter().filter_map(Value::as_str);
        Some((provider.clone(), profiles.map(ToOwned::to_owned).collect()))
    });
    listed.collect()
}

/// The ChatGPT profiles that the config names.
fn profiles(loaded: &Loaded) -> Vec<(String, String)> {
    let Some(profiles) = loaded.setting("auth.profiles").and_then(Value::as_object) else {
        return Vec::new();
    };
    let of_chatgpt = |profile: &Value| {
        let provider = profile["provider"].as_str().unwrap_or_default();
        profile["mode"] == "oauth" && OPENAI_PROVIDERS.contains(&provider)
    };
    let named = profiles.iter().filter(|(_, profile)| of_chatgpt(profile));
    named.map(|(name, _)| (login::label(name), name.clone())).collect()
}

fn endpoints(loaded: &Loaded) -> Vec<Endpoint> {
    let providers = loaded.setting("models.providers").and_then(Value::as_object);
    let of_provider = |(name, provider): (&String, &Value)| {
        let place = (loaded.file(), EndpointKind::Config, format!("models.providers.{name}"));
        catalogue::of_provider(place, name, provider)
    };
    providers.into_iter().flatten().flat_map(of_provider).collect()
}

/// Copies of the config, `OpenClaw`'s own or a person's, that the release starts
/// with; the newest first.
pub(super) fn saved(
    config: &Utf8Path,
    release: Option<Version>,
    environment: &Environment,
) -> Vec<SavedConfig> {
    let Some(release) = release else { return Vec::new() };
    let copies = config::copies_beside(config, environment).into_iter();
    copies
        .filter_map(|copy| Some(SavedConfig { path: copy.path, written_by: copy.written_by? }))
        .filter(|saved| !refuses_config_of(release, saved.written_by))
        .collect()
}
