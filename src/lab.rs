//! The lab on this machine: npm, the prefixes and the check, behind the trait that the
//! session knows.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use camino::Utf8Path;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::answers::{AnswerKey, AskedWith, KnownAnswers};
use crate::check::account::LentAccount;
use crate::check::{self, CheckEnvironment, CheckError, CheckJob, InstalledCandidate};
use crate::config::{self, Loaded};
use crate::event::{Event, Events};
use crate::node::Nodes;
use crate::npm::run::{Meaning, NpmError};
use crate::observation::{AgentEnding, Observation};
use crate::prefix::Prefix;
use crate::prefix::store::PrefixStore;
use crate::prefix::{InstallError, StoreError};
use crate::question::{AskBy, Question};
use crate::release::PackageName;
use crate::release::pairing::Candidate;
use crate::route::Route;
use crate::session::job::Job;
use crate::session::lab::{Lab, LabError};
use crate::verdict::{self, SkipReason};

impl From<CheckError> for LabError {
    fn from(error: CheckError) -> Self {
        match error {
            CheckError::Stopped => Self::Stopped,
            error => Self::Infrastructure(Box::new(error)),
        }
    }
}

/// This machine.
#[derive(Debug, Clone)]
pub struct RealLab {
    /// The scratch prefixes.
    pub store: PrefixStore,
    /// Which Node each candidate runs on.
    pub nodes: Arc<Nodes>,
    /// Where candidates are asked.
    pub surroundings: CheckEnvironment,
    /// The config that a question names, where one does.
    pub config: Option<Arc<Loaded>>,
    /// The login that is lent, where the service itself answers.
    pub account: Option<Arc<LentAccount>>,
    /// What was seen before, and what is kept for later; none where neither matters.
    pub known: Option<Arc<KnownAnswers>>,
    /// Whether the user's own check command has been run at all.
    pub command_ran: Arc<AtomicBool>,
}

impl Lab for RealLab {
    type Ready = Prefix;

    /// npm unpacks with all cores that it gets: half of them leaves room for the check.
    fn installers(&self) -> usize {
        std::thread::available_parallelism().map_or(1, |cores| (cores.get() / 2).clamp(1, 4))
    }

    async fn install(
        &self,
        job: &Job,
        events: &Events,
        stop: &CancellationToken,
    ) -> Result<Prefix, LabError> {
        let core = job.candidate.core;
        // Before the install, which takes a minute.
        if let Some(reason) = missing_piece(&job.candidate, &job.question) {
            return Err(reason.into());
        }
        if let Some(account) = self.account.as_ref().filter(|account| account.pace.is_spent()) {
            return Err(CheckError::from(account.pace.spent()).into());
        }
        let node = self
            .nodes
            .of(core)
            .map_err(|why| LabError::from(SkipReason::CannotInstall { why: why.to_owned() }))?;
        if !self.is_installed(job) {
            events.tell(Event::InstallStarted { core });
        }
        let begun = Instant::now();
        let span = tracing::info_span!("install", %core);
        let provided = self.store.provide(&job.candidate, node, stop).instrument(span).await;
        let provided = provided.map_err(meaning);
        match &provided {
            Ok(prefix) => events.tell(Event::InstallFinished {
                core,
                elapsed_ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
                reused: prefix.reused,
            }),
            // The canceller has already reported it.
            Err(LabError::Stopped) => {}
            Err(error) => events.tell(Event::InstallFailed { core, why: error.to_string() }),
        }
        provided
    }

    fn is_installed(&self, job: &Job) -> bool {
        let node = self.nodes.of(job.candidate.core);
        node.is_ok_and(|node| self.store.kept(&job.candidate, node).is_some())
    }

    fn reused(ready: &Prefix) -> bool {
        ready.reused
    }

    async fn check(
        &self,
        ready: &Prefix,
        job: &Job,
        logs: &Utf8Path,
        stop: &CancellationToken,
    ) -> Result<Vec<Observation>, LabError> {
        let known = self.known.as_ref().and_then(|known| Some((known, self.key(ready, job)?)));
        if let Some((known, key)) = &known
            && let Some(observations) = known.of_first_ask(key)
        {
            return Ok(observations);
        }
        let check = CheckJob {
            candidate: &subject(ready),
            question: &job.question,
            variation: &job.variation,
            config: self.config.as_deref(),
            account: self.account.as_deref(),
            logs,
        };
        let span = tracing::info_span!("check", core = %job.candidate.core);
        let observations = check::check(check, &self.surroundings, stop).instrument(span).await?;
        if let Some(error) = self.error_of_command(&job.question.ask, &observations) {
            return Err(LabError::Infrastructure(Box::new(error)));
        }
        // Before a failure counts. What answers as it should is taken at its word.
        let infrastructure = |error| LabError::Infrastructure(Box::<std::io::Error>::new(error));
        if !observations.iter().all(verdict::passes)
            && !ready.is_as_installed().await.map_err(infrastructure)?
        {
            ready.condemn().map_err(infrastructure)?;
            let what = format!("{} in {}", job.candidate.core, ready.directory);
            return Err(LabError::Changed { what });
        }
        if let Some((known, key)) = &known
            && let Err(error) = known.keep(key, &observations)
        {
            // The next session asks again.
            tracing::warn!("the answer of {} is not kept: {error}", job.candidate.core);
        }
        Ok(observations)
    }
}

impl RealLab {
    /// What an answer is known by; none where it would say nothing to others.
    fn key(&self, ready: &Prefix, job: &Job) -> Option<AnswerKey> {
        let account = match &self.account {
            // An account that nothing tells from another one.
            Some(account) => Some(account.account_hash()?),
            None => None,
        };
        let asked = AskedWith {
            content: ready.manifest.content.clone(),
            node: ready.manifest.node.version.clone(),
            config: self.config.as_deref().map(config::fingerprint),
            account,
        };
        AnswerKey::of(&job.candidate, &job.question, &job.variation, asked)
    }

    /// Lets installs reach what the question opens them to, and run as it allows.
    pub fn install_as_allowed_by(&mut self, question: &Question) {
        let store = self.store.clone().opened_to(question.open_install.clone());
        self.store = store.unenclosed(question.unenclosed);
    }

    /// The exit codes of a check command that speak of the command, as `git bisect
    /// run` has them: 128 and over asks for an end, and one that cannot be run at
    /// its first time will not do better the next.
    fn error_of_command(&self, ask: &AskBy, observations: &[Observation]) -> Option<CheckError> {
        let AskBy::Command(command) = ask else { return None };
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

/// Why the candidate cannot be asked this question at all, as the registry has it.
pub fn missing_piece(candidate: &Candidate, question: &Question) -> Option<SkipReason> {
    let routes = &question.routes;
    let asks_codex_only = !routes.is_empty() && routes.iter().all(Route::wants_codex);
    (asks_codex_only && candidate.plugin.is_none()).then(|| {
        let piece = format!("the registry has no {} for it", PackageName::PLUGIN);
        SkipReason::Missing { piece }
    })
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
            SkipReason::CannotInstall { why: failure.to_string() }.into()
        }
        StoreError::Install(InstallError::Npm(NpmError::Limited(_))) => {
            SkipReason::CannotInstall { why: error.to_string() }.into()
        }
        StoreError::Install(InstallError::Plugin { .. }) => {
            SkipReason::Missing { piece: error.to_string() }.into()
        }
        StoreError::Install(
            InstallError::NotTheCandidate { .. }
            | InstallError::NoCommand
            | InstallError::Refused { .. },
        ) => SkipReason::CannotInstall { why: error.to_string() }.into(),
        _ => LabError::Infrastructure(Box::new(error)),
    }
}
