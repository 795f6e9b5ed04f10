//! The shapes of secrets: patterns, each with the part that goes, and how they are
//! looked for.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::LazyLock;

use regex::{Captures, Regex, RegexSet, RegexSetBuilder};

use super::TOKEN;
use table::{PLACES, SECRETS};

mod spared;
mod table;

/// What begins a colour in a terminal.
const ESCAPE: char = '\u{1b}';
/// The same as JSON and scripts write it, however deep in quotes.
static WRITTEN: LazyLock<Regex> =
    LazyLock::new(|| compiled(r"\\+(?:u001[bB]|x1[bB]|033|e)\[[0-9;?]*[A-Za-z]"));
/// What the automata of a table may take: below it they would be built again and
/// again while a long text is read. Bytes.
const MEMORY: usize = 16 * 1024 * 1024;
/// How often a text is gone through at most.
const ROUNDS: usize = 4;
/// How much of a text is looked at together: so much, and the rest of the line. Bytes.
const BLOCK: usize = 4096;
/// How far apart secrets are at least, each found in two rounds, where they are looked for
/// one by one. Bytes. What has more is no log but a flood, and not worth the time: every
/// word in it is masked.
const APART: usize = 64;
/// How much is taken for more of a flood before it is looked at again. Bytes.
const FLOODED: usize = 64 * BLOCK;
/// How long the names of fields and what stands between them and their values may be. Bytes.
const NAME: usize = 256;

/// One shape. What the first capture group holds that has a part in the match is
/// masked, what stands around it stays.
struct Shape {
    pattern: &'static str,
    mask: &'static str,
    /// What has the shape and is no secret.
    spared: fn(&ShapeMatch<'_>) -> bool,
}

/// What has a shape.
struct ShapeMatch<'t> {
    /// The text up to the match.
    head: &'t str,
    /// What of the match stands before the secret: its name.
    name: &'t str,
    /// The secret.
    value: &'t str,
}

/// A table, ready to be used.
pub(super) struct Shapes {
    any: RegexSet,
    each: Vec<(Regex, &'static Shape)>,
}

impl Shapes {
    /// The shapes of credentials and of account names.
    pub(super) fn of_secrets() -> &'static Self {
        static SHAPES: LazyLock<Shapes> = LazyLock::new(|| Shapes::of(&SECRETS));
        &SHAPES
    }

    /// The shapes of addresses and other places.
    pub(super) fn of_places() -> &'static Self {
        static SHAPES: LazyLock<Shapes> = LazyLock::new(|| Shapes::of(&PLACES));
        &SHAPES
    }

    #[expect(clippy::expect_used, reason = "as for each pattern")]
    fn of(table: &'static [Shape]) -> Self {
        let any = RegexSetBuilder::new(table.iter().map(|shape| shape.pattern))
            .dfa_size_limit(MEMORY)
            .build();
        Self {
            any: any.expect("the built-in patterns are valid"),
            each: table.iter().map(|shape| (compiled(shape.pattern), shape)).collect(),
        }
    }

    /// The text with a mask in the place of whatever has one of the shapes. `flood` is what
    /// came before it in the same output.
    pub(super) fn mask<'t>(&self, text: &'t str, flood: &mut Flood) -> Cow<'t, str> {
        let coloured = text.contains(ESCAPE) || WRITTEN.is_match(text);
        if !coloured && !self.any.is_match(text) {
            return Cow::Borrowed(text);
        }
        let mut masked = String::with_capacity(text.len());
        for block in blocks(text) {
            let looked_at = if flood.left == 0 { self.mask_block(block) } else { None };
            if let Some(block) = looked_at {
                masked.push_str(&block);
                continue;
            }
            if flood.left == 0 {
                flood.left = FLOODED;
            }
            flood.left = flood.left.saturating_sub(block.len());
            mask_words(block, &mut masked);
        }
        if masked == text { Cow::Borrowed(text) } else { Cow::Owned(masked) }
    }

    /// None where it is one of a flood.
    fn mask_block<'t>(&self, block: &'t str) -> Option<Cow<'t, str>> {
        // Of a long line the beginning tells; one that begins with a word of that length is
        // data.
        if block.len() > 4 * BLOCK {
            let beginning = &block[..block.floor_char_boundary(BLOCK)];
            beginning.bytes().find(|byte| byte.is_ascii_whitespace() || b"\"'".contains(byte))?;
            self.mask_some(beginning)?;
        }
        self.mask_some(block)
    }

    fn mask_some<'t>(&self, text: &'t str) -> Option<Cow<'t, str>> {
        let mut left = text.len().max(BLOCK) / APART;
        let coloured = text.contains(ESCAPE) || WRITTEN.is_match(text);
        if coloured {
            self.mask_coloured(text, &mut left)
        } else {
            self.mask_plain(text, &mut left)
        }
    }

    fn mask_plain<'t>(&self, text: &'t str, left: &mut usize) -> Option<Cow<'t, str>> {
        let mut masked = Cow::Borrowed(text);
        // A mask may uncover another secret, which goes in the next round. Most texts
        // have no secret: one pass of the set of all patterns settles those.
        for _ in 0..ROUNDS {
            if !self.any.is_match(&masked) {
                break;
            }
            let mut secrets = Vec::new();
            for at in self.any.matches(&masked) {
                let (pattern, shape) = &self.each[at];
                shape.find(pattern, &masked, &mut secrets, left)?;
            }
            if secrets.is_empty() {
                break;
            }
            masked = Cow::Owned(without(&masked, secrets));
        }
        Some(masked)
    }

    /// Colours stand between a name and its value, so they are looked through;
    /// a line in which something has to go loses them.
    fn mask_coloured<'t>(&self, text: &'t str, left: &mut usize) -> Option<Cow<'t, str>> {
        let mut changed = false;
        let mut masked = String::with_capacity(text.len());
        for line in text.split_inclusive('\n') {
            let plain = anstream::adapter::strip_str(line).to_string();
            let plain = WRITTEN.replace_all(&plain, "");
            match self.mask_plain(&plain, left)? {
                Cow::Owned(without) if without != *plain => {
                    changed = true;
                    masked.push_str(&without);
                }
                _ => masked.push_str(line),
            }
        }
        Some(if changed { Cow::Owned(masked) } else { Cow::Borrowed(text) })
    }
}

/// Whether an output is a flood of secrets at the moment.
#[derive(Debug, Default)]
pub(super) struct Flood {
    /// How many bytes are still taken for more of it.
    left: usize,
}

/// Pieces that end where a line does.
fn blocks(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let line_end = rest.as_bytes().get(BLOCK..).and_then(|after| memchr::memchr(b'\n', after));
        let (block, after) = rest.split_at(line_end.map_or(rest.len(), |at| BLOCK + at + 1));
        rest = after;
        Some(block).filter(|block| !block.is_empty())
    })
}

/// What no secret goes across.
const BETWEEN_WORDS: [bool; 256] = {
    let mut table = [false; 256];
    let (all, mut at) = (b" \t\n\r\"'\\,;:(){}[]<>&?#", 0);
    while at < all.len() {
        table[all[at] as usize] = true;
        at += 1;
    }
    table
};

/// Masks every word that is as long as a secret.
fn mask_words(text: &str, masked: &mut String) {
    const SHORTEST: usize = 6;
    let is_between = |byte: &u8| BETWEEN_WORDS[usize::from(*byte)];
    let mut rest = text;
    while !rest.is_empty() {
        let word = rest.bytes().position(|byte| is_between(&byte)).unwrap_or(rest.len());
        masked.push_str(if word < SHORTEST { &rest[..word] } else { TOKEN });
        let after = rest[word..].bytes().take_while(is_between).count();
        masked.push_str(&rest[word..word + after]);
        rest = &rest[word + after..];
    }
}

#[expect(clippy::expect_used, reason = "the patterns are part of the program; a test reads them")]
fn compiled(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a built-in pattern is valid")
}

/// Where a secret is, and the mask that replaces it.
type SecretSpan = (Range<usize>, &'static str);

impl Shape {
    /// Adds every secret of this shape; none where there are more than there is `left` of
    /// time for.
    fn find(
        &self,
        pattern: &Regex,
        text: &str,
        secrets: &mut Vec<SecretSpan>,
        left: &mut usize,
    ) -> Option<()> {
        let mut at = 0;
        while let Some((found, range)) = pattern.captures_at(text, at).and_then(|c| parts(text, &c))
        {
            *left = left.checked_sub(1)?;
            let is_secret = found.value != self.mask && !(self.spared)(&found);
            // The value behind a name may itself be a name with a value: look at it again.
            // Of a long one that goes, only the end can have a value that is beyond it.
            at = match (found.name.is_empty(), is_secret) {
                (true, _) => range.end,
                (false, true) => {
                    range.start.max(text.floor_char_boundary(range.end - NAME.min(range.end)))
                }
                (false, false) => range.start,
            };
            if is_secret {
                secrets.push((range, self.mask));
            }
        }
        Some(())
    }
}

/// The text with the masks in the places of the secrets. Of those that overlap
/// the one that begins first gives the mask.
fn without(text: &str, mut secrets: Vec<SecretSpan>) -> String {
    secrets.sort_by_key(|(range, _)| range.start);
    let mut masked = String::new();
    let mut done = 0;
    for (range, mask) in secrets {
        if range.start >= done {
            masked.push_str(&text[done..range.start]);
            masked.push_str(mask);
        }
        done = done.max(range.end);
    }
    masked.push_str(&text[done..]);
    masked
}

/// The secret in a match: the first group that has a part in it, or else all of it.
fn parts<'t>(text: &'t str, captures: &Captures<'t>) -> Option<(ShapeMatch<'t>, Range<usize>)> {
    let whole = captures.get(0)?;
    let secret = captures.iter().skip(1).flatten().next().unwrap_or(whole);
    let found = ShapeMatch {
        head: &text[..whole.start()],
        name: &text[whole.start()..secret.start()],
        value: secret.as_str(),
    };
    Some((found, secret.range()))
}
