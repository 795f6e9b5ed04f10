//! Bodies, both ways: a request's, decoded and limited; an answer's, one piece
//! at a time, with word to the ledger when the client leaves early.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::Sleep;

use super::prompt::TurnRequest;
use super::request::RequestBody;
use super::responses::{keep_alive, server_sent};
use crate::question::Fault;
use crate::upstream::encoding::{DecodeError, LARGEST_BODY, decoded};
use crate::upstream::ledger::LedgerEntry;

/// Reads a request's body to its end; an error is the client's leaving.
pub(super) async fn read(headers: &HeaderMap, body: Incoming) -> Result<RequestBody, hyper::Error> {
    let bytes = match Limited::new(body, LARGEST_BODY).collect().await {
        Ok(collected) => collected.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => return Ok(RequestBody::TooLarge),
        Err(error) => match error.downcast::<hyper::Error>() {
            Ok(error) => return Err(*error),
            Err(_) => return Ok(RequestBody::Unreadable("body could not be read")),
        },
    };
    let encoding = headers.get(header::CONTENT_ENCODING).map(header::HeaderValue::as_bytes);
    Ok(match decoded(encoding, bytes, LARGEST_BODY) {
        Ok(bytes) => TurnRequest::parse(&bytes).map_or(RequestBody::Ignored, RequestBody::Turn),
        Err(why) => why.into(),
    })
}

impl From<DecodeError> for RequestBody {
    fn from(why: DecodeError) -> Self {
        match why {
            DecodeError::TooLarge => Self::TooLarge,
            DecodeError::Unreadable(why) => Self::Unreadable(why),
        }
    }
}

/// The body of an answer: pieces, with a pause before each but the first.
#[derive(Debug)]
pub(super) struct LoopbackBody {
    pieces: VecDeque<Bytes>,
    total: usize,
    pace: Duration,
    pause: Option<Pin<Box<Sleep>>>,
    /// A stream is sent chunked, like the real one.
    chunked: bool,
    tail: BodyTail,
    /// Gets a note when the client leaves early; none where that does not matter.
    entry: Option<LedgerEntry>,
}

/// What comes after the pieces of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyTail {
    /// The end.
    End,
    /// Nothing, not even the end.
    Silence,
    /// A sign of life every [`Fault::DRIP`], and no end.
    Drips,
}

impl LoopbackBody {
    /// A body sent in one.
    pub(super) fn whole(content: Bytes) -> Self {
        let pieces: VecDeque<_> = Some(content).into_iter().filter(|c| !c.is_empty()).collect();
        Self {
            total: pieces.len(),
            pieces,
            pace: Duration::ZERO,
            pause: None,
            chunked: false,
            tail: BodyTail::End,
            entry: None,
        }
    }

    /// A stream of events. The entry, if any, gets a note when the client leaves early.
    pub(super) fn stream(
        events: impl IntoIterator<Item = Bytes>,
        pace: Duration,
        tail: BodyTail,
        entry: Option<LedgerEntry>,
    ) -> Self {
        let pieces: VecDeque<_> = events.into_iter().collect();
        Self { total: pieces.len(), pieces, pace, pause: None, chunked: true, tail, entry }
    }

    /// The pause before the next piece.
    fn wait(&self) -> Duration {
        match self.tail {
            _ if !self.pieces.is_empty() => self.pace,
            BodyTail::Drips => Fault::DRIP,
            BodyTail::End | BodyTail::Silence => Duration::ZERO,
        }
    }
}

impl Body for LoopbackBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(pause) = &mut self.pause {
            std::task::ready!(pause.as_mut().poll(context));
            self.pause = None;
        }
        let piece = match (self.pieces.pop_front(), self.tail) {
            (Some(piece), _) => piece,
            (None, BodyTail::End) => return Poll::Ready(None),
            // No waker is registered: hyper wakes the task when the client leaves.
            (None, BodyTail::Silence) => return Poll::Pending,
            (None, BodyTail::Drips) => {
                self.total += 1;
                server_sent(&keep_alive(self.total - 1))
            }
        };
        let wait = self.wait();
        if !wait.is_zero() {
            self.pause = Some(Box::pin(tokio::time::sleep(wait)));
        }
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty() && self.tail == BodyTail::End
    }

    fn size_hint(&self) -> SizeHint {
        if self.chunked {
            SizeHint::default()
        } else {
            SizeHint::with_exact(self.pieces.iter().map(|piece| piece.len() as u64).sum())
        }
    }
}

impl Drop for LoopbackBody {
    fn drop(&mut self) {
        if let Some(entry) = self.entry.as_ref().filter(|_| !self.pieces.is_empty()) {
            let sent = self.total - self.pieces.len();
            entry.note(format!("cut after {sent} of {} events", self.total));
        }
    }
}
