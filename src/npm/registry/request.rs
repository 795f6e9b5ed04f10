//! One request to a registry, and what its answer means.

use std::error::Error as _;
use std::io;
use std::time::Duration;

use http::StatusCode;
use http::header::{ACCEPT, AUTHORIZATION, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH};
use jiff::Timestamp;
use url::Url;

use super::cache::{CacheEntry, Validity};
use super::{RegistryError, RegistryLimits};
use crate::npm::config::{Authorization, NpmConfig};
use crate::npm::packument::Packument;
use crate::visible;

/// What a registry said to a question that it understood.
pub(super) enum RegistryAnswer {
    Packument(Packument, Validity),
    NotModified(Validity),
}

/// Everything that one attempt needs.
pub(super) struct RegistryRequest<'a> {
    pub client: &'a reqwest::Client,
    pub limits: &'a RegistryLimits,
    pub clock: fn() -> Timestamp,
    pub package: &'a str,
    /// With whatever credentials the registry's URL has in it.
    pub url: &'a Url,
    /// Without them.
    pub shown: &'a Url,
    pub registry: &'a Url,
    pub authorization: Option<&'a Authorization>,
    pub known: Option<&'a CacheEntry>,
}

impl RegistryRequest<'_> {
    /// Asks once.
    pub(super) async fn send(&self) -> Result<RegistryAnswer, RegistryError> {
        match self.exchange().await? {
            (Some(body), validity) => Ok(RegistryAnswer::Packument(self.read(&body)?, validity)),
            (None, validity) => Ok(RegistryAnswer::NotModified(validity)),
        }
    }

    /// Asks once for any JSON.
    pub(super) async fn send_for_json(&self) -> Result<serde_json::Value, RegistryError> {
        let (body, _) = self.exchange().await?;
        let body = body.unwrap_or_default();
        serde_json::from_slice(&body).map_err(|error| self.not_json(&body, error.to_string()))
    }

    /// The body, or none where what is known still holds.
    async fn exchange(&self) -> Result<(Option<Vec<u8>>, Validity), RegistryError> {
        // The short form of the answer (`application/vnd.npm.install-v1+json`)
        // has neither `openclaw` nor `time`.
        let mut request = self.client.get(self.url.clone()).header(ACCEPT, "application/json");
        if let Some(authorization) = self.authorization {
            let mut value = HeaderValue::from_str(authorization.header.reveal()).map_err(|_| {
                RegistryError::Client {
                    why: format!(
                        "`{}` in {} has characters that a header cannot have",
                        authorization.key, authorization.origin
                    ),
                }
            })?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        if let Some(etag) = self.known.and_then(|copy| copy.etag.as_ref()) {
            request = request.header(IF_NONE_MATCH, etag);
        }
        if let Some(date) = self.known.and_then(|copy| copy.last_modified.as_ref()) {
            request = request.header(IF_MODIFIED_SINCE, date);
        }
        let response = request.send().await.map_err(|error| self.failed(error, 0))?;
        let validity = Validity::of(response.headers());
        match response.status() {
            StatusCode::NOT_MODIFIED if self.known.is_some() => Ok((None, validity)),
            StatusCode::OK => Ok((Some(self.body(response).await?), validity)),
            status => Err(self.refused(status, response.headers())),
        }
    }

    async fn body(&self, mut response: reqwest::Response) -> Result<Vec<u8>, RegistryError> {
        let limit = self.limits.largest_body;
        let too_large = || RegistryError::TooLarge { url: self.shown.to_string(), limit };
        let announced = usize::try_from(response.content_length().unwrap_or(0)).unwrap_or(limit);
        if announced > limit {
            return Err(too_large());
        }
        let mut body = Vec::with_capacity(announced);
        while let Some(chunk) =
            response.chunk().await.map_err(|error| self.failed(error, body.len()))?
        {
            if body.len() + chunk.len() > limit {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    fn read(&self, body: &[u8]) -> Result<Packument, RegistryError> {
        let not_json = |why: String| self.not_json(body, why);
        let mut packument = Packument::from_registry(body).map_err(|error| {
            // A connection that closes without having announced a length.
            if error.is_eof() && !body.is_empty() {
                RegistryError::Truncated { url: self.shown.to_string(), received: body.len() }
            } else {
                not_json(error.to_string())
            }
        })?;
        if packument.name.is_empty() {
            self.package.clone_into(&mut packument.name);
        } else if packument.name != self.package {
            return Err(not_json(format!("it speaks of `{}`", clean(&packument.name))));
        }
        Ok(packument)
    }

    fn not_json(&self, body: &[u8], why: String) -> RegistryError {
        RegistryError::NotJson { url: self.shown.to_string(), why, shown: beginning(body) }
    }

    fn refused(&self, status: StatusCode, headers: &http::HeaderMap) -> RegistryError {
        let url = self.shown.to_string();
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => RegistryError::Unauthorized {
                url,
                status: status.as_u16(),
                key: NpmConfig::token_key(self.registry).unwrap_or_default(),
                key_used: self
                    .authorization
                    .map(|used| format!("`{}` in {}", used.key, used.origin)),
                unset: self.authorization.map(|used| used.unset.clone()).unwrap_or_default(),
            },
            StatusCode::NOT_FOUND => {
                RegistryError::NotFound { url, package: self.package.to_owned() }
            }
            StatusCode::TOO_MANY_REQUESTS => {
                let now = (self.clock)();
                let header = headers.get(http::header::RETRY_AFTER);
                let wait = header.and_then(|v| v.to_str().ok()).and_then(|v| retry_after(v, now));
                let at = wait.and_then(|wait| now.checked_add(wait).ok());
                RegistryError::RateLimited { url, retry_after: at, wait }
            }
            status => RegistryError::Server { url, status: status.as_u16() },
        }
    }

    fn failed(&self, error: reqwest::Error, received: usize) -> RegistryError {
        // reqwest would put the URL into the text, and a password may be in it.
        let error = error.without_url();
        let url = self.shown.to_string();
        if error.is_timeout() {
            return RegistryError::TimedOut { url, limit: self.limits.stall };
        }
        let mut why = error.to_string();
        let mut cause = error.source();
        while let Some(inner) = cause {
            let ended = inner
                .downcast_ref::<hyper::Error>()
                .is_some_and(hyper::Error::is_incomplete_message)
                || inner
                    .downcast_ref::<io::Error>()
                    .is_some_and(|error| error.kind() == io::ErrorKind::UnexpectedEof);
            if ended && (error.is_body() || error.is_decode()) {
                return RegistryError::Truncated { url, received };
            }
            why = inner.to_string();
            cause = inner.source();
        }
        RegistryError::Unreachable { url, why }
    }
}

/// `Retry-After`: seconds, or a date (RFC 9110, 10.2.3).
fn retry_after(header: &str, now: Timestamp) -> Option<Duration> {
    let header = header.trim();
    if let Ok(seconds) = header.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = jiff::fmt::rfc2822::parse(header).ok()?.timestamp();
    Some(Duration::try_from(at.duration_since(now)).unwrap_or_default())
}

/// How a body begins: on one line, without control characters.
fn beginning(body: &[u8]) -> String {
    clean(&String::from_utf8_lossy(&body[..body.len().min(400)]))
}

fn clean(text: &str) -> String {
    let words: Vec<&str> = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .collect();
    visible::line(&words.join(" ").chars().take(80).collect::<String>()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retry_after_is_seconds_or_a_date() {
        let now: Timestamp = "2026-11-21T08:00:00Z".parse().unwrap();
        for (header, seconds) in [
            ("0", Some(0)),
            (" 17 ", Some(17)),
            ("Sat, 21 Nov 2026 08:00:30 GMT", Some(30)),
            ("Sat, 21 Nov 2026 07:00:00 GMT", Some(0)),
            ("-5", None),
            ("soon", None),
        ] {
            assert_eq!(retry_after(header, now).map(|wait| wait.as_secs()), seconds, "{header}");
        }
    }

    #[test]
    fn what_is_shown_of_a_body_is_short_and_has_no_control_characters() {
        let body = format!("\u{1b}[31m<html>\r\n\t<body>\0{}", "x".repeat(500));
        let shown = beginning(body.as_bytes());
        assert!(shown.starts_with("[31m<html> <body> xxx"), "{shown}");
        assert_eq!(shown.chars().count(), 80);
    }
}
