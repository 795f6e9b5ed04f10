//! A line for a person to read.

use std::sync::LazyLock;

use regex::Regex;

use super::pattern::pattern;
use crate::visible;

/// So much of a line is quoted. Characters.
const LONGEST: usize = 240;

/// What no reader needs: how long it took, and numbers that only the service can look up.
static USELESS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(concat!(
        r",? ?\b(?:cf-ray|request id): ?[\w-]+|\b(?:durationMs|thinking|sessionFile|diagId|",
        r"profile|traceId|spanId)=\S+ ?"
    ))
});
/// What decides: an address, a path, a code.
static DECIDES: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r#"https?://[^\s"',)]+|(?:/[\w.@+-]+){2,}|"code": ?"\w+"|\bcode=\w+"#)
});

/// A sentence or two of a line, with what matters at byte `at` in it, and the address,
/// path or code after it that says what exactly it was.
pub fn excerpt(line: &str, at: usize) -> String {
    if line.chars().count() <= LONGEST {
        return visible::line(line).into_owned();
    }
    visible::line(&cut(line, at)).into_owned()
}

fn cut(line: &str, at: usize) -> String {
    let at = line.floor_char_boundary(at.min(line.len()));
    let before = USELESS.replace_all(&line[..at], "").into_owned();
    let after = USELESS.replace_all(&line[at..], "").into_owned();
    let decided = DECIDES.find_iter(&after).map(|found| found.end());
    // The last one that still fits when the quote begins where it matters.
    let needed = decided.filter(|end| *end <= LONGEST).last().unwrap_or(0).max(LONGEST / 2);
    let needed = after.chars().count().min(needed);
    let head = before.chars().count();
    if head + needed <= LONGEST {
        let text: String = before.chars().chain(after.chars()).take(LONGEST).collect();
        let whole = head + after.chars().count() <= LONGEST;
        return if whole { text } else { format!("{}…", text.trim_end()) };
    }
    // The beginning of a line says who speaks.
    let speaker = before.split_once(']').filter(|(tag, _)| tag.starts_with('[') && tag.len() < 40);
    let speaker = speaker.map(|(tag, _)| format!("{tag}] ")).unwrap_or_default();
    let room = LONGEST.saturating_sub(needed + speaker.chars().count());
    let kept: String = before.chars().skip(head.saturating_sub(room)).collect();
    // Not in the middle of a word.
    let kept = kept.split_once(' ').map_or("", |(_, rest)| rest);
    let text: String = kept.chars().chain(after.chars()).take(LONGEST).collect();
    let whole = kept.chars().count() + after.chars().count() <= LONGEST;
    let ending = if whole { "" } else { "…" };
    format!("{speaker}…{}{ending}", text.trim())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_line_makes_it_panic(line in "(\\[x\\] )?\\PC{0,400}( https://a/b/c)?\\PC{0,300}", at in 0usize..800) {
            let _ = excerpt(&line, at);
        }
    }

    #[test]
    fn what_matters_in_a_long_line_is_in_what_is_quoted_of_it() {
        let line = format!("{}Unknown model: x{}", "a".repeat(5000), "b".repeat(5000));
        let text = excerpt(&line, 5000);
        assert!(text.contains("Unknown model: x") && text.chars().count() < 250, "{text}");
        assert_eq!(excerpt("short", 2), "short");
        assert_eq!(excerpt("over\rwritten \u{9b}31m", 2), "over\\rwritten \\u{9b}31m");
        assert!(excerpt(&line, 0).starts_with('a'));
    }

    #[test]
    fn the_address_that_decides_stays_in_the_quote() {
        let line = format!(
            "[agent/embedded] embedded run agent end: runId=77aa isError=true model=gpt-5.5 \
             provider=openai error=LLM request failed. rawError=Error running a task: unexpected \
             status 404 Not Found: {{\"detail\":\"Not Found\"}}, url: https://host.example/backend/{}",
            "responses/compact, cf-ray: 0000000000000000-AMS, request id: 00000000-0000"
        );
        let at = line.find("Error running").unwrap();
        let text = excerpt(&line, at);
        assert!(text.starts_with("[agent/embedded] …"), "{text}");
        assert!(text.ends_with("404 Not Found: {\"detail\":\"Not Found\"}, url: https://host.example/backend/responses/compact"), "{text}");
    }
}
