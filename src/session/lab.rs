//! Where candidates are installed and asked, as the session sees it.

use std::error::Error;
use std::sync::Arc;

use camino::Utf8Path;
use tokio_util::sync::CancellationToken;

use super::job::Job;
use crate::event::Events;
use crate::explain::{Class, Explain};
use crate::observation::Observation;
use crate::verdict::SkipReason;

/// Installs and asks candidates. Clones work in the same lab, side by side.
pub trait Lab: Clone + Send + Sync + 'static {
    /// An installed candidate.
    type Ready: Send + Sync + 'static;

    /// How many installs may run at the same time.
    fn installers(&self) -> usize;

    /// Installs the candidate of a job, or says why it cannot be.
    fn install(
        &self,
        job: &Job,
        events: &Events,
        stop: &CancellationToken,
    ) -> impl Future<Output = Result<Self::Ready, LabError>> + Send;

    /// Whether the candidate of a job is installed already, as far as can be told at
    /// once.
    fn is_installed(&self, job: &Job) -> bool;

    /// Whether the candidate was installed before.
    fn reused(ready: &Self::Ready) -> bool;

    /// Asks an installed candidate for a reply: one observation a route. Whole
    /// outputs go to files in `logs`.
    fn check(
        &self,
        ready: &Self::Ready,
        job: &Job,
        logs: &Utf8Path,
        stop: &CancellationToken,
    ) -> impl Future<Output = Result<Vec<Observation>, LabError>> + Send;
}

/// Asks an installed candidate. Where it turns out not to be what was installed any more,
/// it is installed anew and asked once more. What was asked in the end comes back, too.
pub async fn ask<L: Lab>(
    lab: &L,
    mut ready: Arc<L::Ready>,
    job: &Job,
    logs: &Utf8Path,
    (events, stop): (&Events, &CancellationToken),
) -> (Result<Vec<Observation>, LabError>, Option<Arc<L::Ready>>) {
    let changed = match lab.check(&ready, job, logs, stop).await {
        Err(changed @ LabError::Changed { .. }) => changed,
        seen => return (seen, Some(ready)),
    };
    events.warn(format!("{changed}; it is installed anew and asked again"));
    // It is held against removal as long as somebody has it.
    drop(ready);
    ready = match lab.install(job, events, stop).await {
        Ok(ready) => Arc::new(ready),
        Err(error) => return (Err(error), None),
    };
    (lab.check(&ready, job, logs, stop).await, Some(ready))
}

/// No observation.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// This candidate cannot be tested; others may.
    #[error("{0}")]
    Skip(Box<SkipReason>),
    /// What was asked is no longer what was installed: what was seen counts for nothing.
    #[error("{what} is no longer what was installed")]
    Changed {
        /// The candidate, and where it is.
        what: String,
    },
    /// Nothing can be tested until the machine, the network or the registry is
    /// put right. Never counted against a candidate.
    #[error("{0}")]
    Infrastructure(Box<dyn Error + Send + Sync>),
    /// codexpin was asked to stop.
    #[error("interrupted")]
    Stopped,
}

impl Explain for LabError {
    fn class(&self) -> Class {
        match self {
            Self::Stopped => Class::Interrupted,
            Self::Skip(_) => Class::Skip,
            Self::Changed { .. } | Self::Infrastructure(_) => Class::Infrastructure,
        }
    }
}

impl From<SkipReason> for LabError {
    fn from(reason: SkipReason) -> Self {
        Self::Skip(Box::new(reason))
    }
}
