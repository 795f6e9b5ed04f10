//! The live installation, asked as its user would ask it: through its own
//! Gateway, with its own login, in a session of its own. Nothing is set up and
//! nothing is seen but what it says.

use std::time::Duration;

use camino::Utf8Path;
use tokio_util::sync::CancellationToken;

use super::observation::{AgentRun, CheckClock, ObservationParts, millis};
use super::sandbox::SandboxRecord;
use super::turn::agent_limit;
use super::{CheckError, home};
use crate::env::{Environment, OPENCLAW_CONFIG_PATH, OPENCLAW_STATE_DIR};
use crate::installation::Installation;
use crate::observation::{Isolation, Observation, Times};
use crate::process::{Processes, Program};
use crate::question::{AskBy, Probe, Question, Through, Upgrade, Upstream};
use crate::route::Route;

/// The live installation, to be asked.
#[derive(Debug)]
pub struct LiveCheck<'a> {
    /// What is installed, and where.
    pub installation: &'a Installation,
    /// The route that its config names.
    pub route: &'a Route,
    /// Which of its agents is asked.
    pub agent: &'a str,
    /// The user's shell.
    pub environment: &'a Environment,
    /// Where the whole output goes.
    pub logs: &'a Utf8Path,
    /// Starts the agent.
    pub processes: &'a Processes,
}

impl LiveCheck<'_> {
    /// Asks it for the question's reply.
    ///
    /// # Errors
    ///
    /// Its entry point is not there or cannot be started, or codexpin was stopped.
    pub async fn ask(
        &self,
        question: &Question,
        stop: &CancellationToken,
    ) -> Result<Observation, CheckError> {
        let clock = CheckClock::start();
        let question = Question {
            ask: AskBy::Probe(Probe::Text),
            through: Through::Gateway,
            upgrade: Upgrade::AsIs,
            upstream: Upstream::Installation,
            ..question.clone()
        };
        let program = self.program(&question)?;
        let Installation { core, node, plugin, .. } = self.installation;
        let output = self.processes.run(&program, stop).await?;
        let times = Times { agent: Some(millis(output.elapsed)), ..Times::default() };
        ObservationParts {
            core: core.version,
            plugin: plugin.as_ref().map(|plugin| plugin.package.version),
            node: &node.version,
            route: self.route,
            question: &question,
            person: &self.processes.person(),
            clock,
            run: AgentRun {
                stopped_at: None,
                moved_to: None,
                gateway: String::new(),
                left_running: output.left_running,
                output,
                times,
                agent_began: Duration::ZERO,
            },
            // It runs outside any sandbox, and its requests are its own.
            sandbox: SandboxRecord {
                isolation: Isolation::None,
                config_changes: Vec::new(),
                requests: Vec::new(),
            },
            state_left_out: Vec::new(),
            logs: self.logs.to_owned(),
        }
        .observation()
    }

    /// `openclaw agent`, as the installation's own user would run it.
    fn program(&self, question: &Question) -> Result<Program, CheckError> {
        let Installation { node, state, config, .. } = self.installation;
        let entry = self.installation.entry().map_err(std::io::Error::other)?;
        let session = format!("codexpin-{}", home::nonce());
        let message = format!("Reply exactly: {}", question.reply);
        let limit = question.timeout_s.to_string();
        let words = [entry.as_str(), "agent", "--agent", self.agent, "--session-id", &session];
        let words = words.into_iter().chain(["--message", &message, "--timeout", &limit, "--json"]);
        Ok(Program {
            executable: node.executable(),
            arguments: words.map(str::to_owned).collect(),
            directory: state.clone(),
            environment: self
                .environment
                .clone()
                .with_path_first(&node.bin)
                .with(OPENCLAW_STATE_DIR, state.as_str())
                .with(OPENCLAW_CONFIG_PATH, config.as_str())
                .with("NO_COLOR", "1"),
            time_limit: agent_limit(question),
            log: Some(self.logs.join("agent.log")),
            enclosure: None,
            limits: None,
        })
    }
}
