//! `codexpin bisect`.

use std::sync::atomic::Ordering;

use camino::Utf8PathBuf;
use jiff::{SignedDuration, Timestamp};

use super::context::Context;
use super::pin::{Tested, write_pin};
use super::question::{self, QuestionArguments};
use super::upstream::Watch;
use super::{PinFileArgument, changes, lab, standalone};
use crate::app::AppError;
use crate::catalogue::Catalogue;
use crate::event::Events;
use crate::exit_code::ExitCode;
use crate::lab::RealLab;
use crate::npm::registry::Freshness;
use crate::observation::Observation;
use crate::pin::FirstBad;
use crate::release::end::End;
use crate::release::line;
use crate::report::bisect::{Opening, SessionReport};
use crate::report::progress::Progress;
use crate::report::terminal;
use crate::route::Route;
use crate::search::Outcome;
use crate::session::error::SessionError;
use crate::session::journal::{self, Journal, SessionRequest};
use crate::session::{self, Conclusion, Session};
use crate::verdict::{self, Verdict};

/// How long a lent login has to be good for: a dozen checks with their installs.
const SESSION: SignedDuration = SignedDuration::from_mins(30);

#[derive(Debug, clap::Args)]
pub(super) struct Bisect {
    /// A release that answers: a version, a dist-tag, `installed` or a date.
    #[arg(required_unless_present = "resume")]
    good: Option<String>,
    /// A newer release that does not.
    #[arg(required_unless_present = "resume")]
    bad: Option<String>,
    /// Which releases between the ends are candidates.
    #[arg(long, value_enum, default_value_t = Candidates::Stable)]
    channel: Candidates,
    #[command(flatten)]
    question: QuestionArguments,
    #[command(flatten)]
    file: PinFileArgument,
    /// Let every candidate meet the state that the good end left, its session in it,
    /// instead of a fresh one.
    #[arg(long)]
    carry_state: bool,
    /// Count every failure between the ends, and not only the one that the bad end shows.
    #[arg(long)]
    any_failure: bool,
    /// Go on with a session that was interrupted: the newest, or the one named. The
    /// same as `codexpin resume`.
    #[arg(long, value_name = "SESSION", num_args = 0..=1, default_missing_value = "", conflicts_with_all = ["good", "bad", "channel", "carry_state", "any_failure", "routes", "require", "probe", "exec", "through", "config", "upgrade", "upstream", "relay", "api_key_env", "timeout", "reply"])]
    resume: Option<String>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Go on with a session that was interrupted.
#[derive(Debug, clap::Args)]
pub(super) struct Resume {
    /// The session. [default: the newest that is unfinished]
    session: Option<String>,
    /// How many turns the account may be asked for, over all parts of the session.
    /// [default: what the session began with]
    #[arg(long, value_name = "N")]
    max_turns: Option<usize>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Candidates {
    /// Releases and their corrections.
    Stable,
    /// Betas as well.
    Beta,
}

impl Bisect {
    pub(super) async fn run(self, context: &Context) -> Result<ExitCode, AppError> {
        let json = self.json;
        // A table of signatures that cannot be read is told before a session begins.
        context.catalogue()?;
        let opened = match &self.resume {
            Some(id) => resume(context, id, self.question.upstream.max_turns).await?,
            None => self.begin(context).await?,
        };
        drive(context, opened, json).await
    }

    async fn begin(self, context: &Context) -> Result<OpenSession, AppError> {
        // A state that is kept would keep the login that is lent in it.
        let only_loopback = self.carry_state.then_some("--carry-state");
        let mut asked = self.question.asked(context, SESSION, only_loopback).await?;
        let watch = asked.watch.take();
        asked.question.carry_state = self.carry_state;
        // `required_unless_present` sees to both.
        let (good, bad) = (self.good.unwrap_or_default(), self.bad.unwrap_or_default());
        let (good, bad): (End, End) = (good.parse()?, bad.parse()?);
        // A pin file that cannot be written to is better known now than at the end.
        let pin_file = absolute(context, &self.file.pin_file);
        crate::pin::PinFile::open_or_new(&pin_file)?.try_out()?;
        let releases = context.releases(Freshness::Cached).await?;
        let good = context.resolve(&good, &releases)?;
        let bad = context.resolve(&bad, &releases)?;
        let betas = self.channel == Candidates::Beta;
        let line = line::between(&releases.candidates(), good, bad, betas)?;
        let (lab, why_node) = lab::build(context, &line, None, &asked).await?;
        let request = SessionRequest {
            max_turns: asked.account.as_ref().map(|account| account.pace.max_turns()),
            question: asked.question,
            nodes: line.iter().map(|c| lab.nodes.of(c.core).ok().cloned()).collect(),
            line,
            pin_file,
            any_failure: self.any_failure,
        };
        let older = journal::unfinished(&context.directories.sessions());
        let journal = Journal::begin(&context.directories.sessions(), request, Timestamp::now())?;
        open(&journal, &lab, why_node, false);
        if let Some(older) = older.last() {
            terminal::note(&format!("an earlier session is unfinished: codexpin resume {older}"));
        }
        Ok((journal, lab, watch))
    }
}

type OpenSession = (Journal, RealLab, Option<Watch>);

impl Resume {
    pub(super) async fn run(self, context: &Context) -> Result<ExitCode, AppError> {
        context.catalogue()?;
        let id = self.session.unwrap_or_default();
        let opened = resume(context, &id, self.max_turns).await?;
        drive(context, opened, self.json).await
    }
}

/// Searches to the end, and tells what was found or how to go on.
async fn drive(context: &Context, opened: OpenSession, json: bool) -> Result<ExitCode, AppError> {
    let (mut journal, lab, watch) = opened;
    let catalogue = context.catalogue()?;
    let resume = format!("codexpin resume {}", journal.id());
    context.on_sudden_end(&resume);
    let request = journal.request().clone();
    let progress = Progress::start();
    let events = Events::to({
        let progress = progress.clone();
        move |event| progress.show(&event)
    });
    let session =
        Session { lab: &lab, catalogue, events: &events, stop: &context.stop, parallel: 1 };
    let result = session::run(&session, &mut journal).await;
    progress.end();
    let ended = match result {
        Ok(conclusion) => conclude(context, &request, &conclusion, &journal, &lab, json).await,
        Err(error) => Err(interrupted(context, error, &resume).await),
    };
    if let Some(watch) = watch {
        watch.end()?;
    }
    ended
}

async fn resume(
    context: &Context,
    id: &str,
    max_turns: Option<usize>,
) -> Result<OpenSession, AppError> {
    let id = Some(id).filter(|id| !id.is_empty());
    let journal = Journal::resume(&context.directories.sessions(), id)?;
    let request = journal.request();
    let mut asked = question::again(context, &journal, max_turns, SESSION).await?;
    let watch = asked.watch.take();
    let nodes = Some(request.nodes.clone());
    let (lab, why_node) = lab::build(context, &request.line, nodes, &asked).await?;
    let command_ran = journal.checks().iter().any(|check| !check.observations.is_empty());
    lab.command_ran.store(command_ran, Ordering::Relaxed);
    open(&journal, &lab, why_node, true);
    Ok((journal, lab, watch))
}

/// The first lines: what is about to happen, on what.
fn open(journal: &Journal, lab: &RealLab, why_node: Option<String>, resumed: bool) {
    let request = journal.request();
    Opening {
        session: journal.id(),
        line: &request.line,
        question: &request.question,
        nodes: &lab.nodes,
        why_node,
        max_turns: lab.account.as_ref().map(|account| account.pace.max_turns()),
        checked: resumed.then_some(journal.checks().len()),
    }
    .print();
}

async fn conclude(
    context: &Context,
    request: &SessionRequest,
    conclusion: &Conclusion,
    journal: &Journal,
    lab: &RealLab,
    json: bool,
) -> Result<ExitCode, AppError> {
    let pinned = match conclusion.outcome {
        Outcome::Found { last_good, first_bad } | Outcome::Range { last_good, first_bad } => {
            let tested = tested(request, conclusion, last_good, context.catalogue()?);
            let blamed = matches!(conclusion.outcome, Outcome::Found { .. });
            let first_bad = blamed.then(|| first_bad_of(conclusion, first_bad)).flatten();
            Some(write_pin(context, &request.pin_file, lab, tested, first_bad).await)
        }
        _ => None,
    };
    // What was found is told, and is in the journal, even where the pin is not written.
    let (pinned, failure) = match pinned {
        Some(Ok(pin)) => (Some(pin), None),
        Some(Err(failure)) => (None, Some(failure)),
        None => (None, None),
    };
    let changes = changes::found(request, conclusion, journal.directory(), lab).await;
    SessionReport {
        session: journal.id(),
        directory: journal.directory(),
        request,
        conclusion,
        changes: changes.as_ref(),
        pinned: pinned.as_ref().map(|pin| (pin.core, request.pin_file.as_path())),
    }
    .print(json);
    if let Some(failure) = failure {
        let pin = format!("`codexpin resume {}` writes the pin, without a check", journal.id());
        return Err(failure.with_hint(pin));
    }
    Ok(match conclusion.outcome {
        Outcome::Found { .. } => ExitCode::Success,
        Outcome::Range { .. } | Outcome::EndSkipped { .. } => ExitCode::Inconclusive,
        Outcome::NoRegression | Outcome::GoodEndIsBad => ExitCode::NoRegression,
    })
}

fn tested(
    request: &SessionRequest,
    conclusion: &Conclusion,
    place: usize,
    catalogue: &Catalogue,
) -> Tested {
    let checks = conclusion.checks.iter().filter(|check| check.place() == place);
    let checks: Vec<_> = checks.collect();
    let passed = checks.iter().filter(|c| c.verdict == Verdict::Good).count();
    let seen = || checks.iter().flat_map(|checked| &checked.observations);
    let answering = |o: &&Observation| verdict::judge(o, catalogue) == Verdict::Good;
    let mut routes: Vec<Route> = Vec::new();
    for observation in seen().filter(answering) {
        if !routes.contains(&observation.route) {
            routes.push(observation.route.clone());
        }
    }
    let at = seen().map(|observation| observation.started).max();
    Tested {
        candidate: request.line[place].clone(),
        routes,
        upstream: request.question.upstream.clone(),
        at: at.unwrap_or_else(Timestamp::now),
        passed: u32::try_from(passed).unwrap_or(u32::MAX),
        checks: u32::try_from(checks.len()).unwrap_or(u32::MAX),
    }
}

fn first_bad_of(conclusion: &Conclusion, place: usize) -> Option<FirstBad> {
    let checked = conclusion.check_of(place)?;
    let failure = checked.verdict.failure()?;
    Some(FirstBad {
        core: checked.core,
        signature: failure.key(),
        evidence: failure.evidence.text.clone(),
    })
}

/// Every early end says how to go on.
async fn interrupted(context: &Context, error: SessionError, resume: &str) -> AppError {
    let of_account = matches!(error, SessionError::Account { .. } | SessionError::Control { .. });
    let mut hint = format!("everything seen so far is saved; go on with\n      {resume}");
    if of_account && let Some(said) = standalone::login_status(context).await {
        hint = format!("{said}\n      {hint}");
    }
    AppError::from(error).with_hint(hint)
}

fn absolute(context: &Context, path: &camino::Utf8Path) -> Utf8PathBuf {
    context.cwd.join(path)
}
