//! The shapes of secrets: patterns, each with the part that goes, and how they are
//! looked for.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::LazyLock;

use regex::{Captures, Regex, RegexSet, RegexSetBuilder};

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

    /// The text with a mask in the place of whatever has one of the shapes.
    pub(super) fn mask<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let coloured = text.contains(ESCAPE) || WRITTEN.is_match(text);
        if coloured { self.mask_coloured(text) } else { self.mask_plain(text) }
    }

    fn mask_plain<'t>(&self, text: &'t str) -> Cow<'t, str> {
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
                shape.find(pattern, &masked, &mut secrets);
            }
            if secrets.is_empty() {
                break;
            }
            masked = Cow::Owned(without(&masked, secrets));
        }
        masked
    }

    /// Colours stand between a name and its value, so they are looked through;
    /// a line in which something has to go loses them.
    fn mask_coloured<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut changed = false;
        let lines = text.split_inclusive('\n').map(|line| {
            let plain = anstream::adapter::strip_str(line).to_string();
            let plain = WRITTEN.replace_all(&plain, "");
            match self.mask_plain(&plain) {
                Cow::Owned(masked) if masked != *plain => {
                    changed = true;
                    masked
                }
                _ => line.to_owned(),
            }
        });
        let masked = lines.collect::<String>();
        if changed { Cow::Owned(masked) } else { Cow::Borrowed(text) }
    }
}

#[expect(clippy::expect_used, reason = "the patterns are part of the program; a test reads them")]
fn compiled(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a built-in pattern is valid")
}

/// Where a secret is, and the mask that replaces it.
type SecretSpan = (Range<usize>, &'static str);

impl Shape {
    /// Adds every secret of this shape.
    fn find(&self, pattern: &Regex, text: &str, secrets: &mut Vec<SecretSpan>) {
        let mut at = 0;
        while let Some((found, range)) = pattern.captures_at(text, at).and_then(|c| parts(text, &c))
        {
            // The value behind a name may itself be a name with a value: look at it again.
            at = if found.name.is_empty() { range.end } else { range.start };
            if found.value != self.mask && !(self.spared)(&found) {
                secrets.push((range, self.mask));
            }
        }
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
