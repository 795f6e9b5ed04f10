//! Which model, on which harness, a config asks: the few settings that a turn
//! depends on.

use camino::Utf8Path;
use serde_json::{Value, json};

use super::{ConfigError, Key, Loaded, agent, variable};
use crate::env::Environment;
use crate::openclaw::Change;
use crate::openclaw::names::OPENAI_PROVIDERS;
use crate::release::Version;
use crate::route::Route;

/// The settings whose variables are filled in, besides the addresses of OpenAI's
/// providers. Everything else that names a variable gets a made-up value.
const EXPANDED: [&str; 12] = [
    "agents.defaults.model",
    "agents.defaults.model.primary",
    "agents.defaults.models.*.agentRuntime.id",
    "agents.list.*.model",
    "agents.list.*.model.primary",
    "agents.list.*.models.*.agentRuntime.id",
    "agents.entries.*.model",
    "agents.entries.*.model.primary",
    "agents.entries.*.models.*.agentRuntime.id",
    "models.providers.*.api",
    "models.providers.*.models.*.id",
    "models.providers.*.models.*.api",
];

/// Fills in the variables that the turn depends on.
///
/// # Errors
///
/// The primary model, or an address or API of OpenAI's providers, names a
/// variable that is not set. Elsewhere such a text stays as it is.
pub(super) fn expand(
    tree: &mut Value,
    file: &Utf8Path,
    environment: &Environment,
) -> Result<(), ConfigError> {
    let primary = primary(tree).map(|(key, _)| key);
    let own = tree.get("env").cloned().unwrap_or_default();
    let value = |name: &str| {
        let inner = || own["vars"][name].as_str().or_else(|| own[name].as_str());
        let inner = || inner().filter(|value| !variable::refers(value));
        environment.get(name).or_else(inner).map(str::to_owned)
    };
    let of_openai = OPENAI_PROVIDERS.map(|provider| Key::of("models.providers").name(provider));
    let addresses = of_openai.clone().map(|provider| provider.name("baseUrl"));
    let settings = EXPANDED.iter().flat_map(|pattern| Key::matching(pattern, tree));
    for key in settings.chain(addresses).collect::<Vec<_>>() {
        let Some(Value::String(text)) = key.get_mut(tree) else { continue };
        match variable::expand(text, value) {
            Ok(expanded) => *text = expanded.into_owned(),
            Err(name) => {
                let service = of_openai
                    .iter()
                    .any(|provider| key == provider.name("baseUrl") || key == provider.name("api"));
                if service || primary.as_ref() == Some(&key) {
                    return Err(ConfigError::Unset { file: file.to_owned(), key, name });
                }
            }
        }
    }
    Ok(())
}

/// The route that a turn with this config asks, with the harness where the
/// config sets one for that model; none where it names no model.
///
/// # Errors
///
/// The model is not written `provider/model`, and is no alias of one.
pub fn route_of(config: &Loaded) -> Result<Option<Route>, ConfigError> {
    let Some((key, text)) = primary(&config.tree) else { return Ok(None) };
    let id = of_alias(&config.tree, &text).unwrap_or(text);
    let (id, _) = without_profile(&id);
    let not_a_model = |_| ConfigError::NotAModel { file: config.file.clone(), key };
    let route: Route = id.trim().parse().map_err(not_a_model)?;
    Ok(Some(Route { harness: harness(&config.tree, &route), ..route }))
}

/// A model's name, and the login profile that stands behind its at sign. A profile can
/// have an address in it: `openai:me@example.com`.
fn without_profile(text: &str) -> (&str, Option<&str>) {
    match text.split_once('@') {
        Some((id, profile)) if id.contains('/') && !profile.contains('/') => (id, Some(profile)),
        _ => (text, None),
    }
}

/// The login profile that the primary model is tied to.
pub fn model_profile(config: &Loaded) -> Option<String> {
    let (_, text) = primary(&config.tree)?;
    let id = of_alias(&config.tree, &text).unwrap_or(text);
    without_profile(id.trim()).1.map(ToOwned::to_owned)
}

/// The harness that a config names for the whole agent of a turn, or for all agents, and
/// where. 2026.5.7 and older take it where the model names none; newer ones pass over it
/// (docs/gateway/config-agents.md of 5.5 and of 6.8).
pub fn agent_harness(config: &Loaded) -> Option<(Key, String)> {
    let agent = agent::of_the_turn(&config.tree).key;
    agent.into_iter().chain([Key::of("agents.defaults")]).find_map(|agent| {
        let key = agent.name("agentRuntime").name("id");
        let named = named_harness(key.get(&config.tree)?.as_str()?)?;
        Some((key, named))
    })
}

/// The route as a release takes it: older ones have a harness for a whole agent.
///
/// # Errors
///
/// Those of [`route_of`].
pub fn route_in(config: &Loaded, release: Version) -> Result<Option<Route>, ConfigError> {
    let Some(route) = route_of(config)? else { return Ok(None) };
    let of_agent = || agent_harness(config).map(|(_, harness)| harness);
    let taken = !Change::HarnessOfModel.is_in(release);
    let harness = route.harness.clone().or_else(|| of_agent().filter(|_| taken));
    Ok(Some(Route { harness, ..route }))
}

/// Where a config names the model that a turn asks; none where it names none.
pub fn model_key(config: &Loaded) -> Option<Key> {
    primary(&config.tree).map(|(key, _)| key)
}

/// The setting with the primary model of the turn's agent.
fn primary(tree: &Value) -> Option<(Key, String)> {
    let agent = agent::of_the_turn(tree).key.map(|key| key.name("model"));
    agent.into_iter().chain([Key::of("agents.defaults.model")]).find_map(|model| {
        [model.name("primary"), model].into_iter().find_map(|key| {
            let text = key.get(tree)?.as_str()?.trim().to_owned();
            (!text.is_empty()).then_some((key, text))
        })
    })
}

/// Where models are set up for the turn's agent, most particular first.
fn models(tree: &Value) -> Vec<Key> {
    let agent = agent::of_the_turn(tree).key.map(|key| key.name("models"));
    agent.into_iter().chain([Key::of("agents.defaults.models")]).collect()
}

fn of_alias(tree: &Value, text: &str) -> Option<String> {
    let named = |models: Key| {
        let models = models.get(tree)?.as_object()?;
        let is = |model: &Value| {
            model["alias"].as_str().is_some_and(|alias| alias.eq_ignore_ascii_case(text))
        };
        models.iter().find(|(_, model)| is(model)).map(|(id, _)| id.clone())
    };
    models(tree).into_iter().find_map(named)
}

/// By docs/gateway/config-agents.md: the model's own entry, then the provider's
/// model, then `provider/*`, then the provider.
fn harness(tree: &Value, route: &Route) -> Option<String> {
    let id = route.model_id();
    let any = format!("{}/*", route.provider);
    let provider = Key::of("models.providers").name(&route.provider);
    let listed = provider.name("models");
    let count = listed.get(tree).and_then(Value::as_array).map_or(0, Vec::len);
    let is_it = |key: &Key| key.get(tree).is_some_and(|model| model["id"] == json!(route.model));
    let listed = (0..count).map(|index| listed.index(index)).filter(is_it);
    let entries =
        |name: &str| models(tree).into_iter().map(|key| key.name(name)).collect::<Vec<_>>();
    let places = entries(&id).into_iter().chain(listed).chain(entries(&any)).chain([provider]);
    let set = |key: Key| key.name("agentRuntime").name("id").get(tree)?.as_str().map(str::to_owned);
    named_harness(&{ places }.find_map(set)?)
}

/// A harness's name; none for a word that leaves the choice to the release.
fn named_harness(text: &str) -> Option<String> {
    let word = !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    (word && !["auto", "default"].contains(&text)).then(|| text.to_owned())
}
