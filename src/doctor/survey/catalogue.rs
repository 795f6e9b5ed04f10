//! Where models are asked: the providers of config and agents' `models.json`, and the
//! settings of Codex itself. The addresses in them and nothing else, as they can hold keys.

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::Value;
use toml_edit::DocumentMut;

use crate::doctor::facts::{Endpoint, EndpointKind};
use crate::fs::foreign;
use crate::openclaw::names::CODEX;

/// The addresses in every agent's catalogue, and the catalogues that do not parse.
pub(super) fn of_agents(state: &Utf8Path) -> (Vec<Endpoint>, Vec<Utf8PathBuf>) {
    let (mut endpoints, mut broken) = (Vec::new(), Vec::new());
    for file in files_of_agents(state, "models.json") {
        let text = foreign::read_named(&file, foreign::TEXT).unwrap_or_default();
        let Ok(catalogue) = serde_json::from_slice::<Value>(&text) else {
            broken.push(file);
            continue;
        };
        let providers = catalogue["providers"].as_object().into_iter().flatten();
        for (name, provider) in providers {
            let place = (file.as_path(), EndpointKind::Catalogue, format!("providers.{name}"));
            endpoints.extend(of_provider(place, name, provider));
        }
    }
    (endpoints, broken)
}

fn files_of_agents(state: &Utf8Path, name: &str) -> Vec<Utf8PathBuf> {
    let agents = state.join("agents").read_dir_utf8().into_iter().flatten().flatten();
    let files = agents.map(|agent| agent.path().join("agent").join(name));
    let mut files: Vec<_> = files.filter(|file| file.is_file()).collect();
    files.sort();
    files
}

/// Where a provider is asked, and each of its models that says something else.
pub(super) fn of_provider(
    (file, kind, key): (&Utf8Path, EndpointKind, String),
    name: &str,
    provider: &Value,
) -> Vec<Endpoint> {
    let endpoint = |key: String, model: Option<String>, value: &Value| Endpoint {
        file: file.to_owned(),
        kind,
        key,
        provider: name.to_owned(),
        model,
        base_url: value["baseUrl"].as_str().and_then(bare),
        api: value["api"].as_str().map(ToOwned::to_owned),
    };
    let models = provider["models"].as_array().into_iter().flatten().enumerate();
    let differs = models.filter(|(_, model)| {
        ["api", "baseUrl"]
            .iter()
            .any(|field| !model[field].is_null() && model[field] != provider[field])
    });
    let of_models = differs.map(|(index, model)| {
        let id = model["id"].as_str().map(ToOwned::to_owned);
        let model = &without_what_its_provider_says(model, provider);
        endpoint(format!("{key}.models[{index}]"), id.or(Some(index.to_string())), model)
    });
    let of_models: Vec<_> = of_models.collect();
    std::iter::once(endpoint(key.clone(), None, provider)).chain(of_models).collect()
}

fn without_what_its_provider_says(model: &Value, provider: &Value) -> Value {
    let fields = ["api", "baseUrl"].into_iter().filter(|field| model[field] != provider[field]);
    fields
        .map(|field| (field.to_owned(), model[field].clone()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// What Codex homes say of addresses, and those that ask for the compaction that the
/// service has retired (`remote_compaction_v2 = false`, #125789, #137736).
pub(super) fn of_codex(
    state: &Utf8Path,
    of_user: Option<&Utf8Path>,
) -> (Vec<Endpoint>, Vec<Utf8PathBuf>) {
    let (mut endpoints, mut retired) = (Vec::new(), Vec::new());
    let mut files = files_of_agents(state, "codex-home/config.toml");
    files.extend(of_user.map(|home| home.join("config.toml")));
    for file in files {
        let text = foreign::read_to_string_named(&file, foreign::TEXT).unwrap_or_default();
        let Ok(settings) = text.parse::<DocumentMut>() else { continue };
        let feature =
            settings.get("features").and_then(|features| features.get("remote_compaction_v2"));
        let feature = feature.or_else(|| settings.get("remote_compaction_v2"));
        if feature.and_then(toml_edit::Item::as_bool) == Some(false) {
            retired.push(file.clone());
        }
        let text = |item: Option<&toml_edit::Item>| item?.as_str().map(ToOwned::to_owned);
        let chosen = text(settings.get("model_provider"));
        let providers = settings.get("model_providers").and_then(toml_edit::Item::as_table_like);
        let of_chosen = chosen.and_then(|chosen| {
            let url = text(providers?.get(&chosen)?.get("base_url"))?;
            Some((format!("model_providers.{chosen}.base_url"), url))
        });
        let own =
            text(settings.get("openai_base_url")).map(|url| ("openai_base_url".to_owned(), url));
        for (key, url) in own.into_iter().chain(of_chosen) {
            endpoints.push(Endpoint {
                file: file.clone(),
                kind: EndpointKind::Codex,
                key,
                provider: CODEX.to_owned(),
                base_url: bare(&url),
                ..Endpoint::default()
            });
        }
    }
    (endpoints, retired)
}

/// A URL without what may be secret in it.
fn bare(text: &str) -> Option<String> {
    let mut url = url::Url::parse(text.trim()).ok()?;
    url.set_query(None);
    url.set_fragment(None);
    let _ = url.set_username("");
    let _ = url.set_password(None);
    Some(url.into())
}
