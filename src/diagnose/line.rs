//! A line of a log, in whichever of OpenClaw's shapes: plain, coloured, with
//! journald's head, or an object of JSON as in `/tmp/openclaw/openclaw-DATE.log`.

use std::borrow::Cow;
use std::fmt::Write as _;

use jiff::Timestamp;
use serde_json::Value;

use crate::catalogue::TextSource;

/// A line as patterns are held against it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LogLine {
    pub(super) at: Option<Timestamp>,
    pub(super) place: TextSource,
    pub(super) text: String,
    /// Whether it was written as an error, where the line says how it was written.
    of_error: Option<bool>,
}

/// The shape of file logs, of which only the parts with words are of use
/// (openclaw 2026.9.5, `dist/subsystem-*.mjs`, `logToFile`).
const NO_WORDS: [&str; 6] = ["_meta", "time", "hostname", "traceId", "spanId", "traceFlags"];

impl LogLine {
    pub(super) fn of(bytes: &[u8]) -> Self {
        let text = plain(bytes);
        let text = text.trim();
        if text.starts_with('{')
            && let Ok(Value::Object(object)) = serde_json::from_str::<Value>(text)
            && (object.contains_key("_meta") || object.contains_key("0"))
        {
            let at = object.get("time").and_then(Value::as_str).and_then(|at| at.parse().ok());
            let level = object.get("_meta").and_then(|meta| meta.get("logLevelName"));
            let level = level.and_then(Value::as_str);
            let of_error = level.map(|level| ["ERROR", "FATAL"].contains(&level));
            return Self { at, place: TextSource::Log, text: words(&object), of_error };
        }
        let (at, text) = split_time(text);
        let place = if text.starts_with("npm ") { TextSource::Npm } else { TextSource::Log };
        Self { at, place, text: text.to_owned(), of_error: None }
    }

    /// Where it speaks of an error, if it does.
    pub(super) fn error(&self) -> Option<usize> {
        const SIGNS: [&str; 4] = ["rror", "ERROR", "FATAL", "Unhandled"];
        const NONE: [&str; 3] = ["isError=false", "error=null", "0 errors"];
        let signs = SIGNS.iter().filter_map(|sign| self.text.find(sign));
        let said = signs.min().filter(|_| !NONE.iter().any(|none| self.text.contains(none)));
        match self.of_error {
            Some(true) => Some(said.unwrap_or(0)),
            _ => said,
        }
    }

    /// Only the time of a line, for those that are not looked at otherwise.
    pub(super) fn time_of(bytes: &[u8]) -> Option<Timestamp> {
        const NEAR: usize = 64;
        let head = plain(&bytes[..bytes.len().min(NEAR)]).into_owned();
        if !head.trim_start().starts_with('{') {
            return split_time(head.trim_start()).0;
        }
        let key = b"\"time\":\"";
        let at = bytes.windows(key.len()).rposition(|window| window == key)? + key.len();
        let end = at + bytes[at..].iter().position(|byte| *byte == b'"')?;
        std::str::from_utf8(&bytes[at..end]).ok()?.parse().ok()
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

/// `[subsystem] message key=value ...`, as the same line reads on a terminal.
fn words(object: &serde_json::Map<String, Value>) -> String {
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
            None => add(&mut text, "", value),
        }
    }
    text.truncate(text.trim_end().len());
    text
}

fn add(text: &mut String, key: &str, value: &Value) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                add(text, key, value);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| add(text, key, value)),
        Value::String(word) if key.is_empty() => _ = write!(text, "{word} "),
        Value::String(word) => _ = write!(text, "{key}={word} "),
        Value::Null => {}
        other => _ = write!(text, "{key}={other} "),
    }
}

/// A time at the beginning, and the line after it and after journald's head.
fn split_time(line: &str) -> (Option<Timestamp>, &str) {
    let bare = line.strip_prefix('[').unwrap_or(line);
    let end = bare.find([' ', ']']).unwrap_or(bare.len());
    let Some(at) = timestamp(&bare[..end]) else { return (None, line) };
    let rest = bare[end..].trim_start_matches([']', ' ']);
    (Some(at), without_head(rest))
}

/// RFC 3339, or with journald's zone without a colon.
fn timestamp(word: &str) -> Option<Timestamp> {
    if word.len() < 19 || !word.as_bytes()[0].is_ascii_digit() {
        return None;
    }
    word.parse()
        .ok()
        .or_else(|| Timestamp::strptime("%Y-%m-%dT%H:%M:%S%z", word).ok())
        .or_else(|| Timestamp::strptime("%Y-%m-%dT%H:%M:%S%.f%z", word).ok())
}

/// `host program[1234]: ` of journald.
fn without_head(rest: &str) -> &str {
    let mut words = rest.splitn(3, ' ');
    if let (Some(_host), Some(program), Some(message)) = (words.next(), words.next(), words.next())
        && program.ends_with("]:")
        && program.contains('[')
    {
        return message;
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> (Option<String>, String) {
        let line = LogLine::of(line.as_bytes());
        (line.at.map(|at| at.to_string()), line.text)
    }

    #[test]
    fn the_same_words_come_out_of_every_shape() {
        let time = Some("2026-11-21T08:04:18Z".to_owned());
        for (shape, at) in [
            ("[model] failed: x", None),
            ("\u{1b}[31m[model]\u{1b}[0m failed: x\r", None),
            ("2026-11-21T08:04:18Z [model] failed: x", time.clone()),
            ("2026-11-21T08:04:18+0000 box node[77]: [model] failed: x", time.clone()),
            (
                r#"{"0":"{\"subsystem\":\"model\"}","1":"failed: x","_meta":{"hostname":"vm"},"message":"failed: x","time":"2026-11-21T08:04:18.000+00:00"}"#,
                time.clone(),
            ),
        ] {
            assert_eq!(read(shape), (at.clone(), "[model] failed: x".to_owned()), "{shape}");
            assert_eq!(LogLine::time_of(shape.as_bytes()).map(|at| at.to_string()), at, "{shape}");
        }
    }

    #[test]
    fn the_fields_of_a_file_log_are_read_as_words() {
        let line = r#"{"0":"{\"subsystem\":\"agent/embedded\"}","1":{"event":"embedded_run_agent_end","isError":true,"rawErrorPreview":"403 <html"},"2":"embedded run agent end","_meta":{"name":"openclaw"},"hostname":"secret-box"}"#;
        assert_eq!(
            read(line).1,
            "[agent/embedded] event=embedded_run_agent_end isError=true rawErrorPreview=403 <html embedded run agent end"
        );
    }

    #[test]
    fn npms_lines_are_npms() {
        assert_eq!(LogLine::of(b"npm error code E404").place, TextSource::Npm);
    }
}
