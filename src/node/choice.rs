//! Which Node a candidate runs on: the machine's where it satisfies
//! `engines.node`, otherwise one from npm's own platform packages.

use std::collections::BTreeMap;
use std::fmt;

use camino::Utf8PathBuf;
use nodejs_semver::{Range, Version as NodeVersion};
use serde::{Deserialize, Serialize};

use crate::release::Version;

/// A Node that can be run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// Its version, without `v`.
    pub version: String,
    /// The directory with `node` in it.
    pub bin: Utf8PathBuf,
}

impl Node {
    pub(crate) fn executable(&self) -> Utf8PathBuf {
        self.bin.join("node")
    }

    /// The directories that it needs to run: its own, and, where `node` is a link, that of
    /// what the link leads to.
    pub(crate) fn places(&self) -> Vec<Utf8PathBuf> {
        let real = self.executable().canonicalize_utf8().ok();
        let linked = real.iter().filter_map(|node| Some(node.parent()?.parent()?.to_owned()));
        self.bin.parent().map(ToOwned::to_owned).into_iter().chain(linked).collect()
    }
}

/// The Node for each candidate of a line: one for all of them where one fits,
/// so that it is no second variable.
#[derive(Debug, Clone)]
pub struct Nodes {
    by_core: BTreeMap<Version, Result<Node, String>>,
}

impl Nodes {
    /// From what was found for each candidate: a Node, or why there is none.
    pub fn new(by_core: impl IntoIterator<Item = (Version, Result<Node, String>)>) -> Self {
        Self { by_core: by_core.into_iter().collect() }
    }

    /// The candidate's Node.
    pub fn of(&self, core: Version) -> Result<&Node, &str> {
        match self.by_core.get(&core) {
            Some(Ok(node)) => Ok(node),
            Some(Err(why)) => Err(why),
            None => Err("no Node was chosen for it"),
        }
    }

    /// A Node that is in use and satisfies this range.
    pub fn fitting(&self, range: Option<&str>) -> Option<&Node> {
        self.by_core.values().flatten().find(|node| satisfies(&node.version, range))
    }

    /// The same, with those of other candidates.
    #[must_use]
    pub fn with(self, others: Self) -> Self {
        Self { by_core: self.by_core.into_iter().chain(others.by_core).collect() }
    }

    /// The different Node versions in use, in the order of the line.
    pub fn versions(&self) -> Vec<&str> {
        let mut versions: Vec<&str> = Vec::new();
        for node in self.by_core.values().flatten() {
            if !versions.contains(&node.version.as_str()) {
                versions.push(&node.version);
            }
        }
        versions
    }
}

impl fmt::Display for Nodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.versions().join(", "))
    }
}

/// Whether a Node satisfies an `engines.node` range. No range asks for nothing;
/// one that cannot be read is left to npm and the release to judge.
pub fn satisfies(node: &str, range: Option<&str>) -> bool {
    let (Ok(node), Some(range)) = (NodeVersion::parse(node), range) else { return true };
    Range::parse(range).map_or(true, |range| range.satisfies(&node))
}

/// Of the published Node versions, the one to provide for these ranges: the
/// newest of the oldest even (long-term supported) major that fits them all,
/// because that is nearest to what the older releases were made for. An odd
/// major only where no even one fits.
pub fn choose<'a>(published: &'a [String], ranges: &[&str]) -> Option<&'a str> {
    let mut fitting: Vec<(NodeVersion, &str)> = published
        .iter()
        .filter_map(|text| Some((NodeVersion::parse(text).ok()?, text.as_str())))
        .filter(|(version, text)| {
            version.pre_release().is_empty() && ranges.iter().all(|r| satisfies(text, Some(r)))
        })
        .collect();
    fitting.sort_by(|(a, _), (b, _)| {
        let oldest_even_first = |v: &NodeVersion| (v.major() % 2, v.major());
        oldest_even_first(a).cmp(&oldest_even_first(b)).then_with(|| b.cmp(a))
    });
    fitting.first().map(|(_, text)| *text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn published() -> Vec<String> {
        let versions = "20.20.2 22.14.0 22.22.2 22.22.3 22.23.3 23.11.1 24.14.1 24.15.0 24.21.0 25.9.0 26.1.0 26.10.0";
        versions.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn one_node_is_chosen_that_fits_every_release_of_the_line() {
        let may = ">=22.19.0";
        let july = ">=22.22.3 <23 || >=24.15.0 <25 || >=25.9.0";
        let september = ">=24.16.0 <25 || >=26.1.0";
        for (ranges, chosen) in [
            (vec![may], Some("22.23.3")),
            (vec![may, july], Some("22.23.3")),
            (vec![may, july, september], Some("24.21.0")),
            (vec!["^23"], Some("23.11.1")),
            (vec!["<23", "^24"], None),
            (vec![], Some("20.20.2")),
        ] {
            assert_eq!(choose(&published(), &ranges), chosen, "{ranges:?}");
        }
    }

    #[test]
    fn a_range_that_cannot_be_read_is_left_to_npm() {
        assert!(satisfies("22.1.0", Some("whatever you like")));
        assert!(satisfies("22.1.0", None));
        assert!(!satisfies("20.20.2", Some(">=22.19")));
    }
}
