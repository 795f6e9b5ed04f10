//! Foreign text as it may be shown. What would move a cursor, colour what follows, turn
//! the direction of writing or simply not be seen stands there by its number: `\x1b`,
//! `\u{202e}`. Registries, pins, logs and candidates write what they like.

use std::borrow::Cow;
use std::fmt::Write as _;

/// A text of several lines: line ends and tabs stay.
pub fn text(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|c| hides(c) && c != '\n') {
        return Cow::Borrowed(text);
    }
    let unix = text.replace("\r\n", "\n");
    Cow::Owned(replaced(&unix, |c| hides(c) && c != '\n', by_number))
}

/// A text that has to stay on its line: the ends of lines are told by number, too.
pub fn line(text: &str) -> Cow<'_, str> {
    if text.chars().any(hides) {
        Cow::Owned(replaced(text, hides, by_number))
    } else {
        Cow::Borrowed(text)
    }
}

/// JSON, which says the same afterwards: such characters can only stand in its strings,
/// and are written there as JSON writes them.
pub fn json(json: &str) -> Cow<'_, str> {
    let raw = |c: char| hides(c) && c != '\n';
    if !json.chars().any(raw) {
        return Cow::Borrowed(json);
    }
    Cow::Owned(replaced(json, raw, |shown, c| {
        for unit in c.encode_utf16(&mut [0; 2]) {
            let _ = write!(shown, "\\u{unit:04x}");
        }
    }))
}

fn replaced(text: &str, which: impl Fn(char) -> bool, write: impl Fn(&mut String, char)) -> String {
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if which(c) { write(&mut shown, c) } else { shown.push(c) }
    }
    shown
}

fn by_number(shown: &mut String, c: char) {
    let _ = match c {
        '\n' => write!(shown, "\\n"),
        '\r' => write!(shown, "\\r"),
        c if c.is_ascii() => write!(shown, "\\x{:02x}", c as u32),
        c => write!(shown, "\\u{{{:x}}}", c as u32),
    };
}

/// Whether a reader would not see it for what it is. The joiners of emoji and of
/// Indic scripts, U+200C and U+200D, are letters enough to stay.
fn hides(c: char) -> bool {
    match c {
        '\t' => false,
        // Marks of direction, spaces without width, ends of lines that are none in a
        // file, annotations and tags: Unicode's Bidi_Control and its like.
        '\u{61c}'
        | '\u{180e}'
        | '\u{200b}'
        | '\u{200e}'
        | '\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{fdd0}'..='\u{fdef}'
        | '\u{e0000}'..='\u{e007f}' => true,
        // C0, DEL and C1.
        c => c.is_control(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_or_an_eye_would_obey_stands_there_by_its_number() {
        for (foreign, shown) in [
            (
                "plain, übung, 日本, 👩\u{200d}💻\tand a tab",
                "plain, übung, 日本, 👩\u{200d}💻\tand a tab",
            ),
            ("\u{1b}[31mred", "\\x1b[31mred"),
            ("\u{1b}]8;;http://x\u{7}link", "\\x1b]8;;http://x\\x07link"),
            ("\u{9b}2J\u{7f}\0", "\\u{9b}2J\\x7f\\x00"),
            ("a\u{202e}b\u{2066}c\u{200b}\u{e0041}", "a\\u{202e}b\\u{2066}c\\u{200b}\\u{e0041}"),
            ("over\rwritten\r\nnext\n", "over\\rwritten\nnext\n"),
        ] {
            assert_eq!(text(foreign), shown);
        }
        assert_eq!(line("one\r\ntwo\n"), "one\\r\\ntwo\\n");
    }

    #[test]
    fn json_says_the_same_and_shows_it() {
        let value =
            serde_json::json!({"a\u{9b}": ["\u{1b}]0;x\u{7}", "\u{202e}\u{e0041}\u{7f}\n"]});
        for written in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
            let shown = json(&written);
            assert!(!shown.chars().any(|c| hides(c) && c != '\n'), "{shown}");
            assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
        }
    }
}
