//! The settings of `openclaw.json` that findings are made of, and the copies that
//! `OpenClaw` keeps beside it.

use camino::Utf8Path;
use serde_json::Value;

use super::catalogue;
use crate::config::{self, ConfigError, Loaded};
use crate::doctor::facts::{
    ConfigRead, Endpoint, Fallbacks, PluginSwitch, SavedConfig, Settings, Updates,
};
use crate::env::Environment;
use crate::explain::Explain as _;
use crate::login;
use crate::openclaw::names::{CODEX, OPENAI_PROVIDERS};
use crate::openclaw::refuses_config_of;
use crate::release::Version;

/// What was read of the config.
pub(super) struct Read {
    pub(super) config: ConfigRead,
    /// The release that wrote it last.
    pub(super) written_by: Option<Version>,
    pub(super) endpoints: Vec<Endpoint>,
    /// Whether it, or the Gateway's environment, names an API key of OpenAI's.
    pub(super) api_key: bool,
}

/// Reads the config as the Gateway with this environment reads it.
pub(super) fn read(path: &Utf8Path, environment: &Environment) -> Read {
    let in_environment = environment.get("OPENAI_API_KEY").is_some();
    let none = |config, written_by| Read {
        config,
        written_by,
        endpoints: Vec::new(),
        api_key: in_environment,
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
    match loaded.with_variables(environment) {
        Ok(loaded) => Read {
            endpoints: endpoints(&loaded),
            api_key: in_environment
                || loaded.setting("env.OPENAI_API_KEY").is_some()
                || loaded.setting("env.vars.OPENAI_API_KEY").is_some()
                || loaded.setting("models.providers.openai.apiKey").is_some(),
            config: ConfigRead::Read(Box::new(settings(&loaded))),
            written_by,
        },
        // The hint is of `--route`.
        Err(error) => none(ConfigRead::Unset(error.to_string(), None), written_by),
    }
}

fn settings(loaded: &Loaded) -> Settings {
    let (route, not_a_model) = match config::route_of(loaded) {
        Ok(route) => (route, None),
        Err(error) => (None, Some(error.to_string())),
    };
    let codex = loaded.settings("agents.*.models.*.agentRuntime.id");
    let listed = loaded.settings("agents.*.*.models.*.agentRuntime.id");
    let harness = codex.iter().chain(&listed).find(|(_, value)| **value == *CODEX);
    let text = |dotted: &str| loaded.setting(dotted)?.as_str().map(ToOwned::to_owned);
    let is = |dotted: &str, wanted: bool| {
        loaded.setting(dotted).and_then(Value::as_bool) == Some(wanted)
    };
    Settings {
        route,
        not_a_model,
        route_key: config::model_key(loaded).map(|key| key.to_string()),
        harness_key: harness.map(|(key, _)| key.to_string()),
        fallbacks: fallbacks(loaded),
        codex: PluginSwitch { off: switched_off(loaded) },
        updates: Updates {
            auto: is("update.auto.enabled", true),
            checks_off: is("update.checkOnStart", false),
            channel: text("update.channel"),
        },
        order: order(loaded),
        profiles: profiles(loaded),
    }
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
    let endpoint = |(name, provider): (&String, &Value)| {
        catalogue::endpoint(name, provider).map(|endpoint| Endpoint {
            file: loaded.file().to_owned(),
            in_config: true,
            key: format!("models.providers.{name}"),
            ..endpoint
        })
    };
    providers.into_iter().flatten().filter_map(endpoint).collect()
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
