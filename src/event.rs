//! One stream for everything that happens, as data: installs, checks, the search,
//! lent logins, the steps of an apply, warnings and notes. Each event has its time.
//! The code that does the work tells events; `report` alone shows them.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use camino::Utf8PathBuf;
use jiff::Timestamp;
use serde::Serialize;

use crate::question::{Lending, Question};
use crate::release::pairing::Candidate;
use crate::release::{PackageName, Version};
use crate::search::Purpose;
use crate::verdict::Verdict;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "event")]
pub enum Event {
    /// A session begins, or goes on.
    SessionStarted(Box<SessionOpening>),
    /// A prefix is being made.
    InstallStarted {
        /// The candidate.
        core: Version,
    },
    /// A prefix is ready.
    InstallFinished {
        /// The candidate.
        core: Version,
        /// Milliseconds.
        elapsed_ms: u64,
        /// Whether the prefix was there already.
        reused: bool,
    },
    /// A prefix could not be made.
    InstallFailed {
        /// The candidate.
        core: Version,
        /// The error.
        why: String,
    },
    /// An install that was begun ahead is no longer needed.
    InstallDropped {
        /// The candidate.
        core: Version,
    },
    /// The agent is being asked.
    CheckStarted {
        /// The candidate.
        core: Version,
    },
    /// The candidate was judged.
    CheckFinished {
        /// The candidate.
        core: Version,
        /// What the check says.
        verdict: Verdict,
        /// How long the agent took; 0 where it was not asked. Milliseconds.
        elapsed_ms: u64,
        /// What the check was for.
        purpose: Purpose,
        /// When it was asked, where an earlier session did that.
        #[serde(skip_serializing_if = "Option::is_none")]
        known_since: Option<Timestamp>,
    },
    /// The failing candidate is asked once more, with something that may mend it.
    RemedyStarted {
        /// What is tried, to be read after "answers".
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
        /// How likely the likeliest boundary is right; none where answers are taken for
        /// certain.
        confidence: Option<f64>,
    },
    /// How far the scan of a line is.
    Scan {
        /// How many checks are to come, as far as is known.
        left: usize,
        /// How many candidates are asked in all.
        of: usize,
    },
    /// A login is lent to a candidate.
    LoginLent {
        /// Whose it is, by name; never an address, never a credential.
        lending: Lending,
        /// How many turns are asked for.
        turns: usize,
        /// Whether as many are asked for with each remedy.
        and_for_each_remedy: bool,
    },
    /// codexpin's own login is being renewed.
    LoginRenewing {
        /// The login's name.
        profile: String,
    },
    /// The live logins were compared with what they were at the start.
    LoginsCompared {
        /// Files that changed meanwhile.
        changed: Vec<Utf8PathBuf>,
    },
    /// An apply that was killed earlier is finished, or put back.
    ApplyResumed {
        /// Its backup.
        backup: Utf8PathBuf,
        /// The step at which it was killed, in words.
        #[serde(skip_serializing_if = "Option::is_none")]
        step: Option<String>,
        /// Whether it is put back, and not finished.
        back: bool,
    },
    /// It is known what an apply would change.
    ApplyPlanned {
        /// The installed core.
        from: Version,
        /// The installed plugin.
        from_plugin: Option<Version>,
        /// The core that is to be installed.
        to: Version,
        /// The plugin that is to be installed.
        to_plugin: Option<Version>,
        /// The steps in their order, in words.
        steps: Vec<String>,
    },
    /// npm installs beside the live package.
    ApplyStaging {
        /// Which package.
        package: PackageName,
        /// Its release.
        version: Version,
    },
    /// The service is being stopped.
    ApplyStopping {
        /// Its unit file.
        unit: Utf8PathBuf,
    },
    /// The service is stopped.
    ApplyStopped {
        /// Its unit file.
        unit: Utf8PathBuf,
    },
    /// Everything is in the backup.
    ApplySaved {
        /// The backup.
        backup: Utf8PathBuf,
        /// How many files.
        files: usize,
    },
    /// A release is live.
    ApplySwapped {
        /// Which package.
        package: PackageName,
        /// Its release.
        version: Version,
    },
    /// A saved config is in place.
    ApplyConfigPlaced {
        /// The config.
        path: Utf8PathBuf,
        /// The saved file that it came from.
        saved: Utf8PathBuf,
    },
    /// `OpenClaw` is kept from updating itself, or let go.
    ApplyHeld {
        /// What keeps it, in words; none where nothing does any more.
        means: Option<String>,
    },
    /// The service is being started.
    ApplyStarting {
        /// Its unit file.
        unit: Utf8PathBuf,
    },
    /// The service is started.
    ApplyStarted {
        /// Its unit file.
        unit: Utf8PathBuf,
    },
    /// Version, service and reply are asked for.
    ApplyProving {
        /// The release.
        version: Version,
    },
    /// The release answers where it is live.
    ApplyProved {
        /// The release.
        version: Version,
    },
    /// The release does not answer where it is live.
    ApplyProofFailed {
        /// The release.
        version: Version,
        /// What failed.
        why: String,
    },
    /// Whether the release answers could not be found out; nothing is put back.
    ApplyUnproven {
        /// The release.
        version: Version,
        /// What prevented the proof.
        why: String,
    },
    /// Everything is being put back.
    ApplyReverting {
        /// What failed.
        why: String,
    },
    /// Everything is put back.
    ApplyReverted {
        /// The release that is live again.
        version: Version,
    },
    /// A remark beside the work.
    Note {
        /// In words.
        text: String,
    },
    /// Something that the reader should know and that stops nothing.
    Warning {
        /// In words.
        text: String,
    },
    /// The command could not do its work. Nothing comes after it.
    Failed {
        /// What happened, to what.
        message: String,
        /// What to do about it.
        hint: Option<String>,
        /// The exit status that the command ends with.
        exit_status: u8,
    },
}

/// What is about to happen in a session.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SessionOpening {
    /// The session's name.
    pub session: String,
    /// The candidates, the good end first.
    pub line: Vec<Candidate>,
    /// Whether the first release is looked for that answers again; the good end is the
    /// newest then.
    pub find_fix: bool,
    /// Whether the good end is not given.
    pub seeks_good_end: bool,
    /// How many candidates are asked, where no boundary is looked for.
    pub scan: Option<usize>,
    /// What they are asked.
    pub question: Question,
    /// The versions of Node that they run on.
    pub nodes: Vec<String>,
    /// Why that is not the machine's own.
    pub why_node: Option<String>,
    /// How many turns the account may be asked for, where one is asked.
    pub max_turns: Option<usize>,
    /// How many checks the journal holds already, where a session goes on.
    pub checked: Option<usize>,
}

/// An event and its time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TimedEvent {
    /// Wall clock.
    pub at: Timestamp,
    /// Since codexpin started, by a clock that never goes back. Milliseconds.
    pub since_start_ms: u64,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// Says when something happens.
pub trait Clock: Send + Sync {
    /// Wall clock.
    fn now(&self) -> Timestamp;
    /// Since codexpin started, by a clock that never goes back.
    fn since_start(&self) -> Duration;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// A clock that starts now.
    pub fn start() -> Self {
        Self { start: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn since_start(&self) -> Duration {
        self.start.elapsed()
    }
}

/// Where events go. Clones share clock and receiver.
#[derive(Clone)]
pub struct Events {
    clock: Arc<dyn Clock>,
    receiver: Arc<dyn Fn(TimedEvent) + Send + Sync>,
}

impl Events {
    /// Sends events, with the time by `clock`, to `receiver`.
    pub fn new(
        clock: impl Clock + 'static,
        receiver: impl Fn(TimedEvent) + Send + Sync + 'static,
    ) -> Self {
        Self { clock: Arc::new(clock), receiver: Arc::new(receiver) }
    }

    /// The same, with the time by the machine's clock from now on.
    pub fn to(receiver: impl Fn(TimedEvent) + Send + Sync + 'static) -> Self {
        Self::new(SystemClock::start(), receiver)
    }

    /// For whoever wants to hear nothing.
    pub fn unheard() -> Self {
        Self::to(|_| {})
    }

    /// Tells what happened.
    pub fn tell(&self, event: Event) {
        let since_start = self.clock.since_start().as_millis();
        let event = TimedEvent {
            at: self.clock.now(),
            since_start_ms: u64::try_from(since_start).unwrap_or(u64::MAX),
            event,
        };
        // The log has its own time in each line.
        tracing::info!("{}", serde_json::to_string(&event.event).unwrap_or_default());
        (self.receiver)(event);
    }

    /// Tells a remark beside the work.
    pub fn note(&self, text: impl Into<String>) {
        self.tell(Event::Note { text: text.into() });
    }

    /// Tells something that the reader should know and that stops nothing.
    pub fn warn(&self, text: impl Into<String>) {
        self.tell(Event::Warning { text: text.into() });
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Events")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    struct Noon;

    impl Clock for Noon {
        fn now(&self) -> Timestamp {
            "2026-05-19T12:00:00Z".parse().unwrap()
        }

        fn since_start(&self) -> Duration {
            Duration::from_millis(1500)
        }
    }

    #[test]
    fn an_event_is_one_json_object_with_its_time_by_the_clock_that_was_passed_in() {
        let told = Arc::new(Mutex::new(Vec::new()));
        let events = Events::new(Noon, {
            let told = Arc::clone(&told);
            move |event| told.lock().unwrap().push(serde_json::to_string(&event).unwrap())
        });
        let core = "2026.5.19".parse().unwrap();
        events.tell(Event::InstallFinished { core, elapsed_ms: 7, reused: false });
        events.warn("disk is nearly full");
        let time = r#"{"at":"2026-05-19T12:00:00Z","since_start_ms":1500,"#;
        let rest = [
            r#""event":"install-finished","core":"2026.5.19","elapsed_ms":7,"reused":false}"#,
            r#""event":"warning","text":"disk is nearly full"}"#,
        ];
        assert_eq!(*told.lock().unwrap(), rest.map(|rest| format!("{time}{rest}")));
    }
}
