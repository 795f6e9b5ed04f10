//! What a lock file may have in it that npm is to follow: what npm itself writes, at
//! places below `node_modules`, and nothing else.

use serde_json::{Map, Value};

use super::LockFileError;

/// What npm writes of a package (`lib/shrinkwrap.js` of its `@npmcli/arborist` 9). Of an
/// entry it reads more than that: the whole of it stands for the package's manifest.
const FIELDS: [&str; 29] = [
    "acceptDependencies",
    "bin",
    "bundleDependencies",
    "cpu",
    "dependencies",
    "deprecated",
    "dev",
    "devOptional",
    "engines",
    "extraneous",
    "funding",
    "hasInstallScript",
    "hasShrinkwrap",
    "ideallyInert",
    "inBundle",
    "integrity",
    "libc",
    "license",
    "link",
    "name",
    "optional",
    "optionalDependencies",
    "os",
    "peer",
    "peerDependencies",
    "peerDependenciesMeta",
    "resolved",
    "version",
    // Of a package that was published with it (`@napi-rs/canvas`); heeded in a project alone.
    "workspaces",
];

/// What the project itself may have: what it wants, and what does nothing.
const OF_THE_PROJECT: [&str; 4] = ["dependencies", "license", "name", "version"];

pub(super) fn check(text: &str) -> Result<(), LockFileError> {
    let none = |why: &str| LockFileError::NotALock(why.to_owned());
    let lock: Map<String, Value> =
        serde_json::from_str(text).map_err(|error| none(&error.to_string()))?;
    if !matches!(lock.get("lockfileVersion").and_then(Value::as_u64), Some(2 | 3)) {
        return Err(none("its `lockfileVersion` is another"));
    }
    let packages = lock.get("packages").and_then(Value::as_object);
    for (place, entry) in packages.ok_or_else(|| none("it has no `packages`"))? {
        if !place.is_empty() && !is_place(place) {
            return Err(LockFileError::OtherPlace(place.clone()));
        }
        let entry = entry.as_object().ok_or_else(|| none(&format!("{place} is no object")))?;
        let text = |field| entry.get(field).map(|value| value.as_str().unwrap_or_default());
        if !place.is_empty() && !is_identity(text("name"), text("version")) {
            return Err(none(&format!("{place} has no name and version that npm writes")));
        }
        let known: &[&str] = if place.is_empty() { &OF_THE_PROJECT } else { &FIELDS };
        if let Some(field) = entry.keys().find(|field| !known.contains(&field.as_str())) {
            let place = if place.is_empty() { "the project" } else { place }.to_owned();
            let field = field.clone();
            return Err(LockFileError::OtherField { place, field });
        }
    }
    Ok(())
}

/// Whether a package has a name and a version that npm writes, where it has any: both become
/// part of an address that the registry is asked at.
pub(super) fn is_identity(name: Option<&str>, version: Option<&str>) -> bool {
    name.is_none_or(is_name) && version.is_none_or(is_version)
}

/// `node_modules/a/node_modules/@scope/b`.
pub(super) fn is_place(place: &str) -> bool {
    let Some(names) = place.strip_prefix("node_modules/") else { return false };
    names.split("/node_modules/").all(is_name)
}

/// A package's name, as npm allowed it at any time (`validate-npm-package-name`).
fn is_name(name: &str) -> bool {
    let plain = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part != "node_modules"
            && part.chars().all(|c| c.is_ascii_alphanumeric() || "-_.~!'()*".contains(c))
    };
    match name.strip_prefix('@') {
        Some(scoped) => {
            scoped.split_once('/').is_some_and(|(scope, name)| plain(scope) && plain(name))
        }
        None => plain(name),
    }
}

/// A version's letters and signs.
fn is_version(version: &str) -> bool {
    !version.is_empty()
        && version.chars().all(|c| c.is_ascii_alphanumeric() || ".-+".contains(c))
        && !version.contains("..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_or_version_that_would_lead_to_another_address_is_refused() {
        let lock = |entry: &str| {
            format!(r#"{{"lockfileVersion": 3, "packages": {{"node_modules/a": {entry}}}}}"#)
        };
        for good in
            [r#"{"version": "1.0.0-rc.1+build"}"#, r#"{"name": "@s/b", "version": "2.0.0"}"#]
        {
            assert!(check(&lock(good)).is_ok(), "{good}");
        }
        for bad in [
            r#"{"version": "../b/1.0.0"}"#,
            r#"{"version": "1.0.0?write=true"}"#,
            r#"{"version": "..", "name": "b"}"#,
            r#"{"version": 1}"#,
            r#"{"version": "1.0.0", "name": "../b"}"#,
            r#"{"version": "1.0.0", "name": ".."}"#,
        ] {
            let error = check(&lock(bad)).unwrap_err().to_string();
            assert!(error.contains("has no name and version that npm writes"), "{error}");
        }
    }

    #[test]
    fn a_place_is_below_node_modules_and_leads_nowhere_else() {
        for (place, is) in [
            ("node_modules/a", true),
            ("node_modules/JSONStream", true),
            ("node_modules/@s/b/node_modules/c.js", true),
            ("node_modules/../a", false),
            ("node_modules/a/../../b", false),
            ("node_modules/@s/../b", false),
            ("node_modules/.bin", false),
            ("node_modules/a/b", false),
            ("node_modules/a/", false),
            ("node_modules//a", false),
            ("node_modules/a\\..\\b", false),
            ("node_modules/node_modules", false),
            ("packages/a", false),
            ("/node_modules/a", false),
        ] {
            assert_eq!(is_place(place), is, "{place}");
        }
    }
}
