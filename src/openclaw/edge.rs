//! One table of what changed between OpenClaw's releases: since which release, what,
//! and how that is known. Each line's `source` says it: seen in published packages
//! that were searched for a string, taken from runs, or taken over from earlier code
//! and not looked at on both sides. A release that a source does not name is
//! inferred: one between the two named sides, and each prerelease where a line is
//! written with the stable release alone.

use crate::release::Version;

/// Something that is so from one release on, and was not before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The Gateway can update itself (`update.auto.enabled`); older releases refuse the key.
    UpdatesItself,
    /// `OPENCLAW_NO_AUTO_UPDATE` keeps it from that.
    NoUpdateVariable,
    /// A model's own entry in the config can name a harness (`agentRuntime`).
    /// Older releases refuse the key.
    HarnessOfModel,
    /// Encrypted OAuth tokens, with the key outside of the state directory, are read.
    SealedLogins,
    /// `openclaw doctor --lint --json` reports what it finds and changes nothing.
    DoctorLints,
    /// `/backend-api` and `/backend-api/v1` of `chatgpt.com` are led to
    /// `/backend-api/codex` by the release itself.
    CodexUrlMended,
    /// The embedded harness is called `openclaw`; before, `pi`.
    EmbeddedHarnessRenamed,
    /// The provider of a `ChatGPT` login is called `openai`; before, `openai-codex`.
    ProviderRenamed,
    /// The API of a `ChatGPT` login is called `openai-chatgpt-responses`; before,
    /// `openai-codex-responses`.
    ChatGptApiRenamed,
    /// With a `ChatGPT` login the Codex harness runs the turn where none is named.
    CodexChosenForLogin,
    /// There are state databases, with schema 1.
    StateDatabases,
    /// Logins are in databases, and `auth-profiles.json` is no longer read.
    LoginsInDatabase,
    /// package.json has `openclaw.schemaVersions`.
    SchemasInPackage,
    /// No turn is started while logins of an older release wait to be moved
    /// (`AUTH_PROFILE_MIGRATION_REQUIRED`).
    OlderLoginsRefused,
    /// Agents' databases of older releases are left alone until
    /// `openclaw doctor --fix` has moved them.
    OlderAgentsWaitForDoctor,
    /// A login that only lies in an agent's `codex-home` is no longer used.
    CodexHomeLoginUnread,
    /// `update.checkOnStart: false` stops updates, too; before, only the hints.
    ChecksOffStopsUpdates,
}

/// One line of the table.
#[derive(Debug, Clone, Copy)]
pub struct Edge {
    /// What changed.
    pub change: Change,
    /// The first release that has it, a prerelease where one had it first.
    pub since: Version,
    /// The first stable release that has it, as people name it.
    pub stable: Version,
    /// How it is known, and of which releases.
    pub source: &'static str,
}

const fn edge(change: Change, since: Version, stable: Version, source: &'static str) -> Edge {
    Edge { change, since, stable, source }
}

const fn stable(change: Change, year: u16, month: u8, patch: u16, source: &'static str) -> Edge {
    let (since, first) =
        (Version::prereleases_of(year, month, patch), Version::release(year, month, patch));
    edge(change, since, first, source)
}

/// All of them, in the order of release.
pub const EDGES: [Edge; 17] = [
    stable(Change::UpdatesItself, 2026, 2, 22, "stableJitterHours in dist of 2.22 and not of 2.21"),
    stable(
        Change::NoUpdateVariable,
        2026,
        4,
        26,
        "OPENCLAW_NO_AUTO_UPDATE in dist of 4.26 and not of 4.25",
    ),
    stable(
        Change::HarnessOfModel,
        2026,
        5,
        12,
        "zod-schema: ModelAgentRuntimePolicySchema in 5.12 and not in 5.7",
    ),
    stable(
        Change::SealedLogins,
        2026,
        5,
        12,
        "taken over from earlier code, not looked at on both sides: 5.12 run; agents/auth-profiles/persisted.ts",
    ),
    stable(
        Change::CodexUrlMended,
        2026,
        5,
        12,
        "taken over from earlier code, not looked at on both sides: isOpenAICodexBaseUrl, first seen in 5.12 and in every later release looked at",
    ),
    edge(
        Change::DoctorLints,
        Version::beta(2026, 5, 16, 7),
        Version::release(2026, 5, 18),
        "dist/register.maintenance and dist/doctor-lint of 5.16-beta.7, 5.18-beta.1, 5.18, 5.28, 6.1, \
         6.11, 7.1, 8.1 and 9.5, neither in 5.12, 5.14-beta.1 and 5.16-beta.1; 9.5 run",
    ),
    stable(
        Change::EmbeddedHarnessRenamed,
        2026,
        5,
        28,
        "openai-codex-routing: `openclaw` becomes pi in 5.27, `pi` becomes openclaw in 5.28; both \
         take both names",
    ),
    edge(
        Change::ProviderRenamed,
        Version::prereleases_of(2026, 5, 30),
        Version::release(2026, 6, 1),
        "extensions/openai/openclaw.plugin.json: providers openai and openai-codex in 5.28, openai \
         alone in 5.30-beta.1, 5.31-beta.1, 6.1-beta.1 and 6.1",
    ),
    edge(
        Change::ChatGptApiRenamed,
        Version::prereleases_of(2026, 5, 30),
        Version::release(2026, 6, 1),
        "types.models of 5.28 has the old name only; 5.30-beta.1 to 9.6 call it legacy",
    ),
    edge(
        Change::CodexChosenForLogin,
        Version::prereleases_of(2026, 5, 30),
        Version::release(2026, 6, 1),
        "taken over from earlier code, not looked at on both sides: 6.1 and 9.5 run: harness \"codex\" is not registered",
    ),
    stable(
        Change::StateDatabases,
        2026,
        6,
        1,
        "OPENCLAW_STATE_SCHEMA_VERSION = 1 in 6.1, OPENCLAW_AGENT_SCHEMA_VERSION = 1 in 7.1; neither in 5.28",
    ),
    stable(
        Change::LoginsInDatabase,
        2026,
        6,
        5,
        "table auth_profile_store in 6.5 and not in 6.1; 6.1, 6.8, 6.11, 7.1 run",
    ),
    edge(
        Change::SchemasInPackage,
        Version::beta(2026, 7, 2, 3),
        Version::release(2026, 8, 1),
        "package.json of 7.2-beta.3 and not of 7.2-beta.2",
    ),
    edge(
        Change::OlderLoginsRefused,
        Version::beta(2026, 7, 2, 5),
        Version::release(2026, 8, 1),
        "the code AUTH_PROFILE_MIGRATION_REQUIRED in 7.2-beta.5 to 9.6 and not in 7.2-beta.4; 9.5 run",
    ),
    edge(
        Change::ChecksOffStopsUpdates,
        Version::release(2026, 8, 1),
        Version::release(2026, 8, 1),
        "update-startup: `checkOnStart === false ||` the variable in 8.1, 9.4, 9.5 and 9.6; in 7.1 \
         and 8.1-beta.3 only the hints go by it",
    ),
    stable(
        Change::OlderAgentsWaitForDoctor,
        2026,
        9,
        5,
        "taken over from earlier code, not looked at on both sides: 9.5 run",
    ),
    stable(
        Change::CodexHomeLoginUnread,
        2026,
        9,
        5,
        "docs/plugins/codex-harness-reference/auth.md of 9.5 (\"does not read an existing \
         codex-home/auth.json\") beside docs/plugins/codex-harness.md of 5.5; #152968, #153051: 9.4 \
         answers with it and 9.5 does not",
    ),
];

/// Where an extended-stable line branched off: it has what that release has, and
/// nothing of the betas that came after it. `dist` of 2026.6.33 to 6.35 and of 7.33
/// to 7.35 has no change of this table beyond that of 6.11 and 7.1.
const BRANCHES: [(Version, Version); 2] = [
    (Version::release(2026, 6, 33), Version::release(2026, 6, 11)),
    (Version::release(2026, 7, 33), Version::release(2026, 7, 1)),
];

impl Change {
    /// Whether a release has it.
    pub fn is_in(self, release: Version) -> bool {
        self.edge().is_some_and(|edge| ordinary(release) >= edge.since)
    }

    /// The first stable release that has it.
    pub fn stable(self) -> Version {
        self.edge().map_or(Version::release(2026, 1, 1), |edge| edge.stable)
    }

    fn edge(self) -> Option<&'static Edge> {
        EDGES.iter().find(|edge| edge.change == self)
    }
}

/// The release of the ordinary line that an extended-stable one is like.
fn ordinary(release: Version) -> Version {
    let branch =
        BRANCHES.iter().find(|(first, _)| release.is_extended() && release.same_month(*first));
    branch.map_or(release, |(_, from)| *from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        text.parse().unwrap()
    }

    #[test]
    fn every_change_holds_from_its_release_on_and_not_before() {
        for (change, before, after) in [
            (Change::HarnessOfModel, "2026.5.7", "2026.5.12"),
            (Change::SealedLogins, "2026.5.7", "2026.5.12"),
            (Change::CodexUrlMended, "2026.5.7", "2026.5.12"),
            (Change::DoctorLints, "2026.5.16-beta.1", "2026.5.16-beta.7"),
            (Change::EmbeddedHarnessRenamed, "2026.5.27", "2026.5.28"),
            (Change::ProviderRenamed, "2026.5.28", "2026.5.30-beta.1"),
            (Change::ChatGptApiRenamed, "2026.5.28", "2026.5.30-beta.1"),
            (Change::CodexChosenForLogin, "2026.5.28", "2026.5.30-beta.1"),
            (Change::StateDatabases, "2026.5.31-beta.4", "2026.6.1-beta.1"),
            (Change::LoginsInDatabase, "2026.6.1", "2026.6.5"),
            (Change::SchemasInPackage, "2026.7.2-beta.2", "2026.7.2-beta.3"),
            (Change::OlderLoginsRefused, "2026.7.2-beta.4", "2026.7.2-beta.5"),
            (Change::OlderAgentsWaitForDoctor, "2026.9.4", "2026.9.5"),
            (Change::CodexHomeLoginUnread, "2026.9.4", "2026.9.5"),
            (Change::ChecksOffStopsUpdates, "2026.8.1-beta.3", "2026.8.1"),
            (Change::UpdatesItself, "2026.2.21", "2026.2.22"),
            (Change::NoUpdateVariable, "2026.4.25", "2026.4.26"),
        ] {
            assert!(!change.is_in(version(before)), "{change:?} before {before}");
            assert!(change.is_in(version(after)), "{change:?} in {after}");
            assert!(change.is_in(change.stable()), "{change:?} in {}", change.stable());
            assert!(change.is_in(version("2026.9.6")), "{change:?} in the newest");
        }
    }

    #[test]
    fn the_table_is_in_order_and_has_each_change_once_with_its_source() {
        assert!(EDGES.is_sorted_by_key(|edge| edge.since));
        for edge in EDGES {
            assert_eq!(EDGES.iter().filter(|other| other.change == edge.change).count(), 1);
            assert!(edge.since <= edge.stable && !edge.source.is_empty(), "{edge:?}");
        }
    }

    #[test]
    fn an_extended_stable_release_has_what_its_branch_point_has() {
        for (release, expected) in [
            ("2026.6.35", (true, true, false)),
            ("2026.7.33", (true, true, false)),
            ("2026.7.35", (true, true, false)),
            ("2026.8.1-beta.1", (true, true, true)),
        ] {
            let release = version(release);
            let found = (
                Change::StateDatabases.is_in(release),
                Change::LoginsInDatabase.is_in(release),
                Change::OlderLoginsRefused.is_in(release),
            );
            assert_eq!(found, expected, "{release}");
        }
    }
}
