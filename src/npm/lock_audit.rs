//! A lock file held against what the registry says of every package in it. Pure.
//!
//! npm believes a lock file: which package is where, what it wants, what comes inside
//! another's tarball. One that comes from elsewhere is believed only where the registry
//! says the same, from the release itself down to the last package.

use std::collections::{BTreeMap, BTreeSet};

use nodejs_semver::{Range, Version};

use super::lockfile::{LockEntry, LockFile, name_at};
use super::published::PublishedPackage;
use crate::release::PackageName;

/// What the registry says of the packages, by name and version.
pub type Publications = BTreeMap<(String, String), PublishedPackage>;

/// The lock file is not one that npm could have made of this registry's packages.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LockAuditError {
    /// The registry has no such release.
    #[error("the registry has no {id}, which is to be at {place}")]
    Unpublished {
        /// Where.
        place: String,
        /// Name and version.
        id: String,
    },
    /// Another tarball.
    #[error("{place} is not the tarball that the registry has of {id}: its integrity hash differs")]
    OtherIntegrity {
        /// Where.
        place: String,
        /// Name and version.
        id: String,
    },
    /// It wants something else than the release does.
    #[error(
        "{place} wants another `{dependency}` than the registry's {id} does, or one of the two wants none"
    )]
    OtherDependency {
        /// Where.
        place: String,
        /// Name and version.
        id: String,
        /// The first that differs.
        dependency: String,
    },
    /// A dependency is missing, or is another than was asked for.
    #[error("{place} wants `{dependency}` as `{wanted}`, and gets {found}")]
    Unmet {
        /// Where.
        place: String,
        /// The dependency.
        dependency: String,
        /// What is asked for.
        wanted: String,
        /// What is there.
        found: String,
    },
    /// It is in the lock file for no reason.
    #[error("nothing in the tree asks for {place}")]
    Unasked {
        /// Where.
        place: String,
    },
    /// It needs no hash, because it comes with another package, which does not have it.
    #[error("{place} is in no package that bundles it")]
    Unbundled {
        /// Where.
        place: String,
    },
}

/// The packages that the lock file names: of whom the registry must be asked.
pub fn packages(lock: &LockFile) -> BTreeSet<(String, String)> {
    lock.packages().filter_map(|(place, entry)| identity(place, entry)).collect()
}

/// Holds the lock file of one package against what the registry has published.
pub fn audit(
    lock: &LockFile,
    package: &PackageName,
    published: &Publications,
) -> Result<(), LockAuditError> {
    let places: BTreeMap<&str, &LockEntry> = lock.packages().collect();
    let audit = Audit { places, published };
    for (place, entry) in &audit.places {
        audit.check_entry(place, entry)?;
    }
    let mut open = vec![format!("node_modules/{package}")];
    let mut reached: BTreeSet<String> = open.iter().cloned().collect();
    while let Some(place) = open.pop() {
        for found in audit.dependencies_of(&place)? {
            if reached.insert(found.to_owned()) {
                open.push(found.to_owned());
            }
        }
    }
    match audit.places.keys().find(|place| !reached.contains(**place)) {
        Some(place) => Err(LockAuditError::Unasked { place: (*place).to_owned() }),
        None => Ok(()),
    }
}

struct Audit<'a> {
    places: BTreeMap<&'a str, &'a LockEntry>,
    published: &'a Publications,
}

impl<'a> Audit<'a> {
    fn published(&self, place: &str) -> Option<(&'a PublishedPackage, String)> {
        let (name, version) = identity(place, self.places.get(place)?)?;
        let id = format!("{name}@{version}");
        Some((self.published.get(&(name, version))?, id))
    }

    fn check_entry(&self, place: &str, entry: &LockEntry) -> Result<(), LockAuditError> {
        let here = || place.to_owned();
        let Some((published, id)) = self.published(place) else {
            let id = entry.id(place).unwrap_or_else(|| "unversioned package".to_owned());
            return Err(LockAuditError::Unpublished { place: here(), id });
        };
        // What is bundled has the hash of the tarball that it comes in.
        let hashed = match &entry.integrity {
            Some(integrity) => published.has_integrity(integrity),
            None => entry.in_bundle,
        };
        if !hashed {
            return Err(LockAuditError::OtherIntegrity { place: here(), id });
        }
        if entry.in_bundle && !self.is_bundled(place) {
            return Err(LockAuditError::Unbundled { place: here() });
        }
        for (said, is) in [
            (&entry.dependencies, &published.dependencies),
            (&entry.optional_dependencies, &published.optional_dependencies),
            (&entry.peer_dependencies, &published.peer_dependencies),
        ] {
            let mut names = said.keys().chain(is.keys());
            if let Some(dependency) = names.find(|name| said.get(*name) != is.get(*name)) {
                let dependency = dependency.clone();
                return Err(LockAuditError::OtherDependency { place: here(), id, dependency });
            }
        }
        Ok(())
    }

    /// Whether a package above has it in its tarball: it is named there, or it is what
    /// one that is named there brings along.
    fn is_bundled(&self, place: &str) -> bool {
        let mut above = place;
        while let Some((holder, _)) = above.rsplit_once("/node_modules/") {
            above = holder;
            let in_bundle = self.places.get(holder).is_some_and(|holder| holder.in_bundle);
            if in_bundle {
                continue;
            }
            let Some((published, _)) = self.published(holder) else { return false };
            let inside = |name: &String| format!("{holder}/node_modules/{name}");
            let mut open: Vec<String> = published.bundled.iter().map(inside).collect();
            let mut seen = BTreeSet::new();
            while let Some(bundled) = open.pop() {
                if bundled == place {
                    return true;
                }
                let Some((published, _)) = self.published(&bundled) else { continue };
                let all =
                    published.dependencies.keys().chain(published.optional_dependencies.keys());
                for name in all {
                    if let Some(found) = self.resolve(&bundled, name)
                        && found.starts_with(&format!("{holder}/"))
                        && seen.insert(found)
                    {
                        open.push(found.to_owned());
                    }
                }
            }
            return false;
        }
        false
    }

    /// The places that a package's own words lead to.
    fn dependencies_of(&self, place: &str) -> Result<Vec<&'a str>, LockAuditError> {
        let Some((published, _)) = self.published(place) else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        let needed = published.dependencies.iter().map(|wanted| (wanted, true));
        let optional = published.optional_dependencies.iter().map(|wanted| (wanted, false));
        for ((name, range), needed) in needed.chain(optional) {
            let unmet = |found: String| LockAuditError::Unmet {
                place: place.to_owned(),
                dependency: name.clone(),
                wanted: range.clone(),
                found,
            };
            match self.resolve(place, name) {
                Some(at) if self.satisfies(at, name, range) => found.push(at),
                Some(at) => {
                    let id = self.places.get(at).and_then(|entry| entry.id(at));
                    return Err(unmet(id.unwrap_or_default()));
                }
                None if needed => return Err(unmet("nothing".to_owned())),
                None => {}
            }
        }
        // npm may leave a peer out, or settle for another version: only what fits is asked for.
        for (name, range) in &published.peer_dependencies {
            let holder = place.rsplit_once("/node_modules/").map_or("", |(holder, _)| holder);
            let at = self.resolve(holder, name);
            if let Some(at) = at.filter(|at| self.satisfies(at, name, range))
                && !published.optional_peers.contains(name)
            {
                found.push(at);
            }
        }
        Ok(found)
    }

    /// Where Node finds a package from another one's place: inside it, or above.
    fn resolve(&self, from: &str, name: &str) -> Option<&'a str> {
        let mut holder = Some(from).filter(|from| !from.is_empty());
        while let Some(place) = holder {
            let inside = format!("{place}/node_modules/{name}");
            if let Some((found, _)) = self.places.get_key_value(inside.as_str()) {
                return Some(found);
            }
            holder = place.rsplit_once("/node_modules/").map(|(above, _)| above);
        }
        let top = format!("node_modules/{name}");
        self.places.get_key_value(top.as_str()).map(|(found, _)| *found)
    }

    /// Whether what is there has the name and a version that are asked for. `npm:` asks
    /// for another name. A tag could be any version; an address is never satisfied.
    fn satisfies(&self, at: &str, name: &str, wanted: &str) -> bool {
        let Some((found, version)) = self.places.get(at).and_then(|entry| identity(at, entry))
        else {
            return false;
        };
        let (name, range) = match wanted.strip_prefix("npm:") {
            Some(alias) => match alias.char_indices().rfind(|(at, c)| *c == '@' && *at > 0) {
                Some((split, _)) => (&alias[..split], &alias[split + 1..]),
                None => (alias, "*"),
            },
            None => (name, wanted),
        };
        if found != name || range.contains([':', '/']) {
            return false;
        }
        let all = matches!(range.trim(), "" | "*");
        all || match (Range::parse(range), Version::parse(&version)) {
            (Ok(range), Ok(version)) => range.satisfies(&version),
            _ => true,
        }
    }
}

/// Name and version: by the package's own name, where it is installed under another.
fn identity(place: &str, entry: &LockEntry) -> Option<(String, String)> {
    let name = entry.name.as_deref().or_else(|| name_at(place))?;
    Some((name.to_owned(), entry.version.clone()?))
}

#[cfg(test)]
mod tests;
