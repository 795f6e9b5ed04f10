//! What changed between the last good and the first bad release: dependencies,
//! Node, schemas, plugin and Codex CLI, commits, and what the changelog says
//! of Codex and the route. A maintainer begins here.
//!
//! ```text
//! two prefixes ─▶ facts ─▶ compare ─▶ Changes ─▶ changes.json, report
//!                  side                pure
//! ```
//!
//! A bisection can end at a release that is innocent: a flake, or the service
//! that changed its mind while it was asked. If the two releases hold the same
//! code and the same dependencies, [`Changes::identical`] says so.

mod build_info;
mod changelog;
mod dependencies;
mod package_files;
mod record;
mod side;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use build_info::BuildInfo;
pub use changelog::ChangelogEntry;
pub use dependencies::{ChangedDependency, Dependency, DependencyChanges, DependencyTree};
pub use record::{FILE, RecordError, load, save};
pub use side::{Side, SpanFacts};

use crate::release::Version;

/// Where a search ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// The last good release.
    pub last_good: Version,
    /// The first one known to be bad.
    pub first_bad: Version,
    /// The candidates between the two that could not be judged.
    pub between: Vec<Version>,
}

/// What changed. What is not known is none, and [`Self::unknown`] says why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    /// The last good release.
    pub last_good: Version,
    /// The first one known to be bad.
    pub first_bad: Version,
    /// Whether both hold the same code, on the same dependencies and the same
    /// Node, so that the release cannot be why. None where not all of it is known.
    pub identical: Option<bool>,
    /// What npm unpacked beside the core.
    pub dependencies: Option<DependencyChanges>,
    /// What npm unpacked beside the plugin, where both have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin_dependencies: Option<DependencyChanges>,
    /// The plugin's release.
    pub plugin: Pair<Version>,
    /// The release of `@openai/codex`.
    pub codex_cli: Pair<semver::Version>,
    /// The Node that each was asked on.
    pub node: Pair<String>,
    /// `engines.node`.
    pub node_range: Pair<String>,
    /// `openclaw.schemaVersions` of `package.json`; none where the release
    /// declares none.
    pub schema_versions: Pair<BTreeMap<String, u64>>,
    /// What each was built from.
    pub build: Pair<BuildInfo>,
    /// Where the two commits can be looked at side by side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compare: Option<String>,
    /// What the changelog says.
    pub changelog: Option<Changelog>,
    /// What could not be found out, in a line each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<String>,
}

/// One fact of both releases.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pair<T> {
    /// The last good one's.
    pub last_good: Option<T>,
    /// The first bad one's.
    pub first_bad: Option<T>,
}

impl<T: PartialEq> Pair<T> {
    /// Whether the two differ; one that is there on one side only differs.
    pub fn differs(&self) -> bool {
        self.last_good != self.first_bad
    }
}

/// What the first bad release's `CHANGELOG.md` says of the releases after the
/// last good one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changelog {
    /// The releases that it speaks of.
    pub releases: Vec<Version>,
    /// The candidates of the span that it does not speak of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub silent_about: Vec<Version>,
    /// How many entries it has for those releases.
    pub entries: usize,
    /// Those that name Codex, or the provider or model that was asked through, in
    /// the file's order.
    pub touching: Vec<ChangelogEntry>,
}

/// Compares what was read of both ends of a span. `routes` are those that were
/// asked through, such as `openai-codex/gpt-5.5`.
pub fn compare(span: &Span, facts: &SpanFacts, routes: &[String]) -> Changes {
    let (good, bad) = (facts.last_good.as_ref(), facts.first_bad.as_ref());
    let mut unknown = Vec::new();
    for (side, core) in [(good, span.last_good), (bad, span.first_bad)] {
        match side {
            Some(side) => unknown.extend(side.unknown.iter().cloned()),
            None => unknown.push(format!("{core} is not installed any more")),
        }
    }
    let changelog = facts.changelog.as_deref().map(|text| changelog_of(text, span, routes));
    if bad.is_some() && changelog.is_none() {
        unknown.push(format!("{} has no CHANGELOG.md", span.first_bad));
    }
    let between = |tree: fn(&Side) -> Option<&DependencyTree>| {
        Some(DependencyChanges::between(tree(good?)?, tree(bad?)?))
    };
    let build = pair(good, bad, |side| side.build.clone());
    let compare = match (&build.last_good, &build.first_bad, bad) {
        (Some(one), Some(other), Some(Side { repository: Some(repository), .. })) => {
            build_info::compare_address(repository, one, other)
        }
        _ => None,
    };
    let mut changes = Changes {
        last_good: span.last_good,
        first_bad: span.first_bad,
        identical: None,
        dependencies: between(|side| side.tree.as_ref()),
        plugin_dependencies: between(|side| side.plugin_tree.as_ref()),
        plugin: pair(good, bad, |side| side.plugin),
        codex_cli: pair(good, bad, |side| side.codex_cli.clone()),
        node: pair(good, bad, |side| Some(side.node.clone())),
        node_range: pair(good, bad, |side| side.node_range.clone()),
        schema_versions: pair(good, bad, |side| {
            Some(side.schema_versions.clone()).filter(|versions| !versions.is_empty())
        }),
        build,
        compare,
        changelog,
        unknown,
    };
    if let (Some(good), Some(bad)) = (good, bad) {
        changes.identical = identical(&changes, facts.same_code, good, bad);
    }
    changes
}

fn identical(changes: &Changes, same_code: Option<bool>, good: &Side, bad: &Side) -> Option<bool> {
    let same_tree = |found: Option<&DependencyChanges>| found.map(DependencyChanges::is_empty);
    let plugin_tree = match (good.plugin, bad.plugin) {
        (None, None) => Some(true),
        (Some(_), Some(_)) => same_tree(changes.plugin_dependencies.as_ref()),
        _ => Some(false),
    };
    let facts = [
        same_code,
        same_tree(changes.dependencies.as_ref()),
        plugin_tree,
        Some(!changes.node.differs()),
    ];
    if facts.contains(&Some(false)) {
        Some(false)
    } else if facts.contains(&None) {
        None
    } else {
        Some(true)
    }
}

fn changelog_of(text: &str, span: &Span, routes: &[String]) -> Changelog {
    let covered = changelog::covered(text, span.last_good, span.first_bad);
    let candidates = span.between.iter().chain([&span.first_bad]);
    let spoken_of = |version: &Version| {
        covered.releases.contains(version) || covered.releases.contains(&version.base())
    };
    Changelog {
        silent_about: candidates.copied().filter(|version| !spoken_of(version)).collect(),
        entries: covered.entries.len(),
        touching: changelog::naming(covered.entries, routes),
        releases: covered.releases,
    }
}

fn pair<T>(good: Option<&Side>, bad: Option<&Side>, of: impl Fn(&Side) -> Option<T>) -> Pair<T> {
    Pair { last_good: good.and_then(&of), first_bad: bad.and_then(&of) }
}

#[cfg(test)]
pub(crate) mod tests;
