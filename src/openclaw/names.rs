//! What a release calls things, and what it reads, by the table of [`Change`]s.

use super::edge::Change;
use crate::release::Version;

/// OpenAI's provider; from 2026.6.1 on that of a `ChatGPT` login as well.
pub const OPENAI: &str = "openai";
/// The provider of a `ChatGPT` login before that.
pub const OPENAI_CODEX: &str = "openai-codex";
/// Both providers of OpenAI's models.
pub const OPENAI_PROVIDERS: [&str; 2] = [OPENAI, OPENAI_CODEX];
/// Variables whose key a release uses for OpenAI by itself; the second in the Codex
/// app-server alone (docs/plugins/codex-harness.md of 5.5).
pub const OPENAI_KEYS: [&str; 2] = ["OPENAI_API_KEY", "CODEX_API_KEY"];
/// The Codex harness, and the plugin that brings it.
pub const CODEX: &str = "codex";
/// The two names that the API of a `ChatGPT` login has had, the older one first.
pub const CHATGPT_APIS: [&str; 2] = ["openai-codex-responses", "openai-chatgpt-responses"];
/// The two names that the embedded harness has had, the older one first.
/// 2026.5.27 and later take either in a config.
pub const EMBEDDED_HARNESSES: [&str; 2] = ["pi", "openclaw"];
/// What a Gateway prints when it listens (seen from 2026.5.18 to 9.6).
pub const GATEWAY_LISTENS: &str = "http server listening";
/// What it prints when it takes turns; newer releases say it once before they listen, too.
pub const GATEWAY_READY: &str = "[gateway] ready";
/// From this state schema on, `state/openclaw.sqlite` holds the logins of all agents
/// (2026.8.1 and 9.1 have 15, 9.5 has 17, 9.6 has 18). The betas before have 4 to
/// 12, and databases that only they can make.
pub const STATE_SCHEMA_WITH_LOGINS: i64 = 15;

/// How a login is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LoginFormat {
    /// In plain text in a JSON file.
    Inline,
    /// Encrypted, with the key outside of the state directory.
    Sealed,
    /// In a database.
    Sqlite,
}

/// The provider of a `ChatGPT` login.
pub fn chatgpt_provider(release: Version) -> &'static str {
    if Change::ProviderRenamed.is_in(release) { OPENAI } else { OPENAI_CODEX }
}

/// The API of a `ChatGPT` login. No release takes the other name.
pub fn chatgpt_api(release: Version) -> &'static str {
    CHATGPT_APIS[usize::from(Change::ChatGptApiRenamed.is_in(release))]
}

/// The harness that needs no plugin.
pub fn embedded_harness(release: Version) -> &'static str {
    EMBEDDED_HARNESSES[usize::from(Change::EmbeddedHarnessRenamed.is_in(release))]
}

/// Whether two harnesses are the same under its older and its newer name.
pub fn is_same_harness(one: &str, other: &str) -> bool {
    let embedded = |name: &str| EMBEDDED_HARNESSES.contains(&name);
    one == other || embedded(one) && embedded(other)
}

/// Whether a release reads logins that are stored like this.
pub fn reads(release: Version, format: LoginFormat) -> bool {
    let in_database = Change::LoginsInDatabase.is_in(release);
    match format {
        LoginFormat::Inline => !in_database,
        LoginFormat::Sealed => !in_database && Change::SealedLogins.is_in(release),
        LoginFormat::Sqlite => in_database,
    }
}

/// Those of a release whose package.json does not say: state, agent.
pub fn schemas(release: Version) -> Option<(i64, i64)> {
    let known = Change::StateDatabases.is_in(release) && !Change::SchemasInPackage.is_in(release);
    known.then_some((1, 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_change_between_may_and_june() {
        for (release, provider, api, harness) in [
            ("2026.5.27", "openai-codex", "openai-codex-responses", "pi"),
            ("2026.5.28", "openai-codex", "openai-codex-responses", "openclaw"),
            ("2026.5.30-beta.1", "openai", "openai-chatgpt-responses", "openclaw"),
            ("2026.6.1-beta.2", "openai", "openai-chatgpt-responses", "openclaw"),
            ("2026.6.1", "openai", "openai-chatgpt-responses", "openclaw"),
            ("2026.9.5", "openai", "openai-chatgpt-responses", "openclaw"),
        ] {
            let version = release.parse().unwrap();
            let found =
                (chatgpt_provider(version), chatgpt_api(version), embedded_harness(version));
            assert_eq!(found, (provider, api, harness), "{release}");
        }
    }

    #[test]
    fn a_release_reads_one_kind_of_store() {
        use LoginFormat::{Inline, Sealed, Sqlite};
        for (release, expected) in [
            ("2026.5.7", vec![Inline]),
            ("2026.5.12", vec![Inline, Sealed]),
            ("2026.6.1", vec![Inline, Sealed]),
            ("2026.6.5", vec![Sqlite]),
            ("2026.9.5", vec![Sqlite]),
        ] {
            let version = release.parse().unwrap();
            let read: Vec<_> =
                [Inline, Sealed, Sqlite].into_iter().filter(|f| reads(version, *f)).collect();
            assert_eq!(read, expected, "{release}");
        }
    }

    #[test]
    fn schemas_are_known_where_the_package_does_not_say() {
        for (release, expected) in [
            ("2026.5.28", None),
            ("2026.6.1", Some((1, 1))),
            ("2026.7.1", Some((1, 1))),
            ("2026.7.35", Some((1, 1))),
            ("2026.7.2-beta.3", None),
            ("2026.8.1", None),
        ] {
            assert_eq!(schemas(release.parse().unwrap()), expected, "{release}");
        }
    }

    #[test]
    fn the_embedded_harness_is_the_same_under_both_names() {
        assert!(is_same_harness("pi", "openclaw") && is_same_harness("codex", "codex"));
        assert!(!is_same_harness("pi", "codex"));
    }
}
