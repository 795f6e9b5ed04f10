//! The live installation, asked as its user would ask it: through its own
//! Gateway, with its own login, in a session of its own. Nothing is set up and
//! nothing is seen but what it says.

use std::time::{Duration, Instant};

use camino::Utf8Path;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::{CheckError, probe, reply, turn};
use crate::env::{Environment, OPENCLAW_CONFIG_PATH, OPENCLAW_STATE_DIR};
use crate::installation::Installation;
use crate::observation::{Enclosure, Observation, Times};
use crate::process::{Processes, Program};
use crate::question::{Ask, Probe, Question, Through, Upgrade, Upstream};
use crate::route::Route;

/// How long codexpin waits for the agent beyond the limit that the agent itself keeps.
const MARGIN: Duration = Duration::from_secs(30);

/// The live installation, to be asked.
#[derive(Debug)]
pub struct Live<'a> {
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

impl Live<'_> {
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
        let (started, begun) = (Timestamp::now(), Instant::now());
        let Installation { core, node, plugin, state, config, .. } = self.installation;
        let entry = self.installation.entry().map_err(std::io::Error::other)?;
        let session = format!("codexpin-{}", probe::nonce());
        let message = format!("Reply exactly: {}", question.reply);
        let limit = question.timeout_s.to_string();
        let words = [entry.as_str(), "agent", "--agent", self.agent, "--session-id", &session];
        let words = words.into_iter().chain(["--message", &message, "--timeout", &limit, "--json"]);
        let program = Program {
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
            time_limit: question.time_limit() + MARGIN,
            log: Some(self.logs.join("agent.log")),
            enclosure: None,
        };
        let finished = self.processes.run(&program, stop).await?;
        let person = self.processes.person();
        let reply = reply::read(&reply::plain(&finished.stdout.raw()));
        let excerpt = |text: &str| reply::excerpt(&reply::plain(text), turn::EXCERPT);
        let agent = Some(turn::millis(finished.elapsed));
        Ok(Observation {
            core: core.version,
            plugin: plugin.as_ref().map(|plugin| plugin.package.version),
            node: node.version.clone(),
            route: self.route.clone(),
            moved_to: None,
            ask: Ask::Probe(Probe::Text),
            through: Through::Gateway,
            upgrade: Upgrade::AsIs,
            upstream: Upstream::Installation,
            enclosure: Enclosure::None,
            config_changes: Vec::new(),
            asked: person.line(&question.reply).into_owned(),
            started,
            elapsed_ms: turn::millis(begun.elapsed()),
            times: Times { agent, ..Times::default() },
            ending: turn::ending(finished.ending)?,
            stopped_at: None,
            reply: reply.map(|reply| reply::masked(reply, &question.reply, &person)),
            stdout: excerpt(&finished.stdout.text()),
            stderr: excerpt(&finished.stderr.text()),
            gateway: String::new(),
            requests: Vec::new(),
            left_running: finished.left_running,
            logs: Some(self.logs.to_owned()),
        })
    }
}
