//! The answers of codexpin's own: for what is not passed on to the service.

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::{BodyExt as _, Full, combinators::UnsyncBoxBody};
use serde_json::{Value, json};

use crate::observation::RequestKind;
use crate::upstream::ledger::LedgerEntry;

/// The body of any answer, codexpin's own or the service's.
pub(super) type LiveBody = UnsyncBoxBody<Bytes, reqwest::Error>;

/// The answer for whatever is not the service.
pub(super) fn blocked(entry: &LedgerEntry) -> Response<LiveBody> {
    entry.settle(Some(403), RequestKind::Blocked);
    answer(StatusCode::FORBIDDEN, &json!({"error": "the live upstream does not lead there"}))
}

/// An answer of codexpin's own.
pub(super) fn answer(status: StatusCode, content: &Value) -> Response<LiveBody> {
    let mut response = whole(status, content.to_string().into());
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

pub(super) fn empty(status: StatusCode) -> Response<LiveBody> {
    whole(status, Bytes::new())
}

pub(super) fn whole(status: StatusCode, content: Bytes) -> Response<LiveBody> {
    let body = Full::new(content).map_err(|never| match never {}).boxed_unsync();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}
