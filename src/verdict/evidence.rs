//! The lines of an observation, and which of them says what failed.

use std::borrow::Cow;

use super::{Evidence, EvidenceSource};
use crate::catalogue::{Catalogue, FailureKind, Match, Rank, Signature, TextSource};
use crate::observation::{Observation, RequestRecord};
use crate::transcript::{Line, LogClock, excerpt};
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
    let lines: Vec<_> = lines(observation)
        .into_iter()
        .flat_map(|(source, number, line)| {
            said(line).into_iter().map(move |text| (source, number, text))
        })
        .collect();
    let shown = |(source, _, line): &(EvidenceSource, usize, Cow<'_, str>)| {
        let found = catalogue.in_line(place(*source), line)?;
        (found.signature.kind != FailureKind::Cosmetic).then_some(found)
    };
    let found: Vec<(_, Match<'_>)> =
        lines.iter().filter_map(|line| Some((line, shown(line)?))).collect();
    // A cause before how it ended, and raw words before a summary of them.
    let first = |generic: bool, rank: Rank| {
        found.iter().find(|(_, found)| found.signature.generic == generic && found.rank == rank)
    };
    let named = first(false, Rank::Raw)
        .or_else(|| first(true, Rank::Raw))
        .or_else(|| first(false, Rank::Friendly))
        .or_else(|| first(true, Rank::Friendly))?
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

/// The line nearest to the cause, the earliest of those that are equally near; or else
/// the last line.
pub(super) fn best_line(observation: &Observation) -> Option<Evidence> {
    let lines = lines(observation);
    let signs = lines.iter().filter_map(|(source, number, line)| {
        let text = said(line).into_iter().next()?.into_owned();
        let line = Line { text, ..Line::default() };
        let sign = line.sign()?;
        Some((sign.depth, (*source, *number, line.text, sign.at)))
    });
    let nearest = signs.min_by_key(|(depth, _)| *depth).map(|(_, line)| line);
    let last = lines.last().map(|(source, number, line)| (*source, *number, (*line).to_owned(), 0));
    let (source, number, line, at) = nearest.or(last)?;
    Some(Evidence { source, line: Some(number), text: excerpt(&line, at) })
}

/// What a line says: itself, or what an object of JSON that it is says.
fn said(line: &str) -> Vec<Cow<'_, str>> {
    if !line.starts_with('{') {
        return vec![Cow::Borrowed(line)];
    }
    let lines = Line::read(line.as_bytes(), &LogClock::default()).into_iter();
    lines.map(|line| Cow::Owned(line.raw.unwrap_or(line.text))).collect()
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
