//! `codexpin diagnose`.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err::File;
use jiff::Timestamp;

use super::context::Context;
use crate::app::AppError;
use crate::diagnose::since::since;
use crate::diagnose::{Diagnosis, Scan};
use crate::exit_code::ExitCode;
use crate::explain::Class;
use crate::installation::journal::{self, UnitJournal};
use crate::report::{diagnose as report, terminal};

/// What is read at once. Bytes.
const BLOCK: usize = 1024 * 1024;
/// How often a log that is followed is looked at.
const TICK: Duration = Duration::from_millis(250);

/// Read a log and say what happened, of which kind, and what to do next.
///
/// Exit status: 0 nothing is wrong, 1 a known failure is in it, 3 only errors that
/// codexpin does not know.
#[derive(Debug, clap::Args)]
pub(super) struct Diagnose {
    /// A Gateway log, an agent's JSON reply or npm's output; `-` is stdin. Without
    /// it, what the live Gateway wrote: its unit's journal, or OpenClaw's log file.
    file: Option<Utf8PathBuf>,
    /// Only what was written since then: 2h, 3d, or a time. [default for the live
    /// Gateway: 24h]
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// Go on reading until Ctrl-C, and tell what comes.
    #[arg(long, conflicts_with = "json")]
    follow: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

impl Diagnose {
    pub(super) async fn run(self, context: &Context) -> Result<ExitCode, AppError> {
        let now = Timestamp::now();
        let from = |text: &str| since(text, now).map_err(AppError::usage);
        let from = match (&self.since, &self.file) {
            (Some(text), _) => Some(from(text)?),
            (None, None) => Some(from("24h")?),
            (None, Some(_)) => None,
        };
        let scan = Scan::new(context.catalogue()?, from);
        let reading = LogReader { context, scan, follow: self.follow, json: self.json };
        match self.file.as_deref() {
            Some(file) if file == "-" => reading.stdin(),
            Some(file) => reading.file(file.as_str(), &context.cwd.join(file)),
            None => reading.live(from.unwrap_or(now)).await,
        }
    }
}

/// A log on its way through the scan.
struct LogReader<'a> {
    context: &'a Context,
    scan: Scan<'a>,
    follow: bool,
    json: bool,
}

impl LogReader<'_> {
    async fn live(self, from: Timestamp) -> Result<ExitCode, AppError> {
        let context = self.context;
        let home = &context.directories.home;
        if let Some(unit) = journal::unit(&context.environment, home) {
            let scratch = tempfile::tempdir()?;
            let scratch = Utf8Path::from_path(scratch.path()).unwrap_or(home);
            let of = UnitJournal { unit: &unit, from, follow: self.follow, scratch };
            let read = of.read(&context.environment, &context.processes, &context.stop).await;
            let (file, running) = match (read, journal::newest_log()) {
                (Ok(read), _) => read,
                // A container has user units, and often no journal.
                (Err(error), Some(log)) => {
                    terminal::note(&format!("{error}; reading {log}"));
                    return self.file(log.as_str(), &log);
                }
                (Err(error), None) => return Err(error.into()),
            };
            let ended = self.file(&format!("the journal of {unit}"), &file);
            if let Some(running) = running {
                let _ = running.stop().await;
            }
            return ended;
        }
        let Some(log) = journal::newest_log() else {
            return Err(AppError::new(
                Class::Failure,
                "there is no Gateway service of this user, and no log in /tmp/openclaw",
            )
            .with_hint(
                "name a log: codexpin diagnose FILE, or pipe one into codexpin diagnose -",
            ));
        };
        self.file(log.as_str(), &log)
    }

    fn file(mut self, name: &str, path: &Utf8Path) -> Result<ExitCode, AppError> {
        let mut file = File::open(path).map_err(|error| {
            AppError::usage(error).with_hint("codexpin diagnose - reads what is piped into it")
        })?;
        let mut block = vec![0; BLOCK];
        self.drain(&mut file, &mut block)?;
        if !self.follow {
            return Ok(self.told(name));
        }
        let mut told = self.begun(name);
        while !self.context.stop.is_cancelled() {
            std::thread::sleep(TICK);
            let length = file.metadata()?.len();
            if length < std::io::Seek::stream_position(&mut file)? {
                // Emptied or written anew, as log rotation does.
                file = File::open(path)?;
            }
            self.drain(&mut file, &mut block)?;
            told.tell(&self.scan.so_far());
        }
        Ok(exit_code(&self.scan.end()))
    }

    fn drain(&mut self, file: &mut File, block: &mut [u8]) -> Result<(), AppError> {
        while !self.context.stop.is_cancelled() {
            match file.read(block)? {
                0 => return Ok(()),
                n => self.scan.feed(&block[..n]),
            }
        }
        if self.follow { Ok(()) } else { Err(AppError::interrupted()) }
    }

    /// A read that blocks must not hold up Ctrl-C: it has a thread of its own,
    /// which ends with the process.
    fn stdin(mut self) -> Result<ExitCode, AppError> {
        let (send, blocks) = mpsc::sync_channel(4);
        std::thread::spawn(move || {
            let mut stdin = std::io::stdin().lock();
            loop {
                let mut block = vec![0; BLOCK];
                let read = stdin.read(&mut block).map(|n| {
                    block.truncate(n);
                    block
                });
                let last = read.as_ref().map_or(true, Vec::is_empty);
                if send.send(read).is_err() || last {
                    return;
                }
            }
        });
        let mut told = Told::default();
        loop {
            if self.context.stop.is_cancelled() && !self.follow {
                return Err(AppError::interrupted());
            }
            match blocks.recv_timeout(TICK) {
                Ok(read) => match read? {
                    block if block.is_empty() => break,
                    block => self.scan.feed(&block),
                },
                Err(RecvTimeoutError::Timeout) if !self.context.stop.is_cancelled() => {}
                Err(_) => break,
            }
            if self.follow {
                told.tell(&self.scan.so_far());
            }
        }
        if self.follow {
            return Ok(exit_code(&self.scan.end()));
        }
        Ok(self.told("stdin"))
    }

    fn begun(&self, name: &str) -> Told {
        let diagnosis = self.scan.so_far();
        report::print(&diagnosis, name, false);
        report::following(name);
        Told::of(&diagnosis)
    }

    fn told(self, name: &str) -> ExitCode {
        let json = self.json;
        let diagnosis = self.scan.end();
        report::print(&diagnosis, name, json);
        exit_code(&diagnosis)
    }
}

fn exit_code(diagnosis: &Diagnosis) -> ExitCode {
    match (diagnosis.main(), &diagnosis.unknown) {
        (Some(_), _) => ExitCode::Failure,
        (None, Some(_)) => ExitCode::Inconclusive,
        (None, None) => ExitCode::Success,
    }
}

/// How often each failure was told of.
#[derive(Default)]
struct Told(BTreeMap<String, u64>);

impl Told {
    fn of(diagnosis: &Diagnosis) -> Self {
        let counts = diagnosis.findings.iter().map(|f| (f.signature.id.clone(), f.count));
        Self(counts.collect())
    }

    fn tell(&mut self, diagnosis: &Diagnosis) {
        for finding in &diagnosis.findings {
            let known = self.0.entry(finding.signature.id.clone()).or_default();
            if finding.count > *known {
                report::came(finding, finding.count - *known);
                *known = finding.count;
            }
        }
    }
}
