//! What a config needs from outside of it: variables that its texts name, and secrets that
//! are kept elsewhere (docs/gateway/config-secrets-env.md,
//! docs/gateway/secrets/secretref-contract.md).

use serde_json::Value;

use super::{Key, Loaded, credential, variable};

/// A setting that is nothing without something outside of the config.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// The setting.
    pub key: Key,
    /// What it needs.
    pub what: Needed,
}

/// What a setting needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Needed {
    /// A variable, named within a text.
    Variable(String),
    /// A secret that is looked up: `{source, provider, id}`.
    Secret {
        /// `env`, `file`, `exec` or `store`.
        source: String,
        /// The provider in `secrets.providers`.
        provider: String,
        /// Its name there: with `env` a variable.
        id: String,
    },
}

impl Loaded {
    /// What the settings need, as they are written. What is turned off (`enabled: false`)
    /// needs nothing.
    pub fn needs(&self) -> Vec<Need> {
        let mut needs = Vec::new();
        gather(&self.tree, &Key::default(), &mut needs);
        needs
    }
}

/// The variable or file or program that a reference to a secret leads to.
pub fn needed(reference: &Value) -> Option<Needed> {
    if !credential::is_reference(reference) {
        return None;
    }
    let text = |name: &str| reference[name].as_str().map(ToOwned::to_owned);
    let provider = text("provider").unwrap_or_else(|| "default".to_owned());
    Some(Needed::Secret { source: text("source")?, provider, id: text("id")? })
}

fn gather(value: &Value, key: &Key, needs: &mut Vec<Need>) {
    match value {
        Value::String(text) => {
            let names = variable::names(text).into_iter().map(Needed::Variable);
            let short = shorthand(text, key).map(|id| Needed::Secret {
                source: "env".to_owned(),
                provider: "default".to_owned(),
                id,
            });
            let found = names.chain(short);
            needs.extend(found.map(|what| Need { key: key.clone(), what }));
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                gather(item, &key.index(index), needs);
            }
        }
        Value::Object(fields) => {
            if let Some(what) = needed(value) {
                needs.push(Need { key: key.clone(), what });
            } else if fields.get("enabled") != Some(&Value::Bool(false)) {
                for (name, inner) in fields {
                    gather(inner, &key.name(name), needs);
                }
            }
        }
        _ => {}
    }
}

/// `$NAME` in the place of a credential is short for a reference.
fn shorthand(text: &str, key: &Key) -> Option<String> {
    let name = text.strip_prefix('$')?;
    let variable = name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
    let credential = credential::is_named(&Key::default(), key.last_name());
    (variable && credential).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn variables_and_references_are_found_where_something_is_on() {
        let tree = json!({
            "gateway": { "auth": { "token": "${GATEWAY}" }, "note": "$${NOT} ${A}-${B}" },
            "channels": {
                "discord": { "token": { "source": "env", "provider": "default", "id": "DISCORD" } },
                "slack": { "enabled": false, "botToken": "${SLACK}" },
            },
            "models": { "providers": { "x": { "apiKey": "$SHORT", "baseUrl": "$NOPE" } } },
            "list": [{ "key": { "source": "file", "provider": "vault", "id": "/x" } }],
        });
        let loaded = Loaded { file: "openclaw.json".into(), tree };
        let shown: Vec<_> = loaded
            .needs()
            .into_iter()
            .map(|need| match need.what {
                Needed::Variable(name) => format!("{} {name}", need.key),
                Needed::Secret { source, id, .. } => format!("{} {source}:{id}", need.key),
            })
            .collect();
        assert_eq!(
            shown,
            [
                "gateway.auth.token GATEWAY",
                "gateway.note A",
                "gateway.note B",
                "channels.discord.token env:DISCORD",
                "models.providers.x.apiKey env:SHORT",
                "list[0].key file:/x",
            ]
        );
    }
}
