//! Whether the newest releases are mended, once a boundary is found.

use crate::app::context::{Context, Releases};
use crate::app::lab;
use crate::explain::Class;
use crate::lab::RealLab;
use crate::release::Channel;
use crate::release::pairing::Candidate;
use crate::search::Outcome;
use crate::session::journal::Journal;
use crate::session::newest::{self, NewestRelease};
use crate::session::{Conclusion, Session};

/// The newest stable release, and the newest beta where it is newer.
pub(super) fn newest_of(releases: &Releases) -> Vec<Candidate> {
    let candidates = releases.candidates();
    let newest = |channel: Channel| {
        let of_channel = candidates.iter().filter(move |c| c.core.channel() == channel);
        of_channel.max_by_key(|candidate| candidate.core)
    };
    let stable = newest(Channel::Stable);
    let beta =
        newest(Channel::Beta).filter(|beta| stable.is_none_or(|stable| beta.core > stable.core));
    stable.into_iter().chain(beta).cloned().collect()
}

/// Asks them, as far as the search has not. Nothing that goes wrong here is an error.
pub(super) async fn ask(
    context: &Context,
    session: Session<'_, RealLab>,
    journal: &mut Journal,
    conclusion: &Conclusion,
) -> Vec<NewestRelease> {
    let (request, checks) = (journal.request(), conclusion.checks.as_slice());
    // Where a limit ended the search, its outcome is not the journal's.
    let outcome = journal.outcome();
    let unknown = newest::unknown(request, outcome, checks);
    if unknown.is_empty() {
        let asked = journal.newest_checks();
        return newest::known(request, outcome, checks, asked, "");
    }
    let candidates: Vec<_> = unknown.iter().map(|at| request.candidate(*at).clone()).collect();
    let cores: Vec<_> = candidates.iter().map(|candidate| candidate.core.to_string()).collect();
    // Before what may take a minute, and may be cut short.
    let found = match conclusion.outcome {
        Outcome::Found { last_good, first_bad } => format!(
            "{} is the first bad release, {} the last good one",
            request.line[first_bad].core, request.line[last_good].core
        ),
        _ => "the boundary is known as far as it can be".to_owned(),
    };
    let asked = cores.join(" or ");
    context.events.note(format!("{found}; asking whether {asked} answers again"));
    match lab::extended(context, session.lab, &candidates).await {
        Ok(lab) => newest::ask(&Session { lab: &lab, ..session }, journal, checks).await,
        Err(error) => {
            let asked = journal.newest_checks();
            let why = match error.class() {
                Class::Interrupted => "interrupted".to_owned(),
                _ => error.to_string(),
            };
            newest::known(request, outcome, checks, asked, &why)
        }
    }
}
