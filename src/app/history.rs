//! What codexpin did to this machine, and what of it can be taken back.

use camino::Utf8PathBuf;
use jiff::Timestamp;
use serde::Serialize;

use super::AppError;
use super::context::Context;
use crate::apply::{self, ApplyJournal, Operation, Progress, Versions};
use crate::explain::Class;
use crate::installation::Installation;

/// What was done to this machine.
#[derive(Debug, Serialize)]
pub struct OperationHistory {
    /// The newest first.
    pub operations: Vec<PastOperation>,
    /// Where the backups are.
    pub directory: Utf8PathBuf,
    /// What they take on disk, with the packages that are kept. Bytes.
    pub bytes: u64,
    /// Those whose backups cannot be read, and why.
    pub unreadable: Vec<String>,
}

/// An apply, an undo, a hold, or letting go.
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
    /// What its backup takes on disk, with the packages that are kept for its undo. Bytes.
    pub bytes: u64,
}

/// What a pruning did.
#[derive(Debug, Serialize)]
pub struct PrunedHistory {
    /// What was freed of each backup, the oldest first.
    pub pruned: Vec<PrunedOperation>,
    /// What is left.
    #[serde(flatten)]
    pub left: OperationHistory,
}

/// A backup of which everything went that no undo needs.
#[derive(Debug, Serialize)]
pub struct PrunedOperation {
    /// The name of the backup.
    pub backup: String,
    /// What was freed. Bytes.
    pub freed: u64,
}

/// How it ended.
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

/// Frees what no undo needs, the oldest backup first.
pub async fn prune(context: &Context) -> Result<PrunedHistory, AppError> {
    let pruned = apply::prune(&context.directories.backups())?.into_iter();
    let pruned = pruned.map(|pruned| PrunedOperation {
        backup: pruned.journal.name().to_owned(),
        freed: pruned.freed,
    });
    let pruned = pruned.collect();
    Ok(PrunedHistory { pruned, left: history(context).await? })
}

pub(super) fn of(
    context: &Context,
    installation: Option<&Installation>,
) -> Result<OperationHistory, AppError> {
    let backups = ApplyJournal::all(&context.directories.backups())
        .map_err(|error| AppError::new(Class::Infrastructure, error))?;
    let past = |journal: ApplyJournal| {
        let can_be_undone = installation.is_some_and(|found| journal.can_be_undone(found));
        let (name, bytes) = (journal.name().to_owned(), journal.disk_use());
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
            bytes,
        }
    };
    let operations: Vec<_> = backups.journals.into_iter().rev().map(past).collect();
    Ok(OperationHistory {
        directory: context.directories.backups(),
        bytes: operations.iter().map(|operation| operation.bytes).sum(),
        operations,
        unreadable: backups.damaged.iter().map(ToString::to_string).collect(),
    })
}
