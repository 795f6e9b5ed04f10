//! The config of codexpin's own login, made fit for the turn that renews it.

use camino::Utf8Path;
use serde_json::{Value, json};

use super::{ConfigError, Key, source};
use crate::openclaw::Change;
use crate::openclaw::names::{chatgpt_provider, embedded_harness};
use crate::release::Version;

/// A model that every release has.
const MODEL: &str = "gpt-5.5";

/// The text of a config with the route on which `release` renews a `ChatGPT` login: a
/// login names the models that it likes itself. The harness is the one that needs no
/// plugin, where the release can be told one; an older one has no other. All else
/// stays. `file` is where the text is from.
///
/// # Errors
///
/// The text is no config, or something else than an object stands where the route
/// belongs.
pub fn with_renewal_route(
    file: &Utf8Path,
    text: &str,
    release: Version,
) -> Result<String, ConfigError> {
    let mut tree = source::parse(file, text)?;
    if !tree.is_object() {
        return Err(ConfigError::NotAnObject { file: file.to_owned() });
    }
    let model = format!("{}/{MODEL}", chatgpt_provider(release));
    let settings = if Change::HarnessOfModel.is_in(release) {
        json!({ "agentRuntime": { "id": embedded_harness(release) } })
    } else {
        json!({})
    };
    let route = [
        ("agents.defaults.model", json!({ "primary": model, "fallbacks": [] })),
        ("agents.defaults.models", Value::from_iter([(model, settings)])),
    ];
    for (dotted, value) in route {
        let key = Key::of(dotted);
        if !key.set(&mut tree, value) {
            return Err(ConfigError::InTheWay { file: file.to_owned(), key });
        }
    }
    Ok(tree.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(text: &str, release: &str) -> Result<Value, String> {
        with_renewal_route("own.json".into(), text, release.parse().unwrap())
            .map(|text| serde_json::from_str(&text).unwrap())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_route_is_named_as_each_release_calls_it() {
        let runtime = |id: &str| json!({ "agentRuntime": { "id": id } });
        for (release, model, settings) in [
            ("2026.5.7", "openai-codex/gpt-5.5", json!({})),
            ("2026.5.12", "openai-codex/gpt-5.5", runtime("pi")),
            ("2026.5.27", "openai-codex/gpt-5.5", runtime("pi")),
            ("2026.5.28", "openai-codex/gpt-5.5", runtime("openclaw")),
            ("2026.6.1", "openai/gpt-5.5", runtime("openclaw")),
            ("2026.9.6", "openai/gpt-5.5", runtime("openclaw")),
        ] {
            let defaults = json!({
                "model": { "primary": model, "fallbacks": [] },
                "models": { model: settings },
            });
            assert_eq!(with("{}", release).unwrap()["agents"]["defaults"], defaults, "{release}");
        }
    }

    #[test]
    fn what_another_release_named_gives_way_and_all_else_stays() {
        let text = "{ // a login's own\n auth: {profiles: {'openai-codex:me': {mode: 'oauth'}}},
            agents: {defaults: {workspace: '/w', model: 'x/y', models: {'x/y': {agentRuntime: {id: 'codex'}}}}}}";
        let defaults = |model: &str| {
            json!({
                "workspace": "/w",
                "model": { "primary": model, "fallbacks": [] },
                "models": { model: {} },
            })
        };
        let expected = json!({
            "auth": { "profiles": { "openai-codex:me": { "mode": "oauth" } } },
            "agents": { "defaults": defaults("openai-codex/gpt-5.5") },
        });
        assert_eq!(with(text, "2026.5.7").unwrap(), expected);
    }

    #[test]
    fn what_is_no_config_is_an_error_and_never_an_empty_one() {
        for (text, expected) in [
            ("{\n agents: {", "own.json:2:11 is not JSON5: EOF parsing object"),
            ("", "own.json:1:1 is not JSON5: EOF parsing value"),
            ("[]", "own.json is no config: its outermost value is not an object"),
            (
                "{agents: {defaults: 1}}",
                "own.json: agents.defaults.model cannot be set: what it stands in is not an object",
            ),
        ] {
            assert_eq!(with(text, "2026.7.1"), Err(expected.to_owned()), "{text}");
        }
    }
}
