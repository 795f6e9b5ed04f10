//! What the live Gateway wrote: its unit's journal, or `OpenClaw`'s own log file.

use std::time::Duration;

use camino::{Utf8DirEntry, Utf8Path, Utf8PathBuf};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::service::systemd::{UNIT, unit_path};
use crate::env::Environment;
use crate::explain::{Class, Explain};
use crate::process::{Ending, ProcessError, Processes, Program, RunningProcess};

/// Where `OpenClaw` keeps a file a day (`openclaw-YYYY-MM-DD.log`).
const LOGS: &str = "/tmp/openclaw";
/// How long journald may take to hand out what there is.
const LIMIT: Duration = Duration::from_mins(1);

/// The unit's journal could not be read.
#[derive(Debug, thiserror::Error)]
pub enum UnitJournalError {
    /// `journalctl` could not be run.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// It did not hand the journal out, or not in time.
    #[error("journalctl does not hand out the journal of {unit}: {said}")]
    Refused {
        /// The unit.
        unit: String,
        /// What it said.
        said: String,
    },
    /// It has nothing of the unit since then.
    #[error("journalctl has nothing of {unit} since then")]
    Empty {
        /// The unit.
        unit: String,
    },
}

impl Explain for UnitJournalError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Process(error) => error.hint(),
            Self::Refused { .. } | Self::Empty { .. } => {
                Some("name a log: codexpin diagnose /tmp/openclaw/openclaw-DATE.log".to_owned())
            }
        }
    }

    fn class(&self) -> Class {
        match self {
            Self::Process(error) => error.class(),
            Self::Refused { .. } | Self::Empty { .. } => Class::Failure,
        }
    }
}

/// The unit of the user's Gateway, if it has one.
pub fn unit(environment: &Environment, home: &Utf8Path) -> Option<String> {
    unit_path(environment, home).is_file().then(|| UNIT.to_owned())
}

/// The newest of `OpenClaw`'s log files.
pub fn newest_log() -> Option<Utf8PathBuf> {
    let files = Utf8Path::new(LOGS).read_dir_utf8().ok()?.flatten();
    let logs = files.filter(|file| {
        file.file_name().starts_with("openclaw-") && file.path().extension() == Some("log")
    });
    logs.map(Utf8DirEntry::into_path).max()
}

/// A unit's journal.
#[derive(Debug, Clone, Copy)]
pub struct UnitJournal<'a> {
    /// The unit.
    pub unit: &'a str,
    /// From when on.
    pub from: Timestamp,
    /// Whether what comes is wanted as well.
    pub follow: bool,
    /// Where it is written to.
    pub scratch: &'a Utf8Path,
}

impl UnitJournal<'_> {
    /// Has journald write it into a file. With `follow` the file grows until what
    /// is returned is stopped.
    pub async fn read(
        &self,
        environment: &Environment,
        processes: &Processes,
        stop: &CancellationToken,
    ) -> Result<(Utf8PathBuf, Option<RunningProcess>), UnitJournalError> {
        let since = format!("@{}", self.from.as_second());
        let mut arguments = vec![
            "--user",
            "--unit",
            self.unit,
            "--output=json",
            "--output-fields=MESSAGE,PRIORITY,SYSLOG_IDENTIFIER,_COMM",
            "--no-pager",
            "--quiet",
            "--since",
        ];
        arguments.push(&since);
        if self.follow {
            arguments.extend(["--follow", "--no-tail"]);
        }
        let program = Program {
            executable: "journalctl".into(),
            arguments: arguments.into_iter().map(str::to_owned).collect(),
            directory: self.scratch.to_owned(),
            environment: environment.clone(),
            time_limit: LIMIT,
            log: Some(self.scratch.join("journal")),
            enclosure: None,
            limits: None,
        };
        let file = self.scratch.join("journal.stdout");
        if self.follow {
            let running = processes.start(&program)?;
            return Ok((file, Some(running)));
        }
        let finished = processes.run(&program, stop).await?;
        let unit = self.unit.to_owned();
        if finished.ending.success() && finished.stdout.text().trim().is_empty() {
            return Err(UnitJournalError::Empty { unit });
        }
        if finished.ending.success() || finished.ending == Ending::Cancelled {
            return Ok((file, None));
        }
        let said = match finished.ending {
            Ending::TimedOut => format!("it takes longer than {} s", LIMIT.as_secs()),
            _ => finished.stderr.text().trim().to_owned(),
        };
        Err(UnitJournalError::Refused { unit, said })
    }
}
