//! What a program may take with all that it starts. One that takes more is ended at
//! once, and its ending says which limit it was: that is nobody's fault but the limit's.
//!
//! The limits are watched and not set with setrlimit(2): what the system refuses at a
//! limit looks to whoever reads the output like a fault of the program.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::time::{Duration, Instant};

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};
use walkdir::WalkDir;

use super::Processes;

/// How often it is looked.
const INTERVAL: Duration = Duration::from_millis(250);
/// How often the disk is looked at, at most.
const DISK_INTERVAL: Duration = Duration::from_secs(1);
/// How deep directories may be nested.
const DEEPEST: usize = 256;

/// What a program may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// How many processes may run at a time.
    pub processes: usize,
    /// How much may lie in `places`, in bytes on the disk.
    pub disk: u64,
    /// Where it can write.
    pub places: Vec<Utf8PathBuf>,
}

impl Limits {
    /// What a candidate may take where it writes: some forty times what the hungriest
    /// release was seen to take.
    pub fn of_candidate(places: Vec<Utf8PathBuf>) -> Self {
        Self { processes: 512, disk: 16 << 30, places }
    }
}

/// A limit that was exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Limit {
    /// The number of processes.
    Processes(usize),
    /// Bytes on the disk.
    Disk(u64),
    /// How deep its directories are nested.
    Depth(usize),
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Processes(most) => write!(f, "it had more than {most} processes at a time"),
            Self::Disk(most) => {
                write!(f, "it took more than {} on the disk", bytesize::ByteSize(*most))
            }
            Self::Depth(most) => write!(f, "it nested directories more than {most} deep"),
        }
    }
}

/// Comes back when the run has taken more than it may.
pub(super) async fn exceeded(
    limits: &Limits,
    processes: &Processes,
    run: &str,
    group: u32,
) -> Limit {
    let mut next = Instant::now() + DISK_INTERVAL;
    loop {
        tokio::time::sleep(INTERVAL).await;
        if processes.count(run, group, limits.processes) > limits.processes {
            return Limit::Processes(limits.processes);
        }
        if Instant::now() < next {
            continue;
        }
        let begun = Instant::now();
        if let Some(limit) = limits.exceeded_on_disk().await {
            return limit;
        }
        // A large tree is looked at less often: it has to stay cheap.
        next = Instant::now() + DISK_INTERVAL.max(begun.elapsed() * 10);
    }
}

impl Limits {
    /// What is more on the disk now than may be.
    pub async fn exceeded_on_disk(&self) -> Option<Limit> {
        let limits = self.clone();
        // One that cannot be looked at for a fault of codexpin's own is not limited.
        tokio::task::spawn_blocking(move || limits.measure()).await.ok().flatten()
    }

    fn measure(&self) -> Option<Limit> {
        let (mut bytes, mut seen) = (0, BTreeSet::new());
        for entry in self.places.iter().flat_map(|place| WalkDir::new(place).max_depth(DEEPEST)) {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) if is_too_long(&error) => return Some(Limit::Depth(DEEPEST)),
                // It goes on while it is looked at.
                Err(_) => continue,
            };
            if entry.depth() == DEEPEST {
                return Some(Limit::Depth(DEEPEST));
            }
            let Ok(found) = entry.metadata() else { continue };
            if found.nlink() == 1 || found.is_dir() || seen.insert((found.dev(), found.ino())) {
                bytes += found.blocks() * 512;
            }
            if bytes > self.disk {
                return Some(Limit::Disk(self.disk));
            }
        }
        None
    }
}

fn is_too_long(error: &walkdir::Error) -> bool {
    error.io_error().is_some_and(|error| error.kind() == io::ErrorKind::InvalidFilename)
}
