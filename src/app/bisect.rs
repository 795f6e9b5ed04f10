//! Searching for the first bad release of a line, from its beginning or on from where
//! a session was interrupted.

mod line;
mod newest;
mod plan;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use camino::Utf8PathBuf;
use jiff::{SignedDuration, Timestamp};

use super::context::Context;
use super::pin::{TestedCandidate, write_pin};
use super::question::{self, PreparedQuestion, QuestionRequest};
use super::upstream::{LoginWatch, MAX_TURNS};
use super::{AppError, changes, lab, standalone};
use crate::answers::KnownAnswers;
use crate::catalogue::Catalogue;
use crate::changes::Changes;
use crate::check::CheckError;
use crate::event::{Event, SessionOpening};
use crate::host::HostPort;
use crate::lab::RealLab;
use crate::npm::registry::Freshness;
use crate::observation::Observation;
use crate::pin::{FirstBad, Pin, PinFile};
use crate::question::Question;
use crate::release::Version;
use crate::release::end::End;
use crate::release::pairing::Candidate;
use crate::route::Route;
use crate::search::{Outcome, SearchPlan};
pub use crate::session::SessionLimits;
use crate::session::error::SessionError;
use crate::session::job::Job;
use crate::session::journal::{self, Journal, SessionRequest};
use crate::session::lab::{Lab as _, LabError};
use crate::session::newest::NewestRelease;
use crate::session::{self, Conclusion, Session, reversal};
use crate::upstream::pace::PaceError;
use crate::verdict::{self, Verdict};
use line::{between_judgeable_ends, line_of};

pub use line::reversed_ends;
pub use plan::SearchRequest;

/// How long a lent login has to be good for: a dozen checks with their installs.
pub(super) const SESSION: SignedDuration = SignedDuration::from_mins(30);

/// A line to search, and what its candidates are asked.
#[derive(Debug, Clone)]
pub struct BisectRequest {
    /// A release that answers: a version, a dist-tag, `installed` or a date. None: it is
    /// looked for from the bad one back.
    pub good: Option<String>,
    /// A newer release that does not. None: the installed one, or else the latest.
    pub bad: Option<String>,
    /// What is looked for.
    pub aim: BisectAim,
    /// Whether betas between the ends are candidates, too.
    pub betas: bool,
    /// What each candidate is asked.
    pub question: QuestionRequest,
    /// Where the last good one is pinned.
    pub pin_file: Utf8PathBuf,
    /// Whether candidates meet the state that the good end left, instead of a fresh one.
    pub carry_state: bool,
    /// How the line is searched.
    pub search: SearchRequest,
    /// Whether releases are asked that earlier sessions asked the same, too.
    pub fresh: bool,
}

/// What a line is searched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BisectAim {
    /// The first release that does not answer.
    FirstBad {
        /// Whether the newest releases are asked once it is found: whether it is mended there.
        forward: bool,
    },
    /// The first release that answers again, after the bad one.
    Fix,
}

/// A session to go on with.
#[derive(Debug, Clone, Default)]
pub struct ResumeRequest {
    /// Its name. None: the newest that is unfinished.
    pub session: Option<String>,
    /// How many turns the account may be asked for, over all parts of the session.
    /// None: what the session began with.
    pub max_turns: Option<usize>,
    /// What installs may reach besides the registries and what the session has already.
    pub open_install: Vec<HostPort>,
    /// How long this part of the session may go on.
    pub limits: SessionLimits,
}

/// What a session came to.
#[derive(Debug)]
pub struct BisectReport {
    /// The session's name.
    pub session: String,
    /// Where its journal and logs are.
    pub directory: Utf8PathBuf,
    /// What was asked for.
    pub request: SessionRequest,
    /// What was found.
    pub conclusion: Conclusion,
    /// What changed with the first bad release.
    pub changes: Option<Changes>,
    /// Whether it is mended in the newest releases. Nothing where no boundary was found, or
    /// that was not to be asked.
    pub newest: Vec<NewestRelease>,
    /// The last good release, pinned, or why it could not be. None where there is none
    /// to pin.
    pub pinned: Option<Result<Pin, AppError>>,
}

/// Searches a line of candidates for the first bad one.
pub async fn bisect(context: &Context, request: BisectRequest) -> Result<BisectReport, AppError> {
    // A table of signatures that cannot be read is told before a session begins.
    context.catalogue()?;
    let limits = request.search.limits;
    let session = begin(context, request).await?;
    search(context, session, limits).await
}

/// Goes on with a session that was interrupted.
pub async fn resume(context: &Context, request: ResumeRequest) -> Result<BisectReport, AppError> {
    context.catalogue()?;
    let limits = request.limits;
    let session = reopen(context, request).await?;
    search(context, session, limits).await
}

/// Goes on with the contrary search, where the ends were the other way round: what was seen
/// is not asked again.
pub async fn turn_round(
    context: &Context,
    report: &BisectReport,
    limits: SessionLimits,
) -> Result<BisectReport, AppError> {
    let sessions = context.directories.sessions();
    let checks = &report.conclusion.checks;
    let contrary = reversal::begin_contrary(&sessions, &report.request, checks, Timestamp::now())?;
    let session = Some(contrary.id().to_owned());
    // Its lock is for whoever goes on with it.
    drop(contrary);
    resume(context, ResumeRequest { session, limits, ..ResumeRequest::default() }).await
}

impl BisectReport {
    /// The release that does not answer and the one that does, where that is the contrary of
    /// how they were given and a search for what lies between can begin at once.
    pub fn reversed(&self) -> Option<(Version, Version)> {
        let line = &self.request.line;
        let is_reversed = self.conclusion.outcome == Outcome::EndsReversed;
        // The state of the end that was to be good is no good end's.
        let can_go_on = is_reversed && !self.request.question.carry_state;
        Some((line.first()?.core, line.last()?.core)).filter(|_| can_go_on)
    }
}

/// A session whose candidates are about to be asked.
pub(super) struct OpenSession {
    journal: Journal,
    lab: RealLab,
    watch: Option<LoginWatch>,
}

async fn begin(context: &Context, request: BisectRequest) -> Result<OpenSession, AppError> {
    // A state that is kept would keep the login that is lent in it.
    let only_loopback = request.carry_state.then_some("--carry-state");
    let mut asked = request.question.prepare(context, SESSION, only_loopback).await?;
    asked.question.carry_state = request.carry_state;
    // A slip in their form is told before anything is looked for.
    for end in [&request.good, &request.bad].into_iter().flatten() {
        end.parse::<End>()?;
    }
    // A pin file that cannot be written to is better known now than at the end.
    let pin_file = context.cwd.join(&request.pin_file);
    PinFile::open_or_new(&pin_file)?.try_out()?;
    let releases = context.releases(Freshness::Cached).await?;
    let line = line_of(context, &request, &releases)?;
    let line = between_judgeable_ends(context, &line, &asked.question)?;
    let find_fix = request.aim == BisectAim::Fix;
    let newest = match request.aim {
        BisectAim::FirstBad { forward: true } => newest::newest_of(&releases),
        BisectAim::FirstBad { forward: false } | BisectAim::Fix => Vec::new(),
    };
    let search = SearchPlan {
        seeks_good_end: request.good.is_none() && !find_fix,
        ..request.search.plan(&asked.question)
    };
    let fresh = request.fresh;
    let plan = SessionPlan { search, find_fix, every: None, newest, pin_file, fresh };
    begin_on(context, line, asked, plan).await
}

/// What a session is begun with, besides its line and its question.
pub(super) struct SessionPlan {
    pub(super) search: SearchPlan,
    pub(super) find_fix: bool,
    /// Each so-manieth candidate is asked, in place of a search for a boundary.
    pub(super) every: Option<usize>,
    pub(super) newest: Vec<Candidate>,
    pub(super) pin_file: Utf8PathBuf,
    pub(super) fresh: bool,
}

pub(super) async fn begin_on(
    context: &Context,
    line: Vec<Candidate>,
    asked: PreparedQuestion,
    plan: SessionPlan,
) -> Result<OpenSession, AppError> {
    let PreparedQuestion { question, config, account, watch } = asked;
    let asked_with = (config, account.clone());
    let (mut lab, why_node) = lab::build(context, &line, None, &question, asked_with).await?;
    lab.known = Some(known_answers(context, plan.fresh, [])?);
    let request = SessionRequest {
        max_turns: account.as_ref().map(|account| account.pace.max_turns()),
        account: account.and_then(|account| account.account_hash()),
        search: plan.search,
        find_fix: plan.find_fix,
        scan: plan.every.map(|every| scan_order(&line, every, &question, &lab)),
        newest: plan.newest,
        question,
        nodes: line.iter().map(|c| lab.nodes.of(c.core).ok().cloned()).collect(),
        line,
        pin_file: plan.pin_file,
        fresh: plan.fresh,
    };
    let older = journal::unfinished(&context.directories.sessions());
    let journal = Journal::begin(&context.directories.sessions(), request, Timestamp::now())?;
    open(context, &journal, &lab, why_node, false);
    if let Some(older) = older.last() {
        let note = format!("an earlier session is unfinished: codexpin resume {older}");
        context.events.note(note);
    }
    Ok(OpenSession { journal, lab, watch })
}

/// What earlier sessions saw, for the first ask of each release but those `asked`.
fn known_answers(
    context: &Context,
    fresh: bool,
    asked: impl IntoIterator<Item = Version>,
) -> Result<Arc<KnownAnswers>, AppError> {
    let store = context.answers()?;
    let known =
        if fresh { KnownAnswers::only_kept(store) } else { KnownAnswers::used_again(store, asked) };
    Ok(Arc::new(known))
}

/// The places that a scan asks, both ends among them: what is installed already comes first.
/// Where an account is asked the older ones do, since a failure needs one before it that
/// answers.
fn scan_order(line: &[Candidate], every: usize, question: &Question, lab: &RealLab) -> Vec<usize> {
    let last = line.len() - 1;
    let mut places: Vec<_> = (0..=last).filter(|at| at % every == 0 || *at == last).collect();
    if question.upstream.lending().is_none() {
        places.sort_by_cached_key(|at| {
            let job = Job::plain(line[*at].clone(), question.clone());
            !lab.is_installed(&job)
        });
    }
    places
}

async fn reopen(context: &Context, request: ResumeRequest) -> Result<OpenSession, AppError> {
    let sessions = context.directories.sessions();
    let mut journal = Journal::resume(&sessions, request.session.as_deref())?;
    journal.open_installs_to(&request.open_install)?;
    let asked = question::again(context, &journal, request.max_turns, SESSION).await?;
    let PreparedQuestion { question, config, account, watch } = asked;
    let SessionRequest { line, nodes, .. } = journal.request();
    let asked_with = (config, account);
    let nodes = Some(nodes.clone());
    let (mut lab, why_node) = lab::build(context, line, nodes, &question, asked_with).await?;
    // What this session has seen itself is in its journal.
    let checks = journal.checks().iter().chain(journal.newest_checks());
    let asked = checks.map(|check| check.core);
    lab.known = Some(known_answers(context, journal.request().fresh, asked)?);
    let command_ran = journal.checks().iter().any(|check| !check.observations.is_empty());
    lab.command_ran.store(command_ran, Ordering::Relaxed);
    open(context, &journal, &lab, why_node, true);
    Ok(OpenSession { journal, lab, watch })
}

/// The first lines: what is about to happen, on what.
fn open(
    context: &Context,
    journal: &Journal,
    lab: &RealLab,
    why_node: Option<String>,
    resumed: bool,
) {
    context.log_into(journal.directory());
    let request = journal.request();
    context.events.tell(Event::SessionStarted(Box::new(SessionOpening {
        session: journal.id().to_owned(),
        line: request.line.clone(),
        find_fix: request.find_fix,
        seeks_good_end: request.search.seeks_good_end,
        scan: request.scan.as_ref().map(Vec::len),
        question: request.question.clone(),
        nodes: lab.nodes.versions().into_iter().map(str::to_owned).collect(),
        why_node,
        max_turns: lab.account.as_ref().map(|account| account.pace.max_turns()),
        checked: resumed.then_some(journal.checks().len()),
    })));
}

/// Searches to the end, or says how to go on.
pub(super) async fn search(
    context: &Context,
    open: OpenSession,
    limits: SessionLimits,
) -> Result<BisectReport, AppError> {
    let OpenSession { mut journal, lab, watch } = open;
    let catalogue = context.catalogue()?;
    let go_on = format!("codexpin resume {}", journal.id());
    context.on_sudden_end(&go_on);
    let (events, stop) = (&context.events, &context.stop);
    let session = Session { lab: &lab, catalogue, events, stop, parallel: 1, limits };
    let before = journal.checks().len();
    let result = session::run(&session, &mut journal).await;
    let ended = match result {
        Ok(conclusion) => {
            // The pin first: what comes after it may be cut short.
            let pinned = pin(context, &conclusion, &journal, &lab, catalogue).await;
            let changes = changes::found(context, &conclusion, &journal, &lab).await;
            let checks = conclusion.checks.len() - before;
            let limits = limits.after(checks, conclusion.elapsed);
            let session = Session { limits, ..session };
            let newest = newest::ask(context, session, &mut journal, &conclusion).await;
            Ok(BisectReport {
                session: journal.id().to_owned(),
                directory: journal.directory().to_owned(),
                request: journal.request().clone(),
                conclusion,
                changes,
                newest,
                pinned,
            })
        }
        Err(error) => Err(interrupted(context, error, &journal, &go_on).await),
    };
    if let Some(watch) = watch {
        watch.end(&context.events);
    }
    ended
}

/// Pins the last good release, where there is one to pin.
async fn pin(
    context: &Context,
    conclusion: &Conclusion,
    journal: &Journal,
    lab: &RealLab,
    catalogue: &Catalogue,
) -> Option<Result<Pin, AppError>> {
    let request = journal.request();
    match conclusion.outcome {
        Outcome::Found { last_good, first_bad } | Outcome::Range { last_good, first_bad }
            if conclusion.pinnable =>
        {
            let tested = tested(request, conclusion, last_good, catalogue);
            // The bad release next to a fix is none that broke anything.
            let blamed = matches!(conclusion.outcome, Outcome::Found { .. }) && !request.find_fix;
            let first_bad = blamed.then(|| first_bad_of(conclusion, first_bad)).flatten();
            let pinned = write_pin(context, &request.pin_file, lab, tested, first_bad).await;
            let again =
                format!("`codexpin resume {}` writes the pin, without a check", journal.id());
            Some(pinned.map_err(|failure| failure.with_hint(again)))
        }
        _ => None,
    }
}

fn tested(
    request: &SessionRequest,
    conclusion: &Conclusion,
    place: usize,
    catalogue: &Catalogue,
) -> TestedCandidate {
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
    TestedCandidate {
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
async fn interrupted(
    context: &Context,
    error: SessionError,
    journal: &Journal,
    resume: &str,
) -> AppError {
    if is_spent(&error) {
        let more = journal.turns_taken() + MAX_TURNS;
        return AppError::from(error).with_hint(format!(
            "everything seen so far is saved; allow more turns over all, and it goes on\n      {resume} --max-turns {more}"
        ));
    }
    let of_account = matches!(error, SessionError::Account { .. } | SessionError::Control { .. });
    let mut hint = format!("everything seen so far is saved; go on with\n      {resume}");
    if of_account && let Some(said) = standalone::login_status(context).await {
        hint = format!("{said}\n      {hint}");
    }
    AppError::from(error).with_hint(hint)
}

/// Whether the turns that were allowed are used up.
fn is_spent(error: &SessionError) -> bool {
    let SessionError::Lab(LabError::Infrastructure(source)) = error else { return false };
    matches!(source.downcast_ref(), Some(CheckError::Pace(PaceError::Spent { .. })))
}
