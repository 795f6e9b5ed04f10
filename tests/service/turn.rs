//! A reply on its way to the client, by HTTP.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use http::Response;
use tokio::sync::watch;

use super::Shared;
use super::ledger::EntryGuard;
use super::model::Reply;

/// How the events of a turn are paced, and whether they are held.
#[derive(Debug)]
pub(super) struct Pace {
    pause: Duration,
    held: watch::Receiver<bool>,
}

impl Pace {
    pub(super) fn of(shared: &Shared) -> Self {
        let pause = shared.limits.lock().unwrap().pace;
        Self { pause, held: shared.held.subscribe() }
    }

    /// Waits until the next event may go. Only the last one is held.
    pub(super) async fn wait(&mut self, last: bool) {
        tokio::time::sleep(self.pause).await;
        if last {
            let _ = self.held.wait_for(|held| !held).await;
        }
    }
}

/// The reply as server-sent events. The turn ends before the last one goes out,
/// since a client may ask again as soon as it has it.
pub(super) fn stream(shared: &Shared, reply: &Reply, guard: EntryGuard) -> Response<Body> {
    let events: Vec<_> = reply
        .events()
        .iter()
        .map(|event| {
            let name = event["type"].as_str().unwrap_or_default();
            Bytes::from(format!("event: {name}\ndata: {event}\n\n"))
        })
        .collect();
    let start = (events.into_iter(), Pace::of(shared), Some(guard));
    let events = stream::unfold(start, |(mut events, mut pace, mut guard)| async move {
        let event = events.next()?;
        let last = events.len() == 0;
        pace.wait(last).await;
        if last && let Some(guard) = guard.take() {
            guard.finish();
        }
        Some((Ok::<_, Infallible>(event), (events, pace, guard)))
    });
    Response::builder()
        .header("content-type", "text/event-stream; charset=utf-8")
        .header("cache-control", "no-cache")
        .body(Body::from_stream(events))
        .unwrap()
}
