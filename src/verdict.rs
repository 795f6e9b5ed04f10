//! From an observation to a verdict: good, bad with a failure, or skip with a
//! reason. Pure, and the heart of what codexpin promises: a release is blamed
//! only for what is its own.
//!
//! In this order: the pass rule; what the upstream saw; the earliest line of
//! the output that the catalogue knows; then what remains, an unknown failure
//! with its best line.

pub mod catalogue;
mod pass;

use std::fmt::{self, Write as _};

use serde::{Deserialize, Serialize};

use crate::bisect::Mark;
use crate::observation::{Ending, Observation, RequestKind, RequestRecord};
use crate::question::{Ask, Require};
use catalogue::{Kind, Signature, signature, signatures};

/// What a check says about a candidate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "verdict")]
pub enum Verdict {
    /// It answers.
    Good,
    /// It does not, and that is its own failure.
    Bad {
        /// What failed.
        failure: Failure,
    },
    /// It could not be judged.
    Skip {
        /// Why not.
        reason: SkipReason,
    },
}

/// A failure with its evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Its name in the catalogue, or `unknown`.
    pub signature: String,
    /// What is wrong, in one line.
    pub title: String,
    /// The line that decided.
    pub evidence: Evidence,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// Whether the configuration has its part in it: another setting may answer.
    pub of_route: bool,
}

/// A quoted line and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// Which output.
    pub source: Source,
    /// The line's number there, from 1; in `upstream` the request's number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// The line, shortened.
    pub text: String,
}

/// Where evidence was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// The agent's stdout.
    Stdout,
    /// The agent's stderr.
    Stderr,
    /// What the Gateway wrote.
    Gateway,
    /// What the upstream saw.
    Upstream,
    /// The reply and what it says of itself.
    Reply,
    /// How the process ended.
    Process,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
            Self::Gateway => "gateway",
            Self::Upstream => "upstream",
            Self::Reply => "reply",
            Self::Process => "process",
        })
    }
}

/// Why a candidate could not be judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "reason")]
pub enum SkipReason {
    /// npm cannot install it here.
    CannotInstall {
        /// npm's reason, in one line.
        why: String,
    },
    /// A piece of it is missing that the registry does not have.
    Incomplete {
        /// What it said.
        failure: Failure,
    },
    /// A piece of it is missing that the route cannot do without.
    Missing {
        /// The piece.
        piece: String,
    },
    /// The user's own check command says so.
    CommandSaysSo,
    /// The machine, the network or the account.
    NotTheRelease {
        /// What is in the way.
        failure: Failure,
    },
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CannotInstall { why } => write!(f, "cannot be installed here: {why}"),
            Self::Incomplete { failure } => write!(f, "incomplete candidate: {}", failure.title),
            Self::Missing { piece } => write!(f, "incomplete candidate: {piece}"),
            Self::CommandSaysSo => f.write_str("the check command says skip (125)"),
            Self::NotTheRelease { failure } => f.write_str(&failure.title),
        }
    }
}

impl SkipReason {
    /// The failure behind it, where the candidate was asked at all.
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::CannotInstall { .. } | Self::Missing { .. } | Self::CommandSaysSo => None,
            Self::Incomplete { failure } | Self::NotTheRelease { failure } => Some(failure),
        }
    }
}

impl Verdict {
    /// What the search makes of it.
    pub fn mark(&self) -> Mark {
        match self {
            Self::Good => Mark::Good,
            Self::Bad { .. } => Mark::Bad,
            Self::Skip { .. } => Mark::Skip,
        }
    }

    /// What failed, whatever was made of it.
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Good => None,
            Self::Bad { failure } => Some(failure),
            Self::Skip { reason } => reason.failure(),
        }
    }
}

/// Judges a candidate by what was seen through each of its routes.
pub fn judge_all(observations: &[Observation], require: Require) -> Verdict {
    let verdicts: Vec<_> = observations.iter().map(judge).collect();
    let of = |mark| verdicts.iter().find(|verdict| verdict.mark() == mark).cloned();
    // A route that failed, or one that could not be judged, decides where all are
    // needed; where one is enough, one that answers does.
    let decisive = match require {
        Require::All => [Mark::Bad, Mark::Skip, Mark::Good],
        Require::Any => [Mark::Good, Mark::Skip, Mark::Bad],
    };
    decisive.into_iter().find_map(of).unwrap_or(Verdict::Good)
}

/// Judges an observation.
pub fn judge(observation: &Observation) -> Verdict {
    if let (Ask::Command(_), None) = (&observation.ask, observation.stopped_at) {
        return by_exit_code(observation);
    }
    let broken = pass::broken_rules(observation);
    if broken.is_empty() {
        return Verdict::Good;
    }
    if let Some((signature, evidence)) =
        seen_by_upstream(observation).or_else(|| in_output(observation))
    {
        return verdict_of(signature, evidence, has_its_plugin(observation));
    }
    let failure = if observation.ending == Ending::TimedOut && observation.stopped_at.is_none() {
        timed_out(observation)
    } else {
        unknown(observation, &broken)
    };
    Verdict::Bad { failure }
}

/// The exit codes of a check command are those of `git bisect run`.
fn by_exit_code(observation: &Observation) -> Verdict {
    match observation.ending {
        Ending::Exited(0) => Verdict::Good,
        Ending::Exited(125) => Verdict::Skip { reason: SkipReason::CommandSaysSo },
        Ending::TimedOut => Verdict::Bad { failure: timed_out(observation) },
        Ending::Exited(_) | Ending::Signalled(_) => {
            let text = pass::Broken::Exit(observation.ending).to_string();
            let failure = Failure {
                signature: "check-command".to_owned(),
                title: "the check command says bad".to_owned(),
                evidence: Evidence { source: Source::Process, line: None, text },
                remedy: None,
                of_route: false,
            };
            Verdict::Bad { failure }
        }
    }
}

fn timed_out(observation: &Observation) -> Failure {
    let mut text = format!("stopped after {} s without a reply", observation.elapsed_ms / 1000);
    let called_for = observation.expected_tool_calls();
    if called_for > 0 {
        let ran = pass::tools_ran(observation);
        let _ = write!(text, ", {ran} of {called_for} tool calls done");
    }
    Failure {
        signature: "turn-timed-out".to_owned(),
        title: "the turn timed out".to_owned(),
        evidence: Evidence { source: Source::Process, line: None, text },
        remedy: None,
        of_route: false,
    }
}

/// Whether the plugin was installed, and on record for this route.
fn has_its_plugin(observation: &Observation) -> bool {
    observation.plugin.is_some() && observation.route.may_use_plugin()
}

fn verdict_of(signature: &Signature, evidence: Evidence, has_its_plugin: bool) -> Verdict {
    let failure = Failure {
        signature: signature.id.clone(),
        title: signature.title.clone(),
        evidence,
        remedy: signature.remedy.clone(),
        of_route: signature.kind == Kind::Route,
    };
    match signature.kind {
        Kind::Release | Kind::Route => Verdict::Bad { failure },
        // With the plugin in its place, what is missing is the release's own fault.
        Kind::Incomplete if has_its_plugin => Verdict::Bad {
            failure: Failure {
                title: "the harness of the plugin is not there, although the plugin is".to_owned(),
                remedy: None,
                ..failure
            },
        },
        Kind::Incomplete => Verdict::Skip { reason: SkipReason::Incomplete { failure } },
        Kind::Account | Kind::Environment | Kind::State => {
            Verdict::Skip { reason: SkipReason::NotTheRelease { failure } }
        }
    }
}

/// What the release made of a refusal may be anything (it calls a Cloudflare
/// page a DNS failure); what was refused is certain.
fn seen_by_upstream(observation: &Observation) -> Option<(&'static Signature, Evidence)> {
    let requests = &observation.requests;
    let refused = |request: &&RequestRecord| request.kind == RequestKind::RefreshRefused;
    if let Some(request) = requests.iter().find(refused) {
        // A login that is lent cannot be renewed, however far the release came before.
        return Some((signature("wants-refresh")?, evidence(request)));
    }
    if requests.iter().any(RequestRecord::is_answered_turn) {
        // Its request was answered: what failed came after.
        return None;
    }
    let reached = requests.iter().any(RequestRecord::may_hold_turns);
    let turn = |request: &RequestRecord| request.model.is_some();
    requests.iter().find_map(|request| {
        let id = match (request.kind, request.status) {
            (RequestKind::TlsFailed, _) => "tls-untrusted",
            (RequestKind::Refused, Some(403)) => "cloudflare-403",
            (RequestKind::Refused, Some(401)) if request.host == "api.openai.com" => {
                "missing-scopes"
            }
            (RequestKind::Refused, _) if request.host == "auth.openai.com" => "wants-refresh",
            (RequestKind::Forwarded, Some(429)) if turn(request) => "usage-limit",
            // The login is codexpin's to put in, so the release has no part in it.
            (RequestKind::Forwarded, Some(401)) if turn(request) => "login-refused",
            (RequestKind::Forwarded, Some(500..)) if turn(request) => "service-outage",
            (RequestKind::Unreachable, _) if !reached => "network",
            _ => return None,
        };
        Some((signature(id)?, evidence(request)))
    })
}

fn evidence(request: &RequestRecord) -> Evidence {
    let status = request.status.map(|status| format!(" -> {status}")).unwrap_or_default();
    let text = format!("{} {}{}{status}", request.method, request.host, request.path);
    Evidence { source: Source::Upstream, line: Some(request.sequence + 1), text }
}

/// The first line, the Gateway's before stderr before stdout, that the catalogue knows names the
/// failure; the shortest line that shows the same failure is quoted.
fn in_output(observation: &Observation) -> Option<(&'static Signature, Evidence)> {
    let lines = lines(observation);
    let signature = lines
        .iter()
        .find_map(|(_, _, line)| signatures().iter().find(|signature| signature.matches(line)))?;
    let (source, number, line) = lines
        .into_iter()
        .filter(|(_, _, line)| signature.matches(line))
        .min_by_key(|(_, _, line)| line.len())?;
    Some((signature, Evidence { source, line: Some(number), text: shortened(line) }))
}

/// Raw before friendly: the Gateway runs the turn, the agent reports it.
fn lines(observation: &Observation) -> Vec<(Source, usize, &str)> {
    numbered(Source::Gateway, &observation.gateway)
        .chain(numbered(Source::Stderr, &observation.stderr))
        .chain(numbered(Source::Stdout, &observation.stdout))
        .filter(|(_, _, line)| !line.is_empty())
        .collect()
}

fn numbered(source: Source, text: &str) -> impl Iterator<Item = (Source, usize, &str)> {
    text.lines().enumerate().map(move |(at, line)| (source, at + 1, line.trim()))
}

fn unknown(observation: &Observation, broken: &[pass::Broken]) -> Failure {
    let replied = !broken.iter().any(|rule| rule.source() == Source::Process);
    let wrong = broken.iter().find(|rule| rule.source() == Source::Reply);
    // Where there is a reply, its own lines say nothing about what is wrong with it.
    let wrong = wrong.or_else(|| broken.first().filter(|_| replied));
    let (title, evidence) = match (wrong, best_line(observation)) {
        (Some(rule), _) => {
            let evidence = Evidence { source: rule.source(), line: None, text: rule.to_string() };
            ("the reply is not the one that was asked for", evidence)
        }
        (None, Some(evidence)) => ("it does not reply", evidence),
        (None, None) => {
            let text = broken.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
            ("it does not reply", Evidence { source: Source::Process, line: None, text })
        }
    };
    let title = match broken.first() {
        Some(stage @ pass::Broken::NotReached(_)) => stage.to_string(),
        _ => title.to_owned(),
    };
    Failure { signature: "unknown".to_owned(), title, evidence, remedy: None, of_route: false }
}

/// The last line that speaks of an error, or else the last line.
fn best_line(observation: &Observation) -> Option<Evidence> {
    let lines = lines(observation);
    let error = |line: &str| line.to_ascii_lowercase().contains("error");
    let best = lines.iter().rev().find(|(_, _, line)| error(line)).or(lines.last())?;
    let (source, number, line) = *best;
    Some(Evidence { source, line: Some(number), text: shortened(line) })
}

/// A line for a person to read: a sentence or two of it.
fn shortened(line: &str) -> String {
    const LONGEST: usize = 240;
    if line.chars().count() <= LONGEST {
        return line.to_owned();
    }
    let text: String = line.chars().take(LONGEST).collect();
    format!("{}…", text.trim_end())
}

#[cfg(test)]
mod tests;
