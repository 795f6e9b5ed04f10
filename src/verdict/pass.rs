//! The pass rule: what all has to be true before a candidate is good.

use std::fmt;

use super::EvidenceSource;
use crate::observation::{AgentEnding, CheckStage, Observation, RequestRecord};
use crate::openclaw::names::is_same_harness;
use crate::question::{Through, Upstream};

/// A part of the rule that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PassFailure {
    /// It did not get as far as being asked.
    NotReached(CheckStage),
    /// The process did not end with status 0.
    Exit(AgentEnding),
    /// There is no reply in its output.
    NoReply,
    /// Not one payload, but this many.
    Payloads(usize),
    /// The payload's text is another.
    Text { asked: String, said: String },
    /// Another provider or model answered.
    Winner { asked: String, answered: String },
    /// Another harness ran the turn.
    Harness { asked: String, ran: String },
    /// Something else was tried first, or answered instead.
    Fallback,
    /// The Gateway should have answered and did not.
    Transport { from: String },
    /// No model request reached the upstream.
    NotAsked,
    /// Fewer tools ran than were called for, or another result than theirs came back.
    Tools { ran: usize, called_for: usize },
}

impl PassFailure {
    /// Which evidence it is.
    pub(super) fn source(&self) -> EvidenceSource {
        match self {
            Self::NotReached(_) | Self::Exit(_) | Self::NoReply => EvidenceSource::Process,
            Self::NotAsked | Self::Tools { .. } => EvidenceSource::Upstream,
            _ => EvidenceSource::Reply,
        }
    }
}

impl fmt::Display for PassFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotReached(CheckStage::Doctor) => f.write_str("`openclaw doctor --fix` failed"),
            Self::NotReached(CheckStage::Gateway) => f.write_str("its Gateway did not get ready"),
            Self::Exit(AgentEnding::Exited(status)) => write!(f, "exit status {status}"),
            Self::Exit(AgentEnding::Signalled(signal)) => write!(f, "killed by signal {signal}"),
            Self::Exit(AgentEnding::TimedOut) => f.write_str("stopped at the time limit"),
            Self::Exit(AgentEnding::Limited(limit)) => write!(f, "stopped, since {limit}"),
            Self::NoReply => f.write_str("no JSON reply in its output"),
            Self::Payloads(0) => f.write_str("the reply is empty"),
            Self::Payloads(n) => write!(f, "{n} payloads instead of one"),
            Self::Text { asked, said } => write!(f, "asked for `{asked}`, it replied `{said}`"),
            Self::Winner { asked, answered } => {
                write!(f, "asked through {asked}, {answered} answered")
            }
            Self::Harness { asked, ran } => write!(f, "harness {ran} ran the turn, not {asked}"),
            Self::Fallback => f.write_str("a fallback answered"),
            Self::Transport { from } => {
                write!(f, "the {from} did not answer, the turn ran embedded")
            }
            Self::NotAsked => f.write_str("no model request reached the upstream"),
            Self::Tools { ran, called_for } => {
                write!(f, "{ran} of {called_for} tool calls ran, as the upstream saw it")
            }
        }
    }
}

/// Every part of the rule that the observation breaks; none means good.
pub(super) fn broken_rules(observation: &Observation) -> Vec<PassFailure> {
    let mut broken = Vec::new();
    broken.extend(observation.stopped_at.map(PassFailure::NotReached));
    if observation.ending != AgentEnding::Exited(0) {
        broken.push(PassFailure::Exit(observation.ending));
    }
    if !was_asked(observation) {
        broken.push(PassFailure::NotAsked);
    }
    let (ran, called_for) = (tools_ran(observation), observation.expected_tool_calls());
    if ran < called_for {
        broken.push(PassFailure::Tools { ran, called_for });
    }
    let Some(reply) = &observation.reply else {
        broken.push(PassFailure::NoReply);
        return broken;
    };
    match reply.texts.as_slice() {
        [text] if text.trim() == observation.asked => {}
        [text] => broken.push(PassFailure::Text {
            asked: observation.asked.clone(),
            said: text.trim().chars().take(120).collect(),
        }),
        texts => broken.push(PassFailure::Payloads(texts.len())),
    }
    let route = observation.expected_route();
    let answered = (reply.provider.as_deref(), reply.model.as_deref());
    if answered != (Some(&route.provider), Some(&route.model)) {
        let word = |part: Option<&str>| part.unwrap_or("nobody knows what").to_owned();
        broken.push(PassFailure::Winner {
            asked: route.model_id(),
            answered: format!("{}/{}", word(answered.0), word(answered.1)),
        });
    }
    if let Some(asked) = &route.harness
        && !reply.harness.as_deref().is_some_and(|ran| is_same_harness(asked, ran))
    {
        let ran = reply.harness.clone().unwrap_or_else(|| "nobody knows which".to_owned());
        broken.push(PassFailure::Harness { asked: asked.clone(), ran });
    }
    if reply.fallback_used || reply.failed_attempts > 0 {
        broken.push(PassFailure::Fallback);
    }
    let embedded = reply.transport.as_deref() == Some("embedded") || !reply.through_gateway;
    if let Some(from) = &reply.fallback_from {
        broken.push(PassFailure::Transport { from: from.clone() });
    } else if observation.through == Through::Gateway && embedded {
        broken.push(PassFailure::Transport { from: "gateway".to_owned() });
    }
    broken
}

/// Whether the turn got through to a model, as far as it can be seen.
fn was_asked(observation: &Observation) -> bool {
    let asked = |request: &RequestRecord| request.is_answered_turn() || request.may_hold_turns();
    observation.upstream == Upstream::Installation || observation.requests.iter().any(asked)
}

/// How many of the calls came back with what only a real execution could know.
pub(super) fn tools_ran(observation: &Observation) -> usize {
    let returned = observation.requests.iter().filter_map(|request| request.returned.as_ref());
    let genuine = returned.filter(|returned| returned.genuine).map(|returned| returned.step);
    genuine.collect::<std::collections::BTreeSet<_>>().len()
}
