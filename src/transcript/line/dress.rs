//! What a line wears: who handed it over puts a quotation mark, a line number, a
//! container's name, a time, a host and a level before what the program wrote.

use std::sync::LazyLock;

use jiff::Timestamp;
use regex::Regex;

use super::LineLevel;
use crate::transcript::pattern::pattern;
use crate::transcript::time::{self, LogClock};

/// A line without its dress, and what the dress said.
#[derive(Debug, Default)]
pub(super) struct Undressed<'a> {
    pub(super) at: Option<Timestamp>,
    /// Whom journald names: `systemd`, `node`, `kernel`.
    pub(super) program: Option<&'a str>,
    pub(super) level: Option<LineLevel>,
    /// Of `openclaw logs`, which writes it without brackets.
    pub(super) subsystem: Option<&'a str>,
    pub(super) text: &'a str,
}

/// No line wears more than this.
const LAYERS: usize = 8;

/// `gateway-1  | ` of compose, `[pod/name/container] ` of kubectl.
static CONTAINER: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^(?:[A-Za-z0-9][\w.-]*\s*\| ?|\[pod/[\w./-]+\] )"));
/// `12: `, `12 | `, `   12<tab>` before what is a line of a log by itself.
static NUMBER: LazyLock<Regex> = LazyLock::new(|| pattern(r"^\d{1,7}(?:\t|: ?|\s*[|│] ?|  +| )"));
/// What follows a line's number, and nothing else that begins with one.
static HEAD: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"^(?:\[|\{"|\d{4}-\d\d-\d\d|\d\d:\d\d:\d\d|(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) )"#,
    )
});
/// `host program[1234]: ` of journald; the kernel and systemd are named without a number too.
static JOURNAL: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^[^\s\[\]:=]+ (?P<program>[\w.@/+-]+)(?:\[\d+\])?: ?"));
/// `stdout F ` of container runtimes.
static RUNTIME: LazyLock<Regex> = LazyLock::new(|| pattern(r"^std(?:out|err) [FP] "));
/// `time="..." level=error msg="..."`.
static LOGFMT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r#"^time="(?P<time>[^"]+)" level=(?P<level>\w+) msg="(?P<text>.*)"\s*$"#)
});
/// Names of `OpenClaw`'s subsystems that have no slash in them.
const SUBSYSTEMS: [&str; 20] = [
    "gateway",
    "ws",
    "plugins",
    "diagnostic",
    "agent",
    "agents",
    "tools",
    "cron",
    "hooks",
    "state",
    "telegram",
    "discord",
    "slack",
    "whatsapp",
    "signal",
    "feishu",
    "memory",
    "browser",
    "update",
    "openclaw",
];

pub(super) fn undress<'a>(line: &'a str, clock: &LogClock) -> Undressed<'a> {
    let mut bare = Undressed { text: line.trim(), ..Undressed::default() };
    for _ in 0..LAYERS {
        let before = bare.text.len();
        if let Some(quoted) = bare.text.strip_prefix('>') {
            bare.text = quoted.trim_start();
        }
        if let Some(code) = bare.text.strip_prefix('`').filter(|code| !code.starts_with('`')) {
            bare.text = code.trim_end_matches('`');
        }
        // Most lines of a large log begin with a time or a `[tag]`, and wear nothing else.
        let begins = bare.text.bytes().next().unwrap_or_default();
        for bullet in ["- ", "* ", "+ "] {
            if let Some(item) = bare.text.strip_prefix(bullet).filter(|item| HEAD.is_match(item)) {
                bare.text = item;
            }
        }
        if (begins.is_ascii_alphanumeric() || bare.text.starts_with("[pod/"))
            && let Some(found) = CONTAINER.find(bare.text)
        {
            bare.text = bare.text[found.end()..].trim_start();
        }
        if begins.is_ascii_digit()
            && let Some(found) = NUMBER.find(bare.text)
            && HEAD.is_match(&bare.text[found.end()..])
        {
            bare.text = &bare.text[found.end()..];
        }
        if begins == b't'
            && let Some(found) = LOGFMT.captures(bare.text)
            && let (Some(time), Some(level), Some(text)) =
                (found.name("time"), found.name("level"), found.name("text"))
        {
            bare.at = bare.at.or_else(|| time::field(time.as_str(), clock));
            bare.level = LineLevel::named(level.as_str());
            bare.text = text.as_str();
        }
        if let Some((at, rest)) = time::leading(bare.text, clock) {
            // A container's runtime writes its own time before the program's.
            bare.at = bare.at.or(Some(at));
            bare.text = rest.trim_start();
            after_time(&mut bare);
        }
        if bare.text.len() == before {
            break;
        }
    }
    if bare.level.is_none() {
        shouted_level(&mut bare);
    }
    bare
}

fn after_time(bare: &mut Undressed<'_>) {
    if let Some(found) = RUNTIME.find(bare.text) {
        bare.text = &bare.text[found.end()..];
    }
    if let Some(found) = JOURNAL.captures(bare.text)
        && let (Some(whole), Some(program)) = (found.get(0), found.name("program"))
        && (whole.as_str().contains("]:")
            || ["kernel", "systemd", "systemd-oomd", "earlyoom"].contains(&program.as_str()))
    {
        bare.program = Some(program.as_str());
        bare.text = bare.text[whole.end()..].trim_start();
    }
    let (word, rest) = split_word(bare.text);
    let Some(level) = LineLevel::named(word.trim_matches(['[', ']', '(', ')', ':', '|'])) else {
        return;
    };
    bare.level = Some(level);
    // `error` may begin a sentence as well.
    if !word.chars().all(|c| c.is_ascii_lowercase()) {
        bare.text = rest;
    }
    let (name, rest) = split_word(rest);
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "/-_".contains(c);
    let is_name = !name.is_empty() && name.chars().all(plain);
    if is_name && (name.contains('/') || SUBSYSTEMS.contains(&name) || rest.starts_with('{')) {
        bare.subsystem = Some(name);
        bare.text = rest;
    }
}

/// `[ERROR] `, `ERROR: ` and `ERROR ` before a line without a time.
fn shouted_level(bare: &mut Undressed<'_>) {
    let (word, rest) = split_word(bare.text);
    let name = word.trim_matches(['[', ']', ':']);
    if name.len() >= 3
        && name.chars().all(|c| c.is_ascii_uppercase())
        && let Some(level) = LineLevel::named(name)
    {
        (bare.level, bare.text) = (Some(level), rest);
    }
}

fn split_word(text: &str) -> (&str, &str) {
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    (word, rest.trim_start())
}
