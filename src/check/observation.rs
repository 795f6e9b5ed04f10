//! The one place where what was seen becomes an [`Observation`]: of a candidate in
//! its sandbox, and of the live installation.

use std::time::{Duration, Instant};

use camino::Utf8PathBuf;
use jiff::Timestamp;

use super::sandbox::SandboxRecord;
use super::{CheckError, reply};
use crate::observation::{AgentEnding, CheckStage, Observation, RequestKind, Times};
use crate::process::{self, ProcessOutput};
use crate::question::Question;
use crate::redact::Person;
use crate::release::Version;
use crate::route::Route;

/// How much of each output an observation carries. Bytes.
const EXCERPT: usize = 48 * 1024;

/// What ran last, and how far the check came.
pub(super) struct AgentRun {
    pub(super) output: ProcessOutput,
    /// Where it ended, if not with the agent.
    pub(super) stopped_at: Option<CheckStage>,
    /// Where the candidate's doctor moved the route.
    pub(super) moved_to: Option<Route>,
    /// What the Gateway wrote.
    pub(super) gateway: String,
    pub(super) left_running: usize,
    pub(super) times: Times,
    /// From the upstream's start to the agent's.
    pub(super) agent_began: Duration,
}

/// When a check was begun.
#[derive(Debug, Clone, Copy)]
pub(super) struct CheckClock {
    started: Timestamp,
    begun: Instant,
}

impl CheckClock {
    pub(super) fn start() -> Self {
        Self { started: Timestamp::now(), begun: Instant::now() }
    }
}

/// Everything that an observation is made of.
pub(super) struct ObservationParts<'a> {
    pub(super) core: Version,
    pub(super) plugin: Option<Version>,
    pub(super) node: &'a str,
    pub(super) route: &'a Route,
    pub(super) question: &'a Question,
    pub(super) person: &'a Person,
    pub(super) clock: CheckClock,
    pub(super) run: AgentRun,
    pub(super) sandbox: SandboxRecord,
    /// What of the state was not kept for the next candidate, and why.
    pub(super) state_left_out: Vec<String>,
    pub(super) logs: Utf8PathBuf,
}

impl ObservationParts<'_> {
    /// The observation, masked and bounded.
    ///
    /// # Errors
    ///
    /// What ran last was stopped by codexpin.
    pub(super) fn observation(self) -> Result<Observation, CheckError> {
        let times = self.times();
        let Self { question, person, run, sandbox, clock, .. } = self;
        let masked = |text: &str| person.line(text).into_owned();
        let excerpt = |text: &str| reply::excerpt(&reply::plain(text), EXCERPT);
        let ProcessOutput { stdout, stderr, .. } = &run.output;
        // Read from the output as it came: a masked one could be another reply.
        let reply = reply::in_either(&stdout.raw(), &stderr.raw());
        Ok(Observation {
            core: self.core,
            plugin: self.plugin,
            node: self.node.to_owned(),
            route: self.route.clone(),
            moved_to: run.moved_to,
            ask: question.ask.clone(),
            through: question.through,
            upgrade: question.upgrade,
            upstream: question.upstream.clone(),
            enclosure: sandbox.isolation,
            config_changes: sandbox.config_changes.iter().map(|change| masked(change)).collect(),
            state_left_out: self.state_left_out.iter().map(|line| masked(line)).collect(),
            asked: masked(&question.reply),
            started: clock.started,
            elapsed_ms: millis(clock.begun.elapsed()),
            times,
            ending: ending(run.output.ending)?,
            stopped_at: run.stopped_at,
            reply: reply.map(|reply| reply::masked(reply, &question.reply, person)),
            stdout: excerpt(&stdout.text()),
            stderr: excerpt(&stderr.text()),
            gateway: excerpt(&run.gateway),
            requests: sandbox.requests,
            left_running: run.left_running,
            logs: Some(self.logs),
        })
    }

    /// The times, with the agent's split at its first request for a turn.
    fn times(&self) -> Times {
        let (mut times, began) = (self.run.times, self.run.agent_began);
        let first = self.sandbox.requests.iter().find(|request| {
            request.elapsed >= began
                && request.model.as_ref() == Some(&self.route.model)
                && request.kind != RequestKind::WarmUp
        });
        if let (Some(first), Some(agent)) = (first, times.agent) {
            let to_first = millis(first.elapsed.saturating_sub(began));
            times.to_first_request = Some(to_first);
            times.turn = Some(agent.saturating_sub(to_first));
        }
        times
    }
}

fn ending(ending: process::Ending) -> Result<AgentEnding, CheckError> {
    match ending {
        process::Ending::Exited(status) => Ok(AgentEnding::Exited(status)),
        process::Ending::Signalled(signal) => Ok(AgentEnding::Signalled(signal)),
        process::Ending::TimedOut => Ok(AgentEnding::TimedOut),
        process::Ending::Limited(limit) => Ok(AgentEnding::Limited(limit)),
        process::Ending::Cancelled => Err(CheckError::Stopped),
    }
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
