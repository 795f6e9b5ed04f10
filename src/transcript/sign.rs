//! Whether a line is of a failure, and how near to its cause it is, in the words of
//! OpenClaw, Codex, Node, systemd and the kernel.

use std::ops::Range;
use std::sync::LazyLock;

use regex::{Regex, RegexSet};

use super::line::{Line, LineLevel};
use super::pattern::{pattern, patterns};

/// How near to the cause the words of a line are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Depth {
    /// The words of whoever failed, passed on: `rawError=`, `stderr=`, `detail=`.
    Raw,
    /// An exception, where it was thrown.
    Thrown,
    /// Somebody says that something failed.
    Said,
    /// What follows from it: a summary, the end of a process, the next restart.
    Echo,
}

/// A line's sign of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sign {
    /// How near to the cause.
    pub depth: Depth,
    /// Where in the line it begins. Bytes.
    pub at: usize,
    /// Whether it is a turn, or the Gateway itself, that failed.
    pub ends_something: bool,
}

/// What every line of a failure, and of a turn's begin and end, has in it: for a first
/// look at many lines.
pub const WORDS: &str = concat!(
    r"[Ee]rror|ERR[O! ]|FATAL|[Ff]atal|[Ff]ailed|FAILED|failure|Unhandled|Uncaught|Exception|",
    r"panicked|killed|[Oo]ut of memory|OOM|status=\d+/|code=(?:dumped|killed|exited)|restart counter|",
    r"repeated too quickly|bwrap:|at capacity|blocked by|refus|denied|rejected|timed out|stalled|",
    r"stuck session|exitCode|exited with|run (?:agent )?(?:start|end)|",
    r"[Uu]nexpected status|[Oo]pen[Cc]law(?: Gateway)?[@ ]\(?v?20\d\d\.|external cli|[Ll]ogin"
);

/// What passes on the words of whoever failed.
static RAW: LazyLock<Regex> = LazyLock::new(|| pattern(RAW_TEXT));
static ECHO: LazyLock<Regex> = LazyLock::new(|| pattern(ECHO_TEXT));
static THROWN: LazyLock<Regex> = LazyLock::new(|| pattern(THROWN_TEXT));
static SAID: LazyLock<Regex> = LazyLock::new(|| pattern(SAID_TEXT));

const RAW_TEXT: &str = r#"\b(?:rawError|rawErrorPreview|stderr|detail|cause|errorMessage|lastError)(?:=|\\*": ?)(?P<quote>\\*"?)"#;
const ECHO_TEXT: &str = concat!(
    r"FailoverError|lane task error|failed before reply|All models failed|fallback decision|",
    r"failover decision|bookkeeping failed|restart counter is at|Failed with result|",
    r"Main process exited|repeated too quickly|Could not start the CLI"
);
const THROWN_TEXT: &str = concat!(
    r"\b[A-Z][A-Za-z]*(?:Error|Exception)\b(?: \[\w+\])?: |(?:^|[\s\x22=(])Error: |FATAL ERROR|",
    r"panicked at|[Ff]atal error|\bUnhandled|\bUncaught"
);
const SAID_TEXT: &str = concat!(
    r"isError(?:=|\\*\x22: ?)true|\b[Ff]ailed\b|FAILED|[Ee]rror\b|\bERR|ERROR|FATAL|failure\b|",
    r"killed by the OOM killer|[Oo]ut of memory|\bOOM|[Kk]illed process|Exception\b|",
    r"code=(?:dumped|killed)|code=exited, status=[1-9]|restart counter is at|",
    r"repeated too quickly|bwrap:|at capacity|blocked by|refus(?:ed|ing)|\bdenied|\brejected|",
    r"timed out|stuck session|stalled|exited with (?:code )?[1-9]|exited: code=|",
    r"status=(?:error|failed)|exitCode=[1-9]|severity=error|[Uu]nexpected status [45]\d\d"
);
/// What looks like a sign and denies one.
const NONE_TEXT: &str = concat!(
    r"isError(?:=|\\*\x22: ?)false|\b[Ee]rrors?(?:=|\\*\x22: ?|: )(?:null|none|0|false|undefined)\b|",
    r"\b(?:0|no|without) (?:[Ee]rrors?|failed|failures?)\b|(?i:failed|failures?)[=:] ?0\b|",
    r"errorCount=0\b|lastError=null"
);
/// What the end of a turn, or of the Gateway, reads like.
const ENDS_TEXT: &str = concat!(
    r"isError(?:=|\\*\x22: ?)true|lane task error|failed before reply|All models failed|",
    r"turn failed|run failed|candidate_failed|FailoverError|stuck session|turn .*timed out|",
    r"Gateway failed to start|Failed with result|Main process exited|killed by the OOM|",
    r"repeated too quickly|Could not start the CLI|heap out of memory|[Kk]illed process|",
    r"Uncaught|Unhandled|uncaughtException|status=error|refusing to"
);
/// All of them in one pass, by their places in it.
static ANY: LazyLock<RegexSet> =
    LazyLock::new(|| patterns([RAW_TEXT, ECHO_TEXT, THROWN_TEXT, SAID_TEXT, NONE_TEXT, ENDS_TEXT]));
const HAS_RAW: usize = 0;
const IS_ECHO: usize = 1;
const IS_THROWN: usize = 2;
const IS_SAID: usize = 3;
const IS_NONE: usize = 4;
const ENDS: usize = 5;
static RUN: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"\b(?:runId|run)(?:=|\\*": ?\\*")(?P<run>[\w-]{1,64})"#));
static RELEASE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(concat!(
        r"[Oo]pen[Cc]law(?: Gateway)?(?: version:?)?[@ ]\(?v?",
        r"(?P<release>20\d\d\.\d{1,2}\.\d{1,2}(?:-(?:(?:alpha|beta)\.)?\d{1,3})?)"
    ))
});

impl Line {
    /// Its sign of a failure, if it has one.
    pub fn sign(&self) -> Option<Sign> {
        let text = self.text.as_str();
        let says = ANY.matches(text);
        let is_error = self.level == Some(LineLevel::Error);
        if says.matched(IS_NONE) || !(says.matched_any() || is_error) {
            return None;
        }
        let ends_something = says.matched(ENDS);
        let sign = |depth, at| Some(Sign { depth, at, ends_something });
        let begin = |pattern: &Regex| pattern.find(text).map_or(0, |found| found.start());
        if says.matched(HAS_RAW)
            && (ends_something || says.matched(IS_SAID) || is_error)
            && let Some(raw) = raw_part(text)
        {
            return sign(Depth::Raw, raw.start);
        }
        if says.matched(IS_ECHO) {
            return sign(Depth::Echo, begin(&ECHO));
        }
        if says.matched(IS_THROWN) {
            return sign(Depth::Thrown, begin(&THROWN));
        }
        if says.matched(IS_SAID) {
            return sign(Depth::Said, begin(&SAID));
        }
        is_error.then(|| sign(Depth::Said, 0)).flatten()
    }
}

/// The words that a line passes on: after `rawError=`, in `stderr="..."`.
pub fn raw_part(text: &str) -> Option<Range<usize>> {
    // A label may stand there twice, and say something only once.
    RAW.captures_iter(text).find_map(|found| {
        let (start, quote) = (found.get(0)?.end(), found.name("quote")?.as_str());
        let rest = &text[start..];
        let end = if quote.is_empty() { rest.len() } else { rest.rfind(quote).unwrap_or(rest.len()) };
        let said = rest[..end].trim().trim_matches('"');
        let nothing = ["", "-", "null", "none", "undefined", "unknown"].contains(&said)
            || said.split_whitespace().next().is_some_and(|word| ["null", "none", "-"].contains(&word))
            // What OpenClaw ended itself says nothing of why.
            || ["Request was aborted", "This operation was aborted", "terminated"]
                .iter()
                .any(|aborted| said.starts_with(aborted));
        (!nothing).then_some(start..start + end)
    })
}

/// Whether a turn ended with a reply.
pub fn answered(text: &str) -> bool {
    static GOOD: LazyLock<Regex> = LazyLock::new(|| pattern(r#"isError(?:=|\\*": ?)false"#));
    text.contains("isError") && GOOD.is_match(text) && text.contains("run")
}

/// The turn that begins with this line.
pub fn turn_begun(text: &str) -> Option<&str> {
    text.contains("run start").then(|| run(text)).flatten()
}

/// The run that a line belongs to.
pub fn run(text: &str) -> Option<&str> {
    let captures = || RUN.captures(text)?.name("run");
    text.contains("run").then(captures).flatten().map(|run| run.as_str())
}

/// The release of `OpenClaw` that a line names as the running one.
pub fn release(text: &str) -> Option<&str> {
    RELEASE.captures(text).and_then(|found| found.name("release")).map(|release| release.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn depth(text: &str) -> Option<Depth> {
        Line { text: text.to_owned(), ..Line::default() }.sign().map(|sign| sign.depth)
    }

    #[test]
    fn a_failure_is_told_from_what_denies_one_and_its_cause_from_its_echo() {
        for (text, expected) in [
            ("run agent end: isError=true error=x rawError=429 slow down", Some(Depth::Raw)),
            ("codex app-server exited: code=1 stderr=\"Error: no\"; retrying", Some(Depth::Raw)),
            ("run agent end: isError=true error=x rawError=undefined", Some(Depth::Said)),
            ("TypeError: x is not a function", Some(Depth::Thrown)),
            ("Embedded agent failed before reply: x", Some(Depth::Echo)),
            ("openclaw-gateway.service: Failed with result 'exit-code'.", Some(Depth::Echo)),
            ("A process of this unit has been killed by the OOM killer.", Some(Depth::Said)),
            ("bwrap: setting up uid map: Permission denied", Some(Depth::Said)),
            ("embedded run agent end: runId=7 isError=false", None),
            ("lint ended with 0 errors", None),
            ("[gateway] ready", None),
        ] {
            assert_eq!(depth(text), expected, "{text}");
        }
    }

    #[test]
    fn a_run_and_a_release_are_read_where_a_line_names_them() {
        assert_eq!(run("end: runId=77aa isError=true"), Some("77aa"));
        assert_eq!(run(r#"{"runId":"a-b"}"#), Some("a-b"));
        assert_eq!(release("Started x - OpenClaw Gateway (v2026.4.12)."), Some("2026.4.12"));
        assert_eq!(release("npm install openclaw@2026.7.1-2"), Some("2026.7.1-2"));
        assert_eq!(release("openclaw gateway"), None);
        let quoted = r#"exited: stderr="Error: "x" is locked"; retrying"#;
        assert_eq!(&quoted[raw_part(quoted).unwrap()], r#"Error: "x" is locked"#);
    }
}
