//! The patterns of this module: constants, made once.

use regex::{Regex, RegexSet};

/// A pattern for one line.
#[expect(clippy::expect_used, reason = "constants; tests run them")]
pub(super) fn pattern(text: &str) -> Regex {
    Regex::new(&of_ascii(text)).expect("a valid pattern")
}

/// Several of them, held against a line in one pass.
#[expect(clippy::expect_used, reason = "constants; tests run them")]
pub(super) fn patterns<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> RegexSet {
    let texts = texts.into_iter().map(|text| of_ascii(text.as_ref()));
    RegexSet::new(texts).expect("valid patterns")
}

/// Words, digits and their boundaries are ASCII's. With Unicode's, a line with an arrow or a
/// warning sign in it is matched by the slowest engine, at a quarter of a megabyte a second.
fn of_ascii(text: &str) -> String {
    text.replace(r"\b", r"(?-u:\b)").replace(r"\d", "[0-9]").replace(r"\w", "[0-9A-Za-z_]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_ends_where_it_ends_in_ascii_and_a_digit_is_one_of_ten() {
        assert!(pattern(r"\bcode=\d\b").is_match("⚠️code=7→"));
        assert!(!pattern(r"\d").is_match("\u{0663}") && pattern(r"^[\w-]+$").is_match("a-b_7"));
        let set = patterns([r"\ba\b", r"[\d]x"]);
        assert_eq!(set.matches("7x ä a").iter().collect::<Vec<_>>(), [0, 1]);
    }
}
