//! The catalogue of known failures: data, one readable table.

use std::sync::LazyLock;

use regex::Regex;
use serde::{Deserialize, Serialize};

/// The table that is built in.
const TABLE: &str = include_str!("catalogue.toml");

/// What a failure speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The release itself.
    Release,
    /// A setting that this release no longer accepts, or a route it lost.
    Route,
    /// The account: login, quota.
    Account,
    /// The machine or the network.
    Environment,
    /// A piece of the candidate that the registry does not have.
    Incomplete,
    /// State that another release wrote.
    State,
}

/// A known failure.
#[derive(Debug, Clone)]
pub struct Signature {
    /// Its name; it stays.
    pub id: String,
    /// What it speaks of.
    pub kind: Kind,
    /// What is wrong, in one line.
    pub title: String,
    /// What to do about it.
    pub remedy: Option<String>,
    /// Upstream issues that report it.
    pub issues: Vec<u32>,
    patterns: Vec<Regex>,
}

impl Signature {
    /// Whether this line shows the failure.
    pub fn matches(&self, line: &str) -> bool {
        self.patterns.iter().any(|pattern| pattern.is_match(line))
    }
}

/// All signatures, in the order of the table.
pub fn signatures() -> &'static [Signature] {
    static SIGNATURES: LazyLock<Vec<Signature>> = LazyLock::new(|| {
        #[expect(clippy::expect_used, reason = "the table is part of the program; a test reads it")]
        parse(TABLE).expect("the built-in catalogue is valid")
    });
    &SIGNATURES
}

/// The signature with this name.
pub fn signature(id: &str) -> Option<&'static Signature> {
    signatures().iter().find(|signature| signature.id == id)
}

#[derive(Deserialize)]
struct Table {
    signature: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    id: String,
    kind: Kind,
    patterns: Vec<String>,
    title: String,
    remedy: Option<String>,
    #[serde(default)]
    issues: Vec<u32>,
}

fn parse(text: &str) -> Result<Vec<Signature>, String> {
    let table: Table = toml_edit::de::from_str(text).map_err(|error| error.to_string())?;
    let read = |row: Row| {
        let patterns: Result<Vec<_>, _> = row.patterns.iter().map(|p| Regex::new(p)).collect();
        Ok(Signature {
            patterns: patterns.map_err(|error| format!("{}: {error}", row.id))?,
            id: row.id,
            kind: row.kind,
            title: row.title,
            remedy: row.remedy,
            issues: row.issues,
        })
    };
    table.signature.into_iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_valid_and_names_no_failure_twice() {
        let signatures = parse(TABLE).unwrap();
        let ids: std::collections::BTreeSet<_> = signatures.iter().map(|s| &s.id).collect();
        assert_eq!(ids.len(), signatures.len());
        assert!(signatures.iter().all(|s| !s.patterns.is_empty()), "each can match something");
    }
}
