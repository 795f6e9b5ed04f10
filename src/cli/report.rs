//! `codexpin report`.

use std::time::Duration;

use super::context::Context;
use crate::app::AppError;
use crate::apply::{self, Operation, Progress};
use crate::changes;
use crate::exit_code::ExitCode;
use crate::explain::Class;
use crate::npm::run::Npm;
use crate::process::Program;
use crate::report::changes::lines;
use crate::report::issue::{Issue, Machine, Rollback, RollbackEnd};
use crate::session::summary::SessionSummary;

/// How long npm may take to tell its version.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Debug, clap::Args)]
pub(super) struct Report {
    /// The session, finished or not. [default: the newest]
    session: Option<String>,
}

impl Report {
    pub(super) async fn run(self, context: &Context) -> Result<ExitCode, AppError> {
        let session =
            SessionSummary::read(&context.directories.sessions(), self.session.as_deref())?;
        let machine = machine(context).await;
        Issue {
            session: &session,
            machine: &machine,
            rollback: rollback(context, &session)?,
            changes: changes(&session),
            catalogue: context.catalogue()?,
            person: &context.processes.person(),
        }
        .print();
        Ok(ExitCode::Success)
    }
}

/// What differs between the last good and the first bad release, line by line.
fn changes(session: &SessionSummary) -> Option<Vec<String>> {
    Some(lines(&changes::load(&session.directory).ok()??))
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
    let mut records = applied.into_iter().rev().map(|journal| journal.record);
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
