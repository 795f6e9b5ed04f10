//! A line of candidates that fail in several ways, read as a history.

use std::fmt::Write as _;

use crate::search::Purpose;
use crate::session::record::CheckRecord;
use crate::verdict::Verdict;

/// What was seen along the line, oldest first; nothing where there was one
/// failure at most.
pub(super) fn lines(checked: &[CheckRecord]) -> String {
    let mut checks: Vec<_> = checked.iter().filter(|check| check.counts).collect();
    checks.sort_by_key(|check| check.place());
    let mut spans: Vec<(String, Vec<&CheckRecord>)> = Vec::new();
    for check in checks {
        let word = word(check);
        match spans.last_mut() {
            Some((last, span)) if *last == word => span.push(check),
            _ => spans.push((word, vec![check])),
        }
    }
    let failures = spans.iter().filter(|(_, span)| matches!(span[0].verdict, Verdict::Bad { .. }));
    if failures.count() < 2 {
        return String::new();
    }
    let mut text = String::new();
    for (at, (word, span)) in spans.iter().enumerate() {
        let name = if at == 0 { "history" } else { "" };
        let (first, last) = (span[0].core, span[span.len() - 1].core);
        let cores = if first == last { first.to_string() } else { format!("{first} .. {last}") };
        let _ = writeln!(text, "{name:<8} {cores:<26} {word}");
    }
    text
}

fn word(check: &CheckRecord) -> String {
    match (&check.verdict, check.purpose) {
        (Verdict::Good, _) => "answers".to_owned(),
        (Verdict::Bad { failure }, Purpose::Another) => {
            format!("{} (not counted: another failure than that of the bad end)", failure.key())
        }
        (Verdict::Bad { failure }, _) => failure.key(),
        (Verdict::Skip { .. }, _) => "could not be judged".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::{Ask, Reason};
    use crate::verdict::{Evidence, EvidenceSource, Failure};

    fn check(place: usize, failure: Option<&str>, purpose: Purpose) -> CheckRecord {
        let verdict = match failure {
            None => Verdict::Good,
            Some(signature) => Verdict::Bad {
                failure: Failure {
                    signature: signature.to_owned(),
                    title: String::new(),
                    evidence: Evidence {
                        source: EvidenceSource::Process,
                        line: None,
                        text: String::new(),
                    },
                    remedy: None,
                    of_route: false,
                    fingerprint: None,
                },
            },
        };
        let core = format!("2026.5.{}", place + 1).parse().unwrap();
        let ask = Ask { id: 1, place, reason: Reason::Search };
        CheckRecord { ask, core, verdict, observations: Vec::new(), purpose, counts: true }
    }

    #[test]
    fn several_failures_in_one_line_are_told_in_its_order() {
        let checked = [
            check(0, None, Purpose::Search),
            check(5, Some("unknown-model"), Purpose::Search),
            check(3, Some("module-missing"), Purpose::Another),
            check(1, None, Purpose::Search),
            check(4, Some("unknown-model"), Purpose::Search),
        ];
        insta::assert_snapshot!(lines(&checked), @r"
        history  2026.5.1 .. 2026.5.2       answers
                 2026.5.4                   module-missing (not counted: another failure than that of the bad end)
                 2026.5.5 .. 2026.5.6       unknown-model
        ");
        assert_eq!(lines(&checked[..2]), "");
    }
}
