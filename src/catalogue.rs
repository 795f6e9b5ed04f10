//! The catalogue of known failures: data, one readable table that a user can
//! add to. Pure; who quotes a line from where is the business of its callers.

mod table;

use std::sync::LazyLock;

use regex::Regex;
use regex::bytes::{Regex as BytesRegex, RegexSet, RegexSetBuilder};
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
    /// State that another release wrote, or that is broken.
    State,
    /// One of OpenClaw's conversations: its history, its binding or its lock.
    Conversation,
    /// The client, which OpenAI no longer takes: only going forward helps.
    Outdated,
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
            Self::Conversation => "conversation",
            Self::Outdated => "outdated",
            Self::Cosmetic => "cosmetic",
        }
    }

    /// What it speaks of where nothing else is said.
    fn subject(self) -> Subject {
        match self {
            Self::Release | Self::Route => Subject::Route,
            Self::Account => Subject::Account,
            Self::Environment => Subject::Machine,
            Self::Incomplete => Subject::Plugin,
            Self::State => Subject::State,
            Self::Conversation => Subject::Conversation,
            Self::Outdated => Subject::Service,
            Self::Cosmetic => Subject::Tool,
        }
    }
}

/// What part of the whole a failure is in. What is not the route's does not judge it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Subject {
    /// How the model is asked: release, model, harness, address.
    Route,
    /// What a tool reaches for.
    Tool,
    /// A channel, or the plugin that provides it.
    Channel,
    /// A plugin that neither asks the model nor is a channel.
    Plugin,
    /// The Gateway's process, and what its unit gives it.
    Gateway,
    /// The machine and its network.
    Machine,
    /// One conversation.
    Conversation,
    /// What OpenClaw keeps on disk.
    State,
    /// The login and what it may use.
    Account,
    /// OpenAI's side.
    Service,
    /// OpenClaw's own updater.
    Updater,
}

impl Subject {
    /// Its name.
    pub fn word(self) -> &'static str {
        match self {
            Self::Route => "route",
            Self::Tool => "tool",
            Self::Channel => "channel",
            Self::Plugin => "plugin",
            Self::Gateway => "gateway",
            Self::Machine => "machine",
            Self::Conversation => "conversation",
            Self::State => "state",
            Self::Account => "account",
            Self::Service => "service",
            Self::Updater => "updater",
        }
    }
}

/// Whom a failure stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureScope {
    /// The candidate that was asked.
    #[default]
    Candidate,
    /// Every candidate alike, as long as it lasts: asking on finds nothing.
    EveryCandidate,
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
    /// What part of the whole it is in.
    pub subject: Subject,
    /// Whom it stops.
    pub scope: FailureScope,
    /// Whether it says only how something ended. It gives way to whatever the same line
    /// or run says of the cause.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub generic: bool,
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
    /// The first release in which it was seen, as a hint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// The first release that is said to be without it, as a hint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fixed: Option<String>,
    /// Whether the user's own file has it.
    pub own: bool,
    /// Whether it is of a connection: then whose it is goes by who wanted to connect.
    #[serde(skip)]
    network: bool,
    /// What has to have been written shortly before.
    #[serde(skip)]
    after: Option<BytesRegex>,
    #[serde(skip)]
    requests: Vec<RequestRule>,
}

impl Signature {
    /// Whether it is of a connection: then it is whose connection it was.
    pub fn is_of_a_network(&self) -> bool {
        self.network
    }

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
    /// A log of what runs for days, over updates: of the live installation.
    Live,
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
    text: BytesRegex,
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
    /// The signatures, by their place, for which another line has to come before.
    prepared: Vec<usize>,
}

/// All patterns in one pass; without Unicode, as each of them.
fn together(patterns: &[Pattern], unicode: bool) -> Result<RegexSet, regex::Error> {
    RegexSetBuilder::new(patterns.iter().map(|pattern| pattern.text.as_str()))
        .unicode(unicode)
        .dfa_size_limit(32 << 20)
        .size_limit(64 << 20)
        .build()
}

/// A pattern that matched.
#[derive(Debug, Clone, Copy)]
pub struct Match<'a> {
    /// The failure that it shows.
    pub signature: &'a Signature,
    /// Its place in the table.
    pub place: usize,
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
        let set = together(&patterns, false)
            // A pattern of the user's may need valid UTF-8 to be matched.
            .or_else(|_| together(&patterns, true))
            .map_err(|error| TableError::Together(error.to_string()))?;
        let needs_another = |place: &usize| signatures[*place].after.is_some();
        let prepared = (0..signatures.len()).filter(needs_another).collect();
        Ok(Self { signatures, patterns, set, prepared })
    }

    /// Every signature, in the order of the table.
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// The signature with this name.
    pub fn signature(&self, id: &str) -> Option<&Signature> {
        self.signatures.iter().find(|signature| signature.id == id)
    }

    /// Every pattern, in all shapes of a line.
    pub fn patterns(&self) -> impl Iterator<Item = &str> {
        let before = self.signatures.iter().filter_map(|signature| signature.after.as_ref());
        let texts = self.patterns.iter().map(|pattern| &pattern.text);
        texts.chain(before).map(BytesRegex::as_str)
    }

    /// The signatures, by their place, for which this line has to come before.
    pub fn prepared_by<'a>(&'a self, line: &'a str) -> impl Iterator<Item = usize> + 'a {
        let prepares = |signature: &Signature| {
            signature.after.as_ref().is_some_and(|after| after.is_match(line.as_bytes()))
        };
        self.prepared.iter().copied().filter(move |place| prepares(&self.signatures[*place]))
    }

    /// A cheap look at any number of lines at once: whether one of them may show
    /// a failure. [`Self::in_line`] says which.
    pub fn may_be_in(&self, text: &str) -> bool {
        self.set.is_match(text.as_bytes())
    }

    /// The failure that a line shows, raw words before friendly ones.
    pub fn in_line(&self, place: TextSource, line: &str) -> Option<Match<'_>> {
        self.in_line_after(place, line, |_| false)
    }

    /// The same, where `prepared` says which signatures that need a line before theirs
    /// have had it.
    pub fn in_line_after(
        &self,
        place: TextSource,
        line: &str,
        prepared: impl Fn(usize) -> bool,
    ) -> Option<Match<'_>> {
        let matched = self.set.matches(line.as_bytes());
        if !matched.matched_any() {
            return None;
        }
        let is_live = place == TextSource::Live;
        let shown = matched.iter().map(|at| &self.patterns[at]).filter(|pattern| {
            let belongs = match &pattern.at {
                PatternScope::LogOrReply => place != TextSource::Npm,
                PatternScope::Only(only) => *only == place || (*only == TextSource::Log && is_live),
                PatternScope::Tag(tag) => {
                    (place == TextSource::Log || is_live) && line.contains(tag.as_str())
                }
            };
            let alone = self.signatures[pattern.signature].after.is_none();
            (alone || prepared(pattern.signature))
                && belongs
                && !pattern.unless.as_ref().is_some_and(|unless| unless.is_match(line))
        });
        // A cosmetic signature counts only where no other one matches the line, and one
        // that says only how it ended where none says why.
        let noise = |at: usize| self.signatures[at].kind == FailureKind::Cosmetic;
        let generic = |at: usize| self.signatures[at].generic;
        let first = shown
            .min_by_key(|p| (noise(p.signature), generic(p.signature), p.rank, p.signature))?;
        Some(Match {
            place: first.signature,
            signature: &self.signatures[first.signature],
            rank: first.rank,
            at: first.text.find(line.as_bytes()).map_or(0, |found| found.start()),
        })
    }

    /// The failure that a request shows to the upstream.
    pub fn in_request(&self, request: &RequestRecord) -> Option<&Signature> {
        self.signatures.iter().find(|s| s.requests.iter().any(|rule| rule.holds(request)))
    }
}

#[cfg(test)]
mod tests;
