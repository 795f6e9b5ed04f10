//! One pass over a block of lines for all patterns at once.

use regex::bytes::{Regex, RegexBuilder};

use crate::catalogue::Catalogue;

/// Finds lines that may show a known failure; the catalogue has the last word.
#[derive(Debug)]
pub(super) struct Finder(Option<Regex>);

impl Finder {
    pub(super) fn of(catalogue: &Catalogue) -> Self {
        // In a line of JSON a quotation mark has a backslash before it.
        let escaped = |pattern: &str| format!("(?:{})", pattern.replace('"', r#"\\*""#));
        let all: Vec<_> = catalogue.patterns().map(escaped).collect();
        let together = RegexBuilder::new(&all.join("|"))
            .unicode(false)
            .multi_line(true)
            .dfa_size_limit(32 << 20)
            .size_limit(64 << 20)
            .build();
        // A user's pattern may be one that only text can be held against: then every
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
