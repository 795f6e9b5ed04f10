//! What npm unpacked beside a release, and how that differs between two.

use std::collections::{BTreeMap, BTreeSet};

use semver::Version;
use serde::{Deserialize, Serialize};

use crate::npm::lockfile::{LockFile, name_at};
use crate::release::PackageName;

/// The packages of one npm project, as its lock file has them, without the core
/// and the plugin themselves, whose versions are given elsewhere.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DependencyTree {
    packages: BTreeMap<String, TreePackage>,
    direct: BTreeSet<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct TreePackage {
    version: Version,
    /// What the tarball hashes to, or where it came from if npm has no hash for it.
    content: Option<String>,
}

/// How two trees differ, by name: one package can be there in several versions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DependencyChanges {
    /// How many packages the last good release has, counted by name.
    pub last_good: usize,
    /// How many the first bad one has.
    pub first_bad: usize,
    /// Only the first bad release has them.
    pub added: Vec<Dependency>,
    /// Only the last good release has them.
    pub removed: Vec<Dependency>,
    /// Both have them, not the same.
    pub changed: Vec<ChangedDependency>,
    /// Both have the same of them, at another place under `node_modules`: who
    /// gets which version can differ.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub moved: Vec<String>,
}

/// A package that only one of the two has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dependency {
    /// Its npm name.
    pub name: String,
    /// Its versions, the lowest first.
    pub versions: Vec<Version>,
    /// Whether the release itself asks for it, not one of its dependencies.
    pub direct: bool,
}

/// A package that both have, not the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangedDependency {
    /// Its npm name.
    pub name: String,
    /// Its versions with the last good release.
    pub from: Vec<Version>,
    /// Its versions with the first bad one; the same as `from` where only the
    /// tarball is another.
    pub to: Vec<Version>,
    /// Whether a release itself asks for it, not one of its dependencies.
    pub direct: bool,
}

impl ChangedDependency {
    /// Whether the newest version of it is another major one than before.
    pub fn is_major(&self) -> bool {
        let major = |versions: &[Version]| versions.last().map(|newest| newest.major);
        major(&self.from) != major(&self.to)
    }
}

impl DependencyTree {
    /// What a lock file has, or the hidden one that npm keeps under `node_modules`.
    ///
    /// A version that is none is an error: a tree without that package would be
    /// compared as if it were whole.
    pub fn of(lock: &LockFile) -> Result<Self, semver::Error> {
        let mut tree = Self::default();
        for (place, entry) in lock.packages() {
            let Some(name) = name_at(place) else { continue };
            if is_release(name) {
                let asked = entry.dependencies.keys().chain(entry.optional_dependencies.keys());
                tree.direct.extend(asked.cloned());
                continue;
            }
            // A link out of the tree has no version: it is not one of the release's packages.
            let Some(version) = &entry.version else { continue };
            let version = version.parse()?;
            let content = entry.content().map(ToOwned::to_owned);
            tree.packages.insert(place.to_owned(), TreePackage { version, content });
        }
        Ok(tree)
    }

    /// The version of a package: the one that is not inside another, where there
    /// are several.
    pub fn version_of(&self, package: &str) -> Option<&Version> {
        let top = self.packages.get(&format!("node_modules/{package}"));
        let any = || self.packages.iter().find(|(path, _)| name_at(path) == Some(package));
        top.or_else(|| any().map(|(_, found)| found)).map(|found| &found.version)
    }

    fn by_name(&self) -> BTreeMap<&str, BTreeMap<&str, &TreePackage>> {
        let mut names: BTreeMap<&str, BTreeMap<&str, &TreePackage>> = BTreeMap::new();
        for (path, package) in &self.packages {
            if let Some(name) = name_at(path) {
                names.entry(name).or_default().insert(path, package);
            }
        }
        names
    }
}

impl DependencyChanges {
    /// What `bad` has otherwise than `good`.
    pub fn between(good: &DependencyTree, bad: &DependencyTree) -> Self {
        let (before, after) = (good.by_name(), bad.by_name());
        let mut found = Self { last_good: before.len(), first_bad: after.len(), ..Self::default() };
        let direct = |name: &str| good.direct.contains(name) || bad.direct.contains(name);
        let only = |name: &str, at: &BTreeMap<&str, &TreePackage>| Dependency {
            name: name.to_owned(),
            versions: versions(at),
            direct: direct(name),
        };
        for (name, was) in &before {
            let Some(is) = after.get(name) else {
                found.removed.push(only(name, was));
                continue;
            };
            if contents(was) != contents(is) {
                found.changed.push(ChangedDependency {
                    name: (*name).to_owned(),
                    from: versions(was),
                    to: versions(is),
                    direct: direct(name),
                });
            } else if was != is {
                found.moved.push((*name).to_owned());
            }
        }
        let new = after.iter().filter(|(name, _)| !before.contains_key(*name));
        found.added = new.map(|(name, is)| only(name, is)).collect();
        found
    }

    /// How many differ, those that were only moved left out.
    pub fn count(&self) -> usize {
        self.added.len() + self.removed.len() + self.changed.len()
    }

    /// Whether both trees are the same, with every package at the same place.
    pub fn is_empty(&self) -> bool {
        self.count() == 0 && self.moved.is_empty()
    }
}

fn versions(at: &BTreeMap<&str, &TreePackage>) -> Vec<Version> {
    let versions: BTreeSet<_> = at.values().map(|package| &package.version).collect();
    versions.into_iter().cloned().collect()
}

fn contents<'a>(at: &BTreeMap<&str, &'a TreePackage>) -> BTreeSet<&'a TreePackage> {
    at.values().copied().collect()
}

fn is_release(name: &str) -> bool {
    [PackageName::CORE, PackageName::PLUGIN].iter().any(|package| package.as_str() == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn tree(packages: &[(&str, &str)]) -> DependencyTree {
        let mut entries = serde_json::Map::new();
        entries.insert(String::new(), json!({ "dependencies": { "openclaw": "2026.6.1" } }));
        let own = json!({ "version": "2026.6.1", "dependencies": { "near": "^1.0.0" } });
        entries.insert("node_modules/openclaw".to_owned(), own);
        for (path, version) in packages {
            let integrity = format!("sha512-{version}-of-{}", path.rsplit('/').next().unwrap());
            let entry = json!({ "version": version, "integrity": integrity });
            entries.insert(format!("node_modules/{path}"), entry);
        }
        DependencyTree::of(&LockFile::parse(&json!({ "packages": entries }).to_string()).unwrap())
            .unwrap()
    }

    #[test]
    fn what_came_went_and_changed_is_told_by_name_with_all_versions() {
        let good = tree(&[("near", "1.0.0"), ("far", "2.0.0"), ("far/node_modules/near", "0.9.0")]);
        let bad = tree(&[("near", "1.1.0"), ("@new/one", "3.0.0")]);
        let found = DependencyChanges::between(&good, &bad);
        assert_eq!((found.last_good, found.first_bad, found.count()), (2, 2, 3));
        let changed = &found.changed[0];
        assert_eq!((changed.name.as_str(), changed.direct), ("near", true));
        assert_eq!(
            (&changed.from[..], &changed.to[..]),
            (&[Version::new(0, 9, 0), Version::new(1, 0, 0)][..], &[Version::new(1, 1, 0)][..])
        );
        assert_eq!((found.added[0].name.as_str(), found.added[0].direct), ("@new/one", false));
        assert_eq!(found.removed[0].name, "far");
    }

    #[test]
    fn a_package_at_another_place_is_moved_and_not_changed() {
        let good = tree(&[("a", "1.0.0"), ("b", "1.0.0")]);
        let bad = tree(&[("a", "1.0.0"), ("a/node_modules/b", "1.0.0")]);
        let found = DependencyChanges::between(&good, &bad);
        assert_eq!((found.count(), found.is_empty()), (0, false));
        assert_eq!(found.moved, ["b"]);
    }

    #[test]
    fn the_same_version_with_another_tarball_is_changed() {
        let lock = |hash: &str| {
            let entry = json!({ "version": "1.0.0", "integrity": hash });
            let lock = json!({ "packages": { "node_modules/a": entry } });
            DependencyTree::of(&LockFile::parse(&lock.to_string()).unwrap()).unwrap()
        };
        let found = DependencyChanges::between(&lock("sha512-1"), &lock("sha512-2"));
        assert_eq!(found.changed[0].from, found.changed[0].to);
    }

    #[test]
    fn the_release_itself_is_no_dependency_and_the_one_at_the_top_is_the_version() {
        let tree = tree(&[("near", "1.0.0"), ("far/node_modules/near", "0.9.0")]);
        assert_eq!(tree.version_of("openclaw"), None);
        assert_eq!(tree.version_of("near"), Some(&Version::new(1, 0, 0)));
        assert_eq!(tree.version_of("gone"), None);
    }

    #[test]
    fn versions_are_in_their_order_and_a_new_major_is_told_from_a_patch() {
        let good =
            tree(&[("near", "9.0.0"), ("far/node_modules/near", "10.0.0"), ("zod", "9.9.9")]);
        let bad =
            tree(&[("near", "9.0.0"), ("far/node_modules/near", "10.0.1"), ("zod", "10.0.0")]);
        let found = DependencyChanges::between(&good, &bad);
        assert_eq!(found.changed[0].from, [Version::new(9, 0, 0), Version::new(10, 0, 0)]);
        let major: Vec<_> = found.changed.iter().map(ChangedDependency::is_major).collect();
        assert_eq!(major, [false, true]);
    }

    #[test]
    fn a_version_that_is_none_makes_the_whole_tree_unknown() {
        let lock = json!({ "packages": { "node_modules/a": { "version": "one" } } }).to_string();
        assert!(DependencyTree::of(&LockFile::parse(&lock).unwrap()).is_err());
    }

    proptest! {
        #[test]
        fn a_tree_does_not_differ_from_itself(
            packages in proptest::collection::btree_map("[a-d](/node_modules/[a-d])?", "[0-3]\\.0\\.[0-3]", 0..8)
        ) {
            let packages: Vec<_> =
                packages.iter().map(|(path, version)| (path.as_str(), version.as_str())).collect();
            let tree = tree(&packages);
            prop_assert!(DependencyChanges::between(&tree, &tree).is_empty());
        }

        #[test]
        fn what_is_added_one_way_is_removed_the_other(
            one in proptest::collection::btree_map("[a-f]", "[0-2]\\.0\\.0", 0..6),
            other in proptest::collection::btree_map("[a-f]", "[0-2]\\.0\\.0", 0..6)
        ) {
            let build = |from: &BTreeMap<String, String>| {
                let packages: Vec<_> = from.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
                tree(&packages)
            };
            let there = DependencyChanges::between(&build(&one), &build(&other));
            let back = DependencyChanges::between(&build(&other), &build(&one));
            prop_assert_eq!(&there.added, &back.removed);
            prop_assert_eq!(&there.removed, &back.added);
            prop_assert_eq!(there.changed.len(), back.changed.len());
        }
    }
}
