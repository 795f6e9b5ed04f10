//! npm's settings as an install in an enclosure is given them: all that count, in one
//! `npmrc`, but for what says who the user is to a registry.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use url::Url;

use super::ini::IniValue;
use super::layers::Setting;
use super::{NpmConfig, NpmConfigError, Origin, parse_text};

/// What only a login has.
const CREDENTIALS: [&str; 8] =
    ["email", "username", "otp", "cert", "certfile", "key", "keyfile", "token"];

/// What is said on top: where npm finds its files, and its way out.
const SAID_OTHERWISE: [&str; 7] =
    ["userconfig", "globalconfig", "cache", "registry", "proxy", "https-proxy", "noproxy"];

/// Another setting that has a text of this length or longer out of a credential in it is
/// taken for one too. Bytes.
const TELLING: usize = 6;

impl NpmConfig {
    /// An `npmrc` with every setting that counts and no credential in it. Each registry
    /// stands in it as `shown` says; variables named in `ours` do not count.
    pub(crate) fn without_credentials(
        &self,
        ours: &[&str],
        shown: impl Fn(&Url) -> Url,
    ) -> Result<String, NpmConfigError> {
        let mut text = String::new();
        if let Some(registry) = self.registry()? {
            line(&mut text, "registry", &IniValue::Text(shown(&registry).into()));
        }
        let secrets = self.secrets();
        let mut seen = BTreeSet::new();
        let is_ours = |setting: &Setting| match &setting.origin {
            Origin::Variable(_) => ours.contains(&setting.key.replace('-', "_").as_str()),
            Origin::File { .. } => false,
        };
        for setting in self.layers.strongest_first(|_| true).filter(|setting| !is_ours(setting)) {
            if !seen.insert(&setting.key) || !can_be_a_key(&setting.key) {
                continue;
            }
            if setting.key.starts_with('@') && setting.key.ends_with(":registry") {
                if let Some(registry) = self.url(&setting.key)? {
                    line(&mut text, &setting.key, &IniValue::Text(shown(&registry).into()));
                }
            } else if !is_credential(&setting.key)
                && !SAID_OTHERWISE.contains(&setting.key.as_str())
                && !gives_away(&setting.value, &secrets)
            {
                line(&mut text, &setting.key, &setting.value);
            }
        }
        Ok(text)
    }

    /// The texts of every credential, overruled ones included.
    fn secrets(&self) -> Vec<&str> {
        let credentials = self.layers.strongest_first(|key| {
            is_credential(key) && !key.ends_with("username") && !key.ends_with("email")
        });
        credentials.filter_map(Setting::text).filter(|text| text.len() >= TELLING).collect()
    }
}

/// Whether a setting is one of a login: npm's own all begin with `_` or with the host that
/// they are for (`//host/path/:_authToken`), but for a few.
fn is_credential(key: &str) -> bool {
    let last = key.rsplit(':').next().unwrap_or(key);
    key.starts_with("//") || last.starts_with('_') || CREDENTIALS.contains(&last)
}

fn gives_away(value: &IniValue, secrets: &[&str]) -> bool {
    let texts = match value {
        IniValue::Text(text) => std::slice::from_ref(text),
        IniValue::List(items) => items,
        IniValue::Bool(_) | IniValue::Null => &[],
    };
    texts.iter().any(|text| {
        let login = parse_text(text).is_ok_and(|url| url.password().is_some());
        login || secrets.iter().any(|secret| text.contains(secret))
    })
}

/// A file cannot say every key that a variable can.
fn can_be_a_key(key: &str) -> bool {
    !key.is_empty()
        && key.chars().all(|c| c.is_alphanumeric() || "@:._/-".contains(c))
        && !key.contains("__proto__")
}

fn line(text: &mut String, key: &str, value: &IniValue) {
    // Writing to a String cannot fail.
    let _ = match value {
        IniValue::Text(value) => writeln!(text, "{key}={}", quoted(value)),
        IniValue::Bool(yes) => writeln!(text, "{key}={yes}"),
        IniValue::Null => writeln!(text, "{key}=null"),
        IniValue::List(items) => {
            items.iter().try_for_each(|item| writeln!(text, "{key}[]={}", quoted(item)))
        }
    };
}

/// In JSON's quotes, with every `${` kept from being taken for a variable: the variables
/// are put in already.
fn quoted(value: &str) -> String {
    let mut plain = String::with_capacity(value.len());
    let mut rest = value;
    while let Some(at) = rest.find("${") {
        let before = &rest[..at];
        let backslashes = before.len() - before.trim_end_matches('\\').len();
        plain.push_str(before);
        plain.push_str(&"\\".repeat(backslashes + 1));
        plain.push_str("${");
        rest = &rest[at + 2..];
    }
    plain.push_str(rest);
    serde_json::Value::String(plain).to_string()
}
