//! What one check of a candidate saw. Plain data: whoever judges it, writes it
//! down or reports it needs nothing else.

mod request;

use camino::Utf8PathBuf;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use request::{Credential, RequestKind, RequestRecord, Scheme, ToolCall, ToolReturn};

use crate::release::Version;
use crate::route::Route;

/// Exit, reply, logs, upstream requests and times of one turn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// The core release that was asked.
    pub core: Version,
    /// The plugin release that was installed with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin: Option<Version>,
    /// The Node that it ran on.
    pub node: String,
    /// The route that the turn was sent through.
    pub route: Route,
    /// Who answered the model requests: `live` or `loopback`.
    pub upstream: String,
    /// The text that the agent was asked to reply with.
    pub asked: String,
    /// When the agent was started.
    pub started: Timestamp,
    /// From start to end. Milliseconds.
    pub elapsed_ms: u64,
    /// How the agent's process ended.
    pub ending: Ending,
    /// The reply that it printed; none where it printed no JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply: Option<Reply>,
    /// Its stdout, without colours; bounded.
    pub stdout: String,
    /// Its stderr, without colours; bounded.
    pub stderr: String,
    /// Every request that reached the upstream, in order.
    pub requests: Vec<RequestRecord>,
    /// Processes that it left running; they were ended.
    pub left_running: usize,
    /// Where the whole output is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logs: Option<Utf8PathBuf>,
}

/// How the agent's process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// By itself, with this status.
    Exited(i32),
    /// By a signal that codexpin did not send.
    Signalled(i32),
    /// Stopped at the time limit.
    TimedOut,
}

/// What the agent printed, as far as the pass rule needs it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// The text of every payload.
    pub texts: Vec<String>,
    /// The provider that answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The model that answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The harness that ran the turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub harness: Option<String>,
    /// Whether another model than the one asked for was used.
    pub fallback_used: bool,
    /// Attempts that did not succeed before the one that did.
    pub failed_attempts: usize,
    /// `embedded` or `gateway`, where the reply says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transport: Option<String>,
    /// The transport that should have answered and did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback_from: Option<String>,
}
