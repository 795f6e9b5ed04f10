//! The table as it is written, and what is made of it.

use std::sync::LazyLock;

use regex::bytes::{Regex as BytesRegex, RegexBuilder};
use regex::{Captures, Regex};
use serde::Deserialize;

use super::{
    FailureKind, FailureScope, Pattern, PatternScope, Rank, RequestRule, Signature, Subject,
    TextSource, Trial,
};
use crate::observation::RequestKind;

/// A table that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// It is not TOML, or an entry has another form.
    #[error("{0}")]
    Form(String),
    /// A pattern is no regular expression.
    #[error("signature {id:?}: {pattern:?} is not a regular expression: {why}")]
    Pattern {
        /// The entry.
        id: String,
        /// The pattern.
        pattern: String,
        /// Why not.
        why: String,
    },
    /// A file has two signatures of one name.
    #[error("signature {0:?} is there twice")]
    Twice(String),
    /// A name is not made of lower-case letters, digits and hyphens.
    #[error("{0:?} is no name for a signature: lower-case letters, digits and hyphens")]
    Name(String),
    /// Nothing can ever match it.
    #[error("signature {0:?} has no pattern and no request")]
    Empty(String),
    /// A request of it has no part.
    #[error("signature {0:?} has a request that everything is: give it a status, a host, ...")]
    Everything(String),
    /// Each pattern is valid, and all of them together are too large.
    #[error("the patterns are too large together: {0}")]
    Together(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignatureFile {
    #[serde(default)]
    signature: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Row {
    pub(super) id: String,
    kind: FailureKind,
    subject: Option<Subject>,
    #[serde(default)]
    scope: FailureScope,
    #[serde(default)]
    generic: bool,
    title: String,
    meaning: Option<String>,
    remedy: Option<String>,
    #[serde(default)]
    commands: Vec<String>,
    #[serde(default, rename = "try")]
    trials: Vec<Trial>,
    #[serde(default)]
    issues: Vec<u32>,
    releases: Option<String>,
    since: Option<String>,
    fixed: Option<String>,
    after: Option<String>,
    #[serde(default)]
    network: bool,
    #[serde(default)]
    requests: Vec<RequestRow>,
    #[serde(default)]
    raw: Vec<PatternRow>,
    #[serde(default)]
    friendly: Vec<PatternRow>,
    #[serde(skip)]
    own: bool,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum PatternRow {
    Text(String),
    Placed(PatternTable),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PatternTable {
    text: String,
    of: Option<String>,
    unless: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RequestRow {
    #[serde(default)]
    outcome: Vec<RequestKind>,
    #[serde(default)]
    status: Vec<u16>,
    host: Option<String>,
    path: Option<String>,
    code: Option<String>,
    #[serde(default)]
    turn: bool,
}

pub(super) fn parse(text: &str, own: bool) -> Result<Vec<Row>, TableError> {
    let table: SignatureFile =
        toml_edit::de::from_str(text).map_err(|error| TableError::Form(error.to_string()))?;
    let mut rows = table.signature;
    for at in 0..rows.len() {
        let (before, row) = rows.split_at_mut(at);
        let row = &mut row[0];
        row.own = own;
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if row.id.is_empty() || !row.id.chars().all(plain) {
            return Err(TableError::Name(row.id.clone()));
        }
        if before.iter().any(|other| other.id == row.id) {
            return Err(TableError::Twice(row.id.clone()));
        }
        if row.raw.is_empty() && row.friendly.is_empty() && row.requests.is_empty() {
            return Err(TableError::Empty(row.id.clone()));
        }
    }
    Ok(rows)
}

pub(super) fn compile(rows: Vec<Row>) -> Result<(Vec<Signature>, Vec<Pattern>), TableError> {
    let (mut signatures, mut patterns) = (Vec::new(), Vec::new());
    for row in rows {
        let signature = signatures.len();
        for (rank, rows) in [(Rank::Raw, row.raw), (Rank::Friendly, row.friendly)] {
            for pattern in rows {
                patterns.push(pattern.compile(&row.id, signature, rank)?);
            }
        }
        let requests: Result<Vec<_>, _> =
            row.requests.into_iter().map(|request| request.compile(&row.id)).collect();
        let after = row.after.map(|after| of_line(&row.id, &after)).transpose()?;
        signatures.push(Signature {
            after,
            network: row.network,
            id: row.id,
            kind: row.kind,
            subject: row.subject.unwrap_or(row.kind.subject()),
            scope: row.scope,
            generic: row.generic,
            title: row.title,
            meaning: row.meaning,
            remedy: row.remedy,
            commands: row.commands,
            trials: row.trials,
            issues: row.issues,
            releases: row.releases,
            since: row.since,
            fixed: row.fixed,
            own: row.own,
            requests: requests?,
        });
    }
    Ok((signatures, patterns))
}

fn regex(id: &str, pattern: &str) -> Result<Regex, TableError> {
    Regex::new(&anywhere(pattern)).map_err(|error| refused(id, pattern, &error))
}

/// What lines are searched for. With Unicode's word boundaries one that is not all ASCII
/// would be matched by the slowest engine, at a quarter of a megabyte a second.
fn of_line(id: &str, pattern: &str) -> Result<BytesRegex, TableError> {
    let text = anywhere(pattern);
    let plain = RegexBuilder::new(&text).unicode(false).build();
    // A pattern of the user's may need valid UTF-8 to be matched.
    plain.or_else(|_| BytesRegex::new(&text)).map_err(|error| refused(id, pattern, &error))
}

fn refused(id: &str, pattern: &str, error: &regex::Error) -> TableError {
    TableError::Pattern {
        id: id.to_owned(),
        pattern: pattern.to_owned(),
        why: error.to_string().lines().last().unwrap_or_default().trim().to_owned(),
    }
}

/// A quotation mark may be escaped: one backslash in JSON, three in JSON within JSON.
fn anywhere(pattern: &str) -> String {
    in_any_shape(&pattern.replace(r#"\""#, "\"").replace('"', r#"\\*""#))
}

/// What reads `key=value ` in a line of words may be `"key":"value",` in one of JSON.
fn in_any_shape(pattern: &str) -> String {
    static KEY: LazyLock<Regex> = LazyLock::new(|| {
        #[expect(clippy::expect_used, reason = "the pattern is part of the program")]
        Regex::new(r"(\w)=|\[[^\]]*\]").expect("the pattern is valid")
    });
    // In a class of characters an equals sign is one.
    let text = KEY.replace_all(pattern, |found: &Captures<'_>| match found.get(1) {
        Some(letter) => format!(r#"{}(?:=|\\*"[ \t]*:[ \t]*\\*"?)"#, letter.as_str()),
        None => found[0].to_owned(),
    });
    match text.strip_suffix(' ') {
        Some(text) => format!(r#"(?:{text}(?:[ ,}}"\\]|$))"#),
        None => text.into_owned(),
    }
}

impl PatternRow {
    fn compile(self, id: &str, signature: usize, rank: Rank) -> Result<Pattern, TableError> {
        let placed = match self {
            Self::Text(text) => PatternTable { text, of: None, unless: None },
            Self::Placed(placed) => placed,
        };
        let at = match placed.of.as_deref() {
            None => PatternScope::LogOrReply,
            Some("log") => PatternScope::Only(TextSource::Log),
            Some("live") => PatternScope::Only(TextSource::Live),
            Some("reply") => PatternScope::Only(TextSource::Reply),
            Some("npm") => PatternScope::Only(TextSource::Npm),
            Some(tag) if tag.starts_with('[') => PatternScope::Tag(tag.to_owned()),
            Some(other) => {
                let form = format!(
                    "signature {id:?}: `of` is log, live, reply, npm or a [tag], and not {other:?}"
                );
                return Err(TableError::Form(form));
            }
        };
        let unless = placed.unless.map(|unless| regex(id, &unless)).transpose()?;
        Ok(Pattern { signature, rank, at, unless, text: of_line(id, &placed.text)? })
    }
}

impl RequestRow {
    fn compile(self, id: &str) -> Result<RequestRule, TableError> {
        let lists = self.outcome.is_empty() && self.status.is_empty();
        let texts = [&self.host, &self.path, &self.code].iter().all(|text| text.is_none());
        if lists && texts && !self.turn {
            return Err(TableError::Everything(id.to_owned()));
        }
        Ok(RequestRule {
            outcome: self.outcome,
            status: self.status,
            host: self.host,
            path: self.path.map(|path| regex(id, &path)).transpose()?,
            code: self.code,
            turn: self.turn,
        })
    }
}
