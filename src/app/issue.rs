//! What an issue about a session needs besides the session.

use std::time::Duration;

use jiff::Timestamp;

use super::AppError;
use super::check::remedy_record::RemedyRecord;
use super::context::Context;
use crate::apply::{self, Operation, Progress, Versions};
use crate::catalogue::Catalogue;
use crate::changes::{self, Changes};
use crate::explain::Class;
use crate::npm::run::Npm;
use crate::process::Program;
use crate::session::summary::SessionSummary;

/// How long npm may take to tell its version.
const PATIENCE: Duration = Duration::from_secs(20);

/// A session, and what became of it on this machine.
#[derive(Debug)]
pub struct IssueFacts {
    /// The session.
    pub session: SessionSummary,
    /// Where the report is written.
    pub machine: Machine,
    /// What `codexpin apply` did about it, where it did anything.
    pub rollback: Option<Rollback>,
    /// What was tried to make the first bad release answer, where `codexpin check` did.
    pub remedies: Option<RemedyRecord>,
    /// What is different between the last good and the first bad release, where that
    /// was looked at.
    pub changes: Option<Changes>,
}

/// A machine, as far as a release could care.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// The system, such as `Debian GNU/Linux 13`.
    pub system: String,
    /// The processor, such as `x86_64`.
    pub processor: String,
    /// npm's version; none where it does not tell.
    pub npm: Option<String>,
}

/// A rollback that was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rollback {
    /// When.
    pub at: Timestamp,
    /// What was installed.
    pub from: Versions,
    /// What was to be.
    pub to: Versions,
    /// How it ended.
    pub end: RollbackEnd,
}

/// How a rollback ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RollbackEnd {
    /// It is installed, and proved itself.
    Proved,
    /// It failed its proof, for this reason, and was put back.
    PutBack(Option<String>),
    /// It is installed, and a proof could not be had, for these reasons.
    Unproven(String),
    /// It was interrupted.
    Unfinished,
}

/// Gathers what is known of a session, finished or not. None: the newest.
pub async fn facts(context: &Context, session: Option<&str>) -> Result<IssueFacts, AppError> {
    let session =
        SessionSummary::read(&context.directories.sessions(), session, &Catalogue::built_in())?;
    let rollback = rollback(context, &session)?;
    let changes = changes::load(&session.directory).ok().flatten();
    let remedies = session.ends().1.and_then(|bad| {
        let core = session.request.line[bad].core;
        RemedyRecord::newest(&context.directories.checks(), core, &session.request.question)
    });
    Ok(IssueFacts { machine: machine(context).await, rollback, remedies, changes, session })
}

async fn machine(context: &Context) -> Machine {
    Machine {
        system: system(),
        processor: std::env::consts::ARCH.to_owned(),
        npm: npm(context).await,
    }
}

/// The system by the name that it gives itself (os-release(5)).
fn system() -> String {
    let release = fs_err::read_to_string("/etc/os-release").unwrap_or_default();
    let name = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    name.map_or_else(|| std::env::consts::OS.to_owned(), |name| name.trim_matches('"').to_owned())
}

/// npm's version; that it cannot tell is no reason for no report.
async fn npm(context: &Context) -> Option<String> {
    let program = Program {
        executable: Npm::locate(&context.environment).ok()?,
        arguments: vec!["--version".to_owned()],
        directory: "/".into(),
        environment: context.environment.inherited().with("HOME", "/nonexistent"),
        time_limit: PATIENCE,
        log: None,
        enclosure: None,
        limits: None,
    };
    let finished = context.processes.run(&program, &context.stop).await.ok()?;
    finished.ending.success().then(|| finished.stdout.text().trim().to_owned())
}

/// The last apply of the session's last good release, since the session began.
fn rollback(context: &Context, session: &SessionSummary) -> Result<Option<Rollback>, AppError> {
    let Some(good) = session.ends().0 else { return Ok(None) };
    let good = session.request.line[good].core;
    let applied = apply::ApplyJournal::all(&context.directories.backups())
        .map_err(|error| AppError::new(Class::Infrastructure, error))?;
    let mut records = applied.journals.into_iter().rev().map(|journal| journal.record);
    let record = records.find(|record| {
        record.operation == Operation::Apply && record.at > session.begun && record.to.core == good
    });
    Ok(record.map(|record| Rollback {
        at: record.at,
        from: record.from,
        to: record.to,
        end: match record.progress {
            Progress::Done => RollbackEnd::Proved,
            Progress::RolledBack => RollbackEnd::PutBack(record.why),
            Progress::Unproven => RollbackEnd::Unproven(record.unproven.join("; ")),
            _ => RollbackEnd::Unfinished,
        },
    }))
}
