//! Reading a log, and what the live Gateway wrote.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err::File;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::AppError;
use super::context::Context;
use crate::diagnose::next::OnHand;
use crate::diagnose::since::since;
use crate::diagnose::{Diagnosis, LogFinding, Scan};
use crate::explain::Class;
use crate::installation;
use crate::installation::journal::{self, UnitJournal};
use crate::pin::PinFile;
use crate::transcript::LogClock;

/// What is read at once. Bytes.
const BLOCK: usize = 1024 * 1024;
/// How often a log that is followed is looked at.
const TICK: Duration = Duration::from_millis(250);

/// A log to read.
#[derive(Debug, Clone)]
pub struct DiagnoseRequest {
    /// A file; `-` is stdin. None: what the live Gateway wrote.
    pub file: Option<Utf8PathBuf>,
    /// Only what was written since then: `2h`, `3d`, or a time. None: everything, and
    /// of the live Gateway the last 24 hours.
    pub since: Option<String>,
    /// Whether to go on reading until codexpin is stopped.
    pub follow: bool,
    /// Where to look for what there is to go back to.
    pub pin_file: Utf8PathBuf,
}

/// What a log says.
#[derive(Debug)]
pub struct ReadLog {
    /// The log, in words.
    pub name: String,
    /// What is in it.
    pub diagnosis: Diagnosis,
    /// What the machine has.
    pub hand: OnHand,
    /// When it was read.
    pub now: Timestamp,
}

/// Hears what a log that is followed says.
pub trait Follower {
    /// What was in it until now.
    fn begun(&mut self, log: &ReadLog);
    /// A failure has come this many times since.
    fn came(&mut self, finding: &LogFinding, times: u64);
}

/// Reads a log to its end; with `follow`, until codexpin is stopped.
pub async fn diagnose(
    context: &Context,
    request: &DiagnoseRequest,
    follower: &mut dyn Follower,
) -> Result<ReadLog, AppError> {
    let now = Timestamp::now();
    let from = |text: &str| since(text, now).map_err(AppError::usage);
    let from = match (&request.since, &request.file) {
        (Some(text), _) => Some(from(text)?),
        (None, None) => Some(from("24h")?),
        (None, Some(_)) => None,
    };
    let clock = LogClock { now, zone: TimeZone::system() };
    let scan = Scan::new(context.catalogue()?, clock, from);
    let hand = on_hand(context, &request.pin_file);
    let reading = LogReader { context, scan, follow: request.follow, follower, hand, now };
    match request.file.as_deref() {
        Some(file) if file == "-" => reading.stdin(),
        Some(file) => reading.file(file.as_str(), &context.cwd.join(file)),
        None => reading.live(from.unwrap_or(now)).await,
    }
}

/// What there is to go back to. That something of it cannot be read is `doctor`'s to tell.
fn on_hand(context: &Context, pin_file: &Utf8Path) -> OnHand {
    let installed = installation::find(&context.environment, &context.directories.home).ok();
    let pins = PinFile::open(&context.cwd.join(pin_file)).ok();
    OnHand {
        installed: installed.map(|installed| installed.version),
        pinned: pins.and_then(|pins| pins.current_version()),
    }
}

/// A log on its way through the scan.
struct LogReader<'a> {
    context: &'a Context,
    scan: Scan<'a>,
    follow: bool,
    follower: &'a mut dyn Follower,
    hand: OnHand,
    now: Timestamp,
}

impl LogReader<'_> {
    async fn live(self, from: Timestamp) -> Result<ReadLog, AppError> {
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
                    context.events.note(format!("{error}; reading {log}"));
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

    fn file(mut self, name: &str, path: &Utf8Path) -> Result<ReadLog, AppError> {
        let mut file = File::open(path).map_err(|error| {
            AppError::usage(error).with_hint("codexpin diagnose - reads what is piped into it")
        })?;
        let mut block = vec![0; BLOCK];
        self.drain(&mut file, &mut block)?;
        if !self.follow {
            return Ok(self.read(name));
        }
        let mut counts = self.begun(name);
        while !self.context.stop.is_cancelled() {
            std::thread::sleep(TICK);
            let length = file.metadata()?.len();
            if length < std::io::Seek::stream_position(&mut file)? {
                // Emptied or written anew, as log rotation does.
                file = File::open(path)?;
            }
            self.drain(&mut file, &mut block)?;
            counts.tell(&self.scan.so_far(), self.follower);
        }
        Ok(self.read(name))
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
    fn stdin(mut self) -> Result<ReadLog, AppError> {
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
        let mut counts = FailureCounts::default();
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
                counts.tell(&self.scan.so_far(), self.follower);
            }
        }
        Ok(self.read("stdin"))
    }

    fn begun(&mut self, name: &str) -> FailureCounts {
        let name = name.to_owned();
        let diagnosis = self.scan.so_far();
        let log = ReadLog { name, diagnosis, hand: self.hand, now: self.now };
        self.follower.begun(&log);
        FailureCounts::of(&log.diagnosis)
    }

    fn read(self, name: &str) -> ReadLog {
        let name = name.to_owned();
        ReadLog { name, diagnosis: self.scan.end(), hand: self.hand, now: self.now }
    }
}

/// How often each failure was told of.
#[derive(Default)]
struct FailureCounts(BTreeMap<String, u64>);

impl FailureCounts {
    fn of(diagnosis: &Diagnosis) -> Self {
        let counts = diagnosis.findings.iter().map(|f| (f.signature.id.clone(), f.count));
        Self(counts.collect())
    }

    fn tell(&mut self, diagnosis: &Diagnosis, follower: &mut dyn Follower) {
        for finding in &diagnosis.findings {
            let known = self.0.entry(finding.signature.id.clone()).or_default();
            if finding.count > *known {
                follower.came(finding, finding.count - *known);
                *known = finding.count;
            }
        }
    }
}
