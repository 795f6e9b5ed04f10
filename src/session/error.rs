//! Why a session stopped before its end.

use jiff::{SignedDuration, Timestamp};

use super::journal::JournalError;
use super::lab::LabError;
use super::record::CheckRecord;
use crate::explain::{Class, Explain};
use crate::release::Version;
use crate::search::Pause;
use crate::verdict::Verdict;

/// A session stopped before its end. All that it saw is in its journal.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The lab cannot work: infrastructure, or the user's stop.
    #[error(transparent)]
    Lab(#[from] LabError),
    /// The journal cannot be written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// What the account says is about itself, whichever release asks.
    #[error("the account cannot be asked now: {title} ({evidence}){}", until.map(|at| format!("; it is free again at {at:.0}")).unwrap_or_default())]
    Account {
        /// What is wrong.
        title: String,
        /// In the candidate's or the service's words.
        evidence: String,
        /// When to come back, where the service said so.
        until: Option<Timestamp>,
    },
    /// A candidate failed, and one that answered before now fails too.
    #[error(
        "{core} answered before and does not now: it is the account, the service or the network, not a release ({why})"
    )]
    Control {
        /// The candidate that answered before.
        core: Version,
        /// What it says now.
        why: String,
    },
}

impl Explain for SessionError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Lab(error) => error.hint(),
            Self::Journal(error) => error.hint(),
            Self::Account { .. } | Self::Control { .. } => None,
        }
    }

    fn class(&self) -> Class {
        match self {
            Self::Lab(error) => error.class(),
            Self::Journal(error) => error.class(),
            Self::Account { .. } | Self::Control { .. } => Class::Infrastructure,
        }
    }
}

impl SessionError {
    /// Why the search pauses, by the check that made it.
    pub(super) fn paused(pause: Pause, check: &CheckRecord) -> Self {
        match pause {
            Pause::Shared { .. } => {
                let failure = check.verdict.failure();
                let requests = check.observations.iter().flat_map(|o| &o.requests);
                let wait = requests.filter_map(|request| request.retry_after_s).max();
                let wait = wait.and_then(|seconds| i64::try_from(seconds).ok());
                Self::Account {
                    title: failure.map(|failure| failure.title.clone()).unwrap_or_default(),
                    evidence: failure.map(|f| f.evidence.text.clone()).unwrap_or_default(),
                    until: wait.and_then(|seconds| {
                        Timestamp::now().checked_add(SignedDuration::from_secs(seconds)).ok()
                    }),
                }
            }
            Pause::Control { .. } => Self::Control {
                core: check.core,
                why: match &check.verdict {
                    Verdict::Good => String::new(),
                    Verdict::Bad { failure } => failure.evidence.text.clone(),
                    Verdict::Skip { reason } => reason.to_string(),
                },
            },
        }
    }
}
