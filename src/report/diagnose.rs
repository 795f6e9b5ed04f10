//! What a log says, for a person: what happened, of which kind, the line that
//! shows it, and what to do next.

use std::fmt::Write as _;

use serde::Serialize;

use super::paint::Paint as _;
use super::{OutputForm, counted, print_if_json, terminal};
use crate::catalogue::FailureKind;
use crate::diagnose::{Diagnosis, LogFinding};

#[derive(Serialize)]
struct DiagnosisJson<'a> {
    log: &'a str,
    #[serde(flatten)]
    diagnosis: &'a Diagnosis,
}

/// Prints it; `log` is where it was read.
pub fn print(diagnosis: &Diagnosis, log: &str, form: OutputForm) {
    if print_if_json(form, &DiagnosisJson { log, diagnosis }) {
        return;
    }
    terminal::print(text(diagnosis, log).trim_end());
}

/// Says that more will be told as it comes.
pub fn following(log: &str) {
    terminal::note(&format!("reading on in {log}; Ctrl-C ends"));
}

/// Tells of a failure that has just come.
pub fn came(finding: &LogFinding, times: u64) {
    let at = finding.last.map(|at| format!("{at:.0} ")).unwrap_or_default();
    let times = if times > 1 { format!(" ({times} times)") } else { String::new() };
    terminal::print(&format!(
        "{at}{}  {}{times}",
        finding.signature.id.bold(),
        finding.signature.title
    ));
}

fn text(diagnosis: &Diagnosis, log: &str) -> String {
    let mut text = String::new();
    let lines = counted(usize::try_from(diagnosis.lines).unwrap_or(usize::MAX), "line", "lines");
    let Some(main) = diagnosis.main() else {
        match &diagnosis.unknown {
            Some(quote) => {
                let _ = writeln!(text, "{}\n", "an error that codexpin does not know".bold());
                let _ = writeln!(text, "  {}  ({log}:{})", quote.text, quote.line);
                let _ = writeln!(
                    text,
                    "\nnext  codexpin check live       whether the agent answers now\n      codexpin doctor           whether the installation is sound"
                );
            }
            None => {
                let _ =
                    writeln!(text, "{}", format!("no known failure in {lines} of {log}").bold());
            }
        }
        noise(&mut text, diagnosis, log);
        return text;
    };
    let _ = writeln!(text, "{}\n{}", main.signature.title.bold(), whose(main));
    let failures = diagnosis.findings.iter().filter(|finding| !finding.is_noise());
    let (over, now): (Vec<_>, Vec<_>) = failures.partition(|finding| diagnosis.is_over(finding));
    for finding in now {
        details(&mut text, finding, log);
    }
    earlier(&mut text, &over, log);
    noise(&mut text, diagnosis, log);
    let _ = writeln!(text, "\nnext  {}", next(main));
    let _ = writeln!(text, "\n{lines} of {log}");
    text
}

fn whose(main: &LogFinding) -> &'static str {
    match main.signature.kind {
        FailureKind::Release => "It is the release.",
        FailureKind::Route => "It is the route: a setting that this release does not take.",
        FailureKind::Account => "It is the account, and not a release.",
        FailureKind::Environment => {
            "It is the machine, the network or the service, and not a release."
        }
        FailureKind::Incomplete => "It is a piece that is not installed.",
        FailureKind::State => "It is state that another release wrote.",
        FailureKind::Cosmetic => "It is noise.",
    }
}

fn details(text: &mut String, finding: &LogFinding, log: &str) {
    let LogFinding { signature, count, first, last, .. } = finding;
    let times = match (*count, last) {
        (1, _) => String::new(),
        (n, Some(last)) => format!(", {n} times, last at {last:.0}"),
        (n, None) => format!(", {n} times"),
    };
    let _ = writeln!(text, "\n  {} ({}){times}", signature.id.bold(), signature.kind.word());
    let _ = writeln!(text, "    {}  ({log}:{})", first.text, first.line);
    if let Some(meaning) = &signature.meaning {
        let _ = writeln!(text, "    {meaning}");
    }
    if let Some(advice) = signature.advice() {
        let _ = writeln!(text, "    {advice}");
    }
    if !signature.issues.is_empty() {
        let issues: Vec<_> = signature.issues.iter().map(|issue| format!("#{issue}")).collect();
        let _ = writeln!(text, "    {}", format!("openclaw issues {}", issues.join(" ")).dimmed());
    }
}

fn earlier(text: &mut String, over: &[&LogFinding], log: &str) {
    if !over.is_empty() {
        text.push('\n');
    }
    for LogFinding { signature, last, first, count, .. } in over {
        let last = last.map(|last| format!(", last at {last:.0}")).unwrap_or_default();
        let times = counted(usize::try_from(*count).unwrap_or(usize::MAX), "time", "times");
        let _ = writeln!(
            text,
            "earlier  {} ({}), {times}{last}  ({log}:{})",
            signature.id,
            signature.kind.word(),
            first.line
        );
    }
}

fn noise(text: &mut String, diagnosis: &Diagnosis, log: &str) {
    for finding in diagnosis.findings.iter().filter(|finding| finding.is_noise()) {
        let _ =
            writeln!(text, "\nnoise {}  ({log}:{})", finding.signature.title, finding.first.line);
    }
}

fn next(main: &LogFinding) -> &'static str {
    match main.signature.kind {
        FailureKind::Release | FailureKind::Route | FailureKind::Incomplete => {
            "codexpin bisect GOOD installed    the release where it began, and a pin to go back to"
        }
        FailureKind::Account | FailureKind::Environment => {
            "codexpin check live    whether the agent answers again"
        }
        FailureKind::State | FailureKind::Cosmetic => {
            "codexpin doctor    what else is out of order here"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::paint::unpainted;
    use super::*;
    use crate::catalogue::Catalogue;
    use crate::diagnose::Scan;

    fn of(log: &str) -> String {
        let catalogue = Catalogue::built_in();
        let mut scan = Scan::new(&catalogue, None);
        scan.feed(log.as_bytes());
        unpainted(&text(&scan.end(), "gateway.log"))
    }

    #[test]
    fn the_answer_comes_first_then_why_then_what_to_do() {
        insta::assert_snapshot!(of(
            "[gateway] ready\n2026-11-21T08:00:00Z duplicate plugin id: codex\n\
             2026-11-21T08:00:00Z [openai-transport] status=429 message=429 The usage limit has been reached\n\
             2026-11-21T08:00:01Z FailoverError: Unknown model: openai-codex/gpt-5.5\n\
             2026-11-21T08:30:01Z FailoverError: Unknown model: openai-codex/gpt-5.5\n"
        ));
    }

    #[test]
    fn what_was_over_an_hour_before_the_newest_failure_is_told_in_a_line() {
        insta::assert_snapshot!(of(
            "2026-11-21T08:00:00Z Error: getaddrinfo ENOTFOUND chatgpt.com\n\
             2026-11-21T12:00:01Z FailoverError: Unknown model: openai-codex/gpt-5.5\n"
        ));
    }

    #[test]
    fn nothing_and_the_unknown_are_told_apart() {
        insta::assert_snapshot!(of("[gateway] ready\n"), @"no known failure in 1 line of gateway.log");
        insta::assert_snapshot!(of("TypeError: x is not a function\n"));
    }
}
