//! One check: a candidate in a fresh scratch home is asked for a reply, and
//! what happens is observed.
//!
//! ```text
//! prefix ─▶ scratch home ─▶ openclaw agent ⇄ upstream ─▶ reply ─▶ Observation
//! ```

mod home;
mod reply;

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

pub use home::sweep;

use crate::env::{Environment, in_scratch_home};
use crate::observation::{Ending, Observation};
use crate::prefix::node::Node;
use crate::process::{self, ProcessError, Processes, Program};
use crate::release::Version;
use crate::route::Route;
use crate::upstream::loopback::{Loopback, LoopbackError, LoopbackOptions};
use home::ScratchHome;

/// How long codexpin waits for the agent beyond the limit that the agent itself keeps.
const MARGIN: Duration = Duration::from_secs(30);
/// How much of each output an observation carries. Bytes.
const EXCERPT: usize = 48 * 1024;

/// What is asked of every candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The route that the turn is sent through.
    pub route: Route,
    /// The text to reply with.
    pub reply: String,
    /// How long the agent may take for the turn.
    pub time_limit: Duration,
}

/// An installed candidate, as far as asking it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The core release.
    pub core: Version,
    /// The plugin release that is installed with it.
    pub plugin: Option<Version>,
    /// The script that `openclaw` runs.
    pub entry: Utf8PathBuf,
    /// What it runs on.
    pub node: Node,
}

/// Where checks take place.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// The shell's environment; candidates see only its allow-list.
    pub environment: Environment,
    /// Under which scratch homes are made.
    pub scratch: Utf8PathBuf,
    /// Starts the agent.
    pub processes: Processes,
}

/// A check could not be made. Nothing about the candidate.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The upstream could not be started.
    #[error(transparent)]
    Upstream(#[from] LoopbackError),
    /// The agent's process could not be started.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// The scratch home could not be made.
    #[error("cannot make a scratch home: {0}")]
    Home(#[from] std::io::Error),
    /// codexpin was asked to stop.
    #[error("interrupted")]
    Stopped,
}

/// Asks an installed candidate for a reply, with the loopback as upstream.
/// `log` is where its whole output goes, without an ending.
pub async fn check(
    subject: &Subject,
    question: &Question,
    surroundings: &Surroundings,
    log: &Utf8Path,
    stop: &CancellationToken,
) -> Result<Observation, CheckError> {
    let loopback = Loopback::start(LoopbackOptions::default()).await?;
    let home = ScratchHome::make(&surroundings.scratch, &question.route, &loopback.base_url())?;
    let ca = home.path().join("loopback-ca.pem");
    loopback.write_ca(&ca)?;
    let program = agent(subject, question, surroundings, &home, &loopback, &ca, log);
    let started = Timestamp::now();
    let finished = surroundings.processes.run(&program, stop).await?;
    let requests = loopback.shutdown().await;
    let ending = match finished.ending {
        process::Ending::Exited(status) => Ending::Exited(status),
        process::Ending::Signalled(signal) => Ending::Signalled(signal),
        process::Ending::TimedOut => Ending::TimedOut,
        process::Ending::Cancelled => return Err(CheckError::Stopped),
    };
    let stdout = reply::plain(&finished.stdout.text());
    Ok(Observation {
        core: subject.core,
        plugin: subject.plugin,
        node: subject.node.version.clone(),
        route: question.route.clone(),
        upstream: "loopback".to_owned(),
        asked: question.reply.clone(),
        started,
        elapsed_ms: u64::try_from(finished.elapsed.as_millis()).unwrap_or(u64::MAX),
        ending,
        reply: reply::read(&stdout),
        stdout: reply::excerpt(&stdout, EXCERPT),
        stderr: reply::excerpt(&reply::plain(&finished.stderr.text()), EXCERPT),
        requests,
        left_running: finished.left_running,
        logs: Some(log.to_owned()),
    })
}

/// `openclaw agent`, as its documentation has it for a one-shot turn.
fn agent(
    subject: &Subject,
    question: &Question,
    surroundings: &Surroundings,
    home: &ScratchHome,
    loopback: &Loopback,
    ca: &Utf8Path,
    log: &Utf8Path,
) -> Program {
    let node = &subject.node;
    let mut environment = in_scratch_home(surroundings.environment.inherited(), home.path())
        .with_path_first(&node.bin);
    for (name, value) in loopback.environment(ca) {
        environment = environment.with(name, value);
    }
    for (name, value) in home::credentials(&question.route) {
        environment = environment.with(name, value);
    }
    let seconds = question.time_limit.as_secs().to_string();
    let message = format!("Reply exactly: {}", question.reply);
    let session = format!("codexpin-{}", home.id());
    let arguments = [
        subject.entry.as_str(),
        "agent",
        "--local",
        "--agent",
        "main",
        "--session-id",
        &session,
        "--message",
        &message,
        "--thinking",
        "off",
        "--timeout",
        &seconds,
        "--json",
    ];
    Program {
        executable: node.executable(),
        arguments: arguments.map(str::to_owned).to_vec(),
        directory: home.workspace(),
        environment,
        time_limit: question.time_limit + MARGIN,
        log: Some(log.to_owned()),
        enclosure: None,
    }
}
