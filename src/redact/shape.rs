//! The shapes of secrets: a table of patterns, each with the part that goes.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::LazyLock;

use regex::{Captures, Regex, RegexSet, RegexSetBuilder};

use super::{ACCOUNT, ADDRESS, MAIL, TOKEN, USER};

/// What begins a colour in a terminal.
const ESCAPE: char = '\u{1b}';
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
    spared: fn(&Found<'_>) -> bool,
}

/// What has a shape.
struct Found<'t> {
    /// The text up to the match.
    head: &'t str,
    /// What of the match stands before the secret: its name.
    name: &'t str,
    /// The secret.
    value: &'t str,
}

/// Names of fields whose values let somebody in, whatever stands before them:
/// `refresh_token`, `_authToken`, `OPENAI_API_KEY`, `client_secret`.
macro_rules! secret_names {
    () => {
        "(?i-u:token|api[_-]?key|secret|passw(?:or)?d|passphrase|private[_-]?key\
         |code[_-]?verifier|client[_-]?assertion|\\b_auth)"
    };
}

/// Names of fields that say whose account it is.
macro_rules! account_names {
    () => {
        "(?i-u:account[_-]?(?:user[_-]?)?id|chatgpt[_-]?user[_-]?id|user[_-]?id\
         |org(?:anization)?[_-]?id|workspace[_-]?id)"
    };
}

/// A field with its value, as JSON, as JSON in a string of JSON, and as scripts,
/// headers and configuration files have it. No value goes beyond a quote, or what
/// is JSON would be so no more.
macro_rules! field {
    ($($names:tt)*) => {
        concat!(
            $($names)*,
            "(?:",
            r#""[ \t]*:[ \t]*"((?:[^"\\\n]|\\[^\n])+)"#,
            "|",
            r#"\\"[ \t]*:[ \t]*\\"((?:[^"\\\n]|\\\\\\\\|\\\\\\"|\\\\[^"\\\n])+)"#,
            "|",
            r#"\\{2,}"[ \t]*:[ \t]*\\+"([^"\\\n]+)"#,
            "|",
            r"'?[ \t]*(?:=>|[:=])[ \t]*",
            r#"(?:\\*'([^'"\\\n]+)|\\+"([^"\\\n]+)|"([^"\\\n,}\]:\s][^"\\\n]*)"#,
            r#"|([^\s"'\\,;:=>\[\](){}&<][^\s"'\\,;<>&)}\]]*))"#,
            ")"
        )
    };
}

/// The names of a URL's parameters whose values let somebody in. Broad on
/// purpose: a masked harmless value costs nothing.
macro_rules! parameter_names {
    () => {
        "(?i-u:[a-z0-9_.~-]*(?:token|secret|passw|key|auth|verifier|assertion|signature|session)\
         [a-z0-9_.~-]*|code|state|sig|jwt)"
    };
}

const SECRETS: [Shape; 11] = [
    Shape {
        pattern: r#"://([^\s/?#"'<>\\]+)@"#,
        mask: TOKEN,
        spared: |found| found.value == "git",
    },
    Shape {
        pattern: concat!(
            r"(?-u:\b)eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)*",
            r"|eyJ[A-Za-z0-9_-]*\.eyJ[A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]*)*",
            // One that was cut short.
            r"|(?-u:\b)eyJ[A-Za-z0-9_-]{16,}",
        ),
        mask: TOKEN,
        // Hashes in base64 may have such letters.
        spared: |found| !found.value.contains('.') && found.head.ends_with(['/', '+']),
    },
    Shape {
        pattern: concat!(
            r"(?:(?-u:\b)|_)(",
            r"sk-[A-Za-z0-9_-]{6,}",
            r"|rt_[A-Za-z0-9][A-Za-z0-9._-]{5,}|rt\.[0-9]+\.[A-Za-z0-9._-]{8,}",
            r"|npm_[A-Za-z0-9]{16,}",
            r"|gh[pousr]_[A-Za-z0-9]{16,}|github_pat_[A-Za-z0-9_]{16,}|glpat-[A-Za-z0-9_-]{16,}",
            r"|xox[abeoprs]-[A-Za-z0-9-]{10,}|AIza[A-Za-z0-9_-]{30,}|AKIA[A-Z0-9]{16}",
            // A bot of Telegram's.
            r"|[0-9]{8,10}:AA[A-Za-z0-9_-]{30,}",
            r")",
        ),
        mask: TOKEN,
        // A system call.
        spared: |found| found.value.starts_with("rt_sig"),
    },
    Shape { pattern: field!(secret_names!()), mask: TOKEN, spared: is_no_secret },
    Shape {
        pattern: r#"(?i-u:\bbearer)(?:(?:[ \t]|%20)+(?i-u:bearer))*(?:[ \t]|%20)+["']?([A-Za-z0-9._~+/=-]+)"#,
        mask: TOKEN,
        spared: |found| is_prose(found.value) || found.value.ends_with('='),
    },
    Shape {
        pattern: concat!(
            r#"(?i-u:authorization)(?:\\*["'])?[ \t]*[:=][ \t]*(?:\\*["'])?"#,
            r"(?i-u:(?:bearer|basic|token|digest|apikey)[ \t]+)?",
            r#"([^\s"'\\,;:=>\[\](){}&<][^\s"'\\,;]*)"#,
        ),
        mask: TOKEN,
        spared: |found| is_prose(found.value) || is_scheme(found.value),
    },
    Shape {
        pattern: concat!(
            r#"(?i-u:cookie)(?:\\*["'])?[ \t]*[:=][ \t]*(?:(?:\[[ \t]*)?\\*["'])?"#,
            r#"([^\s"'\\,;:=>\[\](){}&<][^"'\\\n]*)"#,
        ),
        mask: TOKEN,
        spared: |found| is_prose(found.value),
    },
    Shape {
        pattern: concat!("[?&#;]", parameter_names!(), r#"=([^\s&#"'<>\\]+)"#),
        mask: TOKEN,
        spared: never,
    },
    Shape {
        pattern: concat!("(?i-u:%3f|%26)", parameter_names!(), r"(?i-u:%3d)([A-Za-z0-9._~+-]+)"),
        mask: TOKEN,
        spared: never,
    },
    Shape {
        pattern: concat!(
            r"(?-u:\b)(acct_[A-Za-z0-9]{4,}|(?:user|org)-[A-Za-z0-9]{16,}|auth0\|[A-Za-z0-9]{8,})",
            "|",
            field!(account_names!()),
        ),
        mask: ACCOUNT,
        spared: is_no_account,
    },
    Shape {
        pattern: concat!(
            r"([A-Za-z0-9._%+\x{80}-\x{10ffff}-]+(?:@|%40)",
            r"(?:[A-Za-z0-9\x{80}-\x{10ffff}-]+\.)+[A-Za-z\x{80}-\x{10ffff}]{2,})",
        ),
        mask: MAIL,
        spared: is_no_address,
    },
];

const PLACES: [Shape; 3] = [
    Shape {
        pattern: r#"(?:/home/|/Users/|\\Users\\)([^/\s"'`\\:,;<>()\[\]|]+)"#,
        mask: USER,
        spared: never,
    },
    Shape {
        pattern: concat!(
            r"(?-u:\b)((?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])",
            r"(?:\.(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])){3})(?-u:\b)",
        ),
        mask: ADDRESS,
        spared: |found| found.value.starts_with("127.") || found.value == "0.0.0.0",
    },
    Shape {
        // Of a network at home or of one interface; and a network card.
        pattern: concat!(
            r"(?i-u:\b)((?i-u:fe80|f[cd][0-9a-f]{2}):[0-9A-Fa-f:]+",
            r"|(?:[0-9A-Fa-f]{1,4}:){4,7}[0-9A-Fa-f]{1,4})(?-u:\b)",
        ),
        mask: ADDRESS,
        spared: never,
    },
];

fn never(_: &Found<'_>) -> bool {
    false
}

/// Words that stand after `token:` in a sentence. Whatever else does is masked.
const PROSE: &str = "\
    a an and are auth authentication authorization cannot could credential \
    credentials denied empty error expected expired failed false for forbidden from \
    has header headers in invalid is malformed missing must no none not null ok or \
    present refresh refused required revoked scheme the token tokens true \
    unauthorized undefined unset was";

fn is_prose(value: &str) -> bool {
    if !value.contains(char::is_alphanumeric) {
        return true;
    }
    let word = value.trim_end_matches(['.', ':', '!', '?']).to_ascii_lowercase();
    PROSE.split(' ').any(|known| known == word)
}

/// How a credential is meant; it comes before it.
fn is_scheme(word: &str) -> bool {
    ["bearer", "basic", "digest", "apikey"].iter().any(|scheme| word.eq_ignore_ascii_case(scheme))
}

/// Values of a field that tell nothing: a count, a word, the name of a variable.
fn is_no_secret(&Found { name, value, .. }: &Found<'_>) -> bool {
    let count = value.len() <= 6 && value.bytes().all(|byte| byte.is_ascii_digit());
    let name = name.to_ascii_lowercase();
    let password = name.starts_with("pass");
    value.starts_with('$') || (!password && (count || is_prose(value)))
}

fn is_no_account(&Found { name, value, .. }: &Found<'_>) -> bool {
    if name.is_empty() {
        // Words behind `user-` that happen to be long.
        let of_shape = value.starts_with("user-") || value.starts_with("org-");
        return of_shape
            && value.len() < 24
            && !value.bytes().any(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase());
    }
    value.starts_with('$') || value == "default" || is_prose(value)
}

/// What is written like an e-mail address: a release, a unit of systemd's, a
/// file, the host of a URL behind a password.
fn is_no_address(&Found { head, value: address, .. }: &Found<'_>) -> bool {
    const UNITS: [&str; 9] =
        ["service", "socket", "timer", "target", "slice", "scope", "mount", "path", "device"];
    const FILES: [&str; 8] = ["js", "mjs", "cjs", "ts", "json", "tgz", "png", "svg"];
    let Some((local, domain)) = address.rsplit_once('@') else { return false };
    let first = domain.split('.').next().unwrap_or_default();
    let last = domain.rsplit('.').next().unwrap_or_default();
    let number = first.trim_start_matches('v').trim_end_matches('x');
    local == "git"
        || !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
        || head.rsplit_once("://").is_some_and(|(_, before)| before.chars().all(is_of_userinfo))
        || UNITS.contains(&last)
        || FILES.contains(&last)
}

fn is_of_userinfo(c: char) -> bool {
    !c.is_whitespace() && !"/?#\"'<>\\".contains(c)
}

/// A table, ready to be used.
pub(super) struct Shapes {
    any: RegexSet,
    each: Vec<(Regex, &'static Shape)>,
}

impl Shapes {
    /// What lets somebody in, and whose it is.
    pub(super) fn of_secrets() -> &'static Self {
        static SHAPES: LazyLock<Shapes> = LazyLock::new(|| Shapes::of(&SECRETS));
        &SHAPES
    }

    /// Where somebody is.
    pub(super) fn of_places() -> &'static Self {
        static SHAPES: LazyLock<Shapes> = LazyLock::new(|| Shapes::of(&PLACES));
        &SHAPES
    }

    #[expect(clippy::expect_used, reason = "the tables are part of the program; a test reads them")]
    fn of(table: &'static [Shape]) -> Self {
        let any = RegexSetBuilder::new(table.iter().map(|shape| shape.pattern))
            .dfa_size_limit(MEMORY)
            .build();
        let each = table.iter().map(|shape| (Regex::new(shape.pattern), shape));
        Self {
            any: any.expect("the built-in patterns are valid"),
            each: each
                .map(|(pattern, shape)| (pattern.expect("a built-in pattern is valid"), shape))
                .collect(),
        }
    }

    /// The text with a mask in the place of whatever has one of the shapes.
    pub(super) fn mask<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if text.contains(ESCAPE) { self.mask_coloured(text) } else { self.mask_plain(text) }
    }

    fn mask_plain<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut masked = Cow::Borrowed(text);
        // What one mask uncovers goes in the next round. Most texts have nothing to
        // hide: one look at them has to do.
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
            match self.mask_plain(&plain) {
                Cow::Owned(masked) if masked != plain => {
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

/// Where a secret is, and what comes in its place.
type Secret = (Range<usize>, &'static str);

impl Shape {
    /// Adds every secret of this shape.
    fn find(&self, pattern: &Regex, text: &str, secrets: &mut Vec<Secret>) {
        let mut at = 0;
        while let Some((found, range)) = pattern.captures_at(text, at).and_then(|c| parts(text, &c))
        {
            // What stands behind a name may be a name itself, with a value of its own.
            at = if found.name.is_empty() { range.end } else { range.start };
            if found.value != self.mask && !(self.spared)(&found) {
                secrets.push((range, self.mask));
            }
        }
    }
}

/// The text with the masks in the places of the secrets. Of those that overlap
/// the one that begins first gives the mask.
fn without(text: &str, mut secrets: Vec<Secret>) -> String {
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
fn parts<'t>(text: &'t str, captures: &Captures<'t>) -> Option<(Found<'t>, Range<usize>)> {
    let whole = captures.get(0)?;
    let secret = captures.iter().skip(1).flatten().next().unwrap_or(whole);
    let found = Found {
        head: &text[..whole.start()],
        name: &text[whole.start()..secret.start()],
        value: secret.as_str(),
    };
    Some((found, secret.range()))
}
