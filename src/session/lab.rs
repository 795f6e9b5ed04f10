//! Where candidates are installed and asked. The session knows only this seam;
//! the real lab has npm, prefixes and the check behind it.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::check::account::LentAccount;
use crate::check::{self, CheckEnvironment, CheckError, CheckJob, InstalledCandidate};
use crate::config::Loaded;
use crate::event::{Event, Events};
pub use crate::node::Nodes;
use crate::npm::run::{Meaning, NpmError};
use crate::observation::{AgentEnding, Observation};
use crate::prefix::Prefix;
use crate::prefix::install::InstallError;
use crate::prefix::store::{PrefixStore, StoreError};
use crate::question::{Ask, Question, StateCarry, Variation};
use crate::release::pairing::Candidate;
use crate::release::{PackageName, Version};
use crate::route::Route;
use crate::upstream::loopback::Fault;
use crate::verdict::SkipReason;

/// Installs and asks candidates.
pub trait Lab {
    /// An installed candidate.
    type Ready: Send + 'static;

    /// How many installs may run at the same time.
    fn installers(&self) -> usize;

    /// Installs a candidate, or says why it cannot be.
    fn install(
        &self,
        candidate: &Candidate,
        events: Events,
        stop: CancellationToken,
    ) -> impl Future<Output = Result<Self::Ready, LabError>> + Send + 'static;

    /// Whether the candidate was installed before.
    fn reused(ready: &Self::Ready) -> bool;

    /// Asks an installed candidate for a reply: one observation a route. Whole
    /// outputs go to files in `logs`.
    fn check(
        &self,
        ready: &Self::Ready,
        logs: &Utf8Path,
        stop: &CancellationToken,
    ) -> impl Future<Output = Result<Vec<Observation>, LabError>>;
}

/// No observation.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// This candidate cannot be tested; others may.
    #[error("{0}")]
    Skip(SkipReason),
    /// Nothing can be tested until the machine, the network or the registry is
    /// put right. Never counted against a candidate.
    #[error("{0}")]
    Infrastructure(Box<dyn Error + Send + Sync>),
    /// codexpin was asked to stop.
    #[error("interrupted")]
    Stopped,
}

impl From<CheckError> for LabError {
    fn from(error: CheckError) -> Self {
        match error {
            CheckError::Stopped => Self::Stopped,
            error => Self::Infrastructure(Box::new(error)),
        }
    }
}

/// The real lab.
#[derive(Debug, Clone)]
pub struct RealLab {
    /// The scratch prefixes.
    pub store: PrefixStore,
    /// Which Node each candidate runs on.
    pub nodes: Arc<Nodes>,
    /// What is asked.
    pub question: Question,
    /// Where it is asked.
    pub surroundings: CheckEnvironment,
    /// The config that is carried over, where one is.
    pub config: Option<Arc<Loaded>>,
    /// What is written into the config besides, where a remedy is tried.
    pub settings: Option<Arc<Value>>,
    /// Whose state every candidate meets, where one is carried along.
    pub carried: Option<Carried>,
    /// The login that is lent, where the service itself answers.
    pub account: Option<Arc<LentAccount>>,
    /// What goes wrong with the loopback, on purpose.
    pub fault: Option<Fault>,
    /// Whether the user's own check command has been run at all.
    pub command_ran: Arc<AtomicBool>,
}

/// The state of the good end, for the other candidates to meet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Carried {
    /// The good end, which meets a fresh state and leaves its own.
    pub from: Version,
    /// Where its state is kept.
    pub directory: Utf8PathBuf,
}

impl Lab for RealLab {
    type Ready = Prefix;

    /// npm unpacks with all cores that it gets: half of them leaves room for the check.
    fn installers(&self) -> usize {
        std::thread::available_parallelism().map_or(1, |cores| (cores.get() / 2).clamp(1, 4))
    }

    fn install(
        &self,
        candidate: &Candidate,
        events: Events,
        stop: CancellationToken,
    ) -> impl Future<Output = Result<Prefix, LabError>> + Send + 'static {
        let (lab, candidate) = (self.clone(), candidate.clone());
        async move {
            let core = candidate.core;
            if let Some(reason) = lab.missing_piece(&candidate) {
                return Err(LabError::Skip(reason));
            }
            let node = lab
                .nodes
                .of(core)
                .map_err(|why| LabError::Skip(SkipReason::CannotInstall { why: why.to_owned() }))?;
            events.tell(Event::InstallStarted { core });
            let begun = Instant::now();
            let provided = lab.store.provide(&candidate, node, &stop).await.map_err(meaning);
            match &provided {
                Ok(prefix) => events.tell(Event::InstallFinished {
                    core,
                    elapsed_ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
                    reused: prefix.reused,
                }),
                // Whoever stopped it has told so.
                Err(LabError::Stopped) => {}
                Err(error) => events.tell(Event::InstallFailed { core, why: error.to_string() }),
            }
            provided
        }
    }

    fn reused(ready: &Prefix) -> bool {
        ready.reused
    }

    async fn check(
        &self,
        ready: &Prefix,
        logs: &Utf8Path,
        stop: &CancellationToken,
    ) -> Result<Vec<Observation>, LabError> {
        let state = match &self.carried {
            None => StateCarry::Fresh,
            Some(carried) if ready.manifest.candidate.core == carried.from => {
                StateCarry::SaveTo(carried.directory.clone())
            }
            Some(carried) => StateCarry::RestoreFrom(carried.directory.clone()),
        };
        let variation =
            Variation { state, settings: self.settings.as_deref().cloned(), fault: self.fault };
        let job = CheckJob {
            candidate: &subject(ready),
            question: &self.question,
            variation: &variation,
            config: self.config.as_deref(),
            account: self.account.as_deref(),
            logs,
        };
        let checked = check::check(job, &self.surroundings, stop).await;
        let observations = checked?;
        match self.said_of_the_command(&observations) {
            Some(error) => Err(LabError::Infrastructure(Box::new(error))),
            None => Ok(observations),
        }
    }
}

impl RealLab {
    /// Why the candidate cannot be asked at all; better known before its install.
    fn missing_piece(&self, candidate: &Candidate) -> Option<SkipReason> {
        let routes = &self.question.routes;
        let asks_codex_only = !routes.is_empty() && routes.iter().all(Route::wants_codex);
        (asks_codex_only && candidate.plugin.is_none()).then(|| {
            let piece = format!("the registry has no {} for it", PackageName::PLUGIN);
            SkipReason::Missing { piece }
        })
    }

    /// The exit codes of a check command that speak of the command, as `git bisect
    /// run` has them: 128 and over asks for an end, and one that cannot be run at
    /// its first time will not do better the next.
    fn said_of_the_command(&self, observations: &[Observation]) -> Option<CheckError> {
        let Ask::Command(command) = &self.question.ask else { return None };
        for observation in observations.iter().filter(|o| o.stopped_at.is_none()) {
            let why = match observation.ending {
                AgentEnding::Signalled(signal) => format!("was ended by signal {signal}"),
                AgentEnding::Exited(status) if status >= 128 => {
                    format!("ended with exit status {status}, which asks codexpin to stop")
                }
                AgentEnding::Exited(status @ (126 | 127))
                    if !self.command_ran.load(Ordering::Relaxed) =>
                {
                    format!("cannot be run (exit status {status})")
                }
                _ => {
                    self.command_ran.store(true, Ordering::Relaxed);
                    continue;
                }
            };
            let command = command.clone();
            return Some(CheckError::Command { command, why });
        }
        None
    }
}

/// What a check has to know of a prefix.
pub fn subject(prefix: &Prefix) -> InstalledCandidate {
    let candidate = &prefix.manifest.candidate;
    InstalledCandidate {
        core: candidate.core,
        plugin: candidate.plugin.as_ref().map(|plugin| plugin.version),
        plugin_state: prefix.plugin_state(),
        prefix: prefix.directory.clone(),
        entry: prefix.entry(),
        node: prefix.manifest.node.clone(),
    }
}

/// What npm says about this candidate is a skip; what it says about the machine
/// stops the session.
fn meaning(error: StoreError) -> LabError {
    match &error {
        StoreError::Install(InstallError::Npm(NpmError::Stopped)) => LabError::Stopped,
        StoreError::Install(InstallError::Npm(NpmError::Failed { failure, .. }))
            if failure.meaning() == Meaning::Untestable =>
        {
            LabError::Skip(SkipReason::CannotInstall { why: failure.to_string() })
        }
        StoreError::Install(InstallError::Plugin { .. }) => {
            LabError::Skip(SkipReason::Missing { piece: error.to_string() })
        }
        StoreError::Install(InstallError::NotTheCandidate { .. } | InstallError::NoCommand) => {
            LabError::Skip(SkipReason::CannotInstall { why: error.to_string() })
        }
        _ => LabError::Infrastructure(Box::new(error)),
    }
}
