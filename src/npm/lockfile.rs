//! npm's lock file: which packages a project has, where, and with which hashes.
//! Format: `package-lock.json` in npm's documentation, versions 2 and 3.
//!
//! One type for all that read it: an install is held against the registry's
//! word, two releases are compared by it, and one that comes with a pin must
//! keep strict rules before npm may follow it.

mod form;
mod present;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

pub(crate) use present::PlacedPackage;

use super::integrity;
use super::project;
use crate::release::{PackageName, Version};

/// A lock file, or the hidden one that npm keeps under `node_modules`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockFile {
    text: String,
    packages: BTreeMap<String, LockEntry>,
}

/// One package at one place.
#[expect(clippy::struct_excessive_bools, reason = "npm's own fields")]
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct LockEntry {
    /// None for the project itself and for a link into the machine.
    pub(crate) version: Option<String>,
    /// The package's own name, where it is installed under another one.
    pub(crate) name: Option<String>,
    pub(crate) integrity: Option<String>,
    pub(crate) resolved: Option<String>,
    pub(crate) dependencies: BTreeMap<String, String>,
    pub(crate) optional_dependencies: BTreeMap<String, String>,
    pub(crate) peer_dependencies: BTreeMap<String, String>,
    /// Of each peer, whether it may be missing.
    peer_dependencies_meta: BTreeMap<String, Value>,
    pub(crate) has_install_script: bool,
    /// Its commands, and the file of each: a list in all that npm writes today.
    bin: Value,
    link: bool,
    /// Nothing fails without it.
    optional: bool,
    /// For whoever works on the project alone.
    dev: bool,
    /// npm 11 could not install it, and says so for the next time.
    ideally_inert: bool,
    /// Which systems it is for: a name, or a list of them.
    os: Value,
    cpu: Value,
    libc: Value,
    /// It comes inside the tarball of a package above it.
    pub(crate) in_bundle: bool,
    /// An object in all but a few packages of before 2012, which have a list.
    engines: Value,
}

/// The lock file does not say what the pin says, or is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LockFileError {
    /// No JSON, or no `packages` in it.
    #[error("it is no npm lock file of version 2 or 3: {0}")]
    NotALock(String),
    /// It is for something else than this one package.
    #[error("it does not install {package}@{version} and nothing else")]
    OtherRoot {
        /// The package.
        package: PackageName,
        /// The release that the pin says.
        version: Version,
    },
    /// Another package is installed in its place.
    #[error("{place} is to be `{name}`")]
    OtherName {
        /// Where.
        place: String,
        /// What is to be there.
        name: String,
    },
    /// It holds another release.
    #[error("it installs {package}@{locked}, the pin says {pinned}")]
    OtherVersion {
        /// The package.
        package: PackageName,
        /// What the lock file has.
        locked: String,
        /// What the pin has.
        pinned: Version,
    },
    /// It holds another tarball of the same release.
    #[error("its integrity hash of {0} is not the pin's")]
    OtherIntegrity(PackageName),
    /// An entry comes from a fixed address, a directory or a git repository.
    #[error("{0} is not taken from the registry that npm is configured for")]
    Address(String),
    /// An entry could be anything.
    #[error("{0} has no integrity hash")]
    NoIntegrity(String),
    /// Text where a hash should be, which npm would take for no hash at all.
    #[error("{place} has `{found}`, which is no integrity hash")]
    NotAHash {
        /// The entry.
        place: String,
        /// What it has.
        found: String,
    },
    /// A path that leads elsewhere.
    #[error("`{0}` is no place in a project's node_modules")]
    OtherPlace(String),
    /// npm would heed it: it takes every field of an entry for one of the package's
    /// own manifest, `scripts` too.
    #[error("{place} has `{field}`, which npm writes into no lock file")]
    OtherField {
        /// The entry.
        place: String,
        /// The field.
        field: String,
    },
}

impl LockFile {
    /// Reads a lock file; nothing is checked but its form.
    pub fn parse(text: &str) -> Result<Self, LockFileError> {
        #[derive(Deserialize)]
        struct Content {
            packages: BTreeMap<String, LockEntry>,
        }
        let content: Content = serde_json::from_str(text)
            .map_err(|error| LockFileError::NotALock(error.to_string()))?;
        Ok(Self { text: text.to_owned(), packages: content.packages })
    }

    /// Reads a lock file that npm is to follow: one package, this release, this
    /// hash, every other package hashed, nothing from an address of its own.
    pub fn check(
        text: &str,
        package: &PackageName,
        version: Version,
        integrity: Option<&str>,
    ) -> Result<Self, LockFileError> {
        form::check(text)?;
        let lock = Self::parse(text)?;
        let other_root = || LockFileError::OtherRoot { package: package.clone(), version };
        let exact = BTreeMap::from([(package.to_string(), version.to_string())]);
        if lock.packages.get("").is_none_or(|root| root.dependencies != exact) {
            return Err(other_root());
        }
        let entry = lock.top(package).ok_or_else(other_root)?;
        let locked = entry.version.as_deref().unwrap_or_default();
        if locked.parse() != Ok(version) {
            let (package, locked) = (package.clone(), locked.to_owned());
            return Err(LockFileError::OtherVersion { package, locked, pinned: version });
        }
        if let Some(name) = entry.name.clone().filter(|name| name != package.as_str()) {
            return Err(LockFileError::OtherName {
                place: format!("node_modules/{package}"),
                name,
            });
        }
        if integrity.is_some() && entry.integrity.as_deref() != integrity {
            return Err(LockFileError::OtherIntegrity(package.clone()));
        }
        for (place, entry) in lock.packages() {
            if entry.resolved.is_some() || entry.link {
                return Err(LockFileError::Address(place.to_owned()));
            }
            match &entry.integrity {
                None if entry.in_bundle => {}
                None => return Err(LockFileError::NoIntegrity(place.to_owned())),
                Some(hash) if integrity::is_well_formed(hash) => {}
                Some(found) => {
                    let (place, found) = (place.to_owned(), found.clone());
                    return Err(LockFileError::NotAHash { place, found });
                }
            }
        }
        Ok(lock)
    }

    /// The file itself.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Every package by its place, such as `node_modules/a/node_modules/b`,
    /// without the project itself.
    pub(crate) fn packages(&self) -> impl Iterator<Item = (&str, &LockEntry)> {
        let all = self.packages.iter().map(|(place, entry)| (place.as_str(), entry));
        all.filter(|(place, _)| !place.is_empty())
    }

    /// The package that is not inside another one.
    pub(crate) fn top(&self, package: &PackageName) -> Option<&LockEntry> {
        self.packages.get(&format!("node_modules/{package}"))
    }

    /// The `package.json` that npm finds in agreement with it.
    pub fn manifest(&self) -> String {
        let root = self.packages.get("");
        project::manifest(&root.map(|root| root.dependencies.clone()).unwrap_or_default())
    }

    /// The `engines.node` of the one package that the project asks for.
    pub fn node(&self) -> Option<&str> {
        let (package, _) = self.packages.get("")?.dependencies.first_key_value()?;
        self.packages.get(&format!("node_modules/{package}"))?.engines["node"].as_str()
    }
}

impl LockEntry {
    /// `dep@1.0.0`, by the package's own name; none for a link.
    pub(crate) fn id(&self, place: &str) -> Option<String> {
        let name = self.name.as_deref().or_else(|| name_at(place))?;
        Some(format!("{name}@{}", self.version.as_ref()?))
    }

    /// What the tarball hashes to, or where it came from if npm has no hash for it.
    pub(crate) fn content(&self) -> Option<&str> {
        self.integrity.as_deref().or(self.resolved.as_deref())
    }
}

/// `@scope/b` of `node_modules/a/node_modules/@scope/b`; none for the project itself.
pub(crate) fn name_at(place: &str) -> Option<&str> {
    place.rsplit_once("node_modules/").map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn lock() -> Value {
        json!({
            "lockfileVersion": 3,
            "packages": {
                "": {"dependencies": {"openclaw": "2026.6.11"}},
                "node_modules/openclaw": {
                    "version": "2026.6.11", "integrity": integrity::of(b"core"),
                    "engines": {"node": ">=22.19.0"}
                },
                "node_modules/zod": {"version": "4.0.0", "integrity": integrity::of(b"zod")},
                "node_modules/zod/node_modules/inner": {"version": "1.0.0", "inBundle": true}
            }
        })
    }

    fn check(lock: &Value) -> Result<LockFile, LockFileError> {
        let version = "2026.6.11".parse().unwrap();
        let hash = integrity::of(b"core");
        LockFile::check(&lock.to_string(), &PackageName::CORE, version, Some(&hash))
    }

    #[test]
    fn a_lock_file_that_says_what_the_pin_says_is_taken() {
        let lock = check(&lock()).unwrap();
        assert_eq!(lock.node(), Some(">=22.19.0"));
        let manifest: Value = serde_json::from_str(&lock.manifest()).unwrap();
        assert_eq!(manifest["dependencies"], json!({"openclaw": "2026.6.11"}));
    }

    #[test]
    fn the_lock_file_of_a_real_release_is_taken() {
        let text = include_str!("../../known-good.lock/2026.5.28.json");
        let version = "2026.5.28".parse().unwrap();
        let lock = LockFile::check(text, &PackageName::CORE, version, None).unwrap();
        assert_eq!(lock.packages().count(), 318);
    }

    #[test]
    fn a_lock_file_that_says_anything_else_is_refused() {
        let core = "/packages/node_modules~1openclaw";
        let zod = "/packages/node_modules~1zod";
        let root = "/packages//dependencies".to_owned();
        for (place, value, said) in [
            (format!("{core}/version"), "2026.6.10", "installs openclaw@2026.6.10"),
            (format!("{core}/integrity"), "sha512-other", "hash of openclaw is not the pin's"),
            (format!("{core}/name"), "other", "node_modules/openclaw is to be `other`"),
            (format!("{zod}/integrity"), "any", "zod has `any`, which is no integrity hash"),
            (format!("{zod}/scripts"), "x", "has `scripts`, which npm writes into no lock file"),
            (format!("{root}/openclaw"), "^2026.6.11", "openclaw@2026.6.11 and nothing else"),
            (format!("{root}/openclaw"), "npm:other@2026.6.11", "and nothing else"),
            (format!("{root}/openclaw"), "git+ssh://elsewhere", "and nothing else"),
            (
                "/packages//optionalDependencies".to_owned(),
                "x",
                "the project has `optionalDependencies`",
            ),
            ("/lockfileVersion".to_owned(), "", "of version 2 or 3"),
            (format!("{zod}/resolved"), "git+ssh://elsewhere", "not taken from the registry"),
            (format!("{zod}/integrity"), "", "zod has no integrity hash"),
            ("/packages//dependencies/zod".to_owned(), "4", "and nothing else"),
        ] {
            let mut changed = lock();
            let (parent, key) = place.rsplit_once('/').unwrap();
            let object = changed.pointer_mut(parent).unwrap().as_object_mut().unwrap();
            if value.is_empty() {
                object.remove(key);
            } else {
                object.insert(key.to_owned(), value.into());
            }
            let error = check(&changed).unwrap_err().to_string();
            assert!(error.contains(said), "{place}: {error}");
        }
        let none = LockFile::check("{}", &PackageName::CORE, "2026.6.11".parse().unwrap(), None);
        assert!(matches!(none, Err(LockFileError::NotALock(_))));
    }

    #[test]
    fn the_hidden_lock_file_has_no_project_and_old_packages_list_their_engines() {
        let text = r#"{"packages": {"node_modules/a": {"version": "1.0.0", "engines": ["node >= 0.6"]},
            "node_modules/a/node_modules/@b/c": {"link": true, "resolved": "../c"}}}"#;
        let lock = LockFile::parse(text).unwrap();
        let places: Vec<_> = lock.packages().map(|(place, _)| name_at(place).unwrap()).collect();
        assert_eq!(places, ["a", "@b/c"]);
        assert_eq!(lock.node(), None);
        assert_eq!(lock.packages["node_modules/a/node_modules/@b/c"].content(), Some("../c"));
    }
}
