//! The agents' `models.json`: the addresses in it, and nothing else of it, as it
//! can hold keys.

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::Value;

use crate::doctor::facts::Endpoint;
use crate::openclaw::names::OPENAI_PROVIDERS;

/// The addresses of OpenAI's providers in every agent's catalogue, and the
/// catalogues that do not parse.
pub(super) fn of_agents(state: &Utf8Path) -> (Vec<Endpoint>, Vec<Utf8PathBuf>) {
    let agents = state.join("agents").read_dir_utf8().into_iter().flatten().flatten();
    let mut files: Vec<_> = agents
        .map(|agent| agent.path().join("agent/models.json"))
        .filter(|file| file.is_file())
        .collect();
    files.sort();
    let (mut endpoints, mut broken) = (Vec::new(), Vec::new());
    for file in files {
        let text = fs_err::read(&file).unwrap_or_default();
        let Ok(catalogue) = serde_json::from_slice::<Value>(&text) else {
            broken.push(file);
            continue;
        };
        let providers = catalogue["providers"].as_object().into_iter().flatten();
        endpoints.extend(providers.filter_map(|(name, provider)| {
            endpoint(name, provider).map(|endpoint| Endpoint {
                file: file.clone(),
                key: format!("providers.{name}"),
                ..endpoint
            })
        }));
    }
    (endpoints, broken)
}

/// What a provider's entry says of where it is asked; none for those that are not
/// OpenAI's.
pub(super) fn endpoint(name: &str, provider: &Value) -> Option<Endpoint> {
    if !OPENAI_PROVIDERS.contains(&name) {
        return None;
    }
    let own = provider["api"].as_str().into_iter();
    let models = provider["models"].as_array().into_iter().flatten();
    let of_models = models.filter_map(|model| model["api"].as_str());
    let mut apis: Vec<_> = own.chain(of_models).map(ToOwned::to_owned).collect();
    apis.dedup();
    Some(Endpoint {
        provider: name.to_owned(),
        base_url: provider["baseUrl"].as_str().and_then(bare),
        apis,
        ..Endpoint::default()
    })
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
