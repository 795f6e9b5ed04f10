//! What in a config is a credential, and what stands in its place.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Value, json};

use super::Key;

/// Stands in the place of every credential. It has the shape of an API key, as
/// some releases look at it.
pub const MADE_UP: &str = "sk-made-up-by-codexpin";

/// Objects of which every value may be a credential.
const HOLDERS: [&str; 6] = ["headers", "env", "credentials", "secrets", "cookies", "tokens"];
/// Objects whose names are the user's own, so that they say nothing.
const FREE_NAMES: [&str; 10] = [
    "auth.profiles",
    "auth.order",
    "models.providers",
    "agents.defaults.models",
    "agents.list.*.models",
    "agents.entries",
    "agents.entries.*.models",
    "plugins.entries",
    "skills.entries",
    "session.identityLinks",
];
/// Where a credential's name does not say so.
const UNNAMED: [&str; 1] = ["models.providers.*.request.auth.value"];

/// Keys and tokens in the shapes that services give them.
#[expect(clippy::unwrap_used, reason = "a constant")]
static SHAPES: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(concat!(
        r"\b(sk|pk|rk|gsk|hf|npm|glpat|ghp|gho|ghu|ghs|ghr|github_pat|xox[a-z]|xapp|AKIA|AIza|whsec)",
        r"[-_]?[A-Za-z0-9][A-Za-z0-9_-]{7,}",
        r"|\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+",
        r"|\b[0-9]{6,}:[A-Za-z0-9_-]{30,}",
        r"|(?i:\b(bearer|basic)\s+[a-z0-9+/=._-]{8,})",
        r"|-----BEGIN ",
    ))
    .unwrap()
});

/// Whether what stands in `key` is a credential by its name, and all within it
/// (`SENSITIVE_PATTERNS` in 2026.7.1, and a few more).
pub(super) fn is_named(parent: &Key, name: &str) -> bool {
    if FREE_NAMES.iter().any(|pattern| parent.is(pattern)) {
        return false;
    }
    let name: String = name.to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect();
    let parts = [
        "password",
        "passwd",
        "passphrase",
        "secret",
        "apikey",
        "encryptkey",
        "privatekey",
        "clientkey",
        "credential",
        "cookie",
        "bearer",
        "webhook",
        "serviceaccount",
    ];
    HOLDERS.contains(&name.as_str())
        || parts.iter().any(|part| name.contains(part))
        || ["token", "authorization"].iter().any(|end| name.ends_with(end))
        || name == "key"
        || UNNAMED.iter().any(|pattern| parent.name(&name).is(pattern))
}

/// Whether a text looks like a key or a token, or has one in it.
pub(super) fn is_shaped(text: &str) -> bool {
    SHAPES.is_match(text) || is_random(text)
}

/// A long word of letters and digits with no order in it.
fn is_random(text: &str) -> bool {
    let has = |what: fn(&char) -> bool| text.chars().any(|c| what(&c));
    let of = |what: fn(char) -> bool| text.chars().all(what);
    let hex = of(|c| c.is_ascii_hexdigit());
    let mixed = of(|c| c.is_ascii_alphanumeric() || "+/=_".contains(c))
        && has(char::is_ascii_uppercase)
        && has(char::is_ascii_lowercase);
    text.len() >= 32 && has(char::is_ascii_digit) && (hex || mixed) && !text.starts_with('/')
}

/// A reference to a secret that is kept elsewhere: `{source, provider, id}`
/// (docs/gateway/configuration-reference.md, "Secrets").
pub(super) fn is_reference(value: &Value) -> bool {
    value.as_object().is_some_and(|object| {
        object.contains_key("source")
            && object.contains_key("id")
            && object.keys().all(|name| ["source", "provider", "id"].contains(&name.as_str()))
    })
}

/// A URL without the user, the password and the query that it may carry; none
/// where it has none, or the text is no URL.
pub(super) fn bare_url(text: &str) -> Option<String> {
    let mut url = url::Url::parse(text).ok().filter(url::Url::has_host)?;
    if url.username().is_empty() && url.password().is_none() && url.query().is_none() {
        return None;
    }
    url.set_query(None);
    let _ = url.set_username("");
    let _ = url.set_password(None);
    Some(url.into())
}

/// What stands in a credential's place: of the same kind, so that a release
/// accepts it where it accepted the credential.
pub(super) fn made_up(value: &Value) -> Value {
    match value {
        Value::String(_) => json!(MADE_UP),
        Value::Number(_) => json!(1),
        plain => plain.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_known_by_name() {
        let top = Key::of("top");
        for name in [
            "token",
            "botToken",
            "apiKey",
            "api_key",
            "clientSecret",
            "webhookUrl",
            "headers",
            "key",
        ] {
            assert!(is_named(&top, name), "{name}");
        }
        for name in ["maxTokens", "keepRecentTokens", "mainKey", "authHeader", "tokenizer", "mode"]
        {
            assert!(!is_named(&top, name), "{name}");
        }
        assert!(!is_named(&Key::of("auth.profiles"), "openai:token"));
        assert!(is_named(&Key::of("models.providers.x.request.auth"), "value"));
    }

    #[test]
    fn credentials_are_known_by_shape() {
        for text in [
            "sk-abcdefgh12345678",
            "see ghp_0123456789abcdefghij",
            "xoxb-1234-5678-abcdef",
            "123456789:AAabcdefghijklmnopqrstuvwxyz01234567",
            "Bearer abcdefghijkl",
            "0123456789abcdef0123456789abcdef",
            "eyJhbGciOiJub25lIn0.eyJhIjoxfQ.x",
        ] {
            assert!(is_shaped(text), "{text}");
        }
        for text in [
            "openai-codex/gpt-5.5",
            "anthropic/claude-sonnet-4-5-20250929",
            "https://chatgpt.com/backend-api/codex",
            "You are a helpful assistant that answers in one word.",
            "2026.7.1",
        ] {
            assert!(!is_shaped(text), "{text}");
        }
    }

    #[test]
    fn a_url_loses_what_may_be_secret_in_it() {
        for (url, expected) in [
            ("https://me:pw@example.invalid/a?key=1", Some("https://example.invalid/a")),
            ("https://example.invalid/a", None),
            ("plain text", None),
        ] {
            assert_eq!(bare_url(url).as_deref(), expected);
        }
    }
}
