//! Which plugin release, and with it which Codex CLI, belongs to a core release.

use serde::{Deserialize, Serialize};

use super::version::Version;
use crate::npm::packument::Packument;

/// The thing under test: a core release with the plugin release that pairs with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// The core release.
    pub core: Version,
    /// What the registry says the core tarball hashes to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub core_integrity: Option<String>,
    /// The core's `engines.node`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// The plugin release; none where the registry has none for this core.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plugin: Option<Plugin>,
}

/// A release of the plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plugin {
    /// Its version.
    pub version: Version,
    /// What the registry says its tarball hashes to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub integrity: Option<String>,
    /// The exact release of `@openai/codex` that it depends on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub codex_cli: Option<semver::Version>,
}

/// The plugin release that pairs with a core: that of the same version, for a
/// correction that of the release that it corrects.
pub fn plugin_of(core: Version) -> Version {
    if core.is_correction() { core.base() } else { core }
}

/// Whether a plugin belongs to a core. A correction that has a plugin of its own
/// pairs with that one, too.
pub fn pairs(core: Version, plugin: Version) -> bool {
    plugin == core || plugin == plugin_of(core)
}

/// Every candidate that the registry holds, in order of release.
///
/// The plugin of a release is the one with the same version; that of a
/// correction `P-N` is the one of `P`, unless only `P-N` itself was published.
pub fn candidates(core: &Packument, plugin: Option<&Packument>) -> Vec<Candidate> {
    let plugin_for = |version: Version| {
        let releases = &plugin?.releases;
        let manifest = releases.get(&plugin_of(version)).or_else(|| releases.get(&version))?;
        Some(Plugin {
            version: manifest.version,
            integrity: manifest.integrity.clone(),
            codex_cli: manifest.codex_cli.clone(),
        })
    };
    core.releases
        .values()
        .map(|manifest| Candidate {
            core: manifest.version,
            core_integrity: manifest.integrity.clone(),
            node: manifest.node.clone(),
            plugin: plugin_for(manifest.version),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

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
