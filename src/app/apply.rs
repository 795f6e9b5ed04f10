//! Bringing the live installation to a pin, and taking the last apply back.

use camino::Utf8PathBuf;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::AppError;
use super::check::live;
use super::context::Context;
use crate::apply::{
    Apply, ApplyError, ApplyJournal, ApplyOutcome, ApplyTarget, Operation, Plan, ProofResult,
    Prover,
};
use crate::check::{self, CheckJob, InstalledCandidate};
use crate::explain::{Class, Explain as _};
use crate::installation::{Installation, LiveMachine, ServiceLimits};
use crate::npm::Registry;
use crate::npm::run::Npm;
use crate::pin::PinFile;
use crate::question::{Question, Variation};
use crate::release::Version;
use crate::route::Route;
use crate::verdict::{self, Verdict};

/// How long the reply that proves an installation may take. Seconds.
const PROOF_SECONDS: u64 = 120;

/// What is to be applied.
#[derive(Debug, Clone)]
pub struct ApplyRequest {
    /// A pinned release. None: the current pin.
    pub version: Option<Version>,
    /// The pin file.
    pub pin_file: Utf8PathBuf,
    /// Whether the live agent is asked for a reply at the end.
    pub live_check: bool,
    /// Whether `OpenClaw` is kept from updating itself afterwards.
    pub hold: bool,
}

/// The live machine, ready to be changed.
#[derive(Debug)]
pub struct LiveApply<'a> {
    context: &'a Context,
    npm: Npm,
    registry: Registry,
    machine: LiveMachine,
    target: Option<ApplyTarget>,
    question: Question,
    live_check: bool,
    hold: bool,
}

/// What an apply would do here.
#[derive(Debug)]
pub struct PreparedApply<'a> {
    live: &'a LiveApply<'a>,
    target: &'a ApplyTarget,
    /// What is installed.
    pub installation: Installation,
    /// What would change.
    pub plan: Plan,
}

/// What an undo would go back to.
#[derive(Debug)]
pub struct PreparedUndo<'a> {
    live: &'a LiveApply<'a>,
    undone: ApplyJournal,
    /// What is installed.
    pub installation: Installation,
    /// What would change.
    pub plan: Plan,
}

/// What a hold, or letting go, would do here.
#[derive(Debug)]
pub struct PreparedHold<'a> {
    live: &'a LiveApply<'a>,
    operation: Operation,
    /// What is installed.
    pub installation: Installation,
    /// What would change; no steps where nothing would.
    pub plan: Plan,
}

impl<'a> LiveApply<'a> {
    /// For an apply of this pin.
    pub async fn of_pin(context: &'a Context, request: &ApplyRequest) -> Result<Self, AppError> {
        let path = context.cwd.join(&request.pin_file);
        let file = PinFile::open(&path)?;
        let pin = match request.version {
            Some(version) => file.pin(version).map_err(|error| {
                AppError::from(error).with_hint(format!(
                    "only what was tested is applied: `codexpin pin {version}` tests and pins it"
                ))
            })?,
            None => file.current()?,
        };
        let target = ApplyTarget::read(&pin, file.directory())
            .map_err(|error| AppError::new(Class::Failure, &error).maybe_hint(error.hint()))?;
        let routes = pin.route.split(", ").map(str::parse).collect::<Result<Vec<Route>, _>>();
        let routes = routes.map_err(|error| AppError::new(Class::Failure, error))?;
        let live = Self::of(context, Some(target), routes).await?;
        Ok(Self { live_check: request.live_check, hold: request.hold, ..live })
    }

    /// For an undo, a hold, or letting go.
    pub async fn of_undo(context: &'a Context) -> Result<Self, AppError> {
        Self::of(context, None, Vec::new()).await
    }

    async fn of(
        context: &'a Context,
        target: Option<ApplyTarget>,
        routes: Vec<Route>,
    ) -> Result<Self, AppError> {
        // A table of signatures that cannot be read is told before anything changes.
        context.catalogue()?;
        // The Codex harness needs OpenClaw's records of the plugin, which are in
        // the live state; that is not copied.
        let routes = routes.into_iter().filter(|route| !route.wants_codex()).collect();
        let (npm, registry) = context.npm_outside_projects().await?;
        if let Some(notice) = npm.notice() {
            context.events.note(notice);
        }
        // It is to be installed with the user's rights next.
        let question = Question {
            timeout_s: PROOF_SECONDS,
            unenclosed: true,
            ..Question::text_through(routes)
        };
        let machine = context.live_machine();
        let (live_check, hold) = (false, false);
        Ok(Self { context, npm, registry, machine, target, question, live_check, hold })
    }

    fn apply(&self) -> Apply<'_> {
        Apply {
            machine: &self.machine,
            npm: &self.npm,
            registry: &self.registry,
            backups: self.context.directories.backups(),
            limits: ServiceLimits::default(),
            now: Timestamp::now,
            stop: &self.context.stop,
            events: self.context.events.clone(),
            live_check: self.live_check,
            hold: self.hold,
            log: self.context.log.clone(),
        }
    }

    async fn installation(&self) -> Result<Installation, AppError> {
        Ok(Installation::find(&self.machine).await.map_err(ApplyError::from)?)
    }

    /// Finishes, or puts back, what a killed codexpin left.
    pub async fn recover(&self) -> Result<Vec<ApplyOutcome>, AppError> {
        Ok(Box::pin(self.apply().go_on(self)).await?)
    }

    /// Whether an undo, of the newest backup or the named one, has nothing left to do once
    /// what a killed codexpin left has ended like this.
    pub async fn is_undone(
        &self,
        recovered: &[ApplyOutcome],
        backup: Option<&str>,
    ) -> Result<bool, AppError> {
        if !recovered.last().is_some_and(ApplyOutcome::settles_an_undo) {
            return Ok(false);
        }
        let Some(backup) = backup else { return Ok(true) };
        let installation = self.installation().await?;
        match self.apply().undoable(&installation, Some(backup)) {
            Err(ApplyError::NothingToUndo { .. }) => Ok(true),
            other => Ok(other.map(|_| false)?),
        }
    }

    /// Finds out what would change, and changes nothing.
    pub async fn prepare(&'a self) -> Result<PreparedApply<'a>, AppError> {
        let Some(target) = &self.target else {
            return Err(AppError::usage("there is no pin to apply"));
        };
        let installation = self.installation().await?;
        let plan = self.apply().plan(&installation, target).await?;
        Ok(PreparedApply { live: self, target, installation, plan })
    }

    /// Finds what an undo would go back to: the newest backup, or the one that is
    /// named. Changes nothing.
    pub async fn prepare_undo(
        &'a self,
        backup: Option<&str>,
    ) -> Result<PreparedUndo<'a>, AppError> {
        let installation = self.installation().await?;
        let undone = self.apply().undoable(&installation, backup)?;
        let plan = self.apply().plan_undo(&installation, &undone).await?;
        Ok(PreparedUndo { live: self, undone, installation, plan })
    }

    /// Finds out what keeping `OpenClaw` from updating itself takes, or letting it again.
    /// Changes nothing.
    pub async fn prepare_hold(
        &'a self,
        operation: Operation,
    ) -> Result<PreparedHold<'a>, AppError> {
        let installation = self.installation().await?;
        let plan = match operation {
            Operation::Unhold => self.apply().plan_unhold(&installation).await?,
            _ => self.apply().plan_hold(&installation).await?,
        };
        Ok(PreparedHold { live: self, operation, installation, plan })
    }
}

impl PreparedApply<'_> {
    /// Takes the steps of the plan.
    pub async fn run(&self) -> Result<ApplyOutcome, AppError> {
        let apply = self.live.apply();
        let outcome = apply.apply(&self.installation, self.target, &self.plan, self.live);
        Ok(Box::pin(outcome).await?)
    }
}

impl PreparedUndo<'_> {
    /// The name of the backup.
    pub fn backup(&self) -> &str {
        self.undone.name()
    }

    /// The core that was installed before.
    pub fn back(&self) -> Version {
        self.undone.record.from.core
    }

    /// Whether its service was down when it was replaced.
    pub fn was_down(&self) -> bool {
        let record = &self.undone.record;
        record.installation.service.is_some() && !record.service_ran
    }

    /// Goes back.
    pub async fn run(&self) -> Result<ApplyOutcome, AppError> {
        let apply = self.live.apply();
        Ok(Box::pin(apply.undo(&self.installation, &self.undone, &self.plan)).await?)
    }
}

impl PreparedHold<'_> {
    /// Takes the steps of the plan.
    pub async fn run(&self) -> Result<ApplyOutcome, AppError> {
        let apply = self.live.apply();
        let outcome = apply.change_hold(self.operation, &self.installation, &self.plan);
        Ok(Box::pin(outcome).await?)
    }
}

impl Prover for LiveApply<'_> {
    /// Asks the swapped files for a reply, in a scratch home, through the
    /// pinned route: the release answers where it now lives.
    async fn ask(&self, installation: &Installation) -> ProofResult {
        let context = self.context;
        let entry = match installation.entry() {
            Ok(entry) => entry,
            Err(error) => return ProofResult::Failed(error.to_string()),
        };
        let candidate = InstalledCandidate {
            core: installation.core.version,
            plugin: installation.plugin.as_ref().map(|plugin| plugin.package.version),
            plugin_state: None,
            prefix: installation.core.directory.clone(),
            entry,
            node: installation.node.clone(),
        };
        // From here on, what stops the question says nothing of the release.
        let logs = match context.check_logs(candidate.core) {
            Ok(logs) => logs,
            Err(error) => return ProofResult::Unproven(error.to_string()),
        };
        let catalogue = match context.catalogue() {
            Ok(catalogue) => catalogue,
            Err(error) => return ProofResult::Unproven(error.to_string()),
        };
        // A stop is heeded by `apply` itself; here it would look like a failed proof.
        let stop = CancellationToken::new();
        let variation = Variation::default();
        let job = CheckJob::plain(&candidate, &self.question, &variation, &logs);
        let surroundings = context.check_surroundings();
        let observations = match check::check(job, &surroundings, &stop).await {
            Ok(observations) => observations,
            Err(error) => return ProofResult::Unproven(error.to_string()),
        };
        proof_of(verdict::judge_all(&observations, self.question.require, catalogue), "it")
    }

    /// Asks the live agent through its own Gateway, with its own login.
    async fn ask_live(&self, installation: &Installation) -> ProofResult {
        let context = self.context;
        let unproven = |error: AppError| ProofResult::Unproven(error.to_string());
        let question = Question { timeout_s: PROOF_SECONDS, ..Question::text_through(Vec::new()) };
        // As above: a stop is heeded by `apply` itself.
        let stop = CancellationToken::new();
        let asked = match live::observe(context, installation, question, &stop).await {
            Ok(asked) => asked,
            Err(error) => return unproven(error),
        };
        match context.catalogue() {
            Ok(catalogue) => proof_of(verdict::judge(&asked.observation, catalogue), "the agent"),
            Err(error) => unproven(error),
        }
    }
}

fn proof_of(verdict: Verdict, who: &str) -> ProofResult {
    match verdict {
        Verdict::Good => ProofResult::Proved,
        Verdict::Bad { failure } => ProofResult::Failed(format!(
            "{who} does not answer: {} ({})",
            failure.evidence.text, failure.signature
        )),
        Verdict::Skip { reason } => {
            ProofResult::Unproven(format!("{who} could not be asked: {reason}"))
        }
    }
}
