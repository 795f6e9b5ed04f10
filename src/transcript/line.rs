//! A line as patterns are held against it.

mod dress;
mod json;

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::Value;

use super::time::LogClock;
use crate::catalogue::TextSource;
use dress::undress;
pub use json::{MOST_OF_A_DOCUMENT, document_end};

/// How a line was written, as far as it says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineLevel {
    /// As an error.
    Error,
    /// As a warning.
    Warning,
    /// As anything less.
    Other,
}

impl LineLevel {
    /// The level of this name, in any program's spelling.
    pub(super) fn named(name: &str) -> Option<Self> {
        const LONGEST: usize = 9;
        if name.len() > LONGEST {
            return None;
        }
        // `Error` begins a sentence; a level is written in one case.
        let first_only = name.starts_with(|c: char| c.is_ascii_uppercase())
            && name.chars().skip(1).all(|c| c.is_ascii_lowercase());
        if first_only {
            return None;
        }
        Some(match name.to_ascii_lowercase().as_str() {
            "error" | "err" | "fatal" | "crit" | "critical" | "alert" | "emerg" => Self::Error,
            "warn" | "warning" => Self::Warning,
            "info" | "debug" | "trace" | "notice" | "log" | "verbose" => Self::Other,
            _ => return None,
        })
    }
}

/// What a program said in a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// When, where the line says so.
    pub at: Option<Timestamp>,
    /// How it was written, where the line says so.
    pub level: Option<LineLevel>,
    /// Whom journald names for it.
    pub program: Option<String>,
    /// Where it comes from.
    pub place: TextSource,
    /// What it says.
    pub text: String,
    /// The same as JSON, where it was a document.
    pub raw: Option<String>,
    /// Whether a program wrote it, beyond doubt: it has a time, a `[tag]`, or is JSON.
    pub dressed: bool,
}

impl Default for Line {
    fn default() -> Self {
        Self {
            at: None,
            level: None,
            program: None,
            place: TextSource::Live,
            text: String::new(),
            raw: None,
            dressed: false,
        }
    }
}

impl Line {
    /// What a line of a log says: one thing, and as many as it lists where it is a
    /// document of JSON.
    pub fn read(bytes: &[u8], clock: &LogClock) -> Vec<Self> {
        Self::read_text(&plain(bytes), clock, 0)
    }

    /// One that was handed over `depth` times already.
    pub(super) fn read_text(text: &str, clock: &LogClock, depth: usize) -> Vec<Self> {
        const DEEPEST: usize = 3;
        let bare = undress(text, clock);
        let dressed = bare.at.is_some() || bare.text.starts_with('[') || bare.level.is_some();
        let outer = Self {
            at: bare.at,
            level: bare.level,
            program: bare.program.map(str::to_owned),
            dressed,
            ..Self::default()
        };
        if bare.text.starts_with('{')
            && depth < DEEPEST
            && let Ok(Value::Object(object)) = serde_json::from_str::<Value>(bare.text)
        {
            let lines = json::lines(&object, clock).into_iter();
            return lines
                .map(|line| Self {
                    at: line.at.or(outer.at),
                    level: line.level.or(outer.level),
                    program: line.program.or_else(|| outer.program.clone()),
                    ..line
                })
                .collect();
        }
        let mut text = bare.text.trim_end_matches(',').to_owned();
        if let Some((object, rest)) = json::within(&text).filter(|_| bare.subsystem.is_some()) {
            text =
                if rest.is_empty() { object } else { format!("{object} {rest}").trim().to_owned() };
        }
        if let Some(name) = bare.subsystem {
            text = format!("[{name}] {text}");
        }
        let npm = ["npm error", "npm ERR!", "npm warn", "npm WARN", "npm notice"];
        let place = if npm.iter().any(|npm| text.starts_with(npm)) {
            TextSource::Npm
        } else {
            TextSource::Live
        };
        vec![Self { place, text, ..outer }]
    }

    /// Only the time of a line, for those that are not looked at otherwise.
    pub fn time_of(bytes: &[u8], clock: &LogClock) -> Option<Timestamp> {
        const NEAR: usize = 120;
        let head = plain(&bytes[..bytes.len().min(NEAR)]).into_owned();
        let bare = undress(&head, clock);
        if bare.at.is_some() || !bare.text.starts_with('{') {
            return bare.at;
        }
        for key in [&b"\"time\":\""[..], b"\"timestamp\":\"", b"\"__REALTIME_TIMESTAMP\":\""] {
            let Some(at) = memchr::memmem::rfind(bytes, key).map(|at| at + key.len()) else {
                continue;
            };
            let end = at + bytes[at..].iter().position(|byte| *byte == b'"')?;
            let text = std::str::from_utf8(&bytes[at..end]).ok()?;
            if let Ok(microseconds) = text.parse() {
                return Timestamp::from_microsecond(microseconds).ok();
            }
            return super::time::field(text, clock);
        }
        None
    }

    /// A line without its dress, for what goes over several lines.
    pub fn undressed(bytes: &[u8], clock: &LogClock) -> String {
        undress(&plain(bytes), clock).text.to_owned()
    }
}

/// Without colours; what is no UTF-8 is replaced.
fn plain(bytes: &[u8]) -> Cow<'_, str> {
    if bytes.contains(&0x1b) {
        let bytes = anstream::adapter::strip_bytes(bytes).into_vec();
        return Cow::Owned(String::from_utf8_lossy(&bytes).into_owned());
    }
    String::from_utf8_lossy(bytes)
}

#[cfg(test)]
mod tests;
