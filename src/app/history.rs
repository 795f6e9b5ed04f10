//! What codexpin did to this machine, and what of it can be taken back.

use jiff::Timestamp;
use serde::Serialize;

use super::AppError;
use super::context::Context;
use crate::apply::{ApplyJournal, Operation, Progress, Versions};
use crate::explain::Class;
use crate::installation::Installation;

/// The applies and undos of this machine.
#[derive(Debug, Serialize)]
pub struct OperationHistory {
    /// The newest first.
    pub operations: Vec<PastOperation>,
    /// Those whose backups cannot be read, and why.
    pub unreadable: Vec<String>,
}

/// An apply or an undo.
#[derive(Debug, Clone, Serialize)]
pub struct PastOperation {
    /// The name of its backup, by which `undo` finds it.
    pub backup: String,
    /// Which of the two.
    pub operation: Operation,
    /// When it began.
    pub at: Timestamp,
    /// What was installed.
    pub from: Versions,
    /// What was to be.
    pub to: Versions,
    /// How it ended.
    pub end: OperationEnd,
    /// Why it was put back, or could not be proved.
    pub why: Option<String>,
    /// Whether `undo` can go back to what it replaced.
    pub can_be_undone: bool,
}

/// How an apply or an undo ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OperationEnd {
    /// What was to be is live, and works.
    Done,
    /// What was to be is live; whether it works could not be found out.
    Unproven,
    /// Everything was put back.
    PutBack,
    /// It was cut short: the next `apply` or `undo` ends it.
    CutShort,
}

impl OperationEnd {
    fn of(progress: Progress) -> Self {
        match progress {
            Progress::Done => Self::Done,
            Progress::Unproven => Self::Unproven,
            Progress::RolledBack => Self::PutBack,
            Progress::Forward { .. } | Progress::Back { .. } => Self::CutShort,
        }
    }
}

/// Lists what was done, without changing anything.
pub async fn history(context: &Context) -> Result<OperationHistory, AppError> {
    // Without an installation nothing of it can be taken back; what was done is told.
    let installation = Installation::find(&context.live_machine()).await.ok();
    of(context, installation.as_ref())
}

pub(super) fn of(
    context: &Context,
    installation: Option<&Installation>,
) -> Result<OperationHistory, AppError> {
    let backups = ApplyJournal::all(&context.directories.backups())
        .map_err(|error| AppError::new(Class::Infrastructure, error))?;
    let past = |journal: ApplyJournal| {
        let can_be_undone = installation.is_some_and(|found| journal.can_be_undone(found));
        let name = journal.name().to_owned();
        let record = journal.record;
        let unproven = (!record.unproven.is_empty()).then(|| record.unproven.join("; "));
        PastOperation {
            backup: name,
            operation: record.operation,
            at: record.at,
            from: record.from,
            to: record.to,
            end: OperationEnd::of(record.progress),
            why: record.why.or(unproven),
            can_be_undone,
        }
    };
    Ok(OperationHistory {
        operations: backups.journals.into_iter().rev().map(past).collect(),
        unreadable: backups.damaged.iter().map(ToString::to_string).collect(),
    })
}
