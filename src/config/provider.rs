//! Model providers, plugins and logins: what a turn is sent through.

use serde_json::{Value, json};

use super::change::Edit;
use super::{ChangeKind, Key, MADE_UP, Scratch};
use crate::openclaw::names::{CODEX, OPENAI, OPENAI_CODEX, OPENAI_KEYS, OPENAI_PROVIDERS};

/// The services themselves.
const HOSTS: [&str; 2] = ["openai.com", "chatgpt.com"];
/// Plugins that a turn needs.
const PLUGINS: [&str; 3] = [CODEX, OPENAI, OPENAI_CODEX];

/// Leads every provider of the config's own to the loopback. Address and API of OpenAI's
/// stay: a wrong one is what a check is to find, and the loopback answers in the
/// services' place.
pub(super) fn lead_to_loopback(edit: &mut Edit, scratch: &Scratch<'_>) {
    let base_url = || json!(scratch.base_url);
    for pattern in ["models.providers.*.baseUrl", "models.providers.*.models.*.baseUrl"] {
        for key in Key::matching(pattern, edit.tree()) {
            let service =
                OPENAI_PROVIDERS.iter().any(|name| key.is(&pattern.replacen('*', name, 1)));
            let url = key.get(edit.tree()).and_then(Value::as_str);
            if !service {
                edit.set(&key, base_url(), "the loopback serves providers of the config's own");
            } else if url.is_some_and(|url| !is_service(url)) {
                edit.set(
                    &key,
                    base_url(),
                    "the address is not OpenAI's, and a check asks nobody else",
                );
            }
        }
    }
}

/// Whether an address is one that the loopback answers for; what is no address
/// at all stays for the release to refuse.
fn is_service(url: &str) -> bool {
    let Ok(url) = url::Url::parse(url) else { return !url.contains("//") };
    let host = url.host_str().unwrap_or_default();
    HOSTS
        .iter()
        .any(|end| host == *end || host.strip_suffix(end).is_some_and(|rest| rest.ends_with('.')))
}

/// Turns every plugin off that the turn does not need, and leaves no other
/// plugin its settings. `plugins.allow` and
/// `plugins.deny` stay: whether Codex may load is the user's setting.
pub(super) fn plugins_off(edit: &mut Edit) {
    let why = "plugins other than Codex are off, or have no settings";
    for key in Key::matching("plugins.entries.*", edit.tree()) {
        let name = key.last_name();
        if PLUGINS.contains(&name) {
            continue;
        }
        // A plugin with a provider's name brings that provider.
        let provider = edit.tree()["models"]["providers"].get(name).is_some();
        let enabled = key.name("enabled").get(edit.tree()).and_then(Value::as_bool);
        let enabled = provider && enabled.unwrap_or(true);
        edit.set(&key, json!({ "enabled": enabled }), why);
    }
}

/// Takes the variables out, but for the keys that releases look for by themselves:
/// whether they are set decides the route.
pub(super) fn variables_out(edit: &mut Edit) {
    let why = "variables may be secrets, and the turn does not need them";
    for pattern in ["env.vars.*", "env.*"] {
        for key in Key::matching(pattern, edit.tree()) {
            if key.is("env.vars") {
                continue;
            }
            let text = key.get(edit.tree()).is_some_and(Value::is_string);
            if text && OPENAI_KEYS.contains(&key.last_name()) {
                edit.put(&key, json!(MADE_UP), ChangeKind::MadeUp, "it may be a credential");
            } else {
                edit.remove(&key, why);
            }
        }
    }
    // A value that is no object is nobody's variable, but it may be a secret.
    for key in ["env", "env.vars"].map(Key::of) {
        if key.get(edit.tree()).is_some_and(|value| !value.is_object()) {
            edit.remove(&key, why);
        }
    }
}
