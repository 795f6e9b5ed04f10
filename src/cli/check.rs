//! `codexpin check`.

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;

use super::context::Context;
use super::question::{Asked, QuestionArguments};
use super::{lab, live};
use crate::app::AppError;
use crate::catalogue::Signature;
use crate::event::{Event, Events};
use crate::exit_code::ExitCode;
use crate::explain::Class;
use crate::installation::InstallationError;
use crate::lab::RealLab;
use crate::npm::registry::Freshness;
use crate::prefix::Prefix;
use crate::question::Variation;
use crate::release::end::End;
use crate::release::line;
use crate::release::pairing::Candidate;
use crate::remedy::remedies;
use crate::report::check::{CheckReport, RemedyReport, RouteReport};
use crate::report::progress::Progress;
use crate::report::terminal;
use crate::session::job::Job;
use crate::session::lab::{Lab as _, LabError};
use crate::upstream::loopback::Fault;
use crate::verdict::{self, SkipReason, Verdict};

#[derive(Debug, clap::Args)]
pub(super) struct Check {
    /// A version, a dist-tag, `installed` or a date; `live` asks the live
    /// installation itself, through its own Gateway. [default: the installed release,
    /// else latest]
    version: Option<String>,
    #[command(flatten)]
    question: QuestionArguments,
    /// What is to be wrong with every turn, to see what the release says to it.
    #[arg(long, value_name = "NAME", value_parser = super::loopback::faults(), hide_short_help = true)]
    fault: Option<Fault>,
    /// Where it fails, try in scratch what may make it answer.
    #[arg(long)]
    try_remedies: bool,
    /// Print every host and path that the release tried to reach.
    #[arg(long)]
    egress: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

impl Check {
    pub(super) async fn run(self, context: &Context) -> Result<ExitCode, AppError> {
        if self.version.as_deref() == Some("live") {
            let report = live::ask(context, &self.question).await?;
            report.print(self.json, false);
            return Ok(report.exit_code());
        }
        let fault = self.fault.map(|fault| format!("--fault {fault}"));
        let mut asked =
            self.question.asked(context, self.question.one_check(), fault.as_deref()).await?;
        let watch = asked.watch.take();
        let end = named_or_installed(context, self.version.as_deref())?;
        let releases = context.releases(Freshness::Cached).await?;
        let version = context.resolve(&end, &releases)?;
        let candidate = line::find(&releases.candidates(), version)?.clone();
        let how = How { fault: self.fault, try_remedies: self.try_remedies };
        let report = check(context, candidate, asked, how).await?;
        report.print(self.json, self.egress);
        if let Some(watch) = watch {
            watch.end()?;
        }
        Ok(report.exit_code())
    }
}

/// The release that is named; without a name the installed one, else the latest.
/// Which of them it is, is told.
fn named_or_installed(context: &Context, named: Option<&str>) -> Result<End, AppError> {
    if let Some(named) = named {
        return Ok(named.parse()?);
    }
    Ok(match context.installed() {
        Ok(installed) => {
            let version = installed.version;
            terminal::note(&format!("no release is named: this is the installed one, {version}"));
            End::Version(version)
        }
        Err(InstallationError::None { .. }) => {
            terminal::note("no release is named and none is installed: this is latest");
            End::Tag("latest".to_owned())
        }
        Err(error) => {
            terminal::note(&format!("no release is named, and {error}: this is latest"));
            End::Tag("latest".to_owned())
        }
    })
}

/// What else a check is to do.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct How {
    pub(super) fault: Option<Fault>,
    pub(super) try_remedies: bool,
}

/// Installs one candidate and asks it.
pub(super) async fn check(
    context: &Context,
    candidate: Candidate,
    asked: Asked,
    how: How,
) -> Result<CheckReport, AppError> {
    let catalogue = context.catalogue()?;
    let core = candidate.core;
    let line = [candidate.clone()];
    let (lab, _) = lab::build(context, &line, None, &asked).await?;
    let question = asked.question;
    let variation = Variation { fault: how.fault, ..Variation::default() };
    let job = Job { variation, ..Job::plain(candidate.clone(), question.clone()) };
    if let Some(lending) = question.upstream.lending() {
        let turns = crate::report::counted(question.routes.len(), "turn", "turns");
        let more = if how.try_remedies { ", and as many for each remedy" } else { "" };
        terminal::note(&format!("live upstream, {turns}{more}: {lending}"));
    }
    let progress = Progress::start();
    let events = Events::to({
        let progress = progress.clone();
        move |event| progress.show(&event)
    });
    let logs = logs(context, core)?;
    let installed = lab.install(&job, &events, &context.stop).await;
    let (verdict, routes, prefix) = match installed {
        Ok(prefix) => {
            events.tell(Event::CheckStarted { core });
            let observations = lab.check(&prefix, &job, &logs, &context.stop).await?;
            let verdict = verdict::judge_all(&observations, question.require, catalogue);
            let route = |observation| RouteReport::of(observation, catalogue);
            let routes = observations.into_iter().map(route).collect();
            (verdict, routes, Some(prefix))
        }
        Err(LabError::Skip(reason)) => (Verdict::Skip { reason: *reason }, Vec::new(), None),
        Err(error) => return Err(error.into()),
    };
    let failed = verdict.failure().filter(|_| how.try_remedies);
    // Against an account's limit or a dead network nothing in a home helps.
    let own = !matches!(verdict, Verdict::Skip { reason: SkipReason::NotTheRelease { .. } });
    let known = failed.filter(|_| own).and_then(|failed| catalogue.signature(&failed.signature));
    let remedies = match (&prefix, known) {
        (Some(prefix), Some(known)) => {
            Some(tried(context, &lab, &job, prefix, known, &logs, &events).await?)
        }
        _ => failed.map(|_| Vec::new()),
    };
    progress.end();
    Ok(CheckReport {
        candidate,
        question,
        node: lab.nodes.of(core).ok().map(|node| node.version.clone()),
        verdict,
        routes,
        install_egress: prefix.as_ref().and_then(|prefix| prefix.manifest.egress.clone()),
        install_scripts: prefix.as_ref().and_then(|prefix| prefix.manifest.scripts.clone()),
        fault: how.fault.map(|fault| fault.to_string()),
        remedies,
        prefix,
    })
}

/// Asks the failing candidate once more with each thing that may mend it.
async fn tried(
    context: &Context,
    lab: &RealLab,
    job: &Job,
    prefix: &Prefix,
    known: &Signature,
    logs: &Utf8Path,
    events: &Events,
) -> Result<Vec<RemedyReport>, AppError> {
    let core = prefix.manifest.candidate.core;
    let mut reports = Vec::new();
    for (at, remedy) in remedies(known, &job.question, core).into_iter().enumerate() {
        let variation = Variation { settings: remedy.settings, ..job.variation.clone() };
        let job = Job { question: remedy.question, variation, ..job.clone() };
        let logs = logs.join(format!("remedy-{}", at + 1));
        crate::fs::create_private_dir(&logs)?;
        events.tell(Event::RemedyStarted { words: remedy.words.clone() });
        let observations = match lab.check(prefix, &job, &logs, &context.stop).await {
            Ok(observations) => observations,
            Err(LabError::Stopped) => return Err(LabError::Stopped.into()),
            // What is known by now is worth more than the rest of it.
            Err(error) => {
                terminal::note(&format!("no other remedy is tried: {error}"));
                break;
            }
        };
        let verdict = verdict::judge_all(&observations, job.question.require, context.catalogue()?);
        let elapsed_ms = observations.iter().map(|observation| observation.elapsed_ms).sum();
        reports.push(RemedyReport { words: remedy.words, how: remedy.how, verdict, elapsed_ms });
    }
    Ok(reports)
}

/// A directory of its own for this check's output.
pub(super) fn logs(
    context: &Context,
    core: crate::release::Version,
) -> Result<Utf8PathBuf, AppError> {
    let name = format!("{}_{core}", Timestamp::now().strftime("%Y%m%d-%H%M%S"));
    let logs = context.directories.checks().join(name);
    crate::fs::create_private_dir(&logs).map_err(|error| {
        AppError::new(Class::Infrastructure, format!("the state directory cannot be used: {error}"))
            .with_hint(format!(
                "set {} to a directory that can be written to",
                crate::env::STATE_DIR
            ))
    })?;
    Ok(logs)
}
