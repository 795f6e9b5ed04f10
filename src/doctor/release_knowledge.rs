//! What differs from release to release, as far as findings depend on it.

use crate::login::Format;
use crate::release::Version;

/// The first release of a month and patch, its betas included.
fn since(release: Version, first: &str) -> bool {
    first.parse::<Version>().is_ok_and(|first| release.base() >= first)
}

/// Whether `openai-codex` is a provider: up to 2026.5.28. From 2026.6.1 on a turn
/// through it ends with `Unknown model`, and `openclaw doctor --fix` moves it to
/// `openai` (both were run).
pub(super) fn knows_openai_codex(release: Version) -> bool {
    !since(release, "2026.6.1")
}

/// What the API of a `ChatGPT` login is called. 2026.5.12 to 5.28 ship the first
/// name only; in 2026.6.1 to 9.5 it is "a removed api id" with the second in its
/// place.
pub(super) fn chatgpt_api(release: Version) -> &'static str {
    if knows_openai_codex(release) { "openai-codex-responses" } else { "openai-chatgpt-responses" }
}

/// Whether the release itself leads `/backend-api` and `/backend-api/v1` to
/// `/backend-api/codex` (`isOpenAICodexBaseUrl`; first seen in 2026.5.12).
pub(super) fn mends_codex_url(release: Version) -> bool {
    since(release, "2026.5.12")
}

/// Whether a release reads logins that are stored like this: see the table in
/// [`crate::login`].
pub(super) fn reads(release: Version, format: Format) -> bool {
    match format {
        Format::Inline | Format::Sealed => !since(release, "2026.6.5"),
        Format::Sqlite => since(release, "2026.6.5"),
    }
}

/// Whether the release starts no turn while `auth-profiles.json` of an older one
/// lies there (`AUTH_PROFILE_MIGRATION_REQUIRED`).
pub(super) fn refuses_older_stores(release: Version) -> bool {
    since(release, "2026.8.1")
}

/// The `user_version`s of the databases, that of all agents and that of one, which
/// a release opens, where its package.json does not say: 1 in the sources of
/// 2026.6.1 to 7.1, which have a state database; none before them.
pub(super) fn schemas(release: Version) -> Option<(i64, i64)> {
    (since(release, "2026.6.1") && !since(release, "2026.7.2")).then_some((1, 1))
}

/// Whether the release leaves the agents' databases of older ones alone until
/// `openclaw doctor --fix` has moved them (seen in 2026.9.5).
pub(super) fn wants_doctor_for_older_agents(release: Version) -> bool {
    since(release, "2026.9.5")
}

/// Whether `update.checkOnStart: false` holds the updater off, too: in 2026.9.5 it
/// does, in 2026.5.18 to 7.1 only the hints are off.
pub(super) fn checks_off_means_no_updates(release: Version) -> bool {
    since(release, "2026.9.5")
}

/// The plugin release that pairs with a core: that of the same version, for a
/// correction that of the release that it corrects.
pub(super) fn plugin_of(core: Version) -> Version {
    if core.is_correction() { core.base() } else { core }
}

/// Whether a plugin belongs to a core.
pub(super) fn pairs(core: Version, plugin: Version) -> bool {
    plugin == core || plugin == plugin_of(core)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn june_is_where_the_names_change() {
        for (release, knows, api) in [
            ("2026.5.28", true, "openai-codex-responses"),
            ("2026.6.1-beta.2", false, "openai-chatgpt-responses"),
            ("2026.6.1", false, "openai-chatgpt-responses"),
            ("2026.9.5", false, "openai-chatgpt-responses"),
        ] {
            let version = release.parse().unwrap();
            assert_eq!((knows_openai_codex(version), chatgpt_api(version)), (knows, api));
        }
    }

    #[test]
    fn a_correction_pairs_with_the_plugin_of_its_release() {
        let pairs =
            |core: &str, plugin: &str| pairs(core.parse().unwrap(), plugin.parse().unwrap());
        assert!(pairs("2026.7.1-2", "2026.7.1"));
        assert!(pairs("2026.7.1-2", "2026.7.1-2"));
        assert!(!pairs("2026.7.1", "2026.7.1-2"));
        assert!(!pairs("2026.7.1", "2026.7.1-beta.2"));
    }
}
