//! The catalogue of known failures: data, one readable table that a user can
//! add to. Pure; who quotes a line from where is the business of its callers.

mod table;

use std::sync::LazyLock;

use regex::{Regex, RegexSet};
use serde::{Deserialize, Serialize};

use crate::observation::{RequestKind, RequestRecord};
pub use table::TableError;

/// The table that is built in.
pub const KNOWN: &str = include_str!("catalogue/known.toml");

/// What a failure speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FailureKind {
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
    /// Noise beside a right reply.
    Cosmetic,
}

impl FailureKind {
    /// Its name.
    pub fn word(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Route => "route",
            Self::Account => "account",
            Self::Environment => "environment",
            Self::Incomplete => "incomplete",
            Self::State => "state",
            Self::Cosmetic => "cosmetic",
        }
    }
}

/// What may make a failing candidate answer, and can be tried in a scratch home.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trial {
    /// `openclaw doctor --fix` before the turn.
    Doctor,
    /// The same model through the embedded harness.
    EmbeddedHarness,
    /// The same model through the Codex harness.
    CodexHarness,
    /// The base URL and the `api` value that belong to the provider, written down.
    BaseUrl,
    /// The route under the name that newer releases have for it.
    NewRoute,
    /// More time for the turn.
    MoreTime,
}

/// A known failure.
#[derive(Debug, Clone, Serialize)]
pub struct Signature {
    /// Its name; it stays.
    pub id: String,
    /// What it speaks of.
    pub kind: FailureKind,
    /// What is wrong, in one line.
    pub title: String,
    /// What that means, in a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meaning: Option<String>,
    /// What to do about it, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// The same, as it is typed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<String>,
    /// What may make the candidate answer.
    #[serde(rename = "try", skip_serializing_if = "Vec::is_empty")]
    pub trials: Vec<Trial>,
    /// Upstream issues that report it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub issues: Vec<u32>,
    /// Where it was seen, as a dated hint; never a reason for a verdict.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub releases: Option<String>,
    /// Whether the user's own file has it.
    pub own: bool,
    #[serde(skip)]
    requests: Vec<RequestRule>,
}

impl Signature {
    /// What to do, with the commands as they are typed.
    pub fn advice(&self) -> Option<String> {
        let remedy = self.remedy.as_ref()?;
        if self.commands.is_empty() {
            return Some(remedy.clone());
        }
        let commands: Vec<_> = self.commands.iter().map(|command| format!("`{command}`")).collect();
        Some(format!("{remedy}: {}", commands.join(", ")))
    }
}

/// Whose words a pattern is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rank {
    /// The words of the one that refused: the service, npm, Codex.
    Raw,
    /// OpenClaw's summary of them, which is often wrong.
    Friendly,
}

/// What a line belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TextSource {
    /// A log, or stderr.
    Log,
    /// The reply.
    Reply,
    /// npm's output.
    Npm,
}

/// A pattern with the place that it belongs to.
#[derive(Debug, Clone)]
struct Pattern {
    signature: usize,
    rank: Rank,
    at: PatternScope,
    unless: Option<Regex>,
    text: Regex,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum PatternScope {
    LogOrReply,
    Only(TextSource),
    /// A log line with this tag in it.
    Tag(String),
}

/// What the upstream saw: every part that is given has to hold.
#[derive(Debug, Clone, Default)]
struct RequestRule {
    outcome: Vec<RequestKind>,
    status: Vec<u16>,
    host: Option<String>,
    path: Option<Regex>,
    code: Option<String>,
    turn: bool,
}

impl RequestRule {
    fn holds(&self, request: &RequestRecord) -> bool {
        // No status: the connection was reset.
        let status = request.status.unwrap_or(0);
        (self.outcome.is_empty() || self.outcome.contains(&request.kind))
            && (self.status.is_empty() || self.status.contains(&status))
            && self.host.as_ref().is_none_or(|host| *host == request.host)
            && self.path.as_ref().is_none_or(|path| path.is_match(&request.path))
            && self.code.as_ref().is_none_or(|code| Some(code) == request.code.as_ref())
            && (!self.turn || request.is_for_a_turn())
    }
}

/// All known failures, in the order of the table.
#[derive(Debug, Clone)]
pub struct Catalogue {
    signatures: Vec<Signature>,
    patterns: Vec<Pattern>,
    set: RegexSet,
}

/// A pattern that matched.
#[derive(Debug, Clone, Copy)]
pub struct Match<'a> {
    /// The failure that it shows.
    pub signature: &'a Signature,
    /// In whose words.
    pub rank: Rank,
    /// Where in the line the match begins. Bytes.
    pub at: usize,
}

impl Catalogue {
    /// The table that is built in.
    pub fn built_in() -> Self {
        static BUILT_IN: LazyLock<Catalogue> = LazyLock::new(|| {
            #[expect(
                clippy::expect_used,
                reason = "the table is part of the program; tests read it"
            )]
            table::parse(KNOWN, false).and_then(Catalogue::of).expect("the built-in table is valid")
        });
        BUILT_IN.clone()
    }

    /// The built-in table with a user's own before it. An entry of the same name
    /// replaces the built-in one.
    pub fn with(own: &str) -> Result<Self, TableError> {
        let mut rows = table::parse(own, true)?;
        let known = table::parse(KNOWN, false)?;
        let replaced = |row: &table::Row| rows.iter().any(|own| own.id == row.id);
        let known: Vec<_> = known.into_iter().filter(|row| !replaced(row)).collect();
        rows.extend(known);
        Self::of(rows)
    }

    fn of(rows: Vec<table::Row>) -> Result<Self, TableError> {
        let (signatures, patterns) = table::compile(rows)?;
        let set = RegexSet::new(patterns.iter().map(|pattern| pattern.text.as_str()))
            .map_err(|error| TableError::Together(error.to_string()))?;
        Ok(Self { signatures, patterns, set })
    }

    /// Every signature, in the order of the table.
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// The signature with this name.
    pub fn signature(&self, id: &str) -> Option<&Signature> {
        self.signatures.iter().find(|signature| signature.id == id)
    }

    /// Every pattern, as it is written.
    pub fn patterns(&self) -> impl Iterator<Item = &str> {
        self.patterns.iter().map(|pattern| pattern.text.as_str())
    }

    /// A cheap look at any number of lines at once: whether one of them may show
    /// a failure. [`Self::in_line`] says which.
    pub fn may_be_in(&self, text: &str) -> bool {
        self.set.is_match(text)
    }

    /// The failure that a line shows, raw words before friendly ones.
    pub fn in_line(&self, place: TextSource, line: &str) -> Option<Match<'_>> {
        let matched = self.set.matches(line);
        let shown = matched.iter().map(|at| &self.patterns[at]).filter(|pattern| {
            let belongs = match &pattern.at {
                PatternScope::LogOrReply => place != TextSource::Npm,
                PatternScope::Only(only) => *only == place,
                PatternScope::Tag(tag) => place == TextSource::Log && line.contains(tag.as_str()),
            };
            belongs && !pattern.unless.as_ref().is_some_and(|unless| unless.is_match(line))
        });
        // A cosmetic signature counts only where no other one matches the line.
        let noise = |at: usize| self.signatures[at].kind == FailureKind::Cosmetic;
        let first = shown.min_by_key(|p| (noise(p.signature), p.rank, p.signature))?;
        Some(Match {
            signature: &self.signatures[first.signature],
            rank: first.rank,
            at: first.text.find(line).map_or(0, |found| found.start()),
        })
    }

    /// The failure that a request shows to the upstream.
    pub fn in_request(&self, request: &RequestRecord) -> Option<&Signature> {
        self.signatures.iter().find(|s| s.requests.iter().any(|rule| rule.holds(request)))
    }
}

#[cfg(test)]
mod tests;
