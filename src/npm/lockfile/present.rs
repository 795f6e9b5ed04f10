//! Which packages of a lock file are put on this machine: not those for other systems, nor
//! what is there for them alone.
//!
//! As npm does it: `npm-install-checks` 7 (`checkPlatform`, `checkEngine`) and
//! `@npmcli/arborist` 9 (`optionalSet`, `gatherDepSet`).

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8PathBuf;
use serde_json::Value;

use super::{LockEntry, LockFile, form};
use crate::node::Platform;
use crate::npm::integrity;

impl LockFile {
    /// Every package that an install without those for development puts on this machine,
    /// by its place; those too that come inside another one's tarball.
    pub(crate) fn present(&self, platform: &Platform) -> BTreeMap<&str, &LockEntry> {
        let graph = DependencyGraph::of(self);
        let mut absent = BTreeSet::new();
        for (place, entry) in self.packages() {
            if entry.optional && !absent.contains(place) && !fits(entry, platform) {
                absent.extend(graph.optional_set(place, &absent));
            }
        }
        let kept = |place: &str, entry: &LockEntry| {
            let left_out = entry.dev || entry.ideally_inert || absent.contains(place);
            !left_out && !above(place).any(|holder| absent.contains(holder))
        };
        self.packages().filter(|(place, entry)| kept(place, entry)).collect()
    }

    /// Every tarball that makes up the tree on this machine, and where it is unpacked; none
    /// where a package comes from elsewhere than a registry, or has no SHA-512.
    pub(crate) fn tarballs(&self, platform: &Platform) -> Option<Vec<PlacedPackage>> {
        let present = self.present(platform);
        let placed = present.into_iter().filter(|(_, entry)| !entry.in_bundle);
        placed
            .map(|(place, entry)| {
                let integrity = entry.integrity.clone()?;
                let plain = !entry.link
                    && entry.resolved.is_none()
                    && form::is_place(place)
                    && form::is_identity(entry.name.as_deref(), entry.version.as_deref());
                let hashed = integrity::digits(&integrity).is_some();
                let (place, id) = (place.into(), entry.id(place)?);
                (plain && hashed).then(|| PlacedPackage {
                    place,
                    id,
                    integrity,
                    has_install_script: entry.has_install_script,
                    commands: commands(&entry.bin),
                })
            })
            .collect()
    }
}

/// A package that is unpacked at a place of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlacedPackage {
    /// Relative to the project: `node_modules/a/node_modules/b`.
    pub(crate) place: Utf8PathBuf,
    /// `b@1.0.0`, by its own name.
    pub(crate) id: String,
    /// The SHA-512 of its tarball.
    pub(crate) integrity: String,
    pub(crate) has_install_script: bool,
    /// Its commands, and the file of each, relative to the package; none where only npm can
    /// tell.
    pub(crate) commands: Option<BTreeMap<String, String>>,
}

fn commands(bin: &Value) -> Option<BTreeMap<String, String>> {
    match bin {
        Value::Null => Some(BTreeMap::new()),
        bin => serde_json::from_value(bin.clone()).ok(),
    }
}

fn fits(entry: &LockEntry, platform: &Platform) -> bool {
    let engine = entry.engines["node"].as_str();
    engine.is_none_or(|range| platform.fits_engine(range))
        && is_listed(Some(platform.os), &entry.os)
        && is_listed(Some(platform.cpu), &entry.cpu)
        && is_listed(platform.libc, &entry.libc)
}

/// Whether a list of names, or of names that are not meant (`!win32`), has this one.
fn is_listed(name: Option<&str>, list: &Value) -> bool {
    let names: Vec<&str> = match list {
        Value::String(one) => vec![one],
        Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
        _ => return true,
    };
    let Some(name) = name else { return false };
    if names == ["any"] {
        return true;
    }
    let (not_meant, meant): (Vec<&str>, Vec<&str>) =
        names.iter().partition(|entry| entry.starts_with('!'));
    !not_meant.iter().any(|entry| entry[1..] == *name)
        && (meant.is_empty() || meant.contains(&name))
}

/// The places above one: `node_modules/a` for `node_modules/a/node_modules/b`.
fn above(place: &str) -> impl Iterator<Item = &str> {
    let mut place = place;
    std::iter::from_fn(move || {
        place = place.rsplit_once("/node_modules/")?.0;
        Some(place)
    })
}

/// Who depends on whom, place by place; the project itself is at the empty place.
struct DependencyGraph<'a> {
    out: BTreeMap<&'a str, Vec<DependencyEdge<'a>>>,
    into: BTreeMap<&'a str, Vec<DependencyEdge<'a>>>,
}

#[derive(Clone, Copy)]
struct DependencyEdge<'a> {
    from: &'a str,
    to: &'a str,
    optional: bool,
}

impl<'a> DependencyGraph<'a> {
    fn of(lock: &'a LockFile) -> Self {
        let mut graph = Self { out: BTreeMap::new(), into: BTreeMap::new() };
        for (from, entry) in &lock.packages {
            let mut wanted = BTreeMap::new();
            for name in entry.peer_dependencies.keys() {
                let meta = entry.peer_dependencies_meta.get(name);
                wanted.insert(name, meta.is_some_and(|meta| meta["optional"] == true));
            }
            wanted.extend(entry.dependencies.keys().map(|name| (name, false)));
            // The order counts: what is in both is optional.
            wanted.extend(entry.optional_dependencies.keys().map(|name| (name, true)));
            for (name, optional) in wanted {
                let Some(to) = resolve(lock, from, name) else { continue };
                let edge = DependencyEdge { from, to, optional };
                graph.out.entry(from).or_default().push(edge);
                graph.into.entry(to).or_default().push(edge);
            }
        }
        graph
    }

    /// What goes with an optional package that cannot be installed: up to the first that
    /// may be without it, and down to what nothing else wants.
    fn optional_set(&self, place: &'a str, absent: &BTreeSet<&'a str>) -> BTreeSet<&'a str> {
        let edges = |of: &BTreeMap<&'a str, Vec<DependencyEdge<'a>>>,
                     at: &str|
         -> Vec<DependencyEdge<'a>> { of.get(at).cloned().unwrap_or_default() };
        let mut boundary = BTreeSet::from([place]);
        let mut open = vec![place];
        while let Some(place) = open.pop() {
            for edge in edges(&self.into, place) {
                if !edge.optional && boundary.insert(edge.from) {
                    open.push(edge.from);
                }
            }
        }
        let counts =
            |edge: &DependencyEdge<'_>| !boundary.contains(edge.to) && !absent.contains(edge.from);
        let mut set = boundary.clone();
        let mut open: Vec<_> = set.iter().copied().collect();
        while let Some(place) = open.pop() {
            for edge in edges(&self.out, place).into_iter().filter(counts) {
                if set.insert(edge.to) {
                    open.push(edge.to);
                }
            }
        }
        loop {
            let wanted_elsewhere = |place: &&&str| {
                let mut into = edges(&self.into, place).into_iter();
                into.any(|edge| counts(&edge) && !set.contains(edge.from))
            };
            let Some(kept) = set.iter().find(wanted_elsewhere).copied() else { return set };
            set.remove(kept);
        }
    }
}

/// Where a package finds another one, as Node looks for it.
fn resolve<'a>(lock: &'a LockFile, from: &str, name: &str) -> Option<&'a str> {
    let holders = std::iter::once(from).chain(above(from)).filter(|place| !place.is_empty());
    let mut places = holders
        .map(|holder| format!("{holder}/node_modules/{name}"))
        .chain([format!("node_modules/{name}")]);
    places.find_map(|place| lock.packages.get_key_value(&place).map(|(place, _)| place.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn present(packages: &Value) -> Vec<String> {
        let platform =
            Platform { os: "linux", cpu: "x64", libc: Some("glibc"), node: "24.21.0".to_owned() };
        let lock = LockFile::parse(&json!({ "packages": packages }).to_string()).unwrap();
        let names = lock.present(&platform).into_keys();
        names.map(|place| place.replace("node_modules/", "")).collect()
    }

    #[test]
    fn what_is_for_another_system_is_left_out_with_what_is_there_for_it_alone() {
        let lock = json!({
            "": { "dependencies": { "core": "1" } },
            "node_modules/core": {
                "dependencies": { "shared": "1" },
                "optionalDependencies": { "for-wasm": "1", "for-linux": "1", "for-musl": "1" }
            },
            "node_modules/shared": {},
            "node_modules/for-linux": { "optional": true, "os": ["linux"], "cpu": "x64", "libc": ["glibc"] },
            "node_modules/for-musl": { "optional": true, "os": ["linux"], "libc": ["musl"] },
            "node_modules/for-wasm": {
                "optional": true, "cpu": ["wasm32"],
                "dependencies": { "shared": "1", "its-own": "1" }
            },
            "node_modules/for-wasm/node_modules/inside": { "optional": true },
            "node_modules/its-own": { "optional": true, "dependencies": { "deeper": "1" } },
            "node_modules/deeper": { "optional": true, "dependencies": { "its-own": "1" } }
        });
        assert_eq!(present(&lock), ["core", "for-linux", "shared"]);
    }

    #[test]
    fn what_needs_an_optional_package_goes_with_it_up_to_the_first_that_may_be_without() {
        let lock = json!({
            "": { "dependencies": { "core": "1" } },
            "node_modules/core": { "optionalDependencies": { "wrapper": "1" } },
            "node_modules/wrapper": { "optional": true, "dependencies": { "native": "1", "js": "1" } },
            "node_modules/native": { "optional": true, "engines": { "node": "<20" } },
            "node_modules/js": { "optional": true }
        });
        assert_eq!(present(&lock), ["core"]);
    }

    #[test]
    fn what_two_packages_of_other_systems_share_goes_with_the_second() {
        let lock = json!({
            "": { "optionalDependencies": { "a": "1", "b": "1" } },
            "node_modules/a": { "optional": true, "os": ["win32"], "dependencies": { "both": "1" } },
            "node_modules/b": { "optional": true, "os": ["!linux"], "dependencies": { "both": "1" } },
            "node_modules/both": { "optional": true }
        });
        assert_eq!(present(&lock), [""; 0]);
    }

    #[test]
    fn what_is_no_registrys_or_leads_elsewhere_is_no_tarball_of_the_tree() {
        let platform = Platform { os: "linux", cpu: "x64", libc: None, node: "24.0.0".to_owned() };
        let of = |place: &str, more: Value| {
            let mut entry = json!({ "version": "1.0.0", "integrity": integrity::of(b"x") });
            entry.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let lock = json!({ "packages": { place: entry } }).to_string();
            LockFile::parse(&lock).unwrap().tarballs(&platform)
        };
        let placed = of("node_modules/@s/a", json!({ "name": "other" })).unwrap();
        let placed = (placed[0].place.as_str(), placed[0].id.as_str());
        assert_eq!(placed, ("node_modules/@s/a", "other@1.0.0"));
        assert_eq!(of("node_modules/a", json!({ "inBundle": true })), Some(Vec::new()));
        for (place, more) in [
            ("node_modules/../a", json!({})),
            ("elsewhere/a", json!({})),
            ("node_modules/a", json!({ "link": true })),
            ("node_modules/a", json!({ "resolved": "git+ssh://git@h.test/a.git#1" })),
            ("node_modules/a", json!({ "integrity": "sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=" })),
            ("node_modules/a", json!({ "integrity": null })),
            ("node_modules/a", json!({ "name": "../../-/whoami" })),
            ("node_modules/a", json!({ "version": "1.0.0/../../x" })),
        ] {
            assert_eq!(of(place, more.clone()), None, "{place} {more}");
        }
    }

    #[test]
    fn a_list_of_what_is_not_meant_means_all_others() {
        for (list, expected) in [
            (json!(null), true),
            (json!("any"), true),
            (json!(["!win32"]), true),
            (json!(["!win32", "darwin"]), false),
            (json!(["!linux", "linux"]), false),
            (json!("linux"), true),
        ] {
            assert_eq!(is_listed(Some("linux"), &list), expected, "{list}");
        }
        assert!(!is_listed(None, &json!(["glibc"])));
    }
}
