//! Everything that happens while candidates are installed and checked, as data.
//! Whoever shows it, or writes it down, needs nothing else.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use crate::question::Purpose;
use crate::release::Version;
use crate::verdict::Verdict;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "event")]
pub enum Event {
    /// A prefix is being made.
    InstallStarted {
        /// Which candidate's.
        core: Version,
    },
    /// A prefix is ready.
    InstallFinished {
        /// Which candidate's.
        core: Version,
        /// How long it took. Milliseconds.
        elapsed_ms: u64,
        /// It was there already.
        reused: bool,
    },
    /// A prefix could not be made.
    InstallFailed {
        /// Which candidate's.
        core: Version,
        /// Why.
        why: String,
    },
    /// An install that was begun ahead is no longer of use.
    InstallDropped {
        /// Which candidate's.
        core: Version,
    },
    /// The agent is being asked.
    CheckStarted {
        /// Which candidate.
        core: Version,
    },
    /// The candidate was judged.
    CheckFinished {
        /// Which candidate.
        core: Version,
        /// What the check says.
        verdict: Verdict,
        /// How long the agent took; 0 where it was not asked. Milliseconds.
        elapsed_ms: u64,
        /// What the check was for.
        purpose: Purpose,
    },
    /// The failing candidate is asked once more, with something that may mend it.
    RemedyStarted {
        /// With what, to be read after "answers".
        words: String,
    },
    /// How far the search is.
    Search {
        /// The last good candidate so far.
        last_good: Version,
        /// The first bad candidate so far.
        first_bad: Version,
        /// Candidates between them that are not judged.
        left: usize,
        /// About how many checks are to come.
        checks: u32,
        /// Whether both ends are verified.
        verified: bool,
    },
}

/// Where events go. Clones share the receiver.
#[derive(Clone)]
pub struct Events(Arc<dyn Fn(Event) + Send + Sync>);

impl Events {
    /// Sends events to `receiver`.
    pub fn to(receiver: impl Fn(Event) + Send + Sync + 'static) -> Self {
        Self(Arc::new(receiver))
    }

    /// Tells what happened.
    pub fn tell(&self, event: Event) {
        (self.0)(event);
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Events")
    }
}
