//! Where candidates are installed and asked. The session knows only this seam;
//! the real lab has npm, prefixes and the check behind it.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use camino::Utf8Path;
use tokio_util::sync::CancellationToken;

use crate::check::{self, CheckError, Question, Subject, Surroundings};
use crate::event::{Event, Events};
use crate::observation::Observation;
use crate::prefix::Prefix;
use crate::prefix::install::InstallError;
use crate::prefix::node::Node;
use crate::prefix::npm::{Meaning, NpmError};
use crate::prefix::store::{Store, StoreError};
use crate::release::Version;
use crate::release::pairing::Candidate;
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

    /// Asks an installed candidate for a reply.
    fn check(
        &self,
        ready: &Self::Ready,
        log: &Utf8Path,
        stop: &CancellationToken,
    ) -> impl Future<Output = Result<Observation, LabError>>;
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

/// The real lab.
#[derive(Debug, Clone)]
pub struct RealLab {
    /// The scratch prefixes.
    pub store: Store,
    /// Which Node each candidate runs on.
    pub nodes: Arc<Nodes>,
    /// What is asked.
    pub question: Question,
    /// Where it is asked.
    pub surroundings: Surroundings,
}

/// The Node for each candidate of a line: one for all of them where one fits,
/// so that it is no second variable.
#[derive(Debug, Clone)]
pub struct Nodes {
    by_core: std::collections::BTreeMap<Version, Result<Node, String>>,
}

impl Nodes {
    /// From what was found for each candidate: a Node, or why there is none.
    pub fn new(by_core: impl IntoIterator<Item = (Version, Result<Node, String>)>) -> Self {
        Self { by_core: by_core.into_iter().collect() }
    }

    /// The candidate's Node.
    pub fn of(&self, core: Version) -> Result<&Node, &str> {
        match self.by_core.get(&core) {
            Some(Ok(node)) => Ok(node),
            Some(Err(why)) => Err(why),
            None => Err("no Node was chosen for it"),
        }
    }

    /// The different Node versions in use, in the order of the line.
    pub fn versions(&self) -> Vec<&str> {
        let mut versions: Vec<&str> = Vec::new();
        for node in self.by_core.values().flatten() {
            if !versions.contains(&node.version.as_str()) {
                versions.push(&node.version);
            }
        }
        versions
    }
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
        log: &Utf8Path,
        stop: &CancellationToken,
    ) -> Result<Observation, LabError> {
        let checked =
            check::check(&subject(ready), &self.question, &self.surroundings, log, stop).await;
        checked.map_err(|error| match error {
            CheckError::Stopped => LabError::Stopped,
            error => LabError::Infrastructure(Box::new(error)),
        })
    }
}

fn subject(prefix: &Prefix) -> Subject {
    let candidate = &prefix.manifest.candidate;
    Subject {
        core: candidate.core,
        plugin: candidate.plugin.as_ref().map(|plugin| plugin.version),
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
        StoreError::Install(InstallError::NotTheCandidate { .. } | InstallError::NoCommand) => {
            LabError::Skip(SkipReason::CannotInstall { why: error.to_string() })
        }
        _ => LabError::Infrastructure(Box::new(error)),
    }
}

impl fmt::Display for Nodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.versions().join(", "))
    }
}
