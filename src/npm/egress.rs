//! What an install tried to reach: a few lines a host, kept with the prefix.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::host::HostPort;

/// How many lines a record has at most; what goes beyond is counted by host.
const LINES: usize = 200;
/// How much of a path is kept. Characters.
const PATH: usize = 160;

/// What one install tried to reach.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Egress {
    /// Every place, in the order of the first try.
    pub reached: Vec<EgressEntry>,
    /// What the record lacks, and why, where it lacks anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A place that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EgressEntry {
    /// The method; `CONNECT` for a tunnel, in which nothing more can be seen.
    pub method: String,
    /// The host, in lower case.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The path without its query, and of a tarball the package alone. None for
    /// a tunnel, and for those beyond what a record holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// What became of it.
    pub outcome: EgressOutcome,
    /// How often.
    pub count: u32,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EgressOutcome {
    /// It was let through.
    Passed,
    /// Its host is no registry of npm's configuration.
    Refused,
    /// It was let through, and the host could not be reached.
    Failed,
}

impl Egress {
    /// A record of nothing, which says why.
    pub(crate) fn none(why: &str) -> Self {
        Self { reached: Vec::new(), note: Some(format!("not recorded: {why}")) }
    }

    /// The places that were refused, each once.
    pub(crate) fn refused(&self) -> Vec<HostPort> {
        let refused = self.reached.iter().filter(|to| to.outcome == EgressOutcome::Refused);
        let places: BTreeSet<_> = refused.map(|to| HostPort::new(&to.host, to.port)).collect();
        places.into_iter().collect()
    }

    /// Both records as one.
    pub(crate) fn and(mut self, other: Self) -> Self {
        for entry in other.reached {
            let same = |known: &&mut EgressEntry| {
                EgressEntry { count: entry.count, ..(**known).clone() } == entry
            };
            match self.reached.iter_mut().find(same) {
                Some(known) => known.count += entry.count,
                None => self.reached.push(entry),
            }
        }
        self.note = self.note.or(other.note);
        self
    }

    /// Counts a request. `path` with its query; none for a tunnel.
    pub(crate) fn add(
        &mut self,
        method: &str,
        to: &HostPort,
        path: Option<&str>,
        outcome: EgressOutcome,
    ) {
        let path = path.map(folded).filter(|path| {
            self.reached.len() < LINES
                || self.reached.iter().any(|known| known.path.as_ref() == Some(path))
        });
        let same = |known: &&mut EgressEntry| {
            (known.method.as_str(), known.host.as_str(), known.port) == (method, &*to.host, to.port)
                && known.path == path
                && known.outcome == outcome
        };
        if let Some(known) = self.reached.iter_mut().find(same) {
            known.count += 1;
        // Bounded: a program may ask for new hosts without end.
        } else if self.reached.len() < 2 * LINES {
            self.reached.push(EgressEntry {
                method: method.to_owned(),
                host: to.host.clone(),
                port: to.port,
                path,
                outcome,
                count: 1,
            });
        }
    }
}

/// Without the query, which may hold a token, and without a tarball's version.
fn folded(path: &str) -> String {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let package = match path.find("/-/") {
        Some(at) if at > 0 => &path[..at],
        _ => path,
    };
    package.replace("%2f", "/").replace("%2F", "/").chars().take(PATH).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_and_its_tarballs_are_one_line() {
        let (mut egress, registry) = (Egress::default(), HostPort::new("registry.example", 80));
        let paths =
            ["/@scope%2fname", "/@scope/name/-/name-1.0.0.tgz", "/@scope/name?token=made-up"];
        for path in paths {
            egress.add("GET", &registry, Some(path), EgressOutcome::Passed);
        }
        egress.add("GET", &registry, Some("/-/ping"), EgressOutcome::Passed);
        let lines: Vec<_> = egress.reached.iter().map(|r| (r.path.as_deref(), r.count)).collect();
        assert_eq!(lines, [(Some("/@scope/name"), 3), (Some("/-/ping"), 1)]);
    }

    #[test]
    fn what_does_not_fit_is_counted_by_host() {
        let (mut egress, registry) = (Egress::default(), HostPort::new("[::1]", 80));
        for number in 0..500 {
            egress.add("GET", &registry, Some(&format!("/{number}")), EgressOutcome::Passed);
        }
        assert_eq!(egress.reached.len(), LINES + 1);
        let last = egress.reached.last().unwrap();
        assert_eq!((last.host.as_str(), last.path.as_deref(), last.count), ("::1", None, 300));
        assert_eq!(egress.refused(), []);
        for _ in 0..2 {
            egress.add("CONNECT", &registry, None, EgressOutcome::Refused);
        }
        assert_eq!(egress.refused(), [registry]);
    }
}
