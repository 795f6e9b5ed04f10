//! What a candidate finds in its scratch home: state, config and login.

use std::io;

use camino::Utf8Path;
use serde_json::{Value, json};

use super::CheckJob;
use super::account::{self, API_KEY, LoginProfile, ScratchLoginKind, profile_name};
use super::home::{ScratchHome, copy_state};
use crate::config::{self, Scratch};
use crate::fs::{foreign, write_private};
use crate::login::AuthStore;
use crate::openclaw::Change;
use crate::openclaw::names::CODEX;
use crate::question::StateCarry;
use crate::release::Version;
use crate::route::Route;
use crate::secret::Secret;

/// The files of a scratch home, to be written.
pub(super) struct HomeFiles<'a> {
    pub(super) job: CheckJob<'a>,
    pub(super) route: &'a Route,
    /// The route's place among those of the question, from 0.
    pub(super) place: usize,
    /// Whether the release's own doctor is going to migrate the state.
    pub(super) doctor: bool,
    pub(super) home: &'a ScratchHome,
    pub(super) port: u16,
    pub(super) token: &'a Secret,
    pub(super) base_url: &'a str,
}

/// What the turn has to know of the files.
pub(super) struct HomeSummary {
    /// The agent that the turn goes to.
    pub(super) agent: String,
    /// What is not as in the config that was carried over, a line each.
    pub(super) changes: Vec<String>,
}

impl HomeFiles<'_> {
    /// Fills the home.
    pub(super) fn write(&self) -> io::Result<HomeSummary> {
        if let StateCarry::RestoreFrom(saved) = &self.job.variation.state {
            // A state that is carried over has a config and a login already.
            return self.upgrade(&saved.join(directory_of(self.place)));
        }
        let plugin = self.job.candidate.plugin_state.as_deref();
        let plugin = plugin.filter(|_| self.route.may_use_plugin());
        // The plugin's state comes first: its config is what all others are merged into.
        let mut config = match plugin {
            Some(installed) => {
                // What is no state there, such as a link to a package, stays in the prefix.
                let _ = copy_state(&self.job.candidate.prefix, installed, &self.home.state())?;
                read(self.home.path(), &self.home.config())?
            }
            None => json!({}),
        };
        let (summary, logins) = match self.job.config {
            Some(loaded) => self.add_user_config(&mut config, loaded),
            None => self.add_minimal_config(&mut config),
        };
        // Over the user's config, which may have it switched off.
        if plugin.is_some() {
            enable_plugin(&mut config);
        }
        // Last, so that a remedy's settings hold against everything else.
        if let Some(settings) = &self.job.variation.settings {
            merge(&mut config, settings.clone());
        }
        // After the copy, which brought a config of its own.
        self.write_config(&config)?;
        let state = self.home.state();
        let logins = logins.unwrap_or_else(|| {
            LoginProfile::of(self.route, self.job.account).into_iter().collect()
        });
        match self.job.account {
            None => account::make_up(&logins, &state)?,
            Some(lent) => account::lend_to(lent, &logins, &state, self.login_store()?)?,
        }
        Ok(summary)
    }

    /// The user's own config, made fit for the home, and the logins that it names.
    fn add_user_config(
        &self,
        config: &mut Value,
        loaded: &config::Loaded,
    ) -> (HomeSummary, Option<Vec<LoginProfile>>) {
        let scratch = Scratch {
            home: self.home.path(),
            workspace: &self.home.workspace(),
            port: self.port,
            token: self.token,
            base_url: self.base_url,
        };
        let sanitised = config::sanitise(loaded, &scratch);
        merge(config, sanitised.config);
        // The question's route, whichever the user's config asks through.
        set_route(config, self.route, self.job.candidate.core);
        let named: Vec<_> = sanitised.logins.into_iter().filter_map(chatgpt).collect();
        let changes = sanitised.changes.iter().map(ToString::to_string).collect();
        let summary = HomeSummary { agent: sanitised.agent, changes };
        (summary, Some(named).filter(|named| !named.is_empty()))
    }

    fn add_minimal_config(&self, config: &mut Value) -> (HomeSummary, Option<Vec<LoginProfile>>) {
        let log = self.home.path().join("openclaw.log");
        let workspace = self.home.workspace();
        let login = ScratchLoginKind::of(self.route, self.job.account);
        let core = self.job.candidate.core;
        merge(config, minimal_config(core, self.route, login, &self.places(&workspace, &log)));
        (HomeSummary { agent: "main".to_owned(), changes: Vec::new() }, None)
    }

    /// Where this release finds a login without a migration; with one, the oldest
    /// place of all.
    fn login_store(&self) -> io::Result<AuthStore> {
        if self.doctor {
            return Ok(AuthStore::Inline);
        }
        let package = self.job.candidate.entry.with_file_name("package.json");
        let manifest = read(&self.job.candidate.prefix, &package)?;
        Ok(AuthStore::of(&manifest).unwrap_or(AuthStore::Inline))
    }

    /// The state that another release left, with its own config and login; only
    /// what names the home that it was left in, or its loopback, is changed.
    fn upgrade(&self, left: &Utf8Path) -> io::Result<HomeSummary> {
        // Nothing is left out: it is a copy of codexpin's own.
        let _ = copy_state(left, Utf8Path::new(""), &self.home.state())?;
        let mut config = read(self.home.path(), &self.home.config())?;
        let log = self.home.path().join("openclaw.log");
        set_places(&mut config, &self.places(&self.home.workspace(), &log));
        if let Some(models) = config.get_mut("models") {
            lead_to_loopback(models, self.base_url);
        }
        self.write_config(&config)?;
        for agent in self.home.state().join("agents").read_dir_utf8().into_iter().flatten() {
            let file = agent?.path().join("agent/models.json");
            if file.exists() {
                let mut models = read(self.home.path(), &file)?;
                lead_to_loopback(&mut models, self.base_url);
                write_private(&file, format!("{models:#}\n").as_bytes())?;
            }
        }
        let agent = self.job.config.map_or_else(|| "main".to_owned(), config::Loaded::agent);
        Ok(HomeSummary { agent, changes: Vec::new() })
    }

    fn places<'b>(&'b self, workspace: &'b Utf8Path, log: &'b Utf8Path) -> ConfigPlaces<'b> {
        let token = self.token.reveal();
        ConfigPlaces { workspace, log, port: self.port, token, base_url: self.base_url }
    }

    fn write_config(&self, config: &Value) -> io::Result<()> {
        write_private(&self.home.config(), format!("{config:#}\n").as_bytes())
    }
}

/// A login of the config, where it is one that is kept in a file.
fn chatgpt(login: config::ConfigLogin) -> Option<LoginProfile> {
    (login.mode == "oauth")
        .then_some(LoginProfile { name: login.profile, provider: login.provider })
}

/// The directory of a route's state and logs, where a question has several routes.
pub(super) fn directory_of(place: usize) -> String {
    format!("route-{}", place + 1)
}

/// The route that a config asks through by default; the harness is the one that
/// was asked for.
pub(super) fn route_in(home: &ScratchHome, asked: &Route) -> Option<Route> {
    let config = read(home.path(), &home.config()).ok()?;
    let model = &config["agents"]["defaults"]["model"];
    let id = model.get("primary").unwrap_or(model).as_str()?;
    let (provider, model) = id.split_once('/')?;
    Some(Route {
        provider: provider.to_owned(),
        model: model.to_owned(),
        harness: asked.harness.clone(),
    })
}

/// Reads a file in a directory that a candidate has had its hands on.
fn read(root: &Utf8Path, path: &Utf8Path) -> io::Result<Value> {
    let text = foreign::read_below(root, path, foreign::TEXT)?;
    serde_json::from_slice(&text).map_err(io::Error::other)
}

/// What the config of a scratch home has to name.
#[derive(Debug, Clone, Copy)]
struct ConfigPlaces<'a> {
    workspace: &'a Utf8Path,
    /// Where OpenClaw's own log goes; left to itself it is under `/tmp`.
    log: &'a Utf8Path,
    /// The Gateway's port and token.
    port: u16,
    token: &'a str,
    /// The loopback's address, for a provider that OpenClaw does not know.
    base_url: &'a str,
}

/// The smallest config with which a release can run a turn on this route.
fn minimal_config(
    core: Version,
    route: &Route,
    login: ScratchLoginKind,
    places: &ConfigPlaces<'_>,
) -> Value {
    let mut config = json!({
        "update": { "checkOnStart": false },
        "agents": { "defaults": { "skipBootstrap": true } },
    });
    set_places(&mut config, places);
    set_route(&mut config, route, core);
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
fn set_places(config: &mut Value, places: &ConfigPlaces<'_>) {
    put(config, &["gateway"], gateway(places));
    put(config, &["logging", "file"], json!(places.log));
    put(config, &["agents", "defaults", "workspace"], json!(places.workspace));
}

/// Only on this machine, with a token of its own: in a container some releases
/// refuse to bind otherwise.
fn gateway(places: &ConfigPlaces<'_>) -> Value {
    json!({
        "mode": "local",
        "bind": "loopback",
        "port": places.port,
        "auth": { "mode": "token", "token": places.token },
    })
}

/// Makes a config ask this release through this route and no other.
fn set_route(config: &mut Value, route: &Route, core: Version) {
    let id = route.model_id();
    let model = json!({ "primary": id, "fallbacks": [] });
    put(config, &["agents", "defaults", "model"], model);
    // A release that refuses this key has one harness only.
    if let Some(harness) = &route.harness
        && Change::HarnessOfModel.is_in(core)
    {
        let key = ["agents", "defaults", "models", &id, "agentRuntime"];
        put(config, &key, json!({ "id": harness }));
    }
}

/// Lets the plugin's harness run, and no other plugin.
fn enable_plugin(config: &mut Value) {
    put(config, &["plugins", "allow"], json!([CODEX]));
    put(config, &["plugins", "entries", CODEX, "enabled"], json!(true));
}

/// Sets the value at these keys. Anything on the way that is not an object is replaced.
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
fn lead_to_loopback(models: &mut Value, base_url: &str) {
    let providers = models.get_mut("providers").and_then(Value::as_object_mut);
    for provider in providers.into_iter().flat_map(serde_json::Map::values_mut) {
        let served = provider.get("baseUrl").and_then(Value::as_str);
        if served.is_some_and(|url| url.starts_with("http://127.0.0.1:")) {
            provider["baseUrl"] = json!(base_url);
        }
    }
}

/// Puts `over` on top of `under`, object by object.
fn merge(under: &mut Value, over: Value) {
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

    fn places() -> ConfigPlaces<'static> {
        ConfigPlaces {
            workspace: Utf8Path::new("/home/workspace"),
            log: Utf8Path::new("/home/openclaw.log"),
            port: 18_790,
            token: "made-up",
            base_url: "http://127.0.0.1:1/v1",
        }
    }

    fn core() -> Version {
        "2026.5.28".parse().unwrap()
    }

    #[test]
    fn each_kind_of_route_gets_its_own_config() {
        let shown = |route: &str| {
            let route = route.parse().unwrap();
            let login = ScratchLoginKind::of(&route, None);
            format!("{:#}", minimal_config(core(), &route, login, &places()))
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
        set_route(&mut config, &"openai/gpt-5.5@codex".parse().unwrap(), core());
        enable_plugin(&mut config);
        assert_eq!(config["logging"]["file"], "/home/openclaw.log");
        let models = &config["agents"]["defaults"]["models"];
        assert_eq!(models["openai/gpt-5.5"]["agentRuntime"]["id"], "codex");
    }

    #[test]
    fn a_release_is_not_given_a_setting_that_it_refuses() {
        let route = "openai/gpt-5.5@pi".parse().unwrap();
        let config = |core: &str| {
            let mut config = json!({});
            set_route(&mut config, &route, core.parse().unwrap());
            config["agents"]["defaults"]["models"].clone()
        };
        assert_eq!(config("2026.5.7"), Value::Null);
        assert_eq!(config("2026.5.12")["openai/gpt-5.5"]["agentRuntime"]["id"], "pi");
    }

    #[test]
    fn what_is_merged_in_wins_and_the_rest_stays() {
        let mut under = json!({ "a": { "b": 1, "c": 2 }, "d": [1] });
        merge(&mut under, json!({ "a": { "b": 3 }, "d": [2], "e": {} }));
        assert_eq!(under, json!({ "a": { "b": 3, "c": 2 }, "d": [2], "e": {} }));
    }
}
