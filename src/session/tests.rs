mod account;
mod answers;
mod installs;
mod newest;
mod resuming;
mod summaries;

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock, Mutex};

use camino::{Utf8Path, Utf8PathBuf};
use tokio::sync::{Barrier, watch};

use super::*;
use crate::observation::{Observation, sample};
use crate::question::{Lender, Lending, Question, Upstream};
use crate::release::Version;
use crate::route::Route;
use crate::search::{AnswerKind, Mark, Purpose, Reason, SearchPlan};
use crate::verdict::SkipReason;
use journal::{JournalError, SessionRequest};
use summary::SessionSummary;

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(Catalogue::built_in);

/// What a scripted candidate does each time that it is asked; the last one for good.
type Script = Vec<&'static str>;

/// A lab without npm: candidates do what their scripts say.
#[derive(Clone)]
struct ScriptedLab {
    scripts: Vec<Script>,
    asked: Arc<Mutex<Vec<Version>>>,
    /// Which were installed, in order.
    installed: watch::Sender<Vec<Version>>,
    /// Which were installed before.
    kept: BTreeSet<Version>,
    /// The check of this candidate ends only when so many were installed.
    held_check: Option<(Version, usize)>,
    /// The same for an install.
    held_install: Option<(Version, usize)>,
    installers: usize,
    fail_after: Option<usize>,
    /// So many checks have to be under way at once before the first of them ends.
    together: Arc<Barrier>,
    at_once: usize,
    /// How many checks are under way, and how many were at the most.
    under_way: Arc<Mutex<(usize, usize)>>,
}

impl ScriptedLab {
    fn of(scripts: &[Script]) -> Self {
        Self {
            scripts: scripts.to_vec(),
            asked: Arc::default(),
            installed: watch::Sender::new(Vec::new()),
            kept: BTreeSet::new(),
            held_check: None,
            held_install: None,
            installers: 1,
            fail_after: None,
            together: Arc::new(Barrier::new(1)),
            at_once: 1,
            under_way: Arc::default(),
        }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().iter().map(ToString::to_string).collect()
    }

    fn installed(&self) -> Vec<String> {
        self.installed.borrow().iter().map(ToString::to_string).collect()
    }

    fn script(&self, core: Version) -> &Script {
        let place: usize = core.to_string()[7..].parse().unwrap();
        &self.scripts[place - 1]
    }

    async fn hold(&self, held: Option<(Version, usize)>, core: Version) {
        if let Some((_, installs)) = held.filter(|(held, _)| *held == core) {
            let mut installed = self.installed.subscribe();
            installed.wait_for(|installed| installed.len() >= installs).await.unwrap();
        }
    }

    fn look(&self, core: Version) -> Result<Vec<Observation>, LabError> {
        let mut asked = self.asked.lock().unwrap();
        if self.fail_after.is_some_and(|limit| asked.len() >= limit) {
            return Err(LabError::Infrastructure("the disk is full".into()));
        }
        let times = asked.iter().filter(|known| **known == core).count();
        asked.push(core);
        let script = self.script(core);
        match script[times.min(script.len() - 1)] {
            "changed" => Err(LabError::Changed { what: core.to_string() }),
            stderr => Ok(vec![observation(core, stderr)]),
        }
    }
}

struct ScriptedInstall {
    core: Version,
    reused: bool,
}

impl Lab for ScriptedLab {
    type Ready = ScriptedInstall;

    fn installers(&self) -> usize {
        self.installers
    }

    async fn install(
        &self,
        job: &Job,
        _events: &Events,
        _stop: &CancellationToken,
    ) -> Result<ScriptedInstall, LabError> {
        let core = job.candidate.core;
        if self.script(core)[0] == "cannot be installed" {
            let why = "cssomnom is not in the registry (E404)".to_owned();
            return Err(SkipReason::CannotInstall { why }.into());
        }
        self.hold(self.held_install, core).await;
        let reused = self.is_installed(job);
        if !reused {
            self.installed.send_modify(|installed| installed.push(core));
        }
        Ok(ScriptedInstall { core, reused })
    }

    fn is_installed(&self, job: &Job) -> bool {
        self.kept.contains(&job.candidate.core)
    }

    fn reused(ready: &ScriptedInstall) -> bool {
        ready.reused
    }

    async fn check(
        &self,
        ready: &ScriptedInstall,
        job: &Job,
        _logs: &Utf8Path,
        stop: &CancellationToken,
    ) -> Result<Vec<Observation>, LabError> {
        let core = ready.core;
        assert_eq!(job.candidate.core, core);
        let is_early = {
            let mut under_way = self.under_way.lock().unwrap();
            let is_early = under_way.1 < self.at_once;
            under_way.0 += 1;
            under_way.1 = under_way.1.max(under_way.0);
            is_early
        };
        let seen = self.look(core);
        self.hold(self.held_check, core).await;
        if is_early {
            tokio::select! {
                _ = self.together.wait() => {}
                () = stop.cancelled() => {}
            }
        }
        self.under_way.lock().unwrap().0 -= 1;
        if stop.is_cancelled() {
            return Err(LabError::Stopped);
        }
        seen
    }
}

fn observation(core: Version, stderr: &str) -> Observation {
    let seen = if stderr == "OK" { sample::good() } else { sample::failed(stderr) };
    Observation { core, started: jiff::Timestamp::now(), ..seen }
}

const BAD: &str = "FailoverError: Unknown model: openai-codex/gpt-5.5";

fn scripts(text: &str) -> Vec<Script> {
    let script = |letter| match letter {
        'g' => vec!["OK"],
        'b' => vec![BAD],
        _ => vec!["cannot be installed"],
    };
    text.chars().map(script).collect()
}

struct Bench {
    _guard: tempfile::TempDir,
    sessions: Utf8PathBuf,
    line: Vec<Candidate>,
}

impl Bench {
    fn new(length: usize) -> Self {
        let guard = tempfile::tempdir().unwrap();
        let sessions = Utf8PathBuf::from_path_buf(guard.path().to_owned()).unwrap();
        let candidate = |place: usize| Candidate {
            core: format!("2026.5.{}", place + 1).parse().unwrap(),
            core_integrity: None,
            node: None,
            plugin: None,
        };
        Self { _guard: guard, sessions, line: (0..length).map(candidate).collect() }
    }

    fn begin(&self) -> Journal {
        self.begin_with(Upstream::Loopback, false)
    }

    fn begin_live(&self) -> Journal {
        let profile = "openai-codex:default".to_owned();
        self.begin_with(
            Upstream::Live(Lending { lender: Lender::Own, profile, relay: false }),
            false,
        )
    }

    fn begin_with(&self, upstream: Upstream, any_failure: bool) -> Journal {
        let plan = SearchPlan { same_failure: !any_failure, ..SearchPlan::BEFORE_PLANS };
        self.begin_by(upstream, plan)
    }

    fn begin_by(&self, upstream: Upstream, search: SearchPlan) -> Journal {
        let request = SessionRequest {
            question: Question { upstream, ..Question::text_through(vec![Route::of_most()]) },
            line: self.line.clone(),
            nodes: vec![None; self.line.len()],
            pin_file: "known-good.toml".into(),
            search,
            find_fix: false,
            scan: None,
            newest: Vec::new(),
            fresh: false,
            max_turns: Some(7),
            account: None,
        };
        Journal::begin(&self.sessions, request, jiff::Timestamp::UNIX_EPOCH).unwrap()
    }

    async fn run(
        &self,
        lab: &ScriptedLab,
        journal: &mut Journal,
    ) -> Result<Conclusion, SessionError> {
        self.run_side_by_side(1, lab, journal).await
    }

    async fn run_side_by_side(
        &self,
        parallel: usize,
        lab: &ScriptedLab,
        journal: &mut Journal,
    ) -> Result<Conclusion, SessionError> {
        run_session(parallel, SessionLimits::default(), lab, journal).await
    }

    async fn run_within(
        &self,
        limits: SessionLimits,
        lab: &ScriptedLab,
        journal: &mut Journal,
    ) -> Result<Conclusion, SessionError> {
        run_session(1, limits, lab, journal).await
    }
}

async fn run_session(
    parallel: usize,
    limits: SessionLimits,
    lab: &ScriptedLab,
    journal: &mut Journal,
) -> Result<Conclusion, SessionError> {
    let events = Events::to(|_| ());
    let session = Session {
        lab,
        catalogue: &CATALOGUE,
        events: &events,
        stop: &CancellationToken::new(),
        parallel,
        limits,
    };
    run(&session, journal).await
}
