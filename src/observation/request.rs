//! A request that a candidate made, as the upstream saw it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// One request as the upstream saw it. It holds no header and no body, and what
/// looks like a secret in its path is masked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestRecord {
    /// Position in the order of arrival, from 0.
    pub sequence: usize,
    /// Time from the start of the upstream to the request's head.
    #[serde(rename = "elapsed_ms", with = "milliseconds")]
    pub elapsed: Duration,
    /// How it came.
    pub scheme: Scheme,
    /// The host that the client meant, in lower case.
    pub host: String,
    /// The port that the client meant.
    pub port: u16,
    /// The method, such as `POST` or `CONNECT`; `WS` for a request that came as a
    /// message on a WebSocket.
    pub method: String,
    /// Path and query, with values that look secret masked. Empty for a `CONNECT`.
    pub path: String,
    /// The status sent; none while the request is not answered.
    pub status: Option<u16>,
    /// What became of it.
    pub kind: RequestKind,
    /// Whether the client asked for a WebSocket, or came through one.
    pub websocket: bool,
    /// The model that a Responses request named.
    pub model: Option<String>,
    /// What kind of credential came with it.
    pub credential: Credential,
    /// The tool that the answer asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub called: Option<ToolCall>,
    /// What came back from the tool that the answer before this one asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub returned: Option<ToolReturn>,
    /// How long the service wants to be left alone, in seconds, where it said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_s: Option<u64>,
    /// The code of the service's error, such as `usage_limit_reached`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What else is worth knowing, in words.
    pub note: Option<String>,
}

/// A tool call that an answer asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCall {
    /// The tool, by the name that the client offers it under.
    pub tool: String,
    /// Which of the script's reads this is, from 0.
    pub step: usize,
}

/// A tool's result as it came back. What the result was is not kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolReturn {
    /// The tool, by the name that the client offers it under.
    pub tool: String,
    /// Which of the script's reads this is, from 0.
    pub step: usize,
    /// Whether the result holds what only a real execution could know.
    pub genuine: bool,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RequestKind {
    /// The client left before its request was whole, or the upstream was stopped.
    Unanswered,
    /// A `CONNECT` to a host that the upstream speaks for; requests in it have records of their own.
    Tunnel,
    /// A `CONNECT` whose TLS handshake failed: the client does not trust the CA.
    TlsFailed,
    /// A host that the upstream does not speak for.
    Blocked,
    /// A `CONNECT` whose bytes were passed to the real service as they were: the requests
    /// in it were not seen.
    Passed,
    /// A `CONNECT` to a registry of npm's configuration, whose bytes were passed on as they
    /// were.
    Registry,
    /// Passed on to the real service, which gave the status beside it: no answered turn.
    Forwarded,
    /// The real service was not reached: name, network, proxy or TLS. The status is codexpin's.
    Unreachable,
    /// A lent login was to be renewed, and must not be: its refresh token would be used up.
    RefreshRefused,
    /// A WebSocket was opened; requests on it have records of their own.
    Upgraded,
    /// A request that wants no answer yet, only the connection ready for the next.
    WarmUp,
    /// A turn was answered: with text, or with the call of a tool.
    Answered,
    /// A turn was answered with the fault that the loopback was started with.
    Faulted,
    /// Refused as the real service would refuse it: wrong path, wrong credential.
    Refused,
    /// The service has this, the loopback has not; clients accept the answer and go another way.
    Declined,
    /// The body could not be read as a Responses request.
    Malformed,
    /// One request for a turn too many: see [`crate::question::Question::most_requests`].
    Limited,
}

/// The kind of a request's credential, never the credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Credential {
    /// No `Authorization` header.
    None,
    /// A bearer token with the claims of a ChatGPT login.
    #[serde(rename = "chatgpt-token")]
    ChatGptToken,
    /// A bearer token that begins with `sk-`.
    ApiKey,
    /// Anything else.
    Other,
}

/// How a request reached the upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// In the clear; a `CONNECT`, too.
    Http,
    /// Through a tunnel.
    Https,
}

impl RequestRecord {
    /// Whether this is a turn that the upstream answered.
    pub fn is_answered_turn(&self) -> bool {
        self.kind == RequestKind::Answered
    }

    /// Whether it asked for a turn, or for a WebSocket to ask on.
    pub fn is_for_a_turn(&self) -> bool {
        let path = self.path.split('?').next().unwrap_or_default();
        self.model.is_some() || path.ends_with("/responses")
    }

    /// Whether this may hold answered turns that the upstream could not see.
    pub fn may_hold_turns(&self) -> bool {
        self.kind == RequestKind::Passed
    }
}

/// A duration as a whole number of milliseconds.
mod milliseconds {
    use std::time::Duration;

    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        duration: &Duration,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}
