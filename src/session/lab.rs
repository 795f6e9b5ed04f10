//! Where candidates are installed and asked, as the session sees it.

use std::error::Error;

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

/// No observation.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// This candidate cannot be tested; others may.
    #[error("{0}")]
    Skip(Box<SkipReason>),
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
            Self::Infrastructure(_) => Class::Infrastructure,
        }
    }
}

impl From<SkipReason> for LabError {
    fn from(reason: SkipReason) -> Self {
        Self::Skip(Box::new(reason))
    }
}
