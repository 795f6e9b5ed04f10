//! Objects of JSON as words: `key=value key=value`, as the same thing reads in a
//! line of text.

use std::fmt::Write as _;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{Line, LineLevel};
use crate::transcript::time::{self, LogClock};

/// A document over several lines is no longer than this. Bytes.
pub const MOST_OF_A_DOCUMENT: usize = 64 * 1024;

/// The shape of `OpenClaw`'s file logs, of which only the parts with words are of use
/// (openclaw 2026.9.5, `dist/subsystem-*.mjs`, `logToFile`).
const NO_WORDS: [&str; 6] = ["_meta", "time", "hostname", "traceId", "spanId", "traceFlags"];

/// So deep an object is looked into.
const DEEPEST: usize = 12;

/// What an object says, whichever program wrote it.
pub(super) fn lines(object: &Map<String, Value>, clock: &LogClock) -> Vec<Line> {
    if object.contains_key("_meta") || object.contains_key("0") {
        return vec![of_file_log(object, clock)];
    }
    if let Some(message) = object.get("MESSAGE") {
        return of_journal(object, message, clock);
    }
    if let (Some(log), true) =
        (text(object, "log"), object.contains_key("stream") || object.contains_key("time"))
    {
        // `docker`'s own file: one object a line of the program's.
        let at = moment(object, &["time"], clock);
        return inner(log, &Line { at, ..Line::default() }, clock);
    }
    if let Some(lines) = of_message(object, clock) {
        return lines;
    }
    of_document(object, clock)
}

/// `openclaw logs --json`, and what else writes a line as an object.
fn of_message(object: &Map<String, Value>, clock: &LogClock) -> Option<Vec<Line>> {
    const TOLD: [&str; 11] = [
        "time",
        "timestamp",
        "ts",
        "@timestamp",
        "level",
        "message",
        "msg",
        "raw",
        "type",
        "subsystem",
        "module",
    ];
    let words = ["message", "msg", "raw"].iter().find_map(|key| text(object, key))?;
    let level = ["level", "severity"].iter().find_map(|key| text(object, key));
    let at = moment(object, &["time", "timestamp", "ts", "@timestamp"], clock);
    if at.is_none() && !object.contains_key("subsystem") {
        return None;
    }
    let subsystem = text(object, "subsystem").or_else(|| text(object, "module"));
    let tag = subsystem.map(|name| format!("[{name}] ")).unwrap_or_default();
    let level = level.and_then(LineLevel::named);
    let mut lines = inner(words, &Line { at, level, ..Line::default() }, clock);
    if let Some(first) = lines.first_mut().filter(|line| !line.text.starts_with('[')) {
        first.text.insert_str(0, &tag);
        // What is beside the message: `error`, `code`, `runId`.
        for (key, value) in object.iter().filter(|(key, _)| !TOLD.contains(&key.as_str())) {
            first.text.push(' ');
            add(&mut first.text, key, value, 0);
        }
        first.text.truncate(first.text.trim_end().len());
    }
    Some(lines)
}

/// What a command printed as JSON, or wrote down: a statement for each thing in it.
fn of_document(object: &Map<String, Value>, clock: &LogClock) -> Vec<Line> {
    let mut said = Vec::new();
    let at = moment(object, &["time", "timestamp", "ts", "at", "finishedAt", "updatedAt"], clock);
    statements(&Value::Object(object.clone()), &mut said, 0);
    let whole = serde_json::to_string(object).ok();
    let line = |(place, text): (usize, String)| Line {
        at,
        text,
        // What is written as JSON in a pattern is looked for in JSON.
        raw: whole.clone().filter(|_| place == 0),
        dressed: true,
        ..Line::default()
    };
    said.into_iter().enumerate().map(line).collect()
}

fn text<'a>(object: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    object.get(key).and_then(Value::as_str)
}

fn moment(object: &Map<String, Value>, keys: &[&str], clock: &LogClock) -> Option<Timestamp> {
    keys.iter().find_map(|key| match object.get(*key)? {
        Value::String(text) => time::field(text, clock),
        Value::Number(number) => {
            let number = number.as_i64()?;
            let milliseconds =
                if number > 100_000_000_000 { number } else { number.saturating_mul(1000) };
            Timestamp::from_millisecond(milliseconds).ok()
        }
        _ => None,
    })
}

/// A line that was handed over in an object, with what the object says of it.
fn inner(words: &str, outer: &Line, clock: &LogClock) -> Vec<Line> {
    let lines = words.lines().flat_map(|line| Line::read_text(line, clock, 1));
    lines
        .map(|line| Line {
            at: outer.at.or(line.at),
            level: line.level.or(outer.level),
            program: line.program.or_else(|| outer.program.clone()),
            dressed: true,
            ..line
        })
        .collect()
}

fn of_file_log(object: &Map<String, Value>, clock: &LogClock) -> Line {
    let level = object.get("_meta").and_then(|meta| meta.get("logLevelName"));
    let date = object.get("_meta").and_then(|meta| meta.get("date")).and_then(Value::as_str);
    Line {
        at: moment(object, &["time"], clock)
            .or_else(|| date.and_then(|date| time::field(date, clock))),
        level: level.and_then(Value::as_str).and_then(LineLevel::named),
        text: words(object),
        dressed: true,
        ..Line::default()
    }
}

/// `journalctl --output=json`. A message that is no plain text comes as its bytes.
fn of_journal(object: &Map<String, Value>, message: &Value, clock: &LogClock) -> Vec<Line> {
    let bytes = |values: &Vec<Value>| {
        let bytes = values.iter().filter_map(|value| u8::try_from(value.as_u64()?).ok());
        String::from_utf8_lossy(
            &anstream::adapter::strip_bytes(&bytes.collect::<Vec<_>>()).into_vec(),
        )
        .into_owned()
    };
    let said = match message {
        Value::String(text) => anstream::adapter::strip_str(text).to_string(),
        Value::Array(values) => bytes(values),
        _ => return Vec::new(),
    };
    let at = ["__REALTIME_TIMESTAMP", "_SOURCE_REALTIME_TIMESTAMP"]
        .iter()
        .find_map(|key| Timestamp::from_microsecond(text(object, key)?.parse().ok()?).ok());
    let program = text(object, "SYSLOG_IDENTIFIER").or_else(|| text(object, "_COMM"));
    // 3 is what journald calls an error. The program's own word goes before it.
    let level = text(object, "PRIORITY").and_then(|priority| priority.parse::<u8>().ok());
    let outer = Line {
        at,
        level: level.map(|level| if level <= 3 { LineLevel::Error } else { LineLevel::Other }),
        program: program.map(str::to_owned),
        ..Line::default()
    };
    inner(&said, &outer, clock)
}

/// `[subsystem] message key=value ...`, as the same line reads on a terminal.
fn words(object: &Map<String, Value>) -> String {
    let mut text = String::new();
    for (key, value) in object {
        if NO_WORDS.contains(&key.as_str()) {
            continue;
        }
        let inner = value.as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
        match inner.as_ref().and_then(|inner| inner.get("subsystem")).and_then(Value::as_str) {
            Some(subsystem) => _ = write!(text, "[{subsystem}] "),
            // One field repeats the whole line: it is not read twice.
            None if key == "message"
                && value.as_str().is_some_and(|all| text.trim_end().ends_with(all)) => {}
            None => add(&mut text, "", value, 0),
        }
    }
    text.truncate(text.trim_end().len());
    text
}

/// An object within a line, and what is after it.
pub(super) fn within(text: &str) -> Option<(String, &str)> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<Map<String, Value>>();
    let object = values.next()?.ok()?;
    let mut said = String::new();
    add(&mut said, "", &Value::Object(object), 0);
    let rest = text[values.byte_offset()..].trim();
    Some((said.trim_end().to_owned(), rest))
}

fn add(text: &mut String, key: &str, value: &Value, depth: usize) {
    match value {
        _ if depth > DEEPEST => {}
        Value::Object(object) => {
            for (key, value) in object {
                add(text, key, value, depth + 1);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| add(text, key, value, depth + 1)),
        Value::String(word) if key.is_empty() => _ = write!(text, "{word} "),
        Value::String(word) => _ = write!(text, "{key}={word} "),
        Value::Null => {}
        other => _ = write!(text, "{key}={other} "),
    }
}

/// The statements of a document: one for the object itself, one for each object in
/// a list of it, so that what a step says is not mixed with what another one says.
fn statements(value: &Value, said: &mut Vec<String>, depth: usize) {
    if depth > DEEPEST {
        return;
    }
    let Value::Object(object) = value else { return };
    let mut text = String::new();
    let mut lists = Vec::new();
    own_words(&mut text, object, &mut lists, depth);
    text.truncate(text.trim_end().len());
    if !text.is_empty() {
        said.push(text);
    }
    for list in lists {
        for item in list {
            statements(item, said, depth + 1);
        }
    }
}

fn own_words<'a>(
    text: &mut String,
    object: &'a Map<String, Value>,
    lists: &mut Vec<&'a Vec<Value>>,
    depth: usize,
) {
    if depth > DEEPEST {
        return;
    }
    for (key, value) in object {
        match value {
            Value::Object(inner) => own_words(text, inner, lists, depth + 1),
            Value::Array(values) if values.iter().any(Value::is_object) => lists.push(values),
            other => add(text, key, other, depth),
        }
    }
}

/// Where an object that begins in a line of its own ends.
///
/// `lines` begins with that line. `Ok(None)`: it is none. `Err(())`: it may be one, and
/// its end has not come.
#[expect(clippy::result_unit_err, reason = "there is nothing to say of an end that has not come")]
pub fn document_end(
    lines: &[u8],
    undressed: impl Fn(&[u8]) -> String,
) -> Result<Option<usize>, ()> {
    const MOST_LINES: usize = 2000;
    let (mut depth, mut from) = (0_usize, 0);
    for number in 0..MOST_LINES {
        let Some(end) = memchr::memchr(b'\n', &lines[from..]) else { return Err(()) };
        let line = undressed(&lines[from..from + end]);
        if number > 0 && !begins_with_json(&line) {
            return Ok(None);
        }
        for brace in braces(&line) {
            match brace {
                b'{' | b'[' => depth += 1,
                _ => depth = depth.saturating_sub(1),
            }
        }
        from += end + 1;
        if depth == 0 {
            return Ok((number > 0).then_some(from));
        }
        if from > MOST_OF_A_DOCUMENT {
            return Ok(None);
        }
    }
    Ok(None)
}

/// Whether a line can be one of a document: `[ws] connected` and `403 Forbidden` are none.
fn begins_with_json(line: &str) -> bool {
    let value = line.trim_start_matches(['[', ' ', '\t']);
    let ends = |rest: &str| rest.is_empty() || rest.trim_start().starts_with([',', ']', '}']);
    match value.as_bytes().first() {
        None => !line.is_empty(),
        Some(b'"' | b'{' | b'}' | b']') => true,
        Some(b'-' | b'0'..=b'9') => {
            ends(value.trim_start_matches(|c: char| c.is_ascii_digit() || "+-.eE".contains(c)))
        }
        Some(_) => {
            let words = ["true", "false", "null"];
            words.iter().any(|word| value.strip_prefix(word).is_some_and(ends))
        }
    }
}

/// The braces and brackets of a line that are not in a string.
fn braces(line: &str) -> impl Iterator<Item = u8> {
    let (mut quoted, mut escaped) = (false, false);
    line.bytes().filter(move |byte| {
        let is_escaped = std::mem::take(&mut escaped);
        match byte {
            b'\\' if quoted => escaped = !is_escaped,
            b'"' if !is_escaped => quoted = !quoted,
            b'{' | b'}' | b'[' | b']' => return !quoted,
            _ => {}
        }
        false
    })
}
