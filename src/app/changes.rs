//! What changed, for a session that has found where it broke.

use super::context::Context;
use crate::changes::{self, Changes, Span, SpanFacts};
use crate::lab::RealLab;
use crate::search::Outcome;
use crate::session::Conclusion;
use crate::session::journal::Journal;

/// What changed between the last good and the first bad release, written into
/// the session's directory. None where the search found no such pair. Whatever
/// goes wrong is told and costs nothing but this. None for a fix, too: what a release says
/// of itself is looked through for what it broke.
pub(super) async fn found(
    context: &Context,
    conclusion: &Conclusion,
    journal: &Journal,
    lab: &RealLab,
) -> Option<Changes> {
    let (request, session) = (journal.request(), journal.directory());
    let (Outcome::Found { last_good, first_bad } | Outcome::Range { last_good, first_bad }) =
        conclusion.outcome
    else {
        return None;
    };
    if request.find_fix {
        return None;
    }
    let core = |place: usize| request.line[place].core;
    let span = Span {
        last_good: core(last_good),
        first_bad: core(first_bad),
        between: (last_good + 1..first_bad).map(core).collect(),
    };
    let prefix = |place: usize| {
        let candidate = &request.line[place];
        lab.store.kept(candidate, lab.nodes.of(candidate.core).ok()?)
    };
    let (good, bad) = (prefix(last_good), prefix(first_bad));
    if good.is_none() || bad.is_none() {
        // An earlier end of the same session may have known more.
        let known = changes::load(session).ok().flatten();
        let same = |known: &Changes| {
            (known.last_good, known.first_bad) == (span.last_good, span.first_bad)
        };
        if let Some(known) = known.filter(same) {
            return Some(known);
        }
    }
    let read = tokio::task::spawn_blocking(move || SpanFacts::read(good.as_ref(), bad.as_ref()));
    let routes: Vec<_> = request.question.routes.iter().map(ToString::to_string).collect();
    let facts = read.await.unwrap_or_default();
    let changes = changes::compare(&span, &facts, &routes);
    if let Err(error) = changes::save(session, &changes) {
        context.events.note(format!("what changed is told here only: {error}"));
    }
    Some(changes)
}
