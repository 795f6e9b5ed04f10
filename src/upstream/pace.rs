//! How fast an account is asked: one turn at a time, a pause between two, and
//! not more of them than the user allows. Across processes too.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use sha2::{Digest as _, Sha256};
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::Instant;

use crate::fs::{Lock, LockError};

/// What an account is asked at the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PaceLimits {
    /// Between the end of a turn and the beginning of the next.
    pub gap: Duration,
    /// How long to wait for a turn that another process takes on the account.
    pub patience: Duration,
    /// Turns in all.
    pub max_turns: usize,
}

impl PaceLimits {
    /// The usual pauses, with the user's `--max-turns`.
    pub fn of(max_turns: usize) -> Self {
        Self { gap: Duration::from_secs(2), patience: Duration::from_mins(10), max_turns }
    }
}

/// Which limit was met.
#[derive(Debug, thiserror::Error)]
pub enum PaceError {
    /// The turns that were allowed have been taken.
    #[error("all turns that were allowed have been taken (--max-turns {max_turns})")]
    Spent {
        /// How many they were.
        max_turns: usize,
    },
    /// Another process is still asking.
    #[error("another codexpin{} still asks this account after {} s", holder.map(|pid| format!(" (process {pid})")).unwrap_or_default(), patience.as_secs())]
    Busy {
        /// The process, where it left its number.
        holder: Option<u32>,
        /// How long it was waited for.
        patience: Duration,
    },
    /// The lock file cannot be used.
    #[error(transparent)]
    Lock(#[from] LockError),
}

/// The turns on one account, as one session takes them.
#[derive(Debug)]
pub struct Pace {
    limits: PaceLimits,
    lock: Utf8PathBuf,
    turns: Mutex<PaceState>,
}

/// Turns so far. Pure: the time is passed in.
#[derive(Debug, Default)]
struct PaceState {
    taken: usize,
    ended: Option<Instant>,
}

impl PaceState {
    /// How long to wait before the next one, if there may be one.
    fn wait(&self, limits: &PaceLimits, now: Instant) -> Result<Duration, PaceError> {
        if self.taken >= limits.max_turns {
            return Err(PaceError::Spent { max_turns: limits.max_turns });
        }
        let since = self.ended.map(|ended| now.saturating_duration_since(ended));
        Ok(since.map_or(Duration::ZERO, |since| limits.gap.saturating_sub(since)))
    }
}

/// Leave to ask for one turn. The turn ends where this is dropped.
#[derive(Debug)]
pub struct TurnPermit<'a> {
    turns: MutexGuard<'a, PaceState>,
    _lock: Lock,
}

impl Pace {
    /// For an account, of which only a hash is written down, as the name of a lock
    /// file in `directory` of codexpin's own state. `taken` turns are already spent.
    pub fn new(account: &str, directory: &Utf8Path, limits: PaceLimits, taken: usize) -> Self {
        let lock = directory.join(format!("{:x}.lock", Sha256::digest(account)));
        Self { limits, lock, turns: Mutex::new(PaceState { taken, ended: None }) }
    }

    /// How many turns may be taken.
    pub fn max_turns(&self) -> usize {
        self.limits.max_turns
    }

    /// Whether no turn is left, as far as can be told at once: while a turn runs, it
    /// cannot.
    pub fn is_spent(&self) -> bool {
        self.turns.try_lock().is_ok_and(|turns| turns.taken >= self.limits.max_turns)
    }

    /// The error of a turn that is one too many.
    pub fn spent(&self) -> PaceError {
        PaceError::Spent { max_turns: self.limits.max_turns }
    }

    /// Waits until a turn may begin. It counts from here on, whatever comes of it.
    pub async fn turn(&self) -> Result<TurnPermit<'_>, PaceError> {
        let mut turns = self.turns.lock().await;
        turns.wait(&self.limits, Instant::now())?;
        let (lock, contended) = self.lock().await?;
        if contended {
            // The lock was waited for, so another process's turn ended only just now.
            turns.ended = Some(Instant::now());
        }
        tokio::time::sleep(turns.wait(&self.limits, Instant::now())?).await;
        turns.taken += 1;
        Ok(TurnPermit { turns, _lock: lock })
    }

    /// Turns taken so far; waits for one that runs.
    pub async fn taken(&self) -> usize {
        self.turns.lock().await.taken
    }

    /// The lock, and whether another had it.
    async fn lock(&self) -> Result<(Lock, bool), PaceError> {
        let holder = match Lock::try_take(&self.lock) {
            Ok(lock) => return Ok((lock, false)),
            Err(LockError::Held { holder, .. }) => holder,
            Err(error) => return Err(error.into()),
        };
        let patience = self.limits.patience;
        match tokio::time::timeout(patience, Lock::wait(&self.lock)).await {
            Ok(lock) => Ok((lock?, true)),
            Err(_) => Err(PaceError::Busy { holder, patience }),
        }
    }
}

impl Drop for TurnPermit<'_> {
    fn drop(&mut self) {
        self.turns.ended = Some(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: PaceLimits =
        PaceLimits { gap: Duration::from_secs(2), patience: Duration::from_mins(1), max_turns: 3 };

    struct Place(tempfile::TempDir);

    impl Place {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn path(&self) -> &Utf8Path {
            Utf8Path::from_path(self.0.path()).unwrap()
        }

        fn pace(&self) -> Pace {
            Pace::new("account-canary", self.path(), LIMITS, 0)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_begins_no_sooner_than_the_gap_after_the_last_one_ended() {
        let disk = Place::new();
        let pace = disk.pace();
        let began = Instant::now();
        let first = pace.turn().await.unwrap();
        assert_eq!(began.elapsed(), Duration::ZERO);
        tokio::time::advance(Duration::from_secs(5)).await;
        drop(first);
        let ended = Instant::now();
        drop(pace.turn().await.unwrap());
        assert!(ended.elapsed() >= LIMITS.gap && ended.elapsed() < LIMITS.gap * 2);
        tokio::time::advance(LIMITS.gap).await;
        let later = Instant::now();
        drop(pace.turn().await.unwrap());
        assert_eq!(later.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn the_budget_ends_the_turns_and_counts_those_of_before() {
        let disk = Place::new();
        let pace = Pace::new("account-canary", disk.path(), LIMITS, 2);
        drop(pace.turn().await.unwrap());
        let error = pace.turn().await.unwrap_err();
        assert!(matches!(error, PaceError::Spent { max_turns: 3 }));
        assert_eq!(
            error.to_string(),
            "all turns that were allowed have been taken (--max-turns 3)"
        );
        assert_eq!(pace.taken().await, 3);
    }

    #[tokio::test(start_paused = true)]
    async fn two_turns_never_run_side_by_side_on_an_account() {
        let disk = Place::new();
        let (one, other) = (disk.pace(), disk.pace());
        let turn = one.turn().await.unwrap();
        let busy = other.turn().await.unwrap_err();
        let PaceError::Busy { holder, .. } = &busy else { panic!("{busy}") };
        assert_eq!(*holder, Some(std::process::id()));
        let waiting = other.turn();
        let ending = async {
            tokio::time::sleep(Duration::from_secs(7)).await;
            drop(turn);
            Instant::now()
        };
        let (begun, ended) = tokio::join!(
            async {
                waiting.await.map(|turn| {
                    drop(turn);
                    Instant::now()
                })
            },
            ending
        );
        assert!(begun.unwrap() >= ended + LIMITS.gap);
        let another = Pace::new("another-account", disk.path(), LIMITS, 0);
        let _both = (one.turn().await.unwrap(), another.turn().await.unwrap());
    }

    #[tokio::test]
    async fn the_account_is_not_written_down() {
        let disk = Place::new();
        let pace = disk.pace();
        let turn = pace.turn().await.unwrap();
        assert!(!format!("{pace:?} {turn:?}").contains("canary"));
        for entry in fs_err::read_dir(disk.path()).unwrap() {
            let path = entry.unwrap().path();
            assert!(!path.to_str().unwrap().contains("canary"));
            assert!(!fs_err::read_to_string(path).unwrap().contains("canary"));
        }
    }
}
