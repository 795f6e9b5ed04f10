//! Makes a config fit for a scratch home. Pure.

use camino::Utf8Path;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::change::{ChangeKind, ConfigChange, Edit};
use super::scratch::is_path;
use super::{Key, Loaded, MADE_UP, Scratch, agent, credential, provider, section, variable};
use crate::secret::Secret;

/// Settings that are never touched: the stamp says which release wrote the
/// config, and a release may refuse a newer one's.
const UNTOUCHED: [&str; 2] = ["meta.lastTouchedVersion", "meta.lastTouchedAt"];

/// A config that is fit for a scratch home.
#[derive(Debug, Clone, PartialEq)]
pub struct Sanitised {
    /// The config to write there. It holds no credential of the user's.
    pub config: Value,
    /// The agent that the turn goes to, for `openclaw agent --agent`.
    pub agent: String,
    /// The logins that the config counts on, for the scratch home to make up.
    pub logins: Vec<ConfigLogin>,
    /// What is not as in the user's config.
    pub changes: Vec<ConfigChange>,
}

/// A login of `auth.profiles`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigLogin {
    /// Its name, such as `openai-codex:default`.
    pub profile: String,
    /// The provider that it is for.
    pub provider: String,
    /// `oauth`, `token` or `api_key`.
    pub mode: String,
}

/// Takes out what reaches beyond a check, leads paths and providers into the
/// scratch home, and makes credentials up. What is done once is not done again:
/// a sanitised config comes out as it is, with no changes.
pub fn sanitise(config: &Loaded, scratch: &Scratch<'_>) -> Sanitised {
    let mut edit = Edit::new(config.tree.clone());
    agent::keep_one(&mut edit);
    section::leave_out(&mut edit);
    provider::variables_out(&mut edit);
    provider::plugins_off(&mut edit);
    provider::lead_to_loopback(&mut edit, scratch);
    section::put_in(&mut edit, scratch);
    let mut found = Vec::new();
    Walk { scratch, found: &mut found }.visit(edit.tree(), &Key::default(), false);
    for (key, value, what, why) in found {
        edit.put(&key, value, what, why);
    }
    let (config, changes) = edit.finish();
    let agent = agent::of_the_turn(&config).id;
    Sanitised { logins: logins(&config), config, agent, changes }
}

/// A hash of what a check makes of a config: the same for two that differ in nothing but
/// their secrets, and in what a check leaves out.
pub fn fingerprint(config: &Loaded) -> String {
    let home = Utf8Path::new("/home");
    let (workspace, token) = (home.join("workspace"), Secret::new(super::MADE_UP));
    let base_url = "http://127.0.0.1/v1";
    let scratch = Scratch { home, workspace: &workspace, port: 1, token: &token, base_url };
    format!("{:x}", Sha256::digest(sanitise(config, &scratch).config.to_string()))
}

fn logins(config: &Value) -> Vec<ConfigLogin> {
    let login = |key: Key| {
        let profile = key.get(config)?;
        Some(ConfigLogin {
            profile: key.last_name().to_owned(),
            provider: profile["provider"].as_str()?.to_owned(),
            mode: profile["mode"].as_str()?.to_owned(),
        })
    };
    Key::matching("auth.profiles.*", config).into_iter().filter_map(login).collect()
}

type Found = (Key, Value, ChangeKind, &'static str);

/// Looks at every value that is left, for credentials, variables and paths.
struct Walk<'a> {
    scratch: &'a Scratch<'a>,
    found: &'a mut Vec<Found>,
}

impl Walk<'_> {
    fn visit(&mut self, value: &Value, key: &Key, secret: bool) {
        match value {
            Value::Object(_) if credential::is_reference(value) => {
                self.make_up(key, Value::from(MADE_UP), "it refers to a credential");
            }
            Value::Object(object) => {
                for (name, value) in object {
                    let secret = secret || credential::is_named(key, name);
                    self.visit(value, &key.name(name), secret);
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.visit(item, &key.index(index), secret);
                }
            }
            _ if UNTOUCHED.iter().any(|untouched| key.is(untouched)) => {}
            _ if *value == *self.scratch.token.reveal() || *value == *self.scratch.base_url => {}
            _ if secret => self.make_up(key, credential::made_up(value), "it may be a credential"),
            Value::String(text) => self.text(key, text),
            _ => {}
        }
    }

    fn text(&mut self, key: &Key, text: &str) {
        if variable::refers(text) {
            let why = "its environment variable may be a secret";
            self.make_up(key, Value::from(MADE_UP), why);
        } else if is_path(key.last_name(), text) {
            if let Some(path) = self.scratch.instead_of(text) {
                let path = Value::from(path.into_string());
                self.found.push((
                    key.clone(),
                    path,
                    ChangeKind::Moved,
                    "paths lead into the scratch home",
                ));
            }
        } else if let Some(url) =
            credential::bare_url(text).filter(|url| !credential::is_shaped(url))
        {
            self.make_up(key, Value::from(url), "the address may have a credential in it");
        } else if text != MADE_UP
            && (credential::is_shaped(text) || credential::bare_url(text).is_some())
        {
            self.make_up(key, Value::from(MADE_UP), "it may be a credential");
        }
    }

    fn make_up(&mut self, key: &Key, value: Value, why: &'static str) {
        self.found.push((key.clone(), value, ChangeKind::MadeUp, why));
    }
}
