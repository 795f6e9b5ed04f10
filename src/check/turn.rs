//! One turn of one candidate through one route, from the upstream's start to
//! the observation.

use std::time::{Duration, Instant};

use camino::Utf8PathBuf;
use tokio_util::sync::CancellationToken;

use super::account::LentAccount;
use super::home::copy_state;
use super::home_files::{directory_of, route_in};
use super::observation::{AgentRun, CheckClock, ObservationParts, millis};
use super::sandbox::{CheckSandbox, SandboxPlan};
use super::{CheckEnvironment, CheckError, CheckJob};
use crate::observation::{CheckStage, Observation, Times};
use crate::openclaw::names::{GATEWAY_LISTENS, GATEWAY_READY};
use crate::process::{Ending, ProcessOutput, Program, RunningProcess};
use crate::question::{AskBy, Question, StateCarry, Through, Upgrade};
use crate::route::Route;
use crate::upstream::pace;

/// How long codexpin waits for the agent beyond the limit that the agent itself keeps.
const MARGIN: Duration = Duration::from_secs(30);
/// How long an agent may take until it asks the model: 5 s to 50 s where it was tried, the
/// longest on a machine that had much else to do.
const START_LIMIT: Duration = Duration::from_mins(3);
/// How long an agent is looked at to see whether it works.
const MOMENT: Duration = Duration::from_secs(1);
/// The CPU time in that, in clock ticks, that is work: a tenth of it. One that hangs takes
/// less.
const BUSY: u64 = 10;
/// How long `openclaw doctor --fix` may take: 21 s where it was tried.
const DOCTOR_LIMIT: Duration = Duration::from_mins(3);
/// How long a Gateway may take until it is ready: 4 s to 20 s where it was tried.
const GATEWAY_LIMIT: Duration = Duration::from_mins(2);

/// One turn to be run.
pub(super) struct CheckTurn<'a> {
    pub(super) job: CheckJob<'a>,
    pub(super) route: &'a Route,
    /// The route's place among those of the question, from 0.
    pub(super) place: usize,
    pub(super) environment: &'a CheckEnvironment,
    pub(super) stop: &'a CancellationToken,
}

/// What the steps of a turn have come to so far.
#[derive(Default)]
struct TurnProgress {
    times: Times,
    /// Where doctor moved the route.
    moved_to: Option<Route>,
    /// What the Gateway wrote.
    gateway: String,
    left_running: usize,
}

impl TurnProgress {
    /// The turn ends with this program, at `stopped_at` where that is not the agent.
    fn ends_with(
        self,
        output: ProcessOutput,
        stopped_at: Option<CheckStage>,
        agent_began: Duration,
    ) -> AgentRun {
        let Self { times, moved_to, gateway, left_running } = self;
        let left_running = left_running + output.left_running;
        AgentRun { output, stopped_at, moved_to, gateway, left_running, times, agent_began }
    }
}

/// What became of a Gateway's start.
enum GatewayStart {
    /// It is ready, after this long.
    Ready(Box<RunningProcess>, Duration),
    /// It ended, or was not ready in time.
    Failed(ProcessOutput),
}

impl CheckTurn<'_> {
    pub(super) async fn run(&self) -> Result<Observation, CheckError> {
        let clock = CheckClock::start();
        let CheckJob { candidate: installed, question, variation, account, .. } = self.job;
        let logs = self.logs();
        // Held to the end of the check: an account serves one turn at a time.
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
        let run = self.ask(&sandbox).await;
        // Close before `?`: the sandbox has to end after a failure too.
        let (home, record) = sandbox.close().await?;
        let run = run?;
        let mut state_left_out = Vec::new();
        if let StateCarry::SaveTo(directory) = &variation.state {
            let saved = directory.join(directory_of(self.place));
            crate::fs::remove(&saved)?;
            crate::fs::create_private_dir(&saved)?;
            state_left_out = copy_state(home.path(), &home.state(), &saved)?;
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
            state_left_out,
            logs,
        }
        .observation()
    }

    /// Doctor, Gateway and agent, as far as the question wants them and the
    /// candidate gets.
    async fn ask(&self, sandbox: &CheckSandbox<'_>) -> Result<AgentRun, CheckError> {
        let question = self.job.question;
        let mut so_far = TurnProgress::default();
        // Doctor comes first: it migrates what the Gateway and the agent read.
        if question.upgrade == Upgrade::Doctor {
            let output = self.doctor(sandbox).await?;
            so_far.times.doctor = Some(millis(output.elapsed));
            if !output.ending.success() {
                return Ok(so_far.ends_with(output, Some(CheckStage::Doctor), sandbox.elapsed()));
            }
            so_far.left_running += output.left_running;
            let route = route_in(sandbox.home(), self.route);
            so_far.moved_to = route.filter(|route| route != self.route);
        }
        let mut running = None;
        if question.through == Through::Gateway {
            match self.start_gateway(sandbox).await? {
                GatewayStart::Ready(gateway, after) => {
                    so_far.times.gateway = Some(millis(after));
                    running = Some(*gateway);
                }
                GatewayStart::Failed(mut output) => {
                    so_far.gateway = both(&output);
                    // stdout and stderr of an observation are the agent's, and none ran.
                    (output.stdout, output.stderr) = Default::default();
                    return Ok(so_far.ends_with(
                        output,
                        Some(CheckStage::Gateway),
                        sandbox.elapsed(),
                    ));
                }
            }
        }
        let agent_began = sandbox.elapsed();
        let program = match &question.ask {
            AskBy::Probe(_) => {
                let local = question.through == Through::Local;
                sandbox.agent(question, local, agent_limit(question))
            }
            AskBy::Command(command) => sandbox.command(command, question.time_limit())?,
        };
        let mut output = match &question.ask {
            AskBy::Probe(_) => {
                let output = self.run_agent(sandbox, &program, running.as_ref()).await?;
                so_far.times.agent = Some(millis(output.elapsed));
                output
            }
            AskBy::Command(_) => self.environment.processes.run(&program, self.stop).await?,
        };
        // After the agent, which asks through it.
        if let Some(running) = running {
            let stopped = RunningProcess::stop(running).await?;
            so_far.gateway = both(&stopped);
            so_far.left_running += stopped.left_running;
            if let Ending::Limited(_) = stopped.ending {
                output.ending = stopped.ending;
            }
        }
        Ok(so_far.ends_with(output, None, agent_began))
    }

    /// Runs the agent to its end, or until it has had its time.
    async fn run_agent(
        &self,
        sandbox: &CheckSandbox<'_>,
        program: &Program,
        gateway: Option<&RunningProcess>,
    ) -> Result<ProcessOutput, CheckError> {
        let began = sandbox.elapsed();
        let mut agent = self.environment.processes.start(program)?;
        let (mut pause, mut ticks) = (program.time_limit.saturating_sub(MOMENT), 0);
        loop {
            tokio::select! {
                _ = agent.ended() => return Ok(agent.stop().await?),
                () = self.stop.cancelled() => return Ok(agent.stop().await?),
                () = tokio::time::sleep(pause) => {}
            }
            let so_far = agent.cpu_ticks() + gateway.map_or(0, RunningProcess::cpu_ticks);
            let agent_so_far = AgentSoFar {
                elapsed: sandbox.elapsed().saturating_sub(began),
                asked: sandbox.first_turn_request().map(|at| at.saturating_sub(began)),
                is_busy: so_far.saturating_sub(ticks) >= BUSY,
            };
            if agent_so_far.has_had_its_time(program.time_limit) {
                let mut output = agent.stop().await?;
                output.ending = Ending::TimedOut;
                return Ok(output);
            }
            (pause, ticks) = (MOMENT, so_far);
        }
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

    async fn doctor(&self, sandbox: &CheckSandbox<'_>) -> Result<ProcessOutput, CheckError> {
        let words = ["doctor", "--fix", "--non-interactive"];
        let program = sandbox.openclaw(&words, "doctor", DOCTOR_LIMIT);
        let output = self.environment.processes.run(&program, self.stop).await?;
        match output.ending {
            Ending::Cancelled => Err(CheckError::Stopped),
            _ => Ok(output),
        }
    }

    /// Starts the candidate's own Gateway on the sandbox's port and waits until it is
    /// ready.
    async fn start_gateway(&self, sandbox: &CheckSandbox<'_>) -> Result<GatewayStart, CheckError> {
        let port = sandbox.port.to_string();
        let words = ["gateway", "run", "--port", &port];
        let program = sandbox.openclaw(&words, "gateway", GATEWAY_LIMIT);
        let begun = Instant::now();
        let mut gateway = self.environment.processes.start(&program)?;
        let ready = tokio::time::timeout(GATEWAY_LIMIT, gateway.output_until(is_ready));
        let ready = tokio::select! {
            ready = ready => ready,
            () = self.stop.cancelled() => return Err(CheckError::Stopped),
        };
        match ready {
            Ok(true) => Ok(GatewayStart::Ready(Box::new(gateway), begun.elapsed())),
            Ok(false) => Ok(GatewayStart::Failed(gateway.stop().await?)),
            Err(_) => {
                let mut output = gateway.stop().await?;
                output.ending = Ending::TimedOut;
                Ok(GatewayStart::Failed(output))
            }
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

/// An agent under way.
struct AgentSoFar {
    elapsed: Duration,
    /// When it asked for its first turn.
    asked: Option<Duration>,
    is_busy: bool,
}

impl AgentSoFar {
    /// Its own limit, and so codexpin's, counts from the turn's beginning: on a machine that
    /// has much to do it may be long in coming to that, and is waited for as long as it works.
    fn has_had_its_time(&self, limit: Duration) -> bool {
        match self.asked {
            Some(at) => self.elapsed >= at + limit,
            None => self.elapsed >= limit && !(self.is_busy && self.elapsed < START_LIMIT),
        }
    }
}

/// How long codexpin lets an agent run, which keeps the question's limit by itself once it
/// has begun.
pub(super) fn agent_limit(question: &Question) -> Duration {
    question.time_limit() + MARGIN
}

/// A Gateway's whole output; its errors come last.
fn both(output: &ProcessOutput) -> String {
    format!("{}\n{}", output.stdout.text().trim_end(), output.stderr.text())
}

/// Whether a Gateway's output says that it is ready. Newer releases say so once before
/// they listen, and again when their plugins are: what counts is the word after they
/// listen.
fn is_ready(stdout: &str, _: &str) -> bool {
    stdout.split_once(GATEWAY_LISTENS).is_some_and(|(_, after)| after.contains(GATEWAY_READY))
}

#[cfg(test)]
mod tests {
    use super::{AgentSoFar, is_ready};
    use std::time::Duration;

    #[test]
    fn an_agent_has_its_time_from_its_first_request_and_until_then_while_it_works() {
        let limit = Duration::from_secs(35);
        let is_over = |elapsed, asked: Option<u64>, is_busy| {
            let (elapsed, asked) = (Duration::from_secs(elapsed), asked.map(Duration::from_secs));
            AgentSoFar { elapsed, asked, is_busy }.has_had_its_time(limit)
        };
        assert!(!is_over(34, None, false) && is_over(35, None, false), "it hangs");
        assert!(!is_over(179, None, true) && is_over(180, None, true), "it works on nothing");
        assert!(!is_over(36, Some(2), false) && is_over(37, Some(2), false));
        assert!(!is_over(94, Some(60), false) && is_over(95, Some(60), true));
    }

    #[test]
    fn a_gateway_is_ready_when_it_says_so_after_it_listens() {
        let (ready, listening) = ("[gateway] ready\n", "[gateway] http server listening (2)\n");
        assert!(is_ready(&format!("{listening}...\n{ready}"), ""));
        assert!(is_ready(&format!("{ready}{listening}{ready}"), ""));
        assert!(!is_ready(&format!("{ready}{listening}"), ""));
        assert!(!is_ready(ready, ""));
    }
}
