//! What a verdict means to the search.

use super::journal::SessionRequest;
use super::record::CheckRecord;
use crate::catalogue::{Catalogue, FailureScope};
use crate::question::AskBy;
use crate::search::{FailureKey, LineScan, Reading, Strategy};
use crate::verdict::{SkipReason, Verdict};

/// What the search reads in a verdict.
pub(super) fn reading(verdict: &Verdict, catalogue: &Catalogue) -> Reading {
    let stops_all = |id: &str| {
        let signature = catalogue.signature(id);
        signature.is_some_and(|signature| signature.scope == FailureScope::EveryCandidate)
    };
    match verdict {
        Verdict::Good => Reading::Good,
        Verdict::Bad { failure } => Reading::Bad(FailureKey(failure.key())),
        Verdict::Skip { reason: SkipReason::NotTheRelease { failure } }
            if stops_all(&failure.signature) =>
        {
            Reading::Shared
        }
        Verdict::Skip { .. } => Reading::Skip,
    }
}

/// The search of a session, told all answers so far. Each record is told what the
/// search makes of it.
pub(super) fn search_of(
    request: &SessionRequest,
    checks: &mut [CheckRecord],
    catalogue: &Catalogue,
) -> Box<dyn Strategy> {
    // The loopback has no outages: no failure is shared with it.
    let shared_upstream = request.question.upstream.lending().is_some();
    let by_command = matches!(request.question.ask, AskBy::Command(_));
    let (length, answers) = (request.line.len(), request.search.answers);
    let mut search: Box<dyn Strategy> = match &request.scan {
        Some(places) => Box::new(LineScan::over(length, shared_upstream, answers, places.clone())),
        None => request.search.strategy(length, shared_upstream, by_command),
    };
    for check in checks.iter() {
        search.learn(&check.ask, reading(&check.verdict, catalogue));
    }
    explain(search.as_ref(), checks);
    search
}

/// What asks these newest releases of a session, by their places, told all answers so far.
/// Those of the search come first: a failure that the line has shown is no surprise. Each
/// record of a newest release is told what is made of it.
pub(super) fn scan_of_newest(
    request: &SessionRequest,
    places: Vec<usize>,
    checks: &[CheckRecord],
    newest_checks: &mut [CheckRecord],
    catalogue: &Catalogue,
) -> LineScan {
    let shared_upstream = request.question.upstream.lending().is_some();
    let length = request.line.len() + request.newest.len();
    let known = checks.iter().filter(|check| check.counts).filter_map(|check| {
        match reading(&check.verdict, catalogue) {
            Reading::Bad(key) => Some((check.place(), key)),
            _ => None,
        }
    });
    let mut scan =
        LineScan::over(length, shared_upstream, request.search.answers, places).knowing(known);
    for check in checks.iter().chain(newest_checks.iter()) {
        scan.learn(&check.ask, reading(&check.verdict, catalogue));
    }
    explain(&scan, newest_checks);
    scan
}

/// Tells each record what the search makes of it by now.
pub(super) fn explain(search: &dyn Strategy, checks: &mut [CheckRecord]) {
    for check in checks {
        check.purpose = search.purpose(check.ask.id);
        check.counts = search.counts(check.ask.id);
    }
}
