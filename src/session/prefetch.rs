//! Installs made ahead of the checks, while others run.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::job::Job;
use super::lab::{Lab, LabError};
use crate::event::{Event, Events};

/// The installs under way and done, by the place of their candidate.
pub(super) struct Prefetch<L: Lab> {
    lab: L,
    jobs: Arc<[Job]>,
    events: Events,
    stop: CancellationToken,
    /// One for each install that may run at the same time; first come, first served.
    permits: Arc<Semaphore>,
    wanted: BTreeMap<usize, PendingInstall<L::Ready>>,
    /// Cancelled ones that have not ended yet.
    ending: BTreeMap<usize, PendingInstall<L::Ready>>,
    /// Whether a candidate that was needed was installed before this session.
    found_installed: bool,
    /// How many candidates were installed, and not found installed.
    made: watch::Sender<usize>,
}

/// An install that is waiting for its turn, running or done.
pub(super) struct PendingInstall<R> {
    stop: CancellationToken,
    has_begun: Arc<AtomicBool>,
    task: JoinHandle<Result<Arc<R>, LabError>>,
}

impl<R> PendingInstall<R> {
    pub(super) async fn finished(self) -> Result<Arc<R>, LabError> {
        match self.task.await {
            Ok(result) => result,
            Err(panicked) => Err(LabError::Infrastructure(panicked.to_string().into())),
        }
    }
}

impl<L: Lab> Prefetch<L> {
    pub(super) fn new(lab: L, jobs: Arc<[Job]>, events: Events, stop: CancellationToken) -> Self {
        let permits = Arc::new(Semaphore::new(lab.installers().max(1)));
        let (wanted, ending) = (BTreeMap::new(), BTreeMap::new());
        let made = watch::Sender::new(0);
        Self { lab, jobs, events, stop, permits, wanted, ending, found_installed: false, made }
    }

    /// The install of a candidate that is needed now.
    pub(super) fn claim(&mut self, place: usize) -> PendingInstall<L::Ready> {
        self.found_installed |= self.lab.is_installed(&self.jobs[place]);
        self.wanted.remove(&place).unwrap_or_else(|| self.begin(place))
    }

    /// Keeps an installed candidate, and its lock, until it is no longer wanted.
    pub(super) fn put_back(&mut self, place: usize, ready: Arc<L::Ready>) {
        let task = tokio::spawn(async move { Ok(ready) });
        let has_begun = Arc::default();
        self.wanted
            .insert(place, PendingInstall { stop: self.stop.child_token(), has_begun, task });
    }

    /// Whether to install candidates that may turn out not to be needed. While the
    /// session finds what it needs installed, it repeats an earlier one, which did not
    /// need them either. From the first install of its own on it may need them.
    fn installs_guesses(&self) -> bool {
        !self.found_installed || *self.made.borrow() > 0
    }

    /// Waits until this session has made an install, and so installs guesses.
    pub(super) async fn first_install(&self) {
        let mut made = self.made.subscribe();
        // Fails only without a sender, and `self` holds one.
        let _ = made.wait_for(|made| *made > 0).await;
    }

    /// Begins the installs that are wanted and ends all others. With each goes the chance
    /// that it is needed: one that is needed for certain is no guess.
    pub(super) fn keep_only(&mut self, wanted: &[(usize, f64)]) {
        let is_wanted = |place: &usize| wanted.iter().any(|(wanted, _)| wanted == place);
        let others: Vec<_> =
            self.wanted.keys().copied().filter(|place| !is_wanted(place)).collect();
        for place in others {
            let Some(install) = self.wanted.remove(&place) else { continue };
            install.stop.cancel();
            if install.has_begun.load(Ordering::Relaxed) && !install.task.is_finished() {
                let core = self.jobs[place].candidate.core;
                self.events.tell(Event::InstallDropped { core });
            }
            self.ending.insert(place, install);
        }
        let installs_guesses = self.installs_guesses();
        for (place, chance) in wanted {
            let may_begin =
                installs_guesses || *chance >= 1.0 || self.lab.is_installed(&self.jobs[*place]);
            if may_begin && !self.wanted.contains_key(place) {
                let install = self.begin(*place);
                self.wanted.insert(*place, install);
            }
        }
    }

    fn begin(&mut self, place: usize) -> PendingInstall<L::Ready> {
        let before = self.ending.remove(&place);
        let stop = self.stop.child_token();
        let has_begun = Arc::new(AtomicBool::new(false));
        let (lab, events, jobs) = (self.lab.clone(), self.events.clone(), Arc::clone(&self.jobs));
        let made = self.made.clone();
        // Take a place in the queue now: tasks start in any order, and what is needed
        // first has to be installed first.
        let mut permit = Box::pin(Arc::clone(&self.permits).acquire_owned());
        let at_once = permit.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        let permit = async move {
            match at_once {
                Poll::Ready(permit) => permit,
                Poll::Pending => permit.await,
            }
        };
        let (stopped, begun) = (stop.clone(), Arc::clone(&has_begun));
        let task = tokio::spawn(async move {
            // Wait for a cancelled install of the same candidate: two would wait for each
            // other's lock.
            if let Some(before) = before
                && let Ok(ready) = before.finished().await
            {
                return Ok(ready);
            }
            let _permit = tokio::select! {
                permit = permit => permit,
                () = stopped.cancelled() => return Err(LabError::Stopped),
            };
            begun.store(true, Ordering::Relaxed);
            let ready = lab.install(&jobs[place], &events, &stopped).await?;
            if !L::reused(&ready) {
                made.send_modify(|made| *made += 1);
            }
            Ok(Arc::new(ready))
        });
        PendingInstall { stop, has_begun, task }
    }

    /// Ends what is still running, waits until it has, and says how many prefixes were made.
    pub(super) async fn end(self) -> usize {
        self.stop.cancel();
        for install in self.wanted.into_values().chain(self.ending.into_values()) {
            let _ = install.finished().await;
        }
        *self.made.borrow()
    }
}
