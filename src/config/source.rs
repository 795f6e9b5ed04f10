//! One file of a config: JSON5, as the `json5` package that `OpenClaw` uses
//! reads it.
//!
//! The crate `json5` agrees with that package on byte order marks, `+Infinity`,
//! escaped names, raw line ends in strings and missing commas. Nothing else in
//! codexpin parses a config.

use camino::Utf8Path;
use serde_json::Value;

use super::ConfigError;

/// The value that a file's text stands for. `Infinity` and `NaN` come out as
/// null, as they do when `OpenClaw` writes the file again.
pub(super) fn parse(file: &Utf8Path, text: &str) -> Result<Value, ConfigError> {
    json5::from_str(text).map_err(|error: json5::Error| {
        let message = error.to_string();
        // Of a text that ends too soon the crate names where the object around its end
        // begins; the package, and so OpenClaw, names the end.
        let position = match error.position() {
            Some(place) if !message.starts_with("EOF ") => Some((place.line + 1, place.column + 1)),
            _ => Some(end_of(text)).filter(|_| error.code().is_some()),
        };
        ConfigError::Syntax { file: file.to_owned(), position, problem: problem(&message) }
    })
}

/// Line and column behind the last character, counted from 1.
fn end_of(text: &str) -> (usize, usize) {
    let last = text.rsplit('\n').next().unwrap_or_default();
    (text.matches('\n').count() + 1, last.chars().count() + 1)
}

/// The message without its place, which is told apart.
fn problem(message: &str) -> String {
    message.split(" at line ").next().unwrap_or(message).to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn everything_that_json5_allows_is_read() {
        for (text, expected) in [
            ("{$include: './a', _x1: 1, ünï: 2}", json!({"$include": "./a", "_x1": 1, "ünï": 2})),
            ("{a: 'b\\\nc'}", json!({"a": "bc"})),
            (r"{a: 'it\'s \x41 \u0041'}", json!({"a": "it's A A"})),
            ("[+1, -.5, 0xFF, +Infinity, NaN,]", json!([1, -0.5, 255, null, null])),
            ("{a: 1, a: 2}", json!({"a": 2})),
            ("\u{feff}// c\n/* x */ {a: 1,} // end", json!({"a": 1})),
            ("{\\u0061b: 1}", json!({"ab": 1})),
        ] {
            assert_eq!(parse("f".into(), text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn what_openclaw_refuses_is_refused_with_its_place() {
        for (text, expected) in [
            ("{a: 1\n b: 2}", "f:2:2 is not JSON5: expected comma"),
            ("{a-b: 1}", "f:1:3 is not JSON5: expected colon"),
            ("{a: 'x\ny'}", "f:1:7 is not JSON5: line terminator in string"),
            ("{a: 012}", "f:1:5 is not JSON5: leading zero"),
            ("", "f:1:1 is not JSON5: EOF parsing value"),
            ("{\n  a: {b: 1,\n", "f:3:1 is not JSON5: EOF parsing object"),
            ("{a: 'b", "f:1:7 is not JSON5: EOF parsing string"),
        ] {
            assert_eq!(parse("f".into(), text).unwrap_err().to_string(), expected, "{text}");
        }
    }
}
