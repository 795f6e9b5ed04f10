//! The faults that the embedded upstream can have on purpose, by their names.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A fault that the loopback can have. It meets requests for turns only, where
/// path and credential are right; on a WebSocket, too, unless it says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// Cloudflare's challenge with status 403, on the right path.
    CloudflarePage,
    /// The access token has expired: 401 `token_expired`.
    TokenExpired,
    /// The access token has expired, and the refresh token was used before.
    RefreshTokenReused,
    /// The credential lacks a scope: 401 `missing_scope`.
    MissingScope,
    /// The subscription's usage is used up: 429 `usage_limit_reached`.
    UsageLimit,
    /// Too many requests: 429 `rate_limit_exceeded`.
    RateLimit,
    /// 400 without a body.
    BadRequestNoBody,
    /// 500 `server_error`.
    ServerError,
    /// The stream ends before `response.completed`.
    StreamStops,
    /// Status and headers come, and then nothing.
    StreamNeverStarts,
    /// After its first two events the stream sends a `keepalive` every
    /// [`Fault::DRIP`], and never completes.
    StreamDrips,
    /// The service does not know the model, or not for this account.
    UnknownModel,
    /// TCP reset before the answer.
    ConnectionReset,
    /// The WebSocket closes after the first event; a POST is answered in full.
    WebsocketClosedEarly,
}

/// No fault has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no fault is named {0:?}")]
pub struct UnknownFault(pub String);

impl Fault {
    /// In the order of the help text.
    pub const ALL: [Self; 14] = [
        Self::CloudflarePage,
        Self::TokenExpired,
        Self::RefreshTokenReused,
        Self::MissingScope,
        Self::UsageLimit,
        Self::RateLimit,
        Self::BadRequestNoBody,
        Self::ServerError,
        Self::StreamStops,
        Self::StreamNeverStarts,
        Self::StreamDrips,
        Self::UnknownModel,
        Self::ConnectionReset,
        Self::WebsocketClosedEarly,
    ];

    /// The pause of [`Fault::StreamDrips`] between two signs of life: short
    /// enough that no proxy on the way gives up.
    pub const DRIP: std::time::Duration = std::time::Duration::from_secs(10);

    /// The name that it is asked for by.
    pub fn name(self) -> &'static str {
        match self {
            Self::CloudflarePage => "cloudflare-page",
            Self::TokenExpired => "token-expired",
            Self::RefreshTokenReused => "refresh-token-reused",
            Self::MissingScope => "missing-scope",
            Self::UsageLimit => "usage-limit",
            Self::RateLimit => "rate-limit",
            Self::BadRequestNoBody => "bad-request-no-body",
            Self::ServerError => "server-error",
            Self::StreamStops => "stream-stops",
            Self::StreamNeverStarts => "stream-never-starts",
            Self::StreamDrips => "stream-drips",
            Self::UnknownModel => "unknown-model",
            Self::ConnectionReset => "connection-reset",
            Self::WebsocketClosedEarly => "websocket-closed-early",
        }
    }

    /// What it does, in a line.
    pub fn description(self) -> &'static str {
        match self {
            Self::CloudflarePage => "a Cloudflare page (403) on the right path",
            Self::TokenExpired => "the access token has expired (401), and so has the login",
            Self::RefreshTokenReused => {
                "the access token has expired (401), and the refresh token was used before"
            }
            Self::MissingScope => "the credential lacks the scope api.responses.write (401)",
            Self::UsageLimit => "the subscription's usage is used up (429)",
            Self::RateLimit => "too many requests (429, try again in 2s)",
            Self::BadRequestNoBody => "400 without a body",
            Self::ServerError => "500 server_error",
            Self::StreamStops => "the stream ends before response.completed",
            Self::StreamNeverStarts => "status and headers, and then nothing",
            Self::StreamDrips => "a keepalive event every 10 s, and never an end",
            Self::UnknownModel => "the service does not know the model",
            Self::ConnectionReset => "TCP reset before the answer",
            Self::WebsocketClosedEarly => {
                "the WebSocket closes after the first event; POST is answered in full"
            }
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Fault {
    type Err = UnknownFault;

    fn from_str(name: &str) -> Result<Self, UnknownFault> {
        Self::ALL
            .into_iter()
            .find(|fault| fault.name() == name)
            .ok_or_else(|| UnknownFault(name.to_owned()))
    }
}

impl Serialize for Fault {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Fault {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_found_by_its_name_and_by_no_other() {
        for fault in Fault::ALL {
            assert_eq!(fault.name().parse(), Ok(fault));
            assert!(!fault.description().is_empty());
        }
        assert_eq!("tea".parse::<Fault>(), Err(UnknownFault("tea".to_owned())));
    }
}
