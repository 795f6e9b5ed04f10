//! One turn of one candidate through one route, from the upstream's start to
//! the observation.

use std::time::Duration;

use camino::Utf8PathBuf;
use tokio_util::sync::CancellationToken;

use super::account::LentAccount;
use super::candidate::ScratchCandidate;
use super::gateway::{self, GatewayStart};
use super::home::copy_state;
use super::home_files::{directory_of, route_in};
use super::observation::{AgentRun, CheckClock, ObservationParts, millis};
use super::sandbox::{CheckSandbox, SandboxPlan};
use super::{CheckEnvironment, CheckError, CheckJob};
use crate::observation::{CheckStage, Observation, Times};
use crate::process::{self, Finished, Running};
use crate::question::{AskBy, StateCarry, Through, Upgrade};
use crate::route::Route;
use crate::upstream::pace;

/// How long codexpin waits for the agent beyond the limit that the agent itself keeps.
pub(super) const MARGIN: Duration = Duration::from_secs(30);
/// How long `openclaw doctor --fix` may take: 21 s where it was tried.
const DOCTOR_LIMIT: Duration = Duration::from_mins(3);
/// One turn to be run.
pub(super) struct CheckTurn<'a> {
    pub(super) job: CheckJob<'a>,
    pub(super) route: &'a Route,
    /// The route's place among those of the question, from 0.
    pub(super) place: usize,
    pub(super) environment: &'a CheckEnvironment,
    pub(super) stop: &'a CancellationToken,
}

impl CheckTurn<'_> {
    pub(super) async fn run(&self) -> Result<Observation, CheckError> {
        let clock = CheckClock::start();
        let CheckJob { candidate: installed, question, variation, account, .. } = self.job;
        let logs = self.logs();
        // Held to the end of the check: the account is asked by one turn at a time.
        let _permit = match account {
            Some(account) => {
                account.hide_from(&self.environment.processes);
                Some(self.permit(account).await?)
            }
            None => None,
        };
        let sandbox = SandboxPlan {
            job: self.job,
            route: self.route,
            place: self.place,
            environment: self.environment,
            logs: &logs,
            doctor: question.upgrade == Upgrade::Doctor,
            tool_calls: match &question.ask {
                AskBy::Probe(probe) => probe.tool_calls(self.route),
                AskBy::Command(_) => 0,
            },
            command: question.ask.command(),
        }
        .open()
        .await?;
        let run = self.ask(&sandbox.candidate(), &sandbox).await;
        // Closed before an error is looked at: the sandbox ends either way.
        let (home, record) = sandbox.close().await?;
        let run = run?;
        if let StateCarry::SaveTo(directory) = &variation.state {
            let saved = directory.join(directory_of(self.place));
            crate::fs::remove(&saved)?;
            crate::fs::create_private_dir(&saved)?;
            copy_state(&home.state(), &saved)?;
        }
        ObservationParts {
            core: installed.core,
            plugin: installed.plugin,
            node: &installed.node.version,
            route: self.route,
            question,
            person: &self.environment.processes.person(),
            clock,
            run,
            sandbox: record,
            logs,
        }
        .observation()
    }

    /// Doctor, Gateway and agent, as far as the question wants them and the
    /// candidate gets.
    async fn ask(
        &self,
        candidate: &ScratchCandidate<'_>,
        sandbox: &CheckSandbox<'_>,
    ) -> Result<AgentRun, CheckError> {
        let question = self.job.question;
        let mut times = Times::default();
        let mut left_running = 0;
        let mut moved_to = None;
        let early = |finished: Finished, stage, times, left_running| AgentRun {
            left_running: left_running + finished.left_running,
            finished,
            stopped_at: Some(stage),
            moved_to: None,
            gateway: String::new(),
            times,
            agent_began: sandbox.elapsed(),
        };
        if question.upgrade == Upgrade::Doctor {
            let finished = self.doctor(candidate).await?;
            times.doctor = Some(millis(finished.elapsed));
            if !finished.ending.success() {
                return Ok(early(finished, CheckStage::Doctor, times, left_running));
            }
            left_running += finished.left_running;
            let route = route_in(&candidate.home.config(), self.route);
            moved_to = route.filter(|route| route != self.route);
        }
        let mut running = None;
        if question.through == Through::Gateway {
            let start = gateway::start(candidate, sandbox.port, &self.environment.processes);
            let start = tokio::select! {
                start = start => start?,
                () = self.stop.cancelled() => return Err(CheckError::Stopped),
            };
            match start {
                GatewayStart::Ready(gateway, after) => {
                    times.gateway = Some(millis(after));
                    running = Some(*gateway);
                }
                GatewayStart::Failed(finished) => {
                    let mut run = early(finished, CheckStage::Gateway, times, left_running);
                    run.gateway = both(&run.finished);
                    // There is no agent whose output it could be.
                    (run.finished.stdout, run.finished.stderr) = Default::default();
                    run.moved_to = moved_to;
                    return Ok(run);
                }
            }
        }
        let agent_began = sandbox.elapsed();
        let limit = question.time_limit() + MARGIN;
        let program = match &question.ask {
            AskBy::Probe(_) => candidate.agent(question, question.through == Through::Local, limit),
            AskBy::Command(command) => {
                candidate.command(command, sandbox.port, question.time_limit())?
            }
        };
        let finished = self.environment.processes.run(&program, self.stop).await?;
        if matches!(question.ask, AskBy::Probe(_)) {
            times.agent = Some(millis(finished.elapsed));
        }
        left_running += finished.left_running;
        let mut gateway = String::new();
        if let Some(running) = running {
            let stopped = Running::stop(running).await?;
            gateway = both(&stopped);
            left_running += stopped.left_running;
        }
        Ok(AgentRun {
            finished,
            stopped_at: None,
            moved_to,
            gateway,
            left_running,
            times,
            agent_began,
        })
    }

    /// The permit to ask the account for a turn; it ends with the check.
    async fn permit<'b>(
        &self,
        account: &'b LentAccount,
    ) -> Result<pace::TurnPermit<'b>, CheckError> {
        tokio::select! {
            permit = account.pace.turn() => Ok(permit?),
            () = self.stop.cancelled() => Err(CheckError::Stopped),
        }
    }

    async fn doctor(&self, candidate: &ScratchCandidate<'_>) -> Result<Finished, CheckError> {
        let words = ["doctor", "--fix", "--non-interactive"];
        let program = candidate.openclaw(&words, "doctor", DOCTOR_LIMIT);
        let finished = self.environment.processes.run(&program, self.stop).await?;
        match finished.ending {
            process::Ending::Cancelled => Err(CheckError::Stopped),
            _ => Ok(finished),
        }
    }

    /// A directory for each route where there are several.
    fn logs(&self) -> Utf8PathBuf {
        if self.job.question.routes.len() == 1 {
            self.job.logs.to_owned()
        } else {
            self.job.logs.join(directory_of(self.place))
        }
    }
}

/// A Gateway's whole output; its errors come last.
fn both(finished: &Finished) -> String {
    format!("{}\n{}", finished.stdout.text().trim_end(), finished.stderr.text())
}
