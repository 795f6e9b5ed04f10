//! The npm lock file that travels with a pin: what must hold before npm may
//! follow it. Format: package-lock.json in npm's documentation.

use serde_json::{Map, Value};

use crate::release::{PackageName, Version};

/// A lock file that was checked against its pin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockFile {
    text: String,
    dependencies: Map<String, Value>,
    node: Option<String>,
}

/// The lock file does not say what the pin says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LockFileError {
    /// No JSON, or no `packages` in it.
    #[error("it is no npm lock file of version 2 or 3: {0}")]
    NotALock(String),
    /// It is for something else than this one package.
    #[error("it does not install {0} and nothing else")]
    OtherRoot(PackageName),
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
}

impl LockFile {
    /// Checks the text: one package, this release, this hash, every other
    /// package hashed, nothing from an address of its own.
    pub fn check(
        text: &str,
        package: &PackageName,
        version: Version,
        integrity: Option<&str>,
    ) -> Result<Self, LockFileError> {
        let lock: Value = serde_json::from_str(text)
            .map_err(|error| LockFileError::NotALock(error.to_string()))?;
        let packages = lock["packages"]
            .as_object()
            .ok_or_else(|| LockFileError::NotALock("no `packages`".to_owned()))?;
        let dependencies = packages.get("").and_then(|root| root["dependencies"].as_object());
        let dependencies = dependencies
            .filter(|all| all.len() == 1 && all.contains_key(package.as_str()))
            .ok_or_else(|| LockFileError::OtherRoot(package.clone()))?;
        let entry = packages
            .get(&format!("node_modules/{package}"))
            .ok_or_else(|| LockFileError::OtherRoot(package.clone()))?;
        let locked = entry["version"].as_str().unwrap_or_default();
        if locked.parse() != Ok(version) {
            let (package, locked) = (package.clone(), locked.to_owned());
            return Err(LockFileError::OtherVersion { package, locked, pinned: version });
        }
        if integrity.is_some() && entry["integrity"].as_str() != integrity {
            return Err(LockFileError::OtherIntegrity(package.clone()));
        }
        for (place, entry) in packages.iter().filter(|(place, _)| !place.is_empty()) {
            if entry.get("resolved").is_some() || entry["link"] == true {
                return Err(LockFileError::Address(place.clone()));
            }
            if entry["inBundle"] != true && !entry["integrity"].is_string() {
                return Err(LockFileError::NoIntegrity(place.clone()));
            }
        }
        Ok(Self {
            text: text.to_owned(),
            dependencies: dependencies.clone(),
            node: entry["engines"]["node"].as_str().map(ToOwned::to_owned),
        })
    }

    /// The file itself.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The `package.json` that npm finds in agreement with it.
    pub fn manifest(&self) -> String {
        serde_json::json!({"private": true, "dependencies": self.dependencies}).to_string()
    }

    /// The `engines.node` of the package.
    pub fn node(&self) -> Option<&str> {
        self.node.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock() -> Value {
        serde_json::json!({
            "lockfileVersion": 3,
            "packages": {
                "": {"dependencies": {"openclaw": "^2026.6.11"}},
                "node_modules/openclaw": {
                    "version": "2026.6.11", "integrity": "sha512-core", "engines": {"node": ">=22.19.0"}
                },
                "node_modules/zod": {"version": "4.0.0", "integrity": "sha512-zod"},
                "node_modules/zod/node_modules/inner": {"version": "1.0.0", "inBundle": true}
            }
        })
    }

    fn check(lock: &Value) -> Result<LockFile, LockFileError> {
        let version = "2026.6.11".parse().unwrap();
        LockFile::check(&lock.to_string(), &PackageName::CORE, version, Some("sha512-core"))
    }

    #[test]
    fn a_lock_file_that_says_what_the_pin_says_is_taken() {
        let lock = check(&lock()).unwrap();
        assert_eq!(lock.node(), Some(">=22.19.0"));
        assert_eq!(lock.manifest(), r#"{"private":true,"dependencies":{"openclaw":"^2026.6.11"}}"#);
    }

    #[test]
    fn a_lock_file_that_says_anything_else_is_refused() {
        let core = "/packages/node_modules~1openclaw";
        let zod = "/packages/node_modules~1zod";
        for (place, value, said) in [
            (format!("{core}/version"), "2026.6.10", "installs openclaw@2026.6.10"),
            (format!("{core}/integrity"), "sha512-other", "hash of openclaw is not the pin's"),
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
}
