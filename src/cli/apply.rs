//! `codexpin apply` and `codexpin undo`.

use camino::Utf8Path;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::PinFileArgument;
use super::context::Context;
use crate::app::AppError;
use crate::apply::{self, ApplyError, ApplyOutcome, ApplyTarget, ProofResult, Prover};
use crate::catalogue::Catalogue;
use crate::check::{self, CheckJob, InstalledCandidate};
use crate::event::{Events, SystemClock};
use crate::exit_code::ExitCode;
use crate::explain::{Class, Explain as _};
use crate::installation::{self, Installation, ServiceLimits};
use crate::npm::run::Npm;
use crate::pin::PinFile;
use crate::question::{Question, Variation};
use crate::release::Version;
use crate::report::OutputForm;
use crate::report::apply as report;
use crate::report::reporter::Reporter;
use crate::report::terminal;
use crate::route::Route;
use crate::verdict::{self, Verdict};

/// How long the reply that proves an installation may take. Seconds.
const PROOF_SECONDS: u64 = 120;

#[derive(Debug, clap::Args)]
pub(super) struct ApplyArguments {
    /// A pinned release; without it, the current pin.
    version: Option<Version>,
    #[command(flatten)]
    file: PinFileArgument,
    /// Print what would change, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Do not ask before changing the installation.
    #[arg(long, short)]
    yes: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct UndoArguments {
    /// The backup to go back to, by name; without it, the newest.
    backup: Option<String>,
    /// Do not ask before changing the installation.
    #[arg(long, short)]
    yes: bool,
}

impl ApplyArguments {
    pub(super) async fn run(self, context: &Context) -> Result<ExitCode, AppError> {
        let path = context.cwd.join(&self.file.pin_file);
        let file = PinFile::open(&path)?;
        let pin = match self.version {
            Some(version) => file.pin(version).map_err(|error| {
                AppError::from(error).with_hint(format!(
                    "only what was tested is applied: `codexpin pin {version}` tests and pins it"
                ))
            })?,
            None => file.current()?,
        };
        let beside = path.parent().unwrap_or(Utf8Path::new("."));
        let target = ApplyTarget::read(&pin, beside).map_err(|error| {
            let hint = error.hint();
            let failure = AppError::new(Class::Failure, error);
            match hint {
                Some(hint) => failure.with_hint(hint),
                None => failure,
            }
        })?;
        let routes = pin.route.split(", ").map(str::parse).collect::<Result<Vec<Route>, _>>();
        let routes = routes.map_err(|error| AppError::new(Class::Failure, error))?;
        let live = LiveApply::of(context, routes).await?;
        let apply = live.apply();
        if !self.dry_run {
            Box::pin(live.go_on(&apply)).await?;
        }
        let installation = live.installation().await?;
        let plan = apply.plan(&installation, &target).await?;
        report::plan(&plan, &installation);
        if self.dry_run {
            report::steps(&plan);
        }
        if self.dry_run || plan.is_already_as_pinned() {
            return Ok(ExitCode::Success);
        }
        agree(
            self.yes,
            &format!("roll {} to {}?", plan.from.core, plan.to.core),
            "codexpin apply --yes",
        )?;
        let outcome = apply.apply(&installation, &target, &plan, &live).await?;
        Ok(ended(&outcome))
    }
}

impl UndoArguments {
    pub(super) async fn run(self, context: &Context) -> Result<ExitCode, AppError> {
        let live = LiveApply::of(context, Vec::new()).await?;
        let apply = live.apply();
        Box::pin(live.go_on(&apply)).await?;
        let installation = live.installation().await?;
        let undone = apply.undoable(&installation, self.backup.as_deref())?;
        let back = undone.record.from.core;
        terminal::print(&format!(
            "undo {}: {} -> {back}",
            undone.name(),
            installation.core.version
        ));
        agree(self.yes, &format!("go back to {back}?"), "codexpin undo --yes")?;
        let outcome = apply.undo(&installation, &undone).await?;
        Ok(ended(&outcome))
    }
}

/// A yes, from the flag or from the person.
fn agree(yes: bool, question: &str, command: &str) -> Result<(), AppError> {
    match (yes, || terminal::confirm(question)) {
        (true, _) => Ok(()),
        (false, ask) => match ask() {
            Some(true) => Ok(()),
            Some(false) => Err(AppError::new(Class::Failure, "nothing was changed")),
            None => Err(AppError::usage("nobody is there to say yes; nothing was changed")
                .with_hint(format!("`{command}` does not ask"))),
        },
    }
}

fn ended(outcome: &ApplyOutcome) -> ExitCode {
    report::outcome(outcome);
    outcome.exit_code()
}

/// The live side of an apply: where it is, how it is proved.
struct LiveApply<'a> {
    context: &'a Context,
    npm: Npm,
    catalogue: &'a Catalogue,
    surroundings: installation::LiveMachine,
    question: Question,
    events: Events,
}

impl<'a> LiveApply<'a> {
    async fn of(context: &'a Context, routes: Vec<Route>) -> Result<Self, AppError> {
        // The Codex harness needs OpenClaw's records of the plugin, which are in
        // the live state; that is not copied.
        let routes = routes.into_iter().filter(|route| !route.wants_codex()).collect();
        let npm = context.npm().await?;
        if let Some(notice) = npm.notice() {
            terminal::note(&notice);
        }
        Ok(Self {
            context,
            catalogue: context.catalogue()?,
            npm,
            surroundings: installation::LiveMachine {
                environment: context.environment.clone(),
                home: context.directories.home.clone(),
                processes: context.processes.clone(),
            },
            events: Reporter::start(OutputForm::Text, "apply").events(SystemClock::start()),
            question: Question { timeout_s: PROOF_SECONDS, ..Question::text_through(routes) },
        })
    }

    fn apply(&self) -> apply::Apply<'_> {
        apply::Apply {
            machine: &self.surroundings,
            npm: &self.npm,
            backups: self.context.directories.backups(),
            limits: ServiceLimits::default(),
            now: Timestamp::now,
            stop: &self.context.stop,
            events: self.events.clone(),
        }
    }

    async fn installation(&self) -> Result<Installation, AppError> {
        Ok(Installation::find(&self.surroundings).await.map_err(ApplyError::from)?)
    }

    /// Finishes, or puts back, what a killed codexpin left.
    async fn go_on(&self, apply: &apply::Apply<'_>) -> Result<(), AppError> {
        for outcome in Box::pin(apply.go_on(self)).await? {
            report::outcome(&outcome);
        }
        Ok(())
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
        let name = format!("{}_{}", Timestamp::now().strftime("%Y%m%d-%H%M%S"), candidate.core);
        let logs = context.directories.checks().join(name);
        // From here on, what stops the question says nothing of the release.
        if let Err(error) = crate::fs::create_private_dir(&logs) {
            return ProofResult::Unproven(error.to_string());
        }
        // A stop is heeded by `apply` itself; here it would look like a failed proof.
        let stop = CancellationToken::new();
        let variation = Variation::default();
        let job = CheckJob::plain(&candidate, &self.question, &variation, &logs);
        let surroundings = context.check_surroundings();
        let observations = match check::check(job, &surroundings, &stop).await {
            Ok(observations) => observations,
            Err(error) => return ProofResult::Unproven(error.to_string()),
        };
        match verdict::judge_all(&observations, self.question.require, self.catalogue) {
            Verdict::Good => ProofResult::Proved,
            Verdict::Bad { failure } => ProofResult::Failed(format!(
                "it does not answer: {} ({})",
                failure.evidence.text, failure.signature
            )),
            Verdict::Skip { reason } => {
                ProofResult::Unproven(format!("it could not be asked: {reason}"))
            }
        }
    }
}
