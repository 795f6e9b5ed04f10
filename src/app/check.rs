//! Asking one release for a reply, and the live installation.

pub(super) mod live;
pub mod remedy_record;

use std::sync::Arc;

use camino::Utf8Path;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::context::Context;
use super::question::{PreparedQuestion, QuestionRequest};
use super::{AppError, lab};
use crate::answers::KnownAnswers;
use crate::catalogue::{Catalogue, Signature};
use crate::event::Event;
use crate::installation::InstallationError;
use crate::lab::RealLab;
use crate::npm::registry::Freshness;
use crate::npm::{Egress, InstallScripts};
use crate::observation::Observation;
use crate::observation::bill::{self, BillMove};
use crate::prefix::Prefix;
use crate::question::{Question, Variation};
use crate::release::end::End;
use crate::release::line;
use crate::release::pairing::Candidate;
use crate::remedy::remedies;
use crate::route::Route;
use crate::session::job::Job;
use crate::session::lab::{self as asking, Lab as _, LabError};
use crate::upstream::loopback::Fault;
use crate::verdict::{self, SkipReason, Verdict};
use remedy_record::RemedyRecord;

/// A release to ask, and how.
#[derive(Debug, Clone)]
pub struct CheckRequest {
    /// A version, a dist-tag, `installed` or a date; `live` is the live installation
    /// itself. None: the installed release, else the latest.
    pub version: Option<String>,
    /// What is asked.
    pub question: QuestionRequest,
    /// What else the check is to do.
    pub extras: CheckExtras,
}

/// What else a check is to do.
#[derive(Debug, Clone, Copy, Default)]
pub struct CheckExtras {
    /// What is to be wrong with every turn.
    pub fault: Option<Fault>,
    /// Whether to try what may make a failing release answer.
    pub try_remedies: bool,
    /// Whether what an earlier check saw, of the same files and asked the same, will do.
    pub known_will_do: bool,
}

/// One check of one candidate.
#[derive(Debug, Serialize)]
pub struct CheckReport {
    /// What was checked.
    pub candidate: Candidate,
    /// What it was asked.
    pub question: Question,
    /// The Node that it ran on.
    pub node: Option<String>,
    /// What the check says.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// What was seen through each route; nothing where it could not be installed.
    pub routes: Vec<RouteReport>,
    /// When it was asked, where an earlier check did that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub known_since: Option<Timestamp>,
    /// What its install tried to reach; none where it could not be installed,
    /// or is older than such records.
    pub install_egress: Option<Egress>,
    /// Which install scripts ran; none where that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub install_scripts: Option<InstallScripts>,
    /// What went wrong with the upstream, on purpose.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
    /// What was tried to make it answer; none where nothing was to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedies: Option<Vec<RemedyReport>>,
    /// Where it is installed.
    #[serde(skip)]
    pub prefix: Option<Prefix>,
}

/// One thing that was tried to make a failing release answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemedyReport {
    /// In words, to be read after "answers".
    pub words: String,
    /// How a user does the same with the live installation.
    pub how: String,
    /// What came of it.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// From start to end. Milliseconds.
    pub elapsed_ms: u64,
}

/// What one route showed.
#[derive(Debug, Serialize)]
pub struct RouteReport {
    /// The route.
    pub route: Route,
    /// What it says of the candidate.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// Its turns are paid for in another way than the route's should be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub billing: Option<BillMove>,
    /// What was seen.
    pub observation: Observation,
}

impl RouteReport {
    /// Judges what was seen.
    pub fn of(observation: Observation, catalogue: &Catalogue) -> Self {
        let verdict = verdict::judge(&observation, catalogue);
        let billing = bill::moved(None, &observation);
        Self { route: observation.route.clone(), verdict, billing, observation }
    }
}

impl CheckReport {
    /// The routes through which it answered.
    pub fn answering(&self) -> Vec<Route> {
        let good = self.routes.iter().filter(|route| route.verdict == Verdict::Good);
        good.map(|route| route.route.clone()).collect()
    }
}

/// Asks the release that is named for a reply.
pub async fn check(context: &Context, request: CheckRequest) -> Result<CheckReport, AppError> {
    let CheckRequest { version, question, extras } = request;
    if version.as_deref() == Some("live") {
        return live::ask(context, &question).await;
    }
    let fault = extras.fault.map(|fault| format!("--fault {fault}"));
    let asked = question.prepare(context, question.one_check(), fault.as_deref()).await?;
    let end = named_or_installed(context, version.as_deref())?;
    let releases = context.releases(Freshness::Cached).await?;
    let version = context.resolve(&end, &releases)?;
    let candidate = line::find(&releases.candidates(), version)?.clone();
    ask(context, candidate, asked, extras).await
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
            context
                .events
                .note(format!("no release is named: this is the installed one, {version}"));
            End::Version(version)
        }
        Err(InstallationError::None { .. }) => {
            context.events.note("no release is named and none is installed: this is latest");
            End::Tag("latest".to_owned())
        }
        Err(error) => {
            context.events.note(format!("no release is named, and {error}: this is latest"));
            End::Tag("latest".to_owned())
        }
    })
}

/// Installs one candidate and asks it.
pub(super) async fn ask(
    context: &Context,
    candidate: Candidate,
    asked: PreparedQuestion,
    extras: CheckExtras,
) -> Result<CheckReport, AppError> {
    let catalogue = context.catalogue()?;
    let core = candidate.core;
    let line = [candidate.clone()];
    let PreparedQuestion { question, config, account, watch } = asked;
    let (mut lab, _) = lab::build(context, &line, None, &question, (config, account)).await?;
    let answers = context.answers()?;
    lab.known = Some(Arc::new(if extras.known_will_do {
        KnownAnswers::used_again(answers, [])
    } else {
        KnownAnswers::only_kept(answers)
    }));
    let begun = Timestamp::now();
    let variation = Variation { fault: extras.fault, ..Variation::default() };
    let job = Job { variation, ..Job::plain(candidate.clone(), question.clone()) };
    if let Some(lending) = question.upstream.lending() {
        context.events.tell(Event::LoginLent {
            lending: lending.clone(),
            turns: question.routes.len(),
            and_for_each_remedy: extras.try_remedies,
        });
    }
    let events = &context.events;
    let logs = context.check_logs(core)?;
    context.log_into(&logs);
    let installed = lab.install(&job, events, &context.stop).await;
    let (verdict, routes, prefix) = match installed {
        Ok(prefix) => {
            events.tell(Event::CheckStarted { core });
            let shown = (events, &context.stop);
            let (seen, prefix) = asking::ask(&lab, Arc::new(prefix), &job, &logs, shown).await;
            let (observations, prefix) = (seen?, prefix.and_then(Arc::into_inner));
            let verdict = verdict::judge_all(&observations, question.require, catalogue);
            let route = |observation| RouteReport::of(observation, catalogue);
            let routes = observations.into_iter().map(route).collect();
            (verdict, routes, prefix)
        }
        Err(LabError::Skip(reason)) => (Verdict::Skip { reason: *reason }, Vec::new(), None),
        Err(error) => return Err(error.into()),
    };
    let failed = verdict.failure().filter(|_| extras.try_remedies);
    // Against an account's limit or a dead network nothing in a home helps.
    let own = !matches!(verdict, Verdict::Skip { reason: SkipReason::NotTheRelease { .. } });
    let known = failed.filter(|_| own).and_then(|failed| catalogue.signature(&failed.signature));
    let remedies = match (&prefix, known) {
        (Some(prefix), Some(known)) => {
            let reports = tried(context, &lab, &job, prefix, known, &logs).await?;
            if let Err(error) = RemedyRecord::of(core, &question, &reports).write(&logs) {
                context.events.note(format!("`codexpin report` will not tell of this: {error}"));
            }
            Some(reports)
        }
        _ => failed.map(|_| Vec::new()),
    };
    if let Some(watch) = watch {
        watch.end(events);
    }
    let first = routes.iter().map(|route: &RouteReport| route.observation.started).min();
    Ok(CheckReport {
        known_since: first.filter(|first| *first < begun),
        candidate,
        question,
        node: lab.nodes.of(core).ok().map(|node| node.version.clone()),
        verdict,
        routes,
        install_egress: prefix.as_ref().and_then(|prefix| prefix.manifest.egress.clone()),
        install_scripts: prefix.as_ref().and_then(|prefix| prefix.manifest.scripts.clone()),
        fault: extras.fault.map(|fault| fault.to_string()),
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
) -> Result<Vec<RemedyReport>, AppError> {
    let core = prefix.manifest.candidate.core;
    let mut reports = Vec::new();
    for (at, remedy) in remedies(known, &job.question, core).into_iter().enumerate() {
        let variation = Variation { settings: remedy.settings, ..job.variation.clone() };
        let job = Job { question: remedy.question, variation, ..job.clone() };
        let logs = logs.join(format!("remedy-{}", at + 1));
        crate::fs::create_private_dir(&logs)?;
        context.events.tell(Event::RemedyStarted { words: remedy.words.clone() });
        let observations = match lab.check(prefix, &job, &logs, &context.stop).await {
            Ok(observations) => observations,
            Err(LabError::Stopped) => return Err(LabError::Stopped.into()),
            // What is known by now is worth more than the rest of it.
            Err(error) => {
                context.events.note(format!("no other remedy is tried: {error}"));
                break;
            }
        };
        let verdict = verdict::judge_all(&observations, job.question.require, context.catalogue()?);
        let elapsed_ms = observations.iter().map(|observation| observation.elapsed_ms).sum();
        reports.push(RemedyReport { words: remedy.words, how: remedy.how, verdict, elapsed_ms });
    }
    Ok(reports)
}
