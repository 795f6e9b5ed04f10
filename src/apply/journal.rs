//! How far an apply has come, on disk before each step: `backup.json`.

use std::fmt;
use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::backup::{SavedFile, SavedKind};
use super::earlier_config::{EarlierConfig, SavedBy};
use super::exchange::Part;
use super::hold::HoldChange;
use super::plan::Plan;
use super::step::Step;
use super::versions::Versions;
use crate::explain::{Class, Explain};
use crate::fs::{self, foreign};
use crate::installation::Installation;

/// The format that this codexpin reads and writes.
const FORMAT: u32 = 3;
/// The format before steps were data: read where it is finished. The second had no steps
/// of a hold, and is read as it is.
const PHASES: u64 = 1;
const FILE: &str = "backup.json";

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Operation {
    /// A pin was applied.
    Apply,
    /// What an apply (or an undo) replaced was brought back.
    Undo,
    /// `OpenClaw` is kept from updating itself.
    Hold,
    /// It is let go.
    Unhold,
}

impl Operation {
    /// Whether it puts another release in place.
    pub fn changes_release(self) -> bool {
        matches!(self, Self::Apply | Self::Undo)
    }
}

/// The command that does it.
impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Apply => "apply",
            Self::Undo => "undo",
            Self::Hold => "hold",
            Self::Unhold => "unhold",
        })
    }
}

/// Why everything was put back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Setback {
    /// A proof says no.
    #[default]
    Disproved,
    /// A step could not be taken.
    StepFailed,
    /// The user stopped it.
    Interrupted,
    /// codexpin was killed before anything live differed.
    Killed,
}

/// How far it has come. It is on disk before anything of it happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum Progress {
    /// Steps are taken.
    Forward {
        /// How many are done: the index of the next one.
        done: usize,
        /// Whether the next one has begun.
        begun: bool,
    },
    /// Steps are taken back, the last one first.
    Back {
        /// How many are left to take back.
        left: usize,
    },
    /// All steps are taken, and all proofs say yes.
    Done,
    /// All steps are taken, and a proof could not be carried out.
    Unproven,
    /// All steps are taken back.
    RolledBack,
}

impl Progress {
    /// Whether nothing is left to do.
    pub fn is_finished(self) -> bool {
        matches!(self, Self::Done | Self::Unproven | Self::RolledBack)
    }

    /// Whether the release is live that was to be.
    pub fn is_applied(self) -> bool {
        matches!(self, Self::Done | Self::Unproven)
    }
}

/// One apply or undo, with all that is needed to go on or to put back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplyRecord {
    /// The format of this file.
    pub format: u32,
    /// Apply or undo.
    pub operation: Operation,
    /// When it began.
    pub at: Timestamp,
    /// What was installed.
    pub from: Versions,
    /// What was to be.
    pub to: Versions,
    /// The installation as it was found.
    pub installation: Installation,
    /// What is exchanged.
    pub parts: Vec<Part>,
    /// The steps, in order.
    #[serde(default)]
    pub steps: Vec<Step>,
    /// Whether the service is to run afterwards.
    pub service_wanted: bool,
    /// Whether it ran before.
    pub service_ran: bool,
    /// The saved files.
    pub saved: Vec<SavedFile>,
    /// How far it has come.
    pub progress: Progress,
    /// Why it is, or was, put back.
    pub why: Option<String>,
    /// What kind of reason that is.
    #[serde(default)]
    pub setback: Setback,
    /// Why a proof could not be carried out.
    #[serde(default)]
    pub unproven: Vec<String>,
}

/// A backup cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ApplyJournalError {
    /// A file.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// No backup of codexpin's, or a damaged one.
    #[error("{path} cannot be read: {reason}")]
    Damaged {
        /// The file.
        path: Utf8PathBuf,
        /// Why.
        reason: String,
    },
    /// An earlier codexpin was killed before it had finished this one.
    #[error(
        "{path} is of an apply that an earlier codexpin began and did not finish (phase {phase}); this codexpin cannot go on with it"
    )]
    UnfinishedPhases {
        /// The file.
        path: Utf8PathBuf,
        /// How far it had come.
        phase: String,
    },
    /// A later codexpin wrote it.
    #[error("{path} has format {found}; this codexpin knows format {FORMAT}")]
    NewerFormat {
        /// The file.
        path: Utf8PathBuf,
        /// Its format.
        found: u64,
    },
}

impl Explain for ApplyJournalError {
    fn hint(&self) -> Option<String> {
        let Self::UnfinishedPhases { path, .. } = self else { return None };
        Some(format!(
            "run `codexpin undo` of that earlier codexpin once: it finishes it; or move {} away if the installation is as it should be",
            path.parent().unwrap_or(path)
        ))
    }

    fn class(&self) -> Class {
        Class::Infrastructure
    }
}

/// A record in its backup directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplyJournal {
    /// The backup directory.
    pub directory: Utf8PathBuf,
    /// What it says.
    pub record: ApplyRecord,
}

/// What there is of earlier applies and undos.
#[derive(Debug, Default)]
pub struct Backups {
    /// Oldest first.
    pub journals: Vec<ApplyJournal>,
    /// Those that cannot be read, and why.
    pub damaged: Vec<ApplyJournalError>,
}

impl ApplyJournal {
    /// Begins: makes the backup directory, readable by its owner only.
    pub(super) fn begin(
        backups: &Utf8Path,
        name: &str,
        record: ApplyRecord,
    ) -> Result<Self, ApplyJournalError> {
        let journal = Self { directory: backups.join(name), record };
        fs::create_private_dir(&journal.directory)?;
        journal.write()?;
        Ok(journal)
    }

    /// Says how far it has come, on disk when this returns.
    pub(super) fn enter(&mut self, progress: Progress) -> Result<(), ApplyJournalError> {
        self.record.progress = progress;
        self.write()
    }

    pub(super) fn write(&self) -> Result<(), ApplyJournalError> {
        let text = serde_json::to_string_pretty(&self.record).map_err(io::Error::other)?;
        Ok(fs::write_atomic(&self.directory.join(FILE), text.as_bytes())?)
    }

    /// Reads one.
    pub fn read(directory: &Utf8Path) -> Result<Self, ApplyJournalError> {
        let path = directory.join(FILE);
        let damaged = |e: &dyn std::fmt::Display| ApplyJournalError::Damaged {
            path: path.clone(),
            reason: e.to_string(),
        };
        let text = foreign::read_to_string(&path, foreign::TEXT).map_err(|e| damaged(&e))?;
        let mut value: serde_json::Value = serde_json::from_str(&text).map_err(|e| damaged(&e))?;
        match value["format"].as_u64() {
            Some(found) if found > u64::from(FORMAT) => {
                Err(ApplyJournalError::NewerFormat { path: path.clone(), found })
            }
            found => {
                if found == Some(PHASES) {
                    from_phases(&mut value).map_err(|phase| {
                        ApplyJournalError::UnfinishedPhases { path: path.clone(), phase }
                    })?;
                }
                let record = serde_json::from_value(value).map_err(|e| damaged(&e))?;
                Ok(Self { directory: directory.to_owned(), record })
            }
        }
    }

    /// All of them. A damaged one stands in nobody's way: whoever looks is told of it.
    pub fn all(backups: &Utf8Path) -> Result<Backups, ApplyJournalError> {
        let mut directories = Vec::new();
        match backups.read_dir_utf8() {
            Ok(entries) => {
                for entry in entries {
                    directories.push(entry?.into_path());
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
        // No journal: codexpin was killed before it began anything there.
        directories.retain(|directory| directory.join(FILE).exists());
        directories.sort();
        let mut all = Backups::default();
        for directory in directories {
            match Self::read(&directory) {
                Ok(journal) => all.journals.push(journal),
                Err(error @ ApplyJournalError::Damaged { .. }) => all.damaged.push(error),
                Err(error) => return Err(error),
            }
        }
        all.journals.sort_by_key(|journal| journal.record.at);
        Ok(all)
    }

    /// The file of the record.
    pub(super) fn file(&self) -> Utf8PathBuf {
        self.directory.join(FILE)
    }

    /// The name by which `undo` finds it.
    pub fn name(&self) -> &str {
        self.directory.file_name().unwrap_or_default()
    }

    /// Whether what it replaced is still kept for this installation, and not live again.
    pub fn can_be_undone(&self, installation: &Installation) -> bool {
        let kept = |part: &Part| !part.is_live(part.before) && part.has(part.before);
        self.record.installation.core.directory == installation.core.directory
            && self.record.operation.changes_release()
            && self.record.progress.is_applied()
            && self.record.parts.iter().all(kept)
    }

    /// Where the config that is to be put in place is kept: where it was found
    /// it may be moved along while the apply goes on.
    pub(super) fn earlier_config(backups: &Utf8Path, name: &str) -> Utf8PathBuf {
        backups.join(name).join("openclaw.json.earlier")
    }

    /// The saved config, where there was one.
    pub fn saved_config(&self) -> Option<Utf8PathBuf> {
        let config = self.record.saved.iter().find(|saved| saved.kind == SavedKind::Config)?;
        Some(self.directory.join(&config.copy))
    }
}

impl ApplyRecord {
    /// A record at its beginning.
    pub(super) fn new(
        operation: Operation,
        at: Timestamp,
        installation: &Installation,
        plan: &Plan,
        parts: Vec<Part>,
    ) -> Self {
        Self {
            format: FORMAT,
            operation,
            at,
            from: plan.from,
            to: plan.to,
            installation: installation.clone(),
            parts,
            steps: plan.steps.clone(),
            service_wanted: false,
            service_ran: false,
            saved: Vec::new(),
            progress: Progress::Forward { done: 0, begun: false },
            why: None,
            setback: Setback::default(),
            unproven: Vec::new(),
        }
    }

    /// Whether anything live may differ from what it was.
    pub fn may_differ(&self) -> bool {
        let prepared = self.steps.iter().take_while(|step| step.is_preparation()).count();
        match self.progress {
            Progress::Forward { done, .. } => done >= prepared,
            Progress::Back { left } => left > prepared,
            Progress::Done | Progress::Unproven => true,
            Progress::RolledBack => false,
        }
    }

    /// Whether the service, which ran, is stopped, and not started again yet.
    pub fn keeps_service_stopped(&self) -> bool {
        let place = |wanted: fn(&Step) -> bool| self.steps.iter().position(wanted);
        let Some(stop) = place(|step| matches!(step, Step::Stop { .. })) else { return false };
        let start = place(|step| matches!(step, Step::Start { .. })).unwrap_or(usize::MAX);
        self.service_wanted
            && match self.progress {
                Progress::Forward { done, begun } => {
                    stop < done + usize::from(begun) && done <= start
                }
                Progress::Back { left } => stop < left && left <= start.saturating_add(1),
                Progress::Done | Progress::Unproven | Progress::RolledBack => false,
            }
    }

    /// The step that is under way, in words; none at the end.
    pub fn step_under_way(&self) -> Option<String> {
        let index = match self.progress {
            Progress::Forward { done, .. } => done,
            Progress::Back { left } => left.checked_sub(1)?,
            Progress::Done | Progress::Unproven | Progress::RolledBack => return None,
        };
        self.steps.get(index).map(ToString::to_string)
    }

    /// What became of the hold, where the steps say anything of it.
    pub fn hold_change(&self) -> Option<&HoldChange> {
        self.steps.iter().find_map(|step| match step {
            Step::Hold { change } => Some(change.as_ref()),
            _ => None,
        })
    }

    /// The saved config that was put in place, where the steps have one.
    pub fn placed_config(&self) -> Option<&Utf8Path> {
        self.steps.iter().find_map(|step| match step {
            Step::PutConfig { saved, .. } => Some(saved.path.as_path()),
            _ => None,
        })
    }
}

/// Turns a finished record of the format before steps into today's: what `undo` and
/// a later apply need of it is its parts, its saved files, and the config that it
/// put in place. Refuses an unfinished one with its phase.
fn from_phases(value: &mut serde_json::Value) -> Result<(), String> {
    let phase = value["phase"].as_str().unwrap_or_default().to_owned();
    let progress = match phase.as_str() {
        "done" => Progress::Done,
        "rolled-back" => Progress::RolledBack,
        _ => return Err(phase),
    };
    let mut steps = Vec::new();
    if let Some(placed) = value["config_from"].as_str() {
        let path = Utf8PathBuf::from(value["installation"]["config"].as_str().unwrap_or_default());
        let saved = EarlierConfig {
            path: placed.into(),
            by: SavedBy::Codexpin,
            written_by: None,
            differs: Vec::new(),
        };
        steps.push(Step::PutConfig { path, saved });
    }
    value["steps"] = serde_json::to_value(steps).unwrap_or_default();
    value["progress"] = serde_json::to_value(progress).unwrap_or_default();
    Ok(())
}

#[cfg(test)]
mod tests;
