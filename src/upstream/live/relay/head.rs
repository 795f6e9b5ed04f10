//! The heads of what a relay carries: what belongs to one connection stays on it.

use bytes::Bytes;
use http::HeaderMap;
use http::header::{self, HeaderValue};
use serde::Deserialize;

use super::super::loan::CredentialSwap;
use crate::proxy::without_hops;
use crate::upstream::encoding::{LARGEST_BODY, decoded};

/// A request's headers as they go to the service.
pub(super) fn outgoing(mut headers: HeaderMap, websocket: bool, lent: CredentialSwap) -> HeaderMap {
    without_hops(&mut headers);
    headers.remove(header::HOST);
    headers.remove(header::CONTENT_LENGTH);
    if websocket {
        headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        // Messages are read here, which compression (the only extension) would prevent.
        headers.remove(header::SEC_WEBSOCKET_EXTENSIONS);
    }
    if lent == CredentialSwap::Swapped {
        // The mask works on plain bytes: ask for an answer that is not compressed.
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    }
    headers
}

/// Whether a request asks for a WebSocket.
pub(super) fn asks_for_websocket(headers: &HeaderMap) -> bool {
    let upgrade = headers.get(header::UPGRADE);
    upgrade.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// The model that a turn's request names.
pub(super) fn model(headers: &HeaderMap, body: Bytes) -> Option<String> {
    #[derive(Deserialize)]
    struct Turn {
        model: Option<String>,
    }
    let encoding = headers.get(header::CONTENT_ENCODING).map(HeaderValue::as_bytes);
    let body = decoded(encoding, body, LARGEST_BODY).ok()?;
    serde_json::from_slice::<Turn>(&body).ok()?.model
}

#[cfg(test)]
mod tests {
    use http::header::HeaderName;

    use super::*;

    fn headers(list: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        list.iter().map(pair).collect()
    }

    #[test]
    fn what_concerns_one_connection_stays_on_it() {
        let sent = headers(&[
            ("host", "elsewhere.test"),
            ("connection", "keep-alive, X-Own"),
            ("x-own", "1"),
            ("keep-alive", "5"),
            ("proxy-authorization", "Basic eA=="),
            ("content-length", "3"),
            ("accept-encoding", "gzip"),
            ("cookie", "a=b"),
        ]);
        let kept = headers(&[("accept-encoding", "gzip"), ("cookie", "a=b")]);
        assert_eq!(outgoing(sent.clone(), false, CredentialSwap::NotOffered), kept);
        assert_eq!(outgoing(sent, false, CredentialSwap::Swapped)["accept-encoding"], "identity");
    }

    #[test]
    fn a_model_is_read_from_a_body_however_it_is_encoded() {
        let body = Bytes::from_static(b"{\"model\": \"gpt-5.5\"}");
        assert_eq!(model(&HeaderMap::new(), body.clone()).as_deref(), Some("gpt-5.5"));
        let gzip = headers(&[("content-encoding", "gzip")]);
        assert_eq!(model(&gzip, body), None);
    }
}
