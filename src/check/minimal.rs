//! The smallest config with which a release can run a turn on a route.

use camino::Utf8Path;
use serde_json::{Value, json};

use super::login::{API_KEY, ScratchLoginKind, profile_name};
use crate::route::Route;

/// What the config of a scratch home has to name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Places<'a> {
    pub(super) workspace: &'a Utf8Path,
    /// Where OpenClaw's own log goes; left to itself it is under `/tmp`.
    pub(super) log: &'a Utf8Path,
    /// The Gateway's.
    pub(super) port: u16,
    /// The Gateway's.
    pub(super) token: &'a str,
    /// The loopback's, for a provider that OpenClaw does not know.
    pub(super) base_url: &'a str,
}

/// The config for turns on this route.
pub(super) fn config(route: &Route, login: ScratchLoginKind, places: &Places<'_>) -> Value {
    let mut config = json!({
        "update": { "checkOnStart": false },
        "agents": { "defaults": { "skipBootstrap": true } },
    });
    set_places(&mut config, places);
    set_route(&mut config, route);
    match login {
        ScratchLoginKind::ChatGpt => {
            config["auth"] = json!({ "profiles": { profile_name(&route.provider): {
                "provider": route.provider, "mode": "oauth",
            } } });
        }
        ScratchLoginKind::ApiKey => {}
        ScratchLoginKind::Custom => {
            let model = json!({ "id": route.model, "name": route.model });
            config["models"] = json!({ "providers": { &route.provider: {
                "baseUrl": places.base_url, "apiKey": API_KEY, "api": "openai-responses",
                "models": [model],
            } } });
        }
    }
    config
}

/// Points a config at a scratch home.
pub(super) fn set_places(config: &mut Value, places: &Places<'_>) {
    put(config, &["gateway"], gateway(places));
    put(config, &["logging", "file"], json!(places.log));
    put(config, &["agents", "defaults", "workspace"], json!(places.workspace));
}

/// Only on this machine, with a token of its own: in a container some releases
/// refuse to bind otherwise.
fn gateway(places: &Places<'_>) -> Value {
    json!({
        "mode": "local",
        "bind": "loopback",
        "port": places.port,
        "auth": { "mode": "token", "token": places.token },
    })
}

/// Makes a config ask through this route and no other.
pub(super) fn set_route(config: &mut Value, route: &Route) {
    let id = route.model_id();
    let model = json!({ "primary": id, "fallbacks": [] });
    put(config, &["agents", "defaults", "model"], model);
    if let Some(harness) = &route.harness {
        // Releases up to 2026.5.7 refuse this key; they have one harness only.
        let key = ["agents", "defaults", "models", &id, "agentRuntime"];
        put(config, &key, json!({ "id": harness }));
    }
}

/// Lets the plugin's harness run, and no other plugin.
pub(super) fn enable_plugin(config: &mut Value) {
    put(config, &["plugins", "allow"], json!(["codex"]));
    put(config, &["plugins", "entries", "codex", "enabled"], json!(true));
}

/// Sets what the keys lead to. What stands in the way and holds nothing gives way.
fn put(config: &mut Value, keys: &[&str], value: Value) {
    let Some((key, rest)) = keys.split_first() else {
        *config = value;
        return;
    };
    if !config.is_object() {
        *config = json!({});
    }
    put(&mut config[*key], rest, value);
}

/// Leads the providers that a loopback served to this one. `models` is that
/// section of a config, or an agent's `models.json`, whose addresses go before
/// those of the config.
pub(super) fn lead_to_loopback(models: &mut Value, base_url: &str) {
    let providers = models.get_mut("providers").and_then(Value::as_object_mut);
    for provider in providers.into_iter().flat_map(serde_json::Map::values_mut) {
        let served = provider.get("baseUrl").and_then(Value::as_str);
        if served.is_some_and(|url| url.starts_with("http://127.0.0.1:")) {
            provider["baseUrl"] = json!(base_url);
        }
    }
}

/// Puts `over` on top of `under`, object by object.
pub(super) fn merge(under: &mut Value, over: Value) {
    match (under, over) {
        (Value::Object(under), Value::Object(over)) => {
            for (key, value) in over {
                merge(under.entry(key).or_insert(Value::Null), value);
            }
        }
        (under, over) => *under = over,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places() -> Places<'static> {
        Places {
            workspace: Utf8Path::new("/home/workspace"),
            log: Utf8Path::new("/home/openclaw.log"),
            port: 18_790,
            token: "made-up",
            base_url: "http://127.0.0.1:1/v1",
        }
    }

    #[test]
    fn each_kind_of_route_gets_its_own_config() {
        let shown = |route: &str| {
            let route = route.parse().unwrap();
            format!("{:#}", config(&route, ScratchLoginKind::of(&route, None), &places()))
        };
        insta::assert_snapshot!("chatgpt", shown("openai-codex/gpt-5.5"));
        insta::assert_snapshot!("api_key", shown("openai/gpt-5.5@openclaw"));
        insta::assert_snapshot!("custom", shown("loop/test-model"));
    }

    #[test]
    fn providers_that_an_earlier_loopback_served_are_led_to_this_one() {
        let mut models = json!({ "providers": {
            "loop": { "baseUrl": "http://127.0.0.1:1/v1", "api": "openai-responses" },
            "other": { "baseUrl": "https://models.example.com/v1" },
            "bare": {},
        } });
        lead_to_loopback(&mut models, "http://127.0.0.1:2/v1");
        assert_eq!(models["providers"]["loop"]["baseUrl"], "http://127.0.0.1:2/v1");
        assert_eq!(models["providers"]["other"]["baseUrl"], "https://models.example.com/v1");
        let mut none = json!({});
        lead_to_loopback(&mut none, "http://127.0.0.1:2/v1");
        assert_eq!(none, json!({}));
    }

    #[test]
    fn a_setting_of_another_shape_gives_way() {
        let mut config = json!({ "logging": "loud", "agents": { "defaults": { "models": [] } } });
        set_places(&mut config, &places());
        set_route(&mut config, &"openai/gpt-5.5@codex".parse().unwrap());
        enable_plugin(&mut config);
        assert_eq!(config["logging"]["file"], "/home/openclaw.log");
        let models = &config["agents"]["defaults"]["models"];
        assert_eq!(models["openai/gpt-5.5"]["agentRuntime"]["id"], "codex");
    }

    #[test]
    fn what_is_merged_in_wins_and_the_rest_stays() {
        let mut under = json!({ "a": { "b": 1, "c": 2 }, "d": [1] });
        merge(&mut under, json!({ "a": { "b": 3 }, "d": [2], "e": {} }));
        assert_eq!(under, json!({ "a": { "b": 3, "c": 2 }, "d": [2], "e": {} }));
    }
}
