//! The order in which an observation is looked at.

use std::fmt::Write as _;
use std::time::Duration;

use super::{Evidence, EvidenceSource, Failure, SkipReason, Verdict, evidence, fingerprint, pass};
use crate::catalogue::{Catalogue, FailureKind, Signature};
use crate::observation::{AgentEnding, Observation, RequestKind, RequestRecord};
use crate::question::{AskBy, Require};
use crate::search::Mark;
use crate::visible;

/// Judges a candidate by what was seen through each of its routes.
pub fn judge_all(observations: &[Observation], require: Require, catalogue: &Catalogue) -> Verdict {
    let verdicts: Vec<_> =
        observations.iter().map(|observation| judge(observation, catalogue)).collect();
    let of = |mark| verdicts.iter().find(|verdict| verdict.mark() == mark).cloned();
    // The first of these that any route has decides: with `All`, one bad route makes the
    // candidate bad; with `Any`, one good route makes it good.
    let decisive = match require {
        Require::All => [Mark::Bad, Mark::Skip, Mark::Good],
        Require::Any => [Mark::Good, Mark::Skip, Mark::Bad],
    };
    decisive.into_iter().find_map(of).unwrap_or(Verdict::Good)
}

/// Judges an observation.
pub fn judge(observation: &Observation, catalogue: &Catalogue) -> Verdict {
    // Before anything that it said or did: what came of the limit is not the release's.
    if let AgentEnding::Limited(limit) = observation.ending {
        return Verdict::Skip { reason: SkipReason::Limited { why: limit.to_string() } };
    }
    if let (AskBy::Command(_), None) = (&observation.ask, observation.stopped_at) {
        return by_exit_code(observation, catalogue);
    }
    let broken = pass::broken_rules(observation);
    if broken.is_empty() {
        return Verdict::Good;
    }
    let refused = seen_by_upstream(observation, catalogue);
    if let (None, Some(failure)) = (&refused, without_end(observation)) {
        return Verdict::Bad { failure };
    }
    let known = refused.or_else(|| evidence::in_output(observation, catalogue));
    if let Some((signature, evidence)) = known {
        return verdict_of(signature, evidence, has_its_plugin(observation));
    }
    let timed_out_itself =
        observation.ending == AgentEnding::TimedOut && observation.stopped_at.is_none();
    let unfinished =
        || still_fetching(observation).or_else(|| still_at_work(observation, catalogue));
    if let Some(failure) = timed_out_itself.then(unfinished).flatten() {
        return Verdict::Skip { reason: SkipReason::NotTheRelease { failure } };
    }
    let failure = if timed_out_itself {
        timed_out(observation, catalogue)
    } else {
        unknown(observation, &broken)
    };
    Verdict::Bad { failure }
}

/// Whether nothing at all speaks against the candidate.
pub fn passes(observation: &Observation) -> bool {
    match (&observation.ask, observation.stopped_at) {
        (AskBy::Command(_), None) => observation.ending == AgentEnding::Exited(0),
        _ => pass::broken_rules(observation).is_empty(),
    }
}

/// The exit codes of a check command are those of `git bisect run`.
fn by_exit_code(observation: &Observation, catalogue: &Catalogue) -> Verdict {
    match observation.ending {
        AgentEnding::Exited(0) => Verdict::Good,
        AgentEnding::Exited(125) => Verdict::Skip { reason: SkipReason::CommandSaysSo },
        AgentEnding::TimedOut => Verdict::Bad { failure: timed_out(observation, catalogue) },
        AgentEnding::Exited(_) | AgentEnding::Signalled(_) | AgentEnding::Limited(_) => {
            let text = pass::PassFailure::Exit(observation.ending).to_string();
            // One that fails in another way, with another status, is another failure.
            let fingerprint = match observation.ending {
                AgentEnding::Exited(status) => Some(status.to_string()),
                AgentEnding::Signalled(signal) => Some(format!("signal-{signal}")),
                AgentEnding::TimedOut | AgentEnding::Limited(_) => None,
            };
            let failure = plain("check-command", "the check command says bad", of_process(&text));
            Verdict::Bad { failure: Failure { fingerprint, ..failure } }
        }
    }
}

/// Some releases fetch packages in their first turn. One that has not come further has
/// shown nothing: the limit of time is codexpin's.
fn still_fetching(observation: &Observation) -> Option<Failure> {
    let requests = &observation.requests;
    if requests.iter().any(RequestRecord::is_for_a_turn) {
        return None;
    }
    let fetched = requests.iter().rfind(|request| request.kind == RequestKind::Registry)?;
    let title = "it was still fetching packages from the registry when its time was over";
    let failure = plain("still-fetching", title, evidence::of_request(fetched));
    Some(Failure { remedy: Some(more_time(observation)), ..failure })
}

/// A turn of several tool calls, on a machine that has much to do, may need more time
/// than there is. One that asked the model to the last as it had before does not hang.
fn still_at_work(observation: &Observation, catalogue: &Catalogue) -> Option<Failure> {
    let requests = observation.requests.iter().filter(|request| request.is_answered_turn());
    let asked: Vec<_> = requests.map(|request| request.elapsed).collect();
    let [first, _, .., last] = asked[..] else { return None };
    let longest_pause = asked.windows(2).map(|two| two[1].saturating_sub(two[0])).max()?;
    let end = first + Duration::from_millis(observation.times.turn?);
    let is_at_work = end.saturating_sub(last) <= longest_pause * 2;
    let is_done = pass::tools_ran(observation) >= observation.expected_tool_calls();
    (is_at_work && !is_done).then(|| {
        let evidence = timed_out(observation, catalogue).evidence;
        let title = "it was still at work when its time was over";
        let failure = plain("still-at-work", title, evidence);
        Failure { remedy: Some(more_time(observation)), ..failure }
    })
}

fn more_time(observation: &Observation) -> String {
    format!("--timeout {}", 600.max(observation.elapsed_ms / 1000 * 4))
}

/// A turn that asks the model again and again and never comes to its reply. The limit is
/// codexpin's, and far beyond what a turn takes: that it was reached is the release's.
fn without_end(observation: &Observation) -> Option<Failure> {
    let requests = &observation.requests;
    let limited = requests.iter().find(|request| request.kind == RequestKind::Limited)?;
    let answered = requests.iter().filter(|request| request.is_answered_turn()).count();
    let title =
        format!("the turn asks the model again and again: {answered} answers, and no reply");
    let remedy = "a release that loops burns the account: stop its Gateway, then roll back";
    let failure = plain("turn-without-end", &title, evidence::of_request(limited));
    Some(Failure { remedy: Some(remedy.to_owned()), ..failure })
}

fn timed_out(observation: &Observation, catalogue: &Catalogue) -> Failure {
    let mut text = format!("stopped after {} s without a reply", observation.elapsed_ms / 1000);
    let called_for = observation.expected_tool_calls();
    if called_for > 0 {
        let ran = pass::tools_ran(observation);
        let _ = write!(text, ", {ran} of {called_for} tool calls done");
    }
    let remedy = catalogue.signature("turn-timed-out").and_then(Signature::advice);
    Failure { remedy, ..plain("turn-timed-out", "the turn timed out", of_process(&text)) }
}

fn plain(signature: &str, title: &str, evidence: Evidence) -> Failure {
    Failure {
        signature: signature.to_owned(),
        title: title.to_owned(),
        evidence,
        remedy: None,
        of_route: false,
        fingerprint: None,
    }
}

fn of_process(text: &str) -> Evidence {
    told(EvidenceSource::Process, text)
}

/// What is no line of an output, but may quote one.
fn told(source: EvidenceSource, text: &str) -> Evidence {
    Evidence { source, line: None, text: visible::line(text).into_owned() }
}

/// Whether the plugin was installed, and on record for this route.
fn has_its_plugin(observation: &Observation) -> bool {
    observation.plugin.is_some() && observation.route.may_use_plugin()
}

fn verdict_of(signature: &Signature, evidence: Evidence, has_its_plugin: bool) -> Verdict {
    let failure = Failure {
        remedy: signature.advice(),
        of_route: signature.kind == FailureKind::Route,
        ..plain(&signature.id, &signature.title, evidence)
    };
    match signature.kind {
        FailureKind::Release | FailureKind::Route => Verdict::Bad { failure },
        // The plugin was installed, so what is missing is the release's own fault.
        FailureKind::Incomplete if has_its_plugin => Verdict::Bad {
            failure: Failure {
                title: "the harness of the plugin is not there, although the plugin is".to_owned(),
                remedy: None,
                ..failure
            },
        },
        FailureKind::Incomplete => Verdict::Skip { reason: SkipReason::Incomplete { failure } },
        // Cosmetic lines never get here: see `evidence::in_output`.
        FailureKind::Account
        | FailureKind::Environment
        | FailureKind::State
        | FailureKind::Conversation
        | FailureKind::Outdated
        | FailureKind::Cosmetic => Verdict::Skip { reason: SkipReason::NotTheRelease { failure } },
    }
}

/// What the release made of a refusal may be anything (it calls a Cloudflare
/// page a DNS failure); what was refused is certain.
fn seen_by_upstream<'a>(
    observation: &Observation,
    catalogue: &'a Catalogue,
) -> Option<(&'a Signature, Evidence)> {
    let requests = &observation.requests;
    let known = |request: &RequestRecord| {
        Some((catalogue.in_request(request)?, evidence::of_request(request)))
    };
    let refused = |request: &&RequestRecord| request.kind == RequestKind::RefreshRefused;
    if let Some(request) = requests.iter().find(refused) {
        // First of all: a lent login is never renewed, so a release that wants to renew
        // it cannot be judged, however far it came before.
        return known(request);
    }
    if let Some(answered) = requests.iter().rposition(RequestRecord::is_answered_turn) {
        // A turn was answered, so only a later one that was not can be what failed.
        return requests[answered..].iter().filter(|r| r.is_for_a_turn()).find_map(known);
    }
    let reached = requests.iter().any(RequestRecord::may_hold_turns);
    requests
        .iter()
        .filter(|request| !(reached && request.kind == RequestKind::Unreachable))
        .find_map(known)
}

fn unknown(observation: &Observation, broken: &[pass::PassFailure]) -> Failure {
    let replied = !broken.iter().any(|rule| rule.source() == EvidenceSource::Process);
    let wrong = broken.iter().find(|rule| rule.source() == EvidenceSource::Reply);
    // With a reply, what is wrong with it counts; the log says nothing about that.
    let wrong = wrong.or_else(|| broken.first().filter(|_| replied));
    let (title, evidence) = match (wrong, evidence::best_line(observation)) {
        (Some(rule), _) => {
            let evidence = told(rule.source(), &rule.to_string());
            ("the reply is not the one that was asked for", evidence)
        }
        (None, Some(evidence)) => ("it does not reply", evidence),
        (None, None) => {
            let text = broken.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
            ("it does not reply", of_process(&text))
        }
    };
    let title = match broken.first() {
        Some(stage @ pass::PassFailure::NotReached(_)) => stage.to_string(),
        _ => title.to_owned(),
    };
    let fingerprint = Some(fingerprint::of(&evidence.text));
    Failure { fingerprint, ..plain("unknown", &title, evidence) }
}
