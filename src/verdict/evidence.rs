//! The lines of an observation, and which of them says what failed.

use super::{Evidence, EvidenceSource};
use crate::catalogue::{Catalogue, FailureKind, Match, Rank, Signature, TextSource};
use crate::observation::{Observation, RequestRecord};
use crate::visible;

pub(super) fn of_request(request: &RequestRecord) -> Evidence {
    let status = request.status.map(|status| format!(" -> {status}")).unwrap_or_default();
    let code = request.code.as_ref().map(|code| format!(" {code}")).unwrap_or_default();
    let text = format!("{} {}{}{status}{code}", request.method, request.host, request.path);
    let text = visible::line(&text).into_owned();
    Evidence { source: EvidenceSource::Upstream, line: Some(request.sequence + 1), text }
}

/// The first line, the Gateway's before stderr before stdout, that the catalogue
/// knows names the failure, raw words before friendly ones; the shortest line
/// that shows the same failure is quoted.
pub(super) fn in_output<'a>(
    observation: &Observation,
    catalogue: &'a Catalogue,
) -> Option<(&'a Signature, Evidence)> {
    let shown = |&(source, _, line): &(EvidenceSource, usize, &str)| {
        let found = catalogue.in_line(place(source), line)?;
        (found.signature.kind != FailureKind::Cosmetic).then_some(found)
    };
    let lines = lines(observation);
    let found: Vec<(_, Match<'_>)> =
        lines.iter().filter_map(|line| Some((line, shown(line)?))).collect();
    let named = [Rank::Raw, Rank::Friendly]
        .into_iter()
        .find_map(|rank| found.iter().find(|(_, found)| found.rank == rank))?
        .1;
    let same = |found: &Match<'_>| found.signature.id == named.signature.id;
    let ((source, number, line), quoted) = found
        .iter()
        .filter(|(_, found)| same(found) && found.rank == named.rank)
        .min_by_key(|((_, _, line), _)| line.len())?;
    let text = excerpt(line, quoted.at);
    Some((named.signature, Evidence { source: *source, line: Some(*number), text }))
}

fn place(source: EvidenceSource) -> TextSource {
    match source {
        EvidenceSource::Stdout | EvidenceSource::Reply => TextSource::Reply,
        EvidenceSource::Stderr
        | EvidenceSource::Gateway
        | EvidenceSource::Upstream
        | EvidenceSource::Process => TextSource::Log,
    }
}

/// The last line that speaks of an error, or else the last line.
pub(super) fn best_line(observation: &Observation) -> Option<Evidence> {
    let lines = lines(observation);
    let error = |line: &str| line.to_ascii_lowercase().contains("error");
    let best = lines.iter().rev().find(|(_, _, line)| error(line)).or(lines.last())?;
    let (source, number, line) = *best;
    Some(Evidence { source, line: Some(number), text: excerpt(line, 0) })
}

/// Raw before friendly: the Gateway runs the turn, the agent reports it.
fn lines(observation: &Observation) -> Vec<(EvidenceSource, usize, &str)> {
    numbered(EvidenceSource::Gateway, &observation.gateway)
        .chain(numbered(EvidenceSource::Stderr, &observation.stderr))
        .chain(numbered(EvidenceSource::Stdout, &observation.stdout))
        .filter(|(_, _, line)| !line.is_empty())
        .collect()
}

fn numbered(
    source: EvidenceSource,
    text: &str,
) -> impl Iterator<Item = (EvidenceSource, usize, &str)> {
    text.lines().enumerate().map(move |(at, line)| (source, at + 1, line.trim()))
}

/// A line for a person to read: a sentence or two of it, with what matters at
/// byte `at` in it.
pub fn excerpt(line: &str, at: usize) -> String {
    const LONGEST: usize = 240;
    const BEFORE: usize = 60;
    if line.chars().count() <= LONGEST {
        return visible::line(line).into_owned();
    }
    let before = line.get(..at).unwrap_or_default().chars().count();
    // The beginning of a line says who speaks: it stays as long as the match fits.
    let from = if before + BEFORE < LONGEST { 0 } else { before - BEFORE };
    let text: String = line.chars().skip(from).take(LONGEST).collect();
    let opening = if from > 0 { "…" } else { "" };
    format!("{opening}{}…", visible::line(text.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_matters_in_a_long_line_is_in_what_is_quoted_of_it() {
        let line = format!("{}Unknown model: x{}", "a".repeat(5000), "b".repeat(5000));
        let text = excerpt(&line, 5000);
        assert!(text.contains("Unknown model: x") && text.chars().count() < 250, "{text}");
        assert_eq!(excerpt("short", 2), "short");
        assert_eq!(excerpt("over\rwritten \u{9b}31m", 2), "over\\rwritten \\u{9b}31m");
        assert!(excerpt(&line, 0).starts_with('a'));
    }
}
