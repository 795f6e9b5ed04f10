//! From the ends that a user names to the line of candidates.

use super::{BisectAim, BisectRequest};
use crate::app::AppError;
use crate::app::context::{Context, Releases};
use crate::lab::missing_piece;
use crate::npm::registry::Freshness;
use crate::question::Question;
use crate::release::Version;
use crate::release::end::End;
use crate::release::line;
use crate::release::pairing::Candidate;

/// So many releases are looked at at most where the good end is not given.
const FURTHEST_BACK: usize = 64;

/// The candidates, the good end first: the oldest, or, where a fix is looked for, the
/// newest.
pub(super) fn line_of(
    context: &Context,
    request: &BisectRequest,
    releases: &Releases,
) -> Result<Vec<Candidate>, AppError> {
    let resolve = |end: &Option<String>| match end {
        Some(end) => Ok::<_, AppError>(Some(context.resolve(&end.parse()?, releases)?)),
        None => Ok(None),
    };
    let newest = |than: Version| {
        let installed = context.resolve(&End::Installed, releases).ok();
        let latest = || context.resolve(&End::Tag("latest".to_owned()), releases);
        installed.filter(|installed| *installed > than).map_or_else(latest, Ok)
    };
    let candidates = releases.candidates();
    let between = |older, newer| line::between(&candidates, older, newer, request.betas);
    let (good, bad) = (resolve(&request.good)?, resolve(&request.bad)?);
    if request.aim == BisectAim::Fix {
        let Some(bad) = bad else {
            return Err(AppError::usage("--find-fix takes a release that does not answer").with_hint(
                "`codexpin bisect --bad RELEASE --find-fix` looks for the first one after it that answers again",
            ));
        };
        let latest = || context.resolve(&End::Tag("latest".to_owned()), releases);
        let good = good.map_or_else(latest, Ok)?;
        // Whichever was named first: what is looked for is after the older one.
        let mut line = between(good.min(bad), good.max(bad))?;
        line.reverse();
        return Ok(line);
    }
    let line = match (good, bad) {
        (Some(good), Some(bad)) => between(good, bad)?,
        (Some(good), None) => {
            let newest = newest(good)?;
            if newest <= good {
                return Err(AppError::usage(format!(
                    "nothing is newer than {good}: the latest release is {newest}"
                ))
                .with_hint(format!("name the bad end: codexpin bisect {good} BAD")));
            }
            between(good, newest)?
        }
        (None, bad) => {
            let bad = bad.ok_or_else(|| AppError::usage("bisect takes a good or a bad release"))?;
            let oldest = candidates.iter().map(|candidate| candidate.core).min().unwrap_or(bad);
            if oldest == bad {
                return Err(AppError::usage(format!(
                    "nothing is older than {bad} in this registry"
                ))
                .with_hint(format!("`codexpin check {bad}` asks this one release for a reply")));
            }
            let line = between(oldest, bad)?;
            line[line.len().saturating_sub(FURTHEST_BACK)..].to_vec()
        }
    };
    Ok(line)
}

/// The ends, where the good one is newer than the bad one.
pub async fn reversed_ends(
    context: &Context,
    request: &BisectRequest,
) -> Result<Option<(Version, Version)>, AppError> {
    let is_open = request.aim != BisectAim::Fix;
    let (Some(good), Some(bad), true) = (&request.good, &request.bad, is_open) else {
        return Ok(None);
    };
    let (good, bad): (End, End) = (good.parse()?, bad.parse()?);
    let releases = context.releases(Freshness::Cached).await?;
    let ends = (context.resolve(&good, &releases)?, context.resolve(&bad, &releases)?);
    Ok(Some(ends).filter(|(good, bad)| good > bad))
}

/// Leaves ends out that cannot be asked at all, and says so before anything runs.
pub(super) fn between_judgeable_ends(
    context: &Context,
    line: &[Candidate],
    question: &Question,
) -> Result<Vec<Candidate>, AppError> {
    let missing = |candidate: &Candidate| missing_piece(candidate, question);
    let first = line.iter().position(|candidate| missing(candidate).is_none());
    let last = line.iter().rposition(|candidate| missing(candidate).is_none());
    let (Some(first), Some(last)) = (first, last.filter(|last| first < Some(*last))) else {
        let why = line.iter().find_map(missing).map(|why| format!(" ({why})")).unwrap_or_default();
        return Err(AppError::usage(format!(
            "fewer than two of these releases can be asked through {}{why}",
            question.routes_in_words()
        )));
    };
    for (name, given, stands_for_it) in
        [("good", line.first(), &line[first]), ("bad", line.last(), &line[last])]
    {
        let Some((given, why)) = given.and_then(|given| Some((given, missing(given)?))) else {
            continue;
        };
        let (given, core) = (given.core, stands_for_it.core);
        context
            .events
            .note(format!("{given} cannot be judged ({why}): {core} stands for the {name} end"));
    }
    Ok(line[first..=last].to_vec())
}
