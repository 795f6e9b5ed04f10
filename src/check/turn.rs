//! One turn of one candidate through one route, from the upstream's start to
//! the observation.

use std::time::{Duration, Instant};

use camino::Utf8PathBuf;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::account::Account;
use super::candidate::Candidate;
use super::gateway::{self, Start};
use super::room::{OpenRoom, Room};
use super::{CheckError, Course, Subject, Surroundings, reply, setup, state};
use crate::observation::{Ending, Observation, RequestKind, Stage, Times};
use crate::process::{self, Finished, Running};
use crate::question::{Ask, Question, Through, Upgrade};
use crate::route::Route;
use crate::upstream::pace;

/// How long codexpin waits for the agent beyond the limit that the agent itself keeps.
const MARGIN: Duration = Duration::from_secs(30);
/// How long `openclaw doctor --fix` may take: 21 s where it was tried.
const DOCTOR_LIMIT: Duration = Duration::from_mins(3);
/// How much of each output an observation carries. Bytes.
pub(super) const EXCERPT: usize = 48 * 1024;

/// One turn to be run.
pub(super) struct Turn<'a> {
    pub(super) subject: &'a Subject,
    pub(super) question: &'a Question,
    pub(super) route: &'a Route,
    /// The route's place among those of the question, from 0.
    pub(super) place: usize,
    pub(super) surroundings: &'a Surroundings,
    pub(super) course: Course<'a>,
    pub(super) stop: &'a CancellationToken,
}

/// What ran last, and how far it was.
struct Run {
    finished: Finished,
    stopped_at: Option<Stage>,
    moved_to: Option<Route>,
    gateway: String,
    left_running: usize,
    times: Times,
    /// From the loopback's start to the agent's.
    agent_began: Duration,
}

impl Turn<'_> {
    pub(super) async fn run(&self) -> Result<Observation, CheckError> {
        let (started, begun) = (Timestamp::now(), Instant::now());
        let calls = match &self.question.ask {
            Ask::Probe(probe) => probe.tool_calls(self.route),
            Ask::Command(_) => 0,
        };
        let logs = self.logs();
        let _leave = match self.course.account {
            Some(account) => {
                account.hide_from(&self.surroundings.processes);
                Some(self.leave(account).await?)
            }
            None => None,
        };
        let room = Room {
            subject: self.subject,
            route: self.route,
            place: self.place,
            surroundings: self.surroundings,
            course: Course { logs: &logs, ..self.course },
            doctor: self.question.upgrade == Upgrade::Doctor,
            tool_calls: calls,
            command: self.question.ask.command(),
        }
        .open()
        .await?;
        let candidate = room.candidate();
        let run = self.ask(&candidate, &room).await;
        let (home, seen) = room.close().await?;
        let mut run = run?;
        if let Some(leaves) = self.course.leaves {
            let kept = leaves.join(setup::directory_of(self.place));
            crate::fs::remove(&kept)?;
            crate::fs::create_private_dir(&kept)?;
            state::copy(&home.state(), &kept)?;
        }
        let ending = ending(run.finished.ending)?;
        let first = seen.requests.iter().find(|request| {
            request.elapsed >= run.agent_began
                && request.model.as_ref() == Some(&self.route.model)
                && request.kind != RequestKind::WarmUp
        });
        if let (Some(first), Some(agent)) = (first, run.times.agent) {
            let to_first = millis(first.elapsed.saturating_sub(run.agent_began));
            run.times.to_first_request = Some(to_first);
            run.times.turn = Some(agent.saturating_sub(to_first));
        }
        let person = self.surroundings.processes.person();
        let masked = |text: &str| person.line(text).into_owned();
        let asked = masked(&self.question.reply);
        let Finished { stdout, stderr, .. } = &run.finished;
        let reply = reply::read(&reply::plain(&stdout.raw()));
        let excerpt = |text: &str| reply::excerpt(&reply::plain(text), EXCERPT);
        Ok(Observation {
            core: self.subject.core,
            plugin: self.subject.plugin,
            node: self.subject.node.version.clone(),
            route: self.route.clone(),
            moved_to: run.moved_to,
            ask: self.question.ask.clone(),
            through: self.question.through,
            upgrade: self.question.upgrade,
            upstream: self.question.upstream.clone(),
            enclosure: seen.enclosure,
            config_changes: seen.config_changes.iter().map(|change| masked(change)).collect(),
            started,
            elapsed_ms: millis(begun.elapsed()),
            times: run.times,
            ending,
            stopped_at: run.stopped_at,
            reply: reply.map(|reply| reply::masked(reply, &self.question.reply, &person)),
            asked,
            stdout: excerpt(&stdout.text()),
            stderr: excerpt(&stderr.text()),
            gateway: excerpt(&run.gateway),
            requests: seen.requests,
            left_running: run.left_running,
            logs: Some(logs),
        })
    }

    /// Doctor, Gateway and agent, as far as the question wants them and the
    /// candidate gets.
    async fn ask(&self, candidate: &Candidate<'_>, room: &OpenRoom<'_>) -> Result<Run, CheckError> {
        let mut times = Times::default();
        let mut left_running = 0;
        let mut moved_to = None;
        let early = |finished: Finished, stage, times, left_running| Run {
            left_running: left_running + finished.left_running,
            finished,
            stopped_at: Some(stage),
            moved_to: None,
            gateway: String::new(),
            times,
            agent_began: room.elapsed(),
        };
        if self.question.upgrade == Upgrade::Doctor {
            let finished = self.doctor(candidate).await?;
            times.doctor = Some(millis(finished.elapsed));
            if !finished.ending.success() {
                return Ok(early(finished, Stage::Doctor, times, left_running));
            }
            left_running += finished.left_running;
            let route = setup::route_in(&candidate.home.config(), self.route);
            moved_to = route.filter(|route| route != self.route);
        }
        let mut running = None;
        if self.question.through == Through::Gateway {
            let start = gateway::start(candidate, room.port, &self.surroundings.processes);
            let start = tokio::select! {
                start = start => start?,
                () = self.stop.cancelled() => return Err(CheckError::Stopped),
            };
            match start {
                Start::Ready(gateway, after) => {
                    times.gateway = Some(millis(after));
                    running = Some(*gateway);
                }
                Start::Failed(finished) => {
                    let mut run = early(finished, Stage::Gateway, times, left_running);
                    run.gateway = both(&run.finished);
                    // There is no agent whose output it could be.
                    (run.finished.stdout, run.finished.stderr) = Default::default();
                    run.moved_to = moved_to;
                    return Ok(run);
                }
            }
        }
        let agent_began = room.elapsed();
        let limit = self.question.time_limit() + MARGIN;
        let program = match &self.question.ask {
            Ask::Probe(_) => {
                candidate.agent(self.question, self.question.through == Through::Local, limit)
            }
            Ask::Command(command) => {
                candidate.command(command, room.port, self.question.time_limit())?
            }
        };
        let finished = self.surroundings.processes.run(&program, self.stop).await?;
        if matches!(self.question.ask, Ask::Probe(_)) {
            times.agent = Some(millis(finished.elapsed));
        }
        left_running += finished.left_running;
        let mut gateway = String::new();
        if let Some(running) = running {
            let stopped = Running::stop(running).await?;
            gateway = both(&stopped);
            left_running += stopped.left_running;
        }
        Ok(Run { finished, stopped_at: None, moved_to, gateway, left_running, times, agent_began })
    }

    /// Leave to ask the account for a turn; it ends with the check.
    async fn leave<'b>(&self, account: &'b Account) -> Result<pace::TurnPermit<'b>, CheckError> {
        tokio::select! {
            leave = account.pace.turn() => Ok(leave?),
            () = self.stop.cancelled() => Err(CheckError::Stopped),
        }
    }

    async fn doctor(&self, candidate: &Candidate<'_>) -> Result<Finished, CheckError> {
        let words = ["doctor", "--fix", "--non-interactive"];
        let program = candidate.openclaw(&words, "doctor", DOCTOR_LIMIT);
        let finished = self.surroundings.processes.run(&program, self.stop).await?;
        match finished.ending {
            process::Ending::Cancelled => Err(CheckError::Stopped),
            _ => Ok(finished),
        }
    }

    /// A directory for each route where there are several.
    fn logs(&self) -> Utf8PathBuf {
        if self.question.routes.len() == 1 {
            self.course.logs.to_owned()
        } else {
            self.course.logs.join(setup::directory_of(self.place))
        }
    }
}

pub(super) fn ending(ending: process::Ending) -> Result<Ending, CheckError> {
    match ending {
        process::Ending::Exited(status) => Ok(Ending::Exited(status)),
        process::Ending::Signalled(signal) => Ok(Ending::Signalled(signal)),
        process::Ending::TimedOut => Ok(Ending::TimedOut),
        process::Ending::Cancelled => Err(CheckError::Stopped),
    }
}

/// A Gateway's whole output; its errors come last.
fn both(finished: &Finished) -> String {
    format!("{}\n{}", finished.stdout.text().trim_end(), finished.stderr.text())
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
