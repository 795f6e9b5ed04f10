//! An API key beside a subscription: whether a turn can be billed to the key.
//!
//! Where a turn is led by a `ChatGPT` login, a key that the release can use as well takes
//! its place without a word (#78407, #78519, #106375).

use std::collections::BTreeSet;

use super::finding::{Finding, Level};
use super::login_order::{HeldOrder, held, logins_of};
use super::{Account, ApiKey, Facts, KeyPlace};
use crate::openclaw::Change;
use crate::openclaw::names::{OPENAI, OPENAI_CODEX, OPENAI_KEYS};
use crate::process::quoted;

/// How a key can come to be used.
struct Exposure<'a> {
    key: &'a ApiKey,
    level: Level,
}

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let exposures = exposures(facts);
    let Some(worst) = exposures.iter().map(|exposure| exposure.level).max() else {
        return Vec::new();
    };
    let told: Vec<_> = exposures.iter().filter(|exposure| exposure.level == worst).collect();
    let names: BTreeSet<_> = told.iter().map(|exposure| exposure.key.label.as_str()).collect();
    let names = names.into_iter().collect::<Vec<_>>().join(", ");
    let first = told[0].key;
    let title = match worst {
        Level::Note => format!("{names} is billed where the ChatGPT login cannot be used"),
        _ => format!("a turn can be billed to an API key: {names}"),
    };
    let mut finding = Finding::new("api-key-billing", worst, title)
        .key(&first.label)
        .why(why(facts, worst, first));
    if let Some(file) = &first.file {
        finding = finding.file(file);
    }
    if worst == Level::Note {
        return vec![finding];
    }
    let mut commands: Vec<String> = Vec::new();
    for command in told.iter().flat_map(|exposure| prevention(facts, exposure.key)) {
        if !commands.contains(&command) {
            commands.push(command);
        }
    }
    vec![finding.mends(commands).mend(facts.command("gateway restart"))]
}

pub(super) fn sound(facts: &Facts) -> Option<String> {
    if !asks_openai(facts) || !has_subscription(facts) || !exposures(facts).is_empty() {
        return None;
    }
    let labels: BTreeSet<_> = facts.api_keys.iter().map(|key| key.label.as_str()).collect();
    Some(match labels.into_iter().collect::<Vec<_>>().join(", ") {
        labels if labels.is_empty() => "a ChatGPT login, and no API key beside it".to_owned(),
        labels => format!("a turn is led by the ChatGPT login, and not by {labels}"),
    })
}

fn asks_openai(facts: &Facts) -> bool {
    facts.route().is_some_and(|route| [OPENAI, OPENAI_CODEX].contains(&route.provider.as_str()))
}

fn has_subscription(facts: &Facts) -> bool {
    let unread = facts.release().is_some_and(|r| Change::CodexHomeLoginUnread.is_in(r));
    let of_user = facts.settings().is_some_and(|settings| settings.codex_of_user);
    facts.read_logins().next().is_some()
        || (!unread || of_user) && facts.codex_home_logins().next().is_some()
}

fn exposures(facts: &Facts) -> Vec<Exposure<'_>> {
    if !asks_openai(facts) || !has_subscription(facts) {
        return Vec::new();
    }
    let exposure = |key| exposed(facts, key).map(|level| Exposure { key, level });
    facts.api_keys.iter().filter_map(exposure).collect()
}

/// How much a key matters; none where no turn gets to it.
fn exposed(facts: &Facts, key: &ApiKey) -> Option<Level> {
    let route = facts.route()?;
    let agent = facts.settings()?.agent.as_str();
    let of_agent = key.agent.as_deref().is_none_or(|of| [agent, "main"].contains(&of));
    if !of_agent || (key.name == OPENAI_KEYS[1] && !named_codex(facts)) {
        return None;
    }
    if route.provider == OPENAI_CODEX {
        // A provider of its own up to 5.28: the keys of `openai` are not its.
        let of_route = key.provider == OPENAI_CODEX;
        return of_route.then(|| by_order(facts, agent, key)).flatten();
    }
    match key.place {
        KeyPlace::Profile => by_order(facts, agent, key),
        KeyPlace::Service | KeyPlace::Shell | KeyPlace::DotEnv | KeyPlace::Config => {
            let kept = facts.settings()?.codex_without.contains(&variable(key).to_owned());
            (!kept || !named_codex(facts)).then_some(Level::Warning)
        }
        // A login in the same home goes before it; a login of the store, too.
        KeyPlace::CodexHome => None,
    }
}

/// A profile is out of reach where the order leaves it out, and a backup that somebody
/// chose where it stands behind a login.
fn by_order(facts: &Facts, agent: &str, key: &ApiKey) -> Option<Level> {
    let logins = logins_of(facts, agent);
    let is_login = |name: &String| logins.iter().any(|login| login.profile == *name);
    let leads = |order: &HeldOrder<'_>| order.profiles.iter().any(is_login);
    // Up to 5.28 the Codex harness has an order of its own.
    let of_codex =
        key.provider == OPENAI && named_codex(facts) && facts.login_provider() == OPENAI_CODEX;
    if of_codex && held(facts, agent, OPENAI_CODEX).is_some_and(|order| leads(&order)) {
        return None;
    }
    let Some(order) = held(facts, agent, &key.provider) else { return Some(Level::Warning) };
    let at = order.profiles.iter().position(|name| *name == key.name)?;
    let login_first = order.profiles[..at].iter().any(is_login);
    Some(if login_first { Level::Note } else { Level::Warning })
}

fn named_codex(facts: &Facts) -> bool {
    facts.route().is_some_and(crate::route::Route::wants_codex) || facts.runs_codex()
}

/// Up to 5.28 a turn of `openai/...` in the embedded harness never uses the login.
fn always_metered(facts: &Facts) -> bool {
    let route_of_key = facts.route().is_some_and(|route| route.provider == OPENAI);
    route_of_key && facts.login_provider() == OPENAI_CODEX && !named_codex(facts)
}

fn why(facts: &Facts, level: Level, key: &ApiKey) -> String {
    let route = facts.route().map(ToString::to_string).unwrap_or_default();
    let place = match key.place {
        KeyPlace::Profile => "it is a profile beside the ChatGPT login",
        KeyPlace::Service => "the service has it in its environment",
        KeyPlace::Shell => "this shell has it in its environment, and a Gateway started from here",
        KeyPlace::DotEnv => "the Gateway reads it from .env",
        KeyPlace::Config => "the config has it",
        KeyPlace::CodexHome => "it lies in Codex's home",
    };
    if level == Level::Note {
        return format!(
            "{place}, and auth.order names it behind the login: once the subscription is used up \
             or the login fails, turns of {route} go on and are metered"
        );
    }
    if always_metered(facts) {
        return format!(
            "{place}, and {route} asks OpenAI's public API: every turn is metered, and the \
             subscription is not used"
        );
    }
    format!(
        "{place}, and {route} can take either: an upgrade or a login that fails moves turns from \
         the subscription to the key, and nothing says so but the bill. The lines below lead \
         turns by the login alone; what else uses the key needs it in its own settings"
    )
}

/// The lines that keep a turn from the key.
fn prevention(facts: &Facts, key: &ApiKey) -> Vec<String> {
    if always_metered(facts) {
        let settings = facts.settings();
        let place = settings.and_then(|settings| settings.route_key.as_deref());
        let place = place.unwrap_or("agents.defaults.model.primary");
        let model = facts.route().map(|route| route.model.as_str()).unwrap_or_default();
        let words = format!("config set {} {OPENAI_CODEX}/{model}", quoted(place));
        return vec![facts.command(&words)];
    }
    let name = variable(key);
    let kept = |name: &str| format!("plugins.entries.codex.config.appServer.clearEnv '{name}'");
    let clear = || {
        let mut names: BTreeSet<&str> = OPENAI_KEYS.into_iter().collect();
        let had = facts.settings().map(|settings| settings.codex_without.as_slice());
        names.extend(had.unwrap_or_default().iter().map(String::as_str));
        let list = serde_json::to_string(&names).unwrap_or_default();
        vec![facts.command(&format!("config set {} --strict-json", kept(&list)))]
    };
    match key.place {
        KeyPlace::Profile | KeyPlace::CodexHome => ordered(facts),
        KeyPlace::Config if key.label.ends_with(".apiKey") => {
            vec![facts.command(&format!("config unset {}", key.label))]
        }
        _ if named_codex(facts) => clear(),
        KeyPlace::Config => vec![facts.command(&format!("config unset {}", key.label))],
        KeyPlace::Shell => vec![format!("unset {name}")],
        KeyPlace::DotEnv => {
            let file = key.file.as_ref().map(|file| quoted(file.as_str())).unwrap_or_default();
            vec![format!("sed -i.bak -E '/^(export )?{name}[=]/d' {file}")]
        }
        KeyPlace::Service => {
            let unit = key.file.as_ref().map(ToString::to_string).unwrap_or_default();
            let directory = quoted(&format!("{unit}.d"));
            let file = quoted(&format!("{unit}.d/no-api-key.conf"));
            vec![
                format!("mkdir -p {directory}"),
                format!("printf '[Service]\\nUnsetEnvironment={name}\\n' > {file}"),
                "systemctl --user daemon-reload".to_owned(),
            ]
        }
    }
}

/// The order with the login alone; a name that is left out of labels is left out here.
fn ordered(facts: &Facts) -> Vec<String> {
    let agent = facts.settings().map(|settings| settings.agent.as_str()).unwrap_or_default();
    let logins = logins_of(facts, agent);
    let best = logins.iter().max_by_key(|login| (login.expires, login.label == login.profile));
    let login = best.map(|login: &&Account| login.label.as_str());
    let known = logins.iter().any(|account| Some(account.profile.as_str()) == login);
    let name = login.filter(|_| known).unwrap_or("PROFILE");
    let providers: Vec<&str> = match facts.login_provider() {
        OPENAI_CODEX if facts.route().is_some_and(|route| route.provider == OPENAI) => {
            vec![OPENAI_CODEX, OPENAI]
        }
        provider => vec![provider],
    };
    let list = (name == "PROFILE").then(|| facts.command("models auth list"));
    let set = providers.into_iter().map(|provider| {
        let own = held(facts, agent, provider).and_then(|order| order.agent);
        facts.command(&match own {
            Some(of) => {
                format!("models auth order set --provider {provider} --agent {of} {name}")
            }
            None => format!("config set auth.order.{provider} '[\"{name}\"]' --strict-json"),
        })
    });
    list.into_iter().chain(set).collect()
}

/// The variable that a key stands in.
fn variable(key: &ApiKey) -> &str {
    key.label.rsplit('.').next().unwrap_or(&key.label)
}
