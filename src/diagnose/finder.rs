//! One pass over a block of lines for all patterns at once.

use std::sync::LazyLock;

use regex::bytes::{Regex, RegexBuilder};

use crate::catalogue::Catalogue;

/// Finds lines that may show a known failure; the catalogue has the last word.
#[derive(Debug)]
pub(super) struct Finder(Option<Regex>);

impl Finder {
    pub(super) fn of(catalogue: &Catalogue) -> Self {
        let all: Vec<_> = catalogue.patterns().map(in_any_shape).collect();
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

/// A pattern for lines that are not parsed yet: what reads
/// `key=value ` may be `"key":"value",` in a line of JSON, and the line may begin
/// with a time and end with a carriage return.
fn in_any_shape(pattern: &str) -> String {
    static KEY: LazyLock<regex::Regex> = LazyLock::new(|| {
        #[expect(clippy::expect_used, reason = "the pattern is part of the program")]
        regex::Regex::new(r"(\w)=").expect("the pattern is valid")
    });
    let anchored = |pattern: &str| pattern.ends_with('$') && !pattern.ends_with(r"\$");
    let mut whole = pattern.trim_start_matches('^');
    if anchored(whole) {
        whole = &whole[..whole.len() - 1];
    }
    let text = KEY.replace_all(whole, r#"$1(?:=|\\*"[ \t]*:[ \t]*\\*"?)"#);
    match text.strip_suffix(' ') {
        Some(text) => format!(r#"(?:{text}[ ,}}"\\])"#),
        None => format!("(?:{text})"),
    }
}
