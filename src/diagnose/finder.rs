//! One pass over a block of lines for all patterns at once.

use regex::bytes::{Regex, RegexBuilder};

use crate::catalogue::Catalogue;
use crate::transcript::WORDS;

/// What else is worth a look: a document of JSON that begins, a message that journald
/// hands out as bytes, where a code block begins and ends.
const SHAPES: &str = r#"\{[ \t\r]*$|"MESSAGE" ?: ?\[|^[> ]*```"#;

/// Finds lines that may show a failure; the catalogue has the last word.
#[derive(Debug)]
pub(super) struct Finder(Option<Regex>);

impl Finder {
    pub(super) fn of(catalogue: &Catalogue) -> Self {
        let mut all: Vec<_> = catalogue.patterns().map(beginning).collect();
        all.extend([WORDS.to_owned(), SHAPES.to_owned()]);
        let together = RegexBuilder::new(&all.join("|"))
            .unicode(false)
            .multi_line(true)
            .dfa_size_limit(32 << 20)
            .size_limit(64 << 20)
            .build();
        // A pattern of the user's may need valid UTF-8 to be matched: then every
        // line is looked at.
        Self(together.ok())
    }

    /// Where, from `from` on, the next line is that is worth a look.
    pub(super) fn next(&self, block: &[u8], from: usize) -> Option<usize> {
        match &self.0 {
            Some(regex) => regex.find_at(block, from).map(|found| found.start()),
            None => (from < block.len()).then_some(from),
        }
    }
}

/// No shorter beginning of a pattern is looked for. Bytes.
const SHORTEST: usize = 6;

/// What a line has to have in it for a pattern to match, bound to neither of its ends: it
/// may begin with a time and end with a carriage return. What follows after anything
/// whatever is left to the catalogue: it costs a pass over many lines too much.
fn beginning(pattern: &str) -> String {
    let anchored = |pattern: &str| pattern.ends_with('$') && !pattern.ends_with(r"\$");
    let mut whole = pattern.trim_start_matches('^');
    if anchored(whole) {
        whole = &whole[..whole.len() - 1];
    }
    let (mut depth, mut escaped, mut class) = (0_usize, false, false);
    for (at, byte) in whole.bytes().enumerate() {
        let is_escaped = std::mem::take(&mut escaped);
        match byte {
            _ if is_escaped => {}
            b'\\' => escaped = true,
            b'[' => class = true,
            b']' => class = false,
            b'(' if !class => depth += 1,
            b')' if !class => depth = depth.saturating_sub(1),
            // An alternative that comes later has nothing of this beginning.
            b'|' if depth == 0 && !class => break,
            b'.' if depth == 0 && !class && at >= SHORTEST && may_end_at(&whole[at..]) => {
                return format!("(?:{})", &whole[..at]);
            }
            _ => {}
        }
    }
    format!("(?:{whole})")
}

/// Whether what follows is anything, and no other alternative comes after it.
fn may_end_at(rest: &str) -> bool {
    let repeated = rest[1..].starts_with(['*', '+', '{']);
    let alternative = rest.contains('|') && !rest.contains('(');
    repeated && !alternative
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_table_is_looked_for_in_one_pass() {
        assert!(Finder::of(&Catalogue::built_in()).0.is_some());
    }

    #[test]
    fn what_comes_after_anything_is_left_out_of_the_first_look() {
        assert_eq!(beginning("^login failed.*<html$"), "(?:login failed)");
        assert_eq!(beginning("a.*b"), "(?:a.*b)");
        assert_eq!(beginning("(a.*b|c)defg.*x"), "(?:(a.*b|c)defg)");
        assert_eq!(beginning("abcdefg|hijk.*l"), "(?:abcdefg|hijk.*l)");
    }
}
