//! What config and logins need from outside, held against what the Gateway has.

use camino::{Utf8Path, Utf8PathBuf};

use crate::config::{self, Loaded, Needed};
use crate::doctor::facts::{Missing, MissingKind};
use crate::env::Environment;
use crate::login::{self, Place};
use crate::process;

/// Who has what.
pub(super) struct Havings<'a> {
    /// The Gateway's environment, its `.env` included.
    pub(super) gateway: &'a Environment,
    /// This shell's.
    pub(super) shell: &'a Environment,
}

/// What the config, where it could be read, and the stores of logins need and is not there.
pub(super) fn missing(
    loaded: Option<&Loaded>,
    place: &Place,
    havings: &Havings<'_>,
) -> Vec<Missing> {
    let mut found: Vec<Missing> = Vec::new();
    let of_config = loaded.iter().flat_map(|loaded| {
        let file = loaded.file().to_owned();
        loaded.needs().into_iter().map(move |need| (file.clone(), need.key.to_string(), need.what))
    });
    let of_logins = login::references(place)
        .into_iter()
        .filter_map(|login| Some((login.file, login.label, config::needed(&login.reference)?)));
    for (file, key, what) in of_config.chain(of_logins) {
        let is_secret = matches!(what, Needed::Secret { .. });
        let Some((kind, name)) = lacks(&what, loaded, havings) else { continue };
        let known = found.iter_mut().find(|missing| missing.kind == kind && missing.name == name);
        match known {
            Some(missing) => {
                missing.is_secret |= is_secret;
                missing.places.push((file, key));
            }
            None => found.push(Missing {
                in_shell: kind == MissingKind::Variable && havings.shell.get(&name).is_some(),
                name,
                kind,
                is_secret,
                places: vec![(file, key)],
            }),
        }
    }
    found
}

/// What of a need is not there.
fn lacks(
    what: &Needed,
    loaded: Option<&Loaded>,
    havings: &Havings<'_>,
) -> Option<(MissingKind, String)> {
    let setting = |dotted: String| loaded?.setting(&dotted);
    let variable = |name: &str| {
        let own = [format!("env.vars.{name}"), format!("env.{name}")];
        let of_config = own.into_iter().filter_map(setting).any(|value| value.as_str() != Some(""));
        (havings.gateway.get(name).is_none() && !of_config)
            .then(|| (MissingKind::Variable, name.to_owned()))
    };
    let (source, provider, id) = match what {
        Needed::Variable(name) => return variable(name),
        Needed::Secret { source, provider, id } => (source.as_str(), provider, id),
    };
    match source {
        "env" => variable(id),
        "file" | "exec" => {
            let Some(definition) = setting(format!("secrets.providers.{provider}")) else {
                return Some((MissingKind::Provider, provider.clone()));
            };
            let (field, kind) = match source {
                "file" => ("path", MissingKind::File),
                _ => ("command", MissingKind::Program),
            };
            let path = definition[field].as_str()?;
            let there = match path.strip_prefix("~/") {
                Some(rest) => home(havings.gateway).is_none_or(|home| home.join(rest).exists()),
                None if path.contains('/') => Utf8Path::new(path).exists(),
                None => process::find(Utf8Path::new(path), havings.gateway).is_some(),
            };
            (!there).then(|| (kind, path.to_owned()))
        }
        // OpenClaw's own store is not opened.
        _ => None,
    }
}

fn home(environment: &Environment) -> Option<Utf8PathBuf> {
    environment.get("HOME").map(Utf8PathBuf::from)
}
