//! A request to a host that is played, read in full.

use std::collections::HashMap;
use std::io::Read as _;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE};
use http::request::Parts;
use serde_json::Value;
use url::form_urlencoded;

use super::refusal::{self, Refusal};

/// A request and its body, unpacked.
#[derive(Debug)]
pub(super) struct IncomingRequest {
    pub(super) parts: Parts,
    pub(super) body: Vec<u8>,
}

impl IncomingRequest {
    /// # Errors
    /// With a body that cannot be unpacked.
    pub(super) fn new(parts: Parts, body: &Bytes) -> Result<Self, Refusal> {
        let packed = parts.headers.get(CONTENT_ENCODING).and_then(|value| value.to_str().ok());
        let mut plain = Vec::new();
        let read = match packed {
            None | Some("identity") => {
                plain.extend_from_slice(body);
                true
            }
            Some("gzip") => flate2::read::GzDecoder::new(&body[..]).read_to_end(&mut plain).is_ok(),
            Some("zstd") => ruzstd::decoding::StreamingDecoder::new(&body[..])
                .is_ok_and(|mut decoder| decoder.read_to_end(&mut plain).is_ok()),
            Some(_) => false,
        };
        if read { Ok(Self { parts, body: plain }) } else { Err(refusal::bad_request("body")) }
    }

    pub(super) fn path(&self) -> &str {
        self.parts.uri.path()
    }

    pub(super) fn bearer(&self) -> Option<&str> {
        bearer(&self.parts)
    }

    /// A header as text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.parts.headers.get(name).and_then(|value| value.to_str().ok())
    }

    pub(super) fn json(&self) -> Result<Value, Refusal> {
        serde_json::from_slice(&self.body)
            .map_err(|_| refusal::bad_request("We could not parse the JSON body of your request."))
    }

    /// The fields of a form, or of a flat JSON object: Codex CLI posts the latter.
    pub(super) fn fields(&self) -> HashMap<String, String> {
        if self.header(CONTENT_TYPE.as_str()).is_some_and(|kind| kind.contains("json")) {
            return self.json().map(flat).unwrap_or_default();
        }
        form_urlencoded::parse(&self.body).into_owned().collect()
    }
}

/// The token of a request.
pub(super) fn bearer(parts: &Parts) -> Option<&str> {
    let value = parts.headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

fn flat(value: Value) -> HashMap<String, String> {
    let Value::Object(fields) = value else { return HashMap::new() };
    let text = |value: Value| value.as_str().map(str::to_owned);
    fields.into_iter().filter_map(|(name, value)| Some((name, text(value)?))).collect()
}
