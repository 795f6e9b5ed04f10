//! What a registry answers about a package: only the fields that codexpin uses.
//!
//! `OpenClaw`'s whole answer is 10 MB; what is kept of it is some 50 KB.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use jiff::Timestamp;
use serde::de::{DeserializeOwned, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use crate::release::{Schemas, Version};

/// A package's releases, as one registry has them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Packument {
    /// The package's name, as the registry gives it.
    pub name: String,
    /// `latest`, `beta`, `extended-stable` and whatever else, with the version each stands for.
    pub dist_tags: BTreeMap<String, String>,
    /// The releases in their order. What is no calendar version is left out.
    #[serde(with = "by_version")]
    pub releases: BTreeMap<Version, ReleaseManifest>,
}

/// One release's `package.json` as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseManifest {
    /// The release.
    pub version: Version,
    /// `dist.integrity`: the hash of the tarball, as in a lock file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integrity: Option<String>,
    /// `engines.node`: the range of Node versions that it runs on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// When it was published, as far as the registry knows. A mirror may give
    /// the day on which it fetched the release: nothing is ordered by this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<Timestamp>,
    /// The publisher's word against it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deprecated: Option<String>,
    /// The plugin's `@openai/codex`, where it asks for an exact version. A range
    /// names no release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub codex_cli: Option<semver::Version>,
    /// The plugin's `openclaw.install.minHostVersion`: the oldest core that it can be installed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_host: Option<Version>,
    /// The plugin's `openclaw.compat.pluginApi`, a range.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin_api: Option<String>,
    /// The plugin's peer dependency on `openclaw`, a range.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer_core: Option<String>,
    /// The core's `openclaw.schemaVersions`, from 2026.7.2-beta.3 on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schemas: Option<Schemas>,
    /// Bytes on disk, without the dependencies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unpacked_size: Option<u64>,
}

impl Packument {
    /// Reads a registry's whole answer. A release or a field of one that
    /// cannot be understood is left out; the rest stands.
    pub fn from_registry(body: &[u8]) -> Result<Self, serde_json::Error> {
        let wire: WirePackument = serde_json::from_slice(body)?;
        let mut published = wire.time.0.unwrap_or_default().0;
        let releases = wire.versions.0.into_iter().map(|(version, manifest)| {
            let published = published.remove(&version);
            (version, manifest.into_manifest(version, published))
        });
        Ok(Self {
            name: wire.name.0.unwrap_or_default(),
            releases: releases.collect(),
            dist_tags: wire.dist_tags.0.unwrap_or_default().0.into_iter().collect(),
        })
    }
}

/// The digest lists the manifests: each of them carries its version.
mod by_version {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serializer};

    use super::{ReleaseManifest, Version};

    pub(crate) fn serialize<S: Serializer>(
        releases: &BTreeMap<Version, ReleaseManifest>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(releases.values())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<Version, ReleaseManifest>, D::Error> {
        let list = Vec::<ReleaseManifest>::deserialize(deserializer)?;
        Ok(list.into_iter().map(|manifest| (manifest.version, manifest)).collect())
    }
}

#[derive(Deserialize)]
struct WirePackument {
    #[serde(default)]
    name: Lenient<String>,
    #[serde(default, rename = "dist-tags")]
    dist_tags: Lenient<Entries<String, String>>,
    // The one field that an answer must have to be a packument at all.
    versions: Entries<Version, WireManifest>,
    #[serde(default)]
    time: Lenient<Entries<Version, Timestamp>>,
}

#[derive(Deserialize)]
struct WireManifest {
    #[serde(default)]
    dist: Lenient<WireDist>,
    #[serde(default)]
    engines: Lenient<WireEngines>,
    #[serde(default)]
    deprecated: Lenient<WireDeprecation>,
    #[serde(default)]
    dependencies: Lenient<WireDependencies>,
    #[serde(default, rename = "optionalDependencies")]
    optional_dependencies: Lenient<WireDependencies>,
    #[serde(default, rename = "peerDependencies")]
    peer_dependencies: Lenient<WireDependencies>,
    #[serde(default)]
    openclaw: Lenient<WireOpenClaw>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct WireDist {
    integrity: Lenient<String>,
    unpacked_size: Lenient<u64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WireEngines {
    node: Lenient<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum WireDeprecation {
    Reason(String),
    Flag(bool),
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WireDependencies {
    #[serde(rename = "@openai/codex")]
    codex_cli: Lenient<String>,
    #[serde(rename = "openclaw")]
    core: Lenient<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct WireOpenClaw {
    install: Lenient<WireInstall>,
    compat: Lenient<WireCompat>,
    schema_versions: Lenient<Schemas>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct WireInstall {
    min_host_version: Lenient<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct WireCompat {
    plugin_api: Lenient<String>,
}

impl WireManifest {
    fn into_manifest(self, version: Version, published: Option<Timestamp>) -> ReleaseManifest {
        let dist = self.dist.0.unwrap_or_default();
        let openclaw = self.openclaw.0.unwrap_or_default();
        let install = openclaw.install.0.unwrap_or_default();
        let codex = |dependencies: Lenient<WireDependencies>| -> Option<semver::Version> {
            dependencies.0?.codex_cli.0?.parse().ok()
        };
        ReleaseManifest {
            version,
            integrity: dist.integrity.0,
            node: self.engines.0.and_then(|engines| engines.node.0),
            published,
            deprecated: match self.deprecated.0 {
                Some(WireDeprecation::Reason(reason)) if !reason.is_empty() => Some(reason),
                Some(WireDeprecation::Flag(true)) => Some("deprecated".to_owned()),
                _ => None,
            },
            codex_cli: codex(self.dependencies).or_else(|| codex(self.optional_dependencies)),
            min_host: install.min_host_version.0.and_then(|range| lower_bound(&range)),
            plugin_api: openclaw.compat.0.and_then(|compat| compat.plugin_api.0),
            peer_core: self.peer_dependencies.0.and_then(|peers| peers.core.0),
            schemas: openclaw.schema_versions.0,
            unpacked_size: dist.unpacked_size.0,
        }
    }
}

/// The version in `2026.5.12`, `>=2026.5.12`, `^2026.5.12` or `>=2026.5.12 <2027`.
fn lower_bound(range: &str) -> Option<Version> {
    let bare = range.trim_start_matches(['>', '=', '^', '~', ' ']);
    bare.split_whitespace().next()?.parse().ok()
}

/// A value, or nothing where it is not of the expected kind.
struct Lenient<T>(Option<T>);

impl<T> Default for Lenient<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Lenient<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // The raw text is stepped over first, so that a wrong value cannot
        // leave the parser in the middle of it.
        let raw = <&'de RawValue>::deserialize(deserializer)?;
        // A derived struct would take a list for its fields in order; no field here is a list.
        let listed = raw.get().starts_with('[');
        Ok(Self(if listed { None } else { serde_json::from_str(raw.get()).ok() }))
    }
}

/// The entries of an object whose key and value both make sense, in their order.
struct Entries<K, V>(BTreeMap<K, V>);

impl<K, V> Default for Entries<K, V> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<'de, K, V> Deserialize<'de> for Entries<K, V>
where
    K: std::str::FromStr + Ord,
    V: DeserializeOwned,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object<K, V>(PhantomData<(K, V)>);

        impl<'de, K, V> Visitor<'de> for Object<K, V>
        where
            K: std::str::FromStr + Ord,
            V: DeserializeOwned,
        {
            type Value = Entries<K, V>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = BTreeMap::new();
                while let Some(key) = map.next_key::<std::borrow::Cow<'de, str>>()? {
                    let Ok(key) = key.parse::<K>() else {
                        map.next_value::<IgnoredAny>()?;
                        continue;
                    };
                    if let Lenient(Some(value)) = map.next_value::<Lenient<V>>()? {
                        entries.insert(key, value);
                    }
                }
                Ok(Entries(entries))
            }
        }

        deserializer.deserialize_map(Object(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Packument {
        Packument::from_registry(text.as_bytes()).unwrap()
    }

    #[test]
    fn every_field_is_found_where_a_registry_has_it() {
        let packument = read(
            r#"{"name": "@openclaw/codex", "dist-tags": {"latest": "2026.7.1-2"}, "readme": "long",
            "time": {"created": "2025-01-01T00:00:00Z", "2026.7.1-2": "2026-07-03T10:00:00.000Z"},
            "versions": {"2026.7.1-2": {
                "deprecated": "broken", "engines": {"node": ">=22.19", "npm": "*"},
                "dist": {"integrity": "sha512-AA==", "unpackedSize": 42, "fileCount": 3},
                "dependencies": {"ws": "1.0.0", "@openai/codex": "0.150.0"},
                "peerDependencies": {"openclaw": ">=2026.7.1"},
                "openclaw": {"install": {"minHostVersion": ">=2026.5.1-beta.1"},
                             "compat": {"pluginApi": ">=2026.7"},
                             "schemaVersions": {"state": 17, "agent": 21}}}}}"#,
        );
        let version: Version = "2026.7.1-2".parse().unwrap();
        let expected = ReleaseManifest {
            version,
            integrity: Some("sha512-AA==".to_owned()),
            node: Some(">=22.19".to_owned()),
            published: Some("2026-07-03T10:00:00Z".parse().unwrap()),
            deprecated: Some("broken".to_owned()),
            codex_cli: Some(semver::Version::new(0, 150, 0)),
            min_host: Some("2026.5.1-beta.1".parse().unwrap()),
            plugin_api: Some(">=2026.7".to_owned()),
            peer_core: Some(">=2026.7.1".to_owned()),
            schemas: Some(Schemas { state: 17, agent: 21 }),
            unpacked_size: Some(42),
        };
        assert_eq!(packument.name, "@openclaw/codex");
        assert_eq!(packument.dist_tags["latest"], "2026.7.1-2");
        assert_eq!(packument.releases, BTreeMap::from([(version, expected)]));
    }

    #[test]
    fn what_makes_no_sense_is_left_out_and_the_rest_stands() {
        let packument = read(
            r#"{"dist-tags": {"latest": 7, "beta": "2026.6.1-beta.1"}, "time": "never",
            "versions": {
                "0.0.1": {"dist": {"integrity": "x"}},
                "2026.5.1": null, "2026.5.2": "text", "2026.5.3": ["list"],
                "2026.5.4": {"engines": ["node >= 0.6"], "dist": {"integrity": "kept", "unpackedSize": "9"}},
                "2026.5.5": {"deprecated": "", "openclaw": {"install": {"minHostVersion": "soon"}}},
                "2026.5.6": {"deprecated": true, "optionalDependencies": {"@openai/codex": "0.1.0"}},
                "2026.5.7": {"deprecated": false, "dist": 3}}}"#,
        );
        let versions: Vec<_> = packument.releases.keys().map(ToString::to_string).collect();
        assert_eq!(versions, ["2026.5.4", "2026.5.5", "2026.5.6", "2026.5.7"]);
        let release = |text: &str| &packument.releases[&text.parse::<Version>().unwrap()];
        assert_eq!(release("2026.5.4").integrity.as_deref(), Some("kept"));
        assert_eq!((&release("2026.5.4").node, release("2026.5.4").unpacked_size), (&None, None));
        assert_eq!((&release("2026.5.5").deprecated, release("2026.5.5").min_host), (&None, None));
        assert_eq!(release("2026.5.6").deprecated.as_deref(), Some("deprecated"));
        assert_eq!(release("2026.5.6").codex_cli, Some(semver::Version::new(0, 1, 0)));
        assert_eq!(release("2026.5.7").deprecated, None);
        assert_eq!(packument.dist_tags.keys().collect::<Vec<_>>(), ["beta"]);
    }

    #[test]
    fn an_answer_without_versions_is_no_packument() {
        for text in ["", "<html>", "[]", "{}", r#"{"error": "not found"}"#, r#"{"versions": 1}"#] {
            Packument::from_registry(text.as_bytes()).unwrap_err();
        }
        let cut = Packument::from_registry(br#"{"versions": {"2026.5.1": {"#).unwrap_err();
        assert!(cut.is_eof(), "{cut}");
    }

    #[test]
    fn the_digest_reads_back_as_it_was_and_leaves_absent_fields_out() {
        let packument =
            read(r#"{"name": "openclaw", "versions": {"2026.5.1": {}, "2026.5.2": {}}}"#);
        let digest = serde_json::to_string(&packument).unwrap();
        assert_eq!(
            digest,
            r#"{"name":"openclaw","dist_tags":{},"releases":[{"version":"2026.5.1"},{"version":"2026.5.2"}]}"#
        );
        assert_eq!(serde_json::from_str::<Packument>(&digest).unwrap(), packument);
    }

    #[test]
    fn a_minimum_is_read_from_a_version_or_a_range() {
        for (range, version) in [
            ("2026.5.12", Some("2026.5.12")),
            (">=2026.5.12", Some("2026.5.12")),
            (">= 2026.5.12 <2027", Some("2026.5.12")),
            ("^v2026.5.12", Some("2026.5.12")),
            ("*", None),
            ("", None),
        ] {
            assert_eq!(lower_bound(range).map(|v| v.to_string()).as_deref(), version, "{range}");
        }
    }
}
