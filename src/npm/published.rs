//! What a registry says of one release of any package, as far as a lock file repeats it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::integrity;

/// One release of a package, as its registry has it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedPackage {
    /// The hashes of its tarball: `dist.integrity`, and `dist.shasum` as a hash of that kind.
    pub integrity: Vec<String>,
    /// What it needs, without what is optional.
    pub dependencies: BTreeMap<String, String>,
    /// What it can do without.
    pub optional_dependencies: BTreeMap<String, String>,
    /// What is to be beside it.
    pub peer_dependencies: BTreeMap<String, String>,
    /// Of these, those that need not be there.
    pub optional_peers: BTreeSet<String>,
    /// What is in its tarball.
    pub bundled: BTreeSet<String>,
}

impl PublishedPackage {
    /// Reads one release's manifest from a registry's answer. What is not of the
    /// expected kind is taken for absent, as npm takes it.
    pub(crate) fn read(manifest: &Value) -> Self {
        let dist = &manifest["dist"];
        let shasum = dist["shasum"].as_str().and_then(integrity::of_shasum);
        let hashes = dist["integrity"].as_str().unwrap_or_default().split_whitespace();
        let mut dependencies = texts(&manifest["dependencies"]);
        let optional_dependencies = texts(&manifest["optionalDependencies"]);
        // The registry lists what is optional twice.
        dependencies.retain(|name, _| !optional_dependencies.contains_key(name));
        let bundled = match (&manifest["bundleDependencies"], &manifest["bundledDependencies"]) {
            (Value::Null, named) | (named, _) => named,
        };
        let bundled = match bundled {
            Value::Bool(true) => dependencies.keys().cloned().collect(),
            named => named.as_array().into_iter().flatten().filter_map(text).collect(),
        };
        let peers = manifest["peerDependenciesMeta"].as_object().into_iter().flatten();
        let optional = peers.filter(|(_, peer)| peer["optional"] == Value::Bool(true));
        Self {
            integrity: hashes.map(str::to_owned).chain(shasum).collect(),
            optional_peers: optional.map(|(name, _)| name.clone()).collect(),
            peer_dependencies: texts(&manifest["peerDependencies"]),
            dependencies,
            optional_dependencies,
            bundled,
        }
    }

    /// Whether its tarball has this hash.
    pub(crate) fn has_integrity(&self, hash: &str) -> bool {
        self.integrity.iter().any(|known| known == hash)
    }
}

fn texts(object: &Value) -> BTreeMap<String, String> {
    let entries = object.as_object().into_iter().flatten();
    entries.filter_map(|(name, value)| Some((name.clone(), text(value)?))).collect()
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}
