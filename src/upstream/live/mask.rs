//! What the service may echo and the candidate must not see, blotted out with as
//! many stars: lengths stay as they are, and so do JSON and frames.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use hyper::body::{Body, Frame};

use crate::secret::Secret;
use crate::upstream::ledger::LedgerEntry;

/// The secrets of a login.
#[derive(Debug, Clone)]
pub(super) struct Mask(Arc<[Secret]>);

impl Mask {
    pub(super) fn of<'a>(secrets: impl Iterator<Item = &'a Secret>) -> Self {
        Self(secrets.filter(|secret| !secret.reveal().is_empty()).cloned().collect())
    }

    /// Blots out every whole secret; true if there was one.
    pub(super) fn blot(&self, text: &mut [u8]) -> bool {
        let mut found = false;
        for secret in self.0.iter().map(|secret| secret.reveal().as_bytes()) {
            let mut from = 0;
            while let Some(at) =
                text[from..].windows(secret.len()).position(|window| window == secret)
            {
                text[from + at..][..secret.len()].fill(b'*');
                from += at + secret.len();
                found = true;
            }
        }
        found
    }

    /// The same in every header's value.
    pub(super) fn blot_headers(&self, headers: &mut HeaderMap) {
        for value in headers.values_mut() {
            let mut text = value.as_bytes().to_vec();
            if self.blot(&mut text) {
                *value = HeaderValue::from_bytes(&text)
                    .unwrap_or_else(|_| HeaderValue::from_static("***"));
            }
        }
    }

    /// How many of the last bytes may be the beginning of a secret.
    fn begun(&self, text: &[u8]) -> usize {
        let begun = |secret: &[u8]| {
            let longest = text.len().min(secret.len().saturating_sub(1));
            (1..=longest).rev().find(|&n| text.ends_with(&secret[..n])).unwrap_or(0)
        };
        self.0.iter().map(|secret| begun(secret.reveal().as_bytes())).max().unwrap_or(0)
    }
}

/// A stream of bytes without the secrets. It keeps back only what may be the
/// beginning of one.
struct Filter {
    mask: Mask,
    held: Vec<u8>,
}

impl Filter {
    fn push(&mut self, chunk: &[u8]) -> Bytes {
        self.held.extend_from_slice(chunk);
        self.mask.blot(&mut self.held);
        let end = self.held.len() - self.mask.begun(&self.held);
        self.held.drain(..end).collect::<Vec<_>>().into()
    }

    fn rest(&mut self) -> Bytes {
        std::mem::take(&mut self.held).into()
    }
}

/// The body of the service's answer, as it comes.
pub(super) struct MaskedBody {
    inner: reqwest::Body,
    filter: Filter,
    entry: LedgerEntry,
    begun: bool,
    ended: bool,
}

impl MaskedBody {
    pub(super) fn new(inner: reqwest::Body, mask: Mask, entry: LedgerEntry) -> Self {
        Self { inner, filter: Filter { mask, held: Vec::new() }, entry, begun: false, ended: false }
    }
}

impl Body for MaskedBody {
    type Data = Bytes;
    type Error = reqwest::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, reqwest::Error>>> {
        while !self.ended {
            match ready!(Pin::new(&mut self.inner).poll_frame(context)) {
                Some(Ok(frame)) => {
                    self.begun = true;
                    // Trailers are dropped: a stream of events has none that matter.
                    let Ok(chunk) = frame.into_data() else { continue };
                    let passed = self.filter.push(&chunk);
                    if !passed.is_empty() {
                        return Poll::Ready(Some(Ok(Frame::data(passed))));
                    }
                }
                Some(Err(error)) => {
                    self.ended = true;
                    self.entry.note("the service broke off in its answer");
                    return Poll::Ready(Some(Err(error)));
                }
                None => {
                    self.ended = true;
                    let rest = self.filter.rest();
                    if !rest.is_empty() {
                        return Poll::Ready(Some(Ok(Frame::data(rest))));
                    }
                }
            }
        }
        Poll::Ready(None)
    }
}

impl Drop for MaskedBody {
    fn drop(&mut self) {
        if self.begun && !self.ended {
            self.entry.note("cut before the end of the answer");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask() -> Mask {
        let secrets = [Secret::new("real-token"), Secret::new("real-account")];
        Mask::of(secrets.iter())
    }

    proptest::proptest! {
        #[test]
        fn a_secret_is_blotted_out_wherever_the_stream_is_cut(
            cuts in proptest::collection::vec(0_usize..64, 0..8),
        ) {
            let text = b"a real-token, real-real-account real-tokereal-tokenreal-";
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let mut filter = Filter { mask: mask(), held: Vec::new() };
            let mut seen = Vec::new();
            for pair in cuts.windows(2) {
                seen.extend(filter.push(&text[pair[0]..pair[1]]));
            }
            seen.extend(filter.rest());
            let expected = b"a **********, real-************ real-toke**********real-";
            proptest::prop_assert_eq!(seen, expected);
        }
    }

    #[test]
    fn what_begins_no_secret_is_passed_at_once() {
        let mut filter = Filter { mask: mask(), held: Vec::new() };
        assert_eq!(filter.push(b"data: {}\n\n"), "data: {}\n\n");
        assert_eq!(filter.push(b"data: re"), "data: ");
        assert_eq!(filter.push(b"ady"), "ready");
    }
}
