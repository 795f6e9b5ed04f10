//! What a verdict means to the search.

use super::journal::SessionRequest;
use super::record::CheckRecord;
use crate::catalogue::{Catalogue, FailureScope};
use crate::question::AskBy;
use crate::search::{FailureKey, Reading, Strategy};
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
    let mut search = request.search.strategy(request.line.len(), shared_upstream, by_command);
    for check in checks.iter() {
        search.learn(&check.ask, reading(&check.verdict, catalogue));
    }
    explain(search.as_ref(), checks);
    search
}

/// Tells each record what the search makes of it by now.
pub(super) fn explain(search: &dyn Strategy, checks: &mut [CheckRecord]) {
    for check in checks {
        check.purpose = search.purpose(check.ask.id);
        check.counts = search.counts(check.ask.id);
    }
}
