//! What one installed release says of itself, read from its prefix.

use std::collections::BTreeMap;
use std::io;

use camino::Utf8Path;
use serde_json::Value;

use super::build_info::BuildInfo;
use super::dependencies::DependencyTree;
use super::package_files::{PackageFiles, same_code};
use crate::fs::foreign;
use crate::npm::lockfile::LockFile;
use crate::prefix::Prefix;
use crate::release::{PackageName, Version};

/// What npm leaves under `node_modules`: what is really there, without the
/// packages for other platforms.
const HIDDEN_LOCK: &str = "node_modules/.package-lock.json";
/// What travels with a pin.
const LOCK: &str = "package-lock.json";
/// The Codex CLI, whose app-server the plugin runs.
const CODEX_CLI: &str = "@openai/codex";

/// What is known of one installed candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Side {
    /// The core release.
    pub core: Version,
    /// The plugin release, where there is one.
    pub plugin: Option<Version>,
    /// The release of `@openai/codex` in the plugin's tree, or in the core's.
    pub codex_cli: Option<semver::Version>,
    /// The Node that it was installed with and asked on.
    pub node: String,
    /// The core's `engines.node`.
    pub node_range: Option<String>,
    /// The core's `openclaw.schemaVersions`, by what they are the schema of.
    /// Declared from 2026.7.2-beta on; before, nothing but the code has them.
    pub schema_versions: BTreeMap<String, u64>,
    /// What the core was built from.
    pub build: Option<BuildInfo>,
    /// The core's repository, as `package.json` has it.
    pub repository: Option<String>,
    /// What is unpacked beside the core.
    pub tree: Option<DependencyTree>,
    /// What is unpacked beside the plugin.
    pub plugin_tree: Option<DependencyTree>,
    /// What could not be read of it.
    pub unknown: Vec<String>,
}

/// All that is known of the last good and the first bad candidate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SpanFacts {
    /// The last good one; none where it is not installed any more.
    pub last_good: Option<Side>,
    /// The first bad one.
    pub first_bad: Option<Side>,
    /// The first bad one's `CHANGELOG.md`.
    pub changelog: Option<String>,
    /// Whether core and plugin hold the same code in both. None where it is not
    /// known, or not needed: the trees, or the Nodes, differ already.
    pub same_code: Option<bool>,
}

impl SpanFacts {
    /// Reads what both prefixes hold. What cannot be read is not known: nothing
    /// here is an error.
    pub fn read(last_good: Option<&Prefix>, first_bad: Option<&Prefix>) -> Self {
        let both = || last_good.into_iter().chain(first_bad);
        let projects =
            || both().flat_map(|prefix| std::iter::once(prefix.core()).chain(prefix.plugin()));
        // Compare like with like: the two kinds of lock file do not list the same packages.
        let hidden = projects().all(|project| project.join(HIDDEN_LOCK).is_file());
        let lock = if hidden { HIDDEN_LOCK } else { LOCK };
        let side = |prefix| Side::read(prefix, lock);
        let (good, bad) = (last_good.map(side), first_bad.map(side));
        let changelog = first_bad
            .and_then(|prefix| read(prefix, &prefix.core_package().join("CHANGELOG.md")).ok())
            .map(|text| String::from_utf8_lossy(&text).into_owned());
        let same_code = match ((last_good, &good), (first_bad, &bad)) {
            ((Some(one), Some(good)), (Some(other), Some(bad))) if may_be_identical(good, bad) => {
                packages_agree((one, good), (other, bad)).ok()
            }
            _ => None,
        };
        Self { last_good: good, first_bad: bad, changelog, same_code }
    }
}

/// Whether only the packages' own files are left to differ; to compare those
/// takes the longest.
fn may_be_identical(good: &Side, bad: &Side) -> bool {
    (&good.tree, &good.plugin_tree, &good.node) == (&bad.tree, &bad.plugin_tree, &bad.node)
}

/// Whether the core's and the plugin's own files agree.
fn packages_agree(one: (&Prefix, &Side), other: (&Prefix, &Side)) -> std::io::Result<bool> {
    fn core<'a>(directory: &'a Utf8Path, side: &'a Side) -> PackageFiles<'a> {
        PackageFiles { directory, version: side.core, build: side.build.as_ref() }
    }
    let (directory, others) = (one.0.core_package(), other.0.core_package());
    if !same_code(core(&directory, one.1), core(&others, other.1))? {
        return Ok(false);
    }
    let plugin = |(prefix, side): (&Prefix, &Side)| {
        let directory = prefix.plugin()?.join("node_modules").join(PackageName::PLUGIN.as_str());
        Some((directory, side.plugin?))
    };
    match (plugin(one), plugin(other)) {
        (None, None) => Ok(true),
        (Some((directory, version)), Some((others, its_version))) => same_code(
            PackageFiles { directory: &directory, version, build: None },
            PackageFiles { directory: &others, version: its_version, build: None },
        ),
        _ => Ok(false),
    }
}

impl Side {
    /// What is in a prefix; its dependencies are read from the file `lock` in
    /// each npm project.
    fn read(prefix: &Prefix, lock: &str) -> Self {
        let candidate = &prefix.manifest.candidate;
        let core = candidate.core;
        let mut unknown = Vec::new();
        let tree = read_tree(prefix, &prefix.core().join(lock), &mut unknown);
        let plugin_tree =
            prefix.plugin().and_then(|of| read_tree(prefix, &of.join(lock), &mut unknown));
        let package = prefix.core_package();
        let manifest = read(prefix, &package.join("package.json"))
            .ok()
            .and_then(|text| serde_json::from_slice::<Value>(&text).ok());
        if manifest.is_none() {
            unknown.push(format!("{core}: its package.json cannot be read"));
        }
        let build = read(prefix, &package.join("dist/build-info.json"));
        let build = build.ok().and_then(|text| BuildInfo::parse(&text));
        if build.is_none() {
            unknown.push(format!("{core}: no dist/build-info.json that names a commit"));
        }
        let manifest = manifest.unwrap_or_default();
        let trees = [plugin_tree.as_ref(), tree.as_ref()];
        let codex_cli = trees.into_iter().flatten().find_map(|tree| tree.version_of(CODEX_CLI));
        Self {
            core,
            plugin: candidate.plugin.as_ref().map(|plugin| plugin.version),
            codex_cli: codex_cli.cloned(),
            node: prefix.manifest.node.version.clone(),
            node_range: text(&manifest["engines"]["node"]).or_else(|| candidate.node.clone()),
            schema_versions: schema_versions(&manifest),
            build,
            repository: text(&manifest["repository"]["url"])
                .or_else(|| text(&manifest["repository"])),
            tree,
            plugin_tree,
            unknown,
        }
    }
}

/// Reads a file in a prefix, which a release has had its hands on.
fn read(prefix: &Prefix, path: &Utf8Path) -> io::Result<Vec<u8>> {
    foreign::read_below(&prefix.directory, path, foreign::TEXT)
}

fn read_tree(
    prefix: &Prefix,
    path: &Utf8Path,
    unknown: &mut Vec<String>,
) -> Option<DependencyTree> {
    let text = read(prefix, path).ok().and_then(|text| String::from_utf8(text).ok());
    let lock = text.and_then(|text| LockFile::parse(&text).ok());
    let tree = lock.and_then(|lock| DependencyTree::of(&lock).ok());
    if tree.is_none() {
        let core = prefix.manifest.candidate.core;
        unknown.push(format!("{core}: npm's list of what it unpacked cannot be read"));
    }
    tree
}

fn schema_versions(manifest: &Value) -> BTreeMap<String, u64> {
    let declared = manifest["openclaw"]["schemaVersions"].as_object();
    let versions = declared.into_iter().flatten();
    versions.filter_map(|(of, version)| Some((of.clone(), version.as_u64()?))).collect()
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(ToOwned::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_versions_that_a_release_declares_are_read_and_none_is_none() {
        let declared = include_str!("../../tests/corpus/changes/2026.9.5/package.json");
        let older = include_str!("../../tests/corpus/changes/2026.6.1/package.json");
        let versions = |text: &str| schema_versions(&serde_json::from_str(text).unwrap());
        let expected = BTreeMap::from([("agent".to_owned(), 21), ("state".to_owned(), 17)]);
        assert_eq!(versions(declared), expected);
        assert_eq!(versions(older), BTreeMap::new());
    }
}
