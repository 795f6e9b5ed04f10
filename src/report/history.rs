//! A line of candidates read as a history: which of them answer, which fail in which way,
//! and which were not asked where one gives way to the other.

use std::fmt::Write as _;

use serde::Serialize;

use crate::release::Version;
use crate::release::pairing::Candidate;
use crate::search::Purpose;
use crate::session::record::CheckRecord;
use crate::verdict::Verdict;

/// Candidates, one after the other, of which the same is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct HistorySpan {
    first: Version,
    last: Version,
    /// How many releases of the line that is, those between that were not asked included.
    releases: usize,
    #[serde(flatten)]
    what: HistoryWord,
}

/// What is known of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "what")]
pub(super) enum HistoryWord {
    Answers,
    Fails {
        failure: String,
        /// Whether it is another failure than that which was looked for.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        left_out: bool,
    },
    NotJudged,
    NotAsked,
}

/// What is known along the line, oldest first.
pub(super) fn spans(line: &[Candidate], checked: &[CheckRecord]) -> Vec<HistorySpan> {
    // First place, last place and word of each span.
    let mut spans: Vec<(usize, usize, HistoryWord)> = Vec::new();
    for place in 0..line.len() {
        let word = word_at(place, checked);
        if word == HistoryWord::NotAsked {
            continue;
        }
        match spans.last_mut() {
            // What lies between two of a kind is of that kind, as far as is known.
            Some((_, last, before)) if *before == word => *last = place,
            before => {
                let after = before.map_or(0, |(_, last, _)| *last + 1);
                if after < place {
                    spans.push((after, place - 1, HistoryWord::NotAsked));
                }
                spans.push((place, place, word));
            }
        }
    }
    let span = |(first, last, what): (usize, usize, HistoryWord)| HistorySpan {
        first: line[first].core,
        last: line[last].core,
        releases: last - first + 1,
        what,
    };
    let mut spans: Vec<_> = spans.into_iter().map(span).collect();
    // A line on which a fix is looked for begins with the newest.
    if is_newest_first(line) {
        spans.reverse();
        for span in &mut spans {
            std::mem::swap(&mut span.first, &mut span.last);
        }
    }
    spans
}

fn is_newest_first(line: &[Candidate]) -> bool {
    line.first().map(|candidate| candidate.core) > line.last().map(|candidate| candidate.core)
}

/// The same for a person; nothing where there was one failure at most, and where all
/// was asked that lies between it and what answers.
pub(super) fn lines(line: &[Candidate], checked: &[CheckRecord]) -> String {
    let spans = spans(line, checked);
    let failures = spans.iter().filter(|span| matches!(span.what, HistoryWord::Fails { .. }));
    if failures.count() < 2 {
        return String::new();
    }
    let mut text = String::new();
    for (at, span) in spans.iter().enumerate() {
        let name = if at == 0 { "history" } else { "" };
        let HistorySpan { first, last, .. } = span;
        let cores = if first == last { first.to_string() } else { format!("{first} .. {last}") };
        let _ = writeln!(text, "{name:<8} {cores:<26} {}", span.in_words());
    }
    text
}

/// Two candidates of which different things are known, and between which nothing is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct HistoryBoundary {
    #[serde(flatten)]
    pub(super) kind: BoundaryKind,
    /// The older one.
    pub(super) before: Version,
    /// The newer one.
    pub(super) after: Version,
    /// How many releases lie between them that were not asked, or not judged.
    pub(super) between: usize,
}

/// What changes from one candidate to the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "boundary")]
pub(super) enum BoundaryKind {
    /// It answers before, and fails after it in this way.
    Breaks { failure: String },
    /// It fails before, and answers after it.
    Mended,
    /// It fails on either side, and after it in this way.
    FailsOtherwise { failure: String },
}

/// Where the line changes, oldest first.
pub(super) fn boundaries(line: &[Candidate], checked: &[CheckRecord]) -> Vec<HistoryBoundary> {
    let failure = |place: usize| match word_at(place, checked) {
        HistoryWord::Answers => Some(None),
        HistoryWord::Fails { failure, .. } => Some(Some(failure)),
        HistoryWord::NotJudged | HistoryWord::NotAsked => None,
    };
    let judged: Vec<_> =
        (0..line.len()).filter_map(|place| Some((place, failure(place)?))).collect();
    let boundary = |pair: &[(usize, Option<String>)]| {
        let ((before, was), (after, is)) = (&pair[0], &pair[1]);
        let kind = match (was, is) {
            (None, Some(failure)) => BoundaryKind::Breaks { failure: failure.clone() },
            (Some(_), None) => BoundaryKind::Mended,
            (Some(was), Some(is)) if was != is => {
                BoundaryKind::FailsOtherwise { failure: is.clone() }
            }
            _ => return None,
        };
        let (before, after, between) = (line[*before].core, line[*after].core, after - before - 1);
        Some(HistoryBoundary { kind, before, after, between })
    };
    judged.windows(2).filter_map(boundary).collect()
}

/// What is known of the candidate with this place.
pub(super) fn word_at(place: usize, checked: &[CheckRecord]) -> HistoryWord {
    let check = checked.iter().rfind(|check| check.counts && check.place() == place);
    check.map_or(HistoryWord::NotAsked, HistoryWord::of)
}

impl HistoryWord {
    fn of(check: &CheckRecord) -> Self {
        match &check.verdict {
            Verdict::Good => Self::Answers,
            Verdict::Bad { failure } => {
                Self::Fails { failure: failure.key(), left_out: check.purpose == Purpose::Another }
            }
            Verdict::Skip { .. } => Self::NotJudged,
        }
    }
}

impl HistorySpan {
    fn in_words(&self) -> String {
        match &self.what {
            HistoryWord::Answers => "answers".to_owned(),
            HistoryWord::Fails { failure, left_out: true } => {
                format!("{failure} (not counted: another failure than that of the bad end)")
            }
            HistoryWord::Fails { failure, .. } => failure.clone(),
            HistoryWord::NotJudged => "could not be judged".to_owned(),
            HistoryWord::NotAsked if self.releases == 1 => "not asked".to_owned(),
            HistoryWord::NotAsked => format!("not asked ({} releases)", self.releases),
        }
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
        CheckRecord {
            ask,
            core,
            verdict,
            observations: Vec::new(),
            purpose,
            known_since: None,
            counts: true,
        }
    }

    #[test]
    fn several_failures_in_one_line_are_told_in_its_order() {
        let candidate = |place: usize| Candidate {
            core: format!("2026.5.{}", place + 1).parse().unwrap(),
            core_integrity: None,
            node: None,
            plugin: None,
        };
        let line: Vec<_> = (0..6).map(candidate).collect();
        let checked = [
            check(0, None, Purpose::Search),
            check(5, Some("unknown-model"), Purpose::Search),
            check(3, Some("module-missing"), Purpose::Another),
            check(1, None, Purpose::Search),
            check(4, Some("unknown-model"), Purpose::Search),
        ];
        insta::assert_snapshot!(lines(&line, &checked), @r"
        history  2026.5.1 .. 2026.5.2       answers
                 2026.5.3                   not asked
                 2026.5.4                   module-missing (not counted: another failure than that of the bad end)
                 2026.5.5 .. 2026.5.6       unknown-model
        ");
        assert_eq!(lines(&line, &checked[..2]), "");
    }
}
