//! Bodies, both ways: a request's, decoded and limited; an answer's, one piece
//! at a time, with word to the ledger when the client leaves early.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io::Read;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::Sleep;

use super::answer::RequestBody;
use super::fault::Fault;
use super::prompt::TurnRequest;
use super::record::Entry;
use super::responses::{keep_alive, server_sent};

/// Most bytes of a request body, as sent and once decoded: far more than a
/// probe's turn needs, and little enough to hold in memory.
pub(super) const LARGEST_BODY: usize = 64 << 20;

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

/// Why a body could not be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Undecoded {
    TooLarge,
    Unreadable(&'static str),
}

impl From<Undecoded> for RequestBody {
    fn from(why: Undecoded) -> Self {
        match why {
            Undecoded::TooLarge => Self::TooLarge,
            Undecoded::Unreadable(why) => Self::Unreadable(why),
        }
    }
}

/// Takes off the content encoding. Codex CLI can compress its requests.
fn decoded(encoding: Option<&[u8]>, bytes: Bytes, limit: usize) -> Result<Bytes, Undecoded> {
    let encoding = encoding.unwrap_or_default().to_ascii_lowercase();
    let broken = |_| Undecoded::Unreadable("compressed body is broken");
    match encoding.as_slice() {
        b"" | b"identity" => Ok(bytes),
        b"gzip" | b"x-gzip" => all(flate2::read::MultiGzDecoder::new(&bytes[..]), limit),
        b"deflate" => all(flate2::read::ZlibDecoder::new(&bytes[..]), limit),
        b"zstd" => all(ruzstd::decoding::StreamingDecoder::new(&bytes[..]).map_err(broken)?, limit),
        _ => Err(Undecoded::Unreadable("unknown content-encoding")),
    }
}

fn all(decoder: impl Read, limit: usize) -> Result<Bytes, Undecoded> {
    let mut content = Vec::new();
    match decoder.take(limit as u64 + 1).read_to_end(&mut content) {
        Ok(length) if length > limit => Err(Undecoded::TooLarge),
        Ok(_) => Ok(content.into()),
        Err(_) => Err(Undecoded::Unreadable("compressed body is broken")),
    }
}

/// The body of an answer: pieces, with a pause before each but the first.
#[derive(Debug)]
pub(super) struct AnswerBody {
    pieces: VecDeque<Bytes>,
    total: usize,
    pace: Duration,
    pause: Option<Pin<Box<Sleep>>>,
    /// A stream is sent chunked, like the real one.
    chunked: bool,
    tail: Tail,
    /// Where to say that the client left; none where nobody needs to know.
    entry: Option<Entry>,
}

/// What comes after the pieces of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tail {
    /// The end.
    End,
    /// Nothing, not even the end.
    Silence,
    /// A sign of life every [`Fault::DRIP`], and no end.
    Drips,
}

impl AnswerBody {
    /// A body sent in one.
    pub(super) fn whole(content: Bytes) -> Self {
        let pieces: VecDeque<_> = Some(content).into_iter().filter(|c| !c.is_empty()).collect();
        Self {
            total: pieces.len(),
            pieces,
            pace: Duration::ZERO,
            pause: None,
            chunked: false,
            tail: Tail::End,
            entry: None,
        }
    }

    /// A stream of events; with an entry, to tell it when the client leaves early.
    pub(super) fn stream(
        events: impl IntoIterator<Item = Bytes>,
        pace: Duration,
        tail: Tail,
        entry: Option<Entry>,
    ) -> Self {
        let pieces: VecDeque<_> = events.into_iter().collect();
        Self { total: pieces.len(), pieces, pace, pause: None, chunked: true, tail, entry }
    }

    /// The pause before the next piece.
    fn wait(&self) -> Duration {
        match self.tail {
            _ if !self.pieces.is_empty() => self.pace,
            Tail::Drips => Fault::DRIP,
            Tail::End | Tail::Silence => Duration::ZERO,
        }
    }
}

impl Body for AnswerBody {
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
            (None, Tail::End) => return Poll::Ready(None),
            // Whoever waits for more is woken by the client's leaving.
            (None, Tail::Silence) => return Poll::Pending,
            (None, Tail::Drips) => {
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
        self.pieces.is_empty() && self.tail == Tail::End
    }

    fn size_hint(&self) -> SizeHint {
        if self.chunked {
            SizeHint::default()
        } else {
            SizeHint::with_exact(self.pieces.iter().map(|piece| piece.len() as u64).sum())
        }
    }
}

impl Drop for AnswerBody {
    fn drop(&mut self) {
        if let Some(entry) = self.entry.as_ref().filter(|_| !self.pieces.is_empty()) {
            let sent = self.total - self.pieces.len();
            entry.note(format!("cut after {sent} of {} events", self.total));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    const TEXT: &[u8] = b"{\"model\": \"gpt-5.5\", \"input\": \"Reply exactly: OK\"}";

    fn encoded(encoding: &str, content: &[u8]) -> Bytes {
        let level = flate2::Compression::default();
        match encoding {
            "gzip" => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
                encoder.write_all(content).unwrap();
                encoder.finish().unwrap().into()
            }
            "deflate" => {
                let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), level);
                encoder.write_all(content).unwrap();
                encoder.finish().unwrap().into()
            }
            "zstd" => ruzstd::encoding::compress_to_vec(
                content,
                ruzstd::encoding::CompressionLevel::Fastest,
            )
            .into(),
            _ => Bytes::copy_from_slice(content),
        }
    }

    #[test]
    fn every_encoding_that_a_client_may_use_is_taken_off() {
        for encoding in ["identity", "gzip", "deflate", "zstd"] {
            let body = encoded(encoding, TEXT);
            assert_eq!(
                decoded(Some(encoding.as_bytes()), body, 1 << 20).unwrap(),
                TEXT,
                "{encoding}"
            );
        }
        assert_eq!(decoded(None, Bytes::from_static(TEXT), 1 << 20).unwrap(), TEXT);
    }

    #[test]
    fn a_small_body_that_grows_beyond_the_limit_is_stopped() {
        for encoding in ["gzip", "deflate", "zstd"] {
            let bomb = encoded(encoding, &vec![0; 1 << 20]);
            assert!(bomb.len() < 64 << 10, "{encoding}");
            let refused = decoded(Some(encoding.as_bytes()), bomb, 64 << 10).unwrap_err();
            assert_eq!(refused, Undecoded::TooLarge, "{encoding}");
        }
    }

    #[test]
    fn a_broken_or_unknown_encoding_is_no_request() {
        for encoding in ["gzip", "deflate", "zstd", "br", "gzip, zstd"] {
            let refused = decoded(Some(encoding.as_bytes()), Bytes::from_static(TEXT), 1 << 20);
            assert!(matches!(refused, Err(Undecoded::Unreadable(_))), "{encoding}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_a_decoder_panic_or_exceed_the_limit(
            encoding in proptest::sample::select(vec!["gzip", "deflate", "zstd", "identity"]),
            damage in proptest::collection::vec((0_usize..80, proptest::num::u8::ANY), 0..6),
        ) {
            let mut body = encoded(encoding, TEXT).to_vec();
            for (place, byte) in damage {
                if let Some(slot) = body.get_mut(place) {
                    *slot = byte;
                }
            }
            if let Ok(content) = decoded(Some(encoding.as_bytes()), body.into(), 1 << 12) {
                TurnRequest::parse(&content);
                proptest::prop_assert!(content.len() <= 1 << 12);
            }
        }
    }
}
