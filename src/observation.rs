//! What is seen when a candidate is asked through one route: everything that a
//! verdict may be made of, and nothing that is secret.

pub mod bill;
pub mod request;

use camino::Utf8PathBuf;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use request::{Credential, RequestKind, RequestRecord, Scheme, ToolCall, ToolReturn};

use crate::process::Limit;
use crate::question::{AskBy, Through, Upgrade, Upstream};
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
    /// Where the candidate's own `openclaw doctor --fix` moved the route, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved_to: Option<Route>,
    /// What the turn consisted of.
    pub ask: AskBy,
    /// Who was to run the turn.
    pub through: Through,
    /// What was done to the state before the turn.
    pub upgrade: Upgrade,
    /// Who answered the model requests.
    pub upstream: Upstream,
    /// Whether the candidate could reach anything else.
    pub enclosure: Isolation,
    /// What had to be changed in a config that was carried over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub config_changes: Vec<String>,
    /// What of the state that it left is not carried over to others, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub state_left_out: Vec<String>,
    /// The text that the agent was asked to reply with.
    pub asked: String,
    /// When the check was begun.
    pub started: Timestamp,
    /// From start to end of the check. Milliseconds.
    pub elapsed_ms: u64,
    /// Where the time went.
    pub times: Times,
    /// How the agent's process ended.
    pub ending: AgentEnding,
    /// What ended the check before the agent was asked, if anything did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped_at: Option<CheckStage>,
    /// The reply that it printed; none where it printed no JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply: Option<Reply>,
    /// Its stdout, without colours; bounded.
    pub stdout: String,
    /// Its stderr, without colours; bounded.
    pub stderr: String,
    /// What the Gateway wrote, without colours; bounded. Empty where none ran.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub gateway: String,
    /// Every request that reached the upstream, in order.
    pub requests: Vec<RequestRecord>,
    /// Processes that it left running; they were ended.
    pub left_running: usize,
    /// Where the whole output is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logs: Option<Utf8PathBuf>,
}

impl Observation {
    /// The route that has to have answered.
    pub fn expected_route(&self) -> &Route {
        self.moved_to.as_ref().unwrap_or(&self.route)
    }

    /// How many tools have to have run.
    pub fn expected_tool_calls(&self) -> usize {
        match &self.ask {
            AskBy::Probe(probe) => probe.tool_calls(&self.route).into(),
            AskBy::Command(_) => 0,
        }
    }
}

/// What kept a candidate from reaching anything but the upstream and its scratch directories.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Isolation {
    /// A network namespace of its own, and a mount namespace with a `/tmp` of its own.
    Namespace {
        /// Why `/tmp` is the machine's, where it is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        shared_tmp: Option<String>,
    },
    /// Nothing: it is the live installation, asked where it is.
    None,
    /// Only the proxy settings in its environment, which it may ignore.
    ProxySettings {
        /// Why there is no namespace.
        why: String,
    },
}

/// What a check consists of before the agent is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckStage {
    /// `openclaw doctor --fix`.
    Doctor,
    /// The Gateway's start.
    Gateway,
}

/// Where the time of a check went. Milliseconds; none where it did not get there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Times {
    /// `openclaw doctor --fix`, from start to end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doctor: Option<u64>,
    /// The Gateway, from its start until it was ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<u64>,
    /// The agent's process, from its start to its first model request: Node, OpenClaw and its plugins starting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_first_request: Option<u64>,
    /// From the first model request to the end of the last answer: the turn itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn: Option<u64>,
    /// The agent's process, from start to end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<u64>,
}

/// How the agent's process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AgentEnding {
    /// By itself, with this status.
    Exited(i32),
    /// By a signal that codexpin did not send.
    Signalled(i32),
    /// Stopped at the time limit.
    TimedOut,
    /// Stopped because it took more of the machine than it may.
    Limited(Limit),
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
    /// Whether it came out of a Gateway: only a Gateway's answer has a run id and a status.
    #[serde(default)]
    pub through_gateway: bool,
    /// `embedded` or `gateway`, where the reply says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transport: Option<String>,
    /// The transport that should have answered and did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback_from: Option<String>,
}

/// Observations for the tests of those who read them.
#[cfg(test)]
pub(crate) mod sample {
    use std::time::Duration;

    use super::*;
    use crate::question::Probe;

    /// A request for a turn of the `ChatGPT` route.
    pub(crate) fn request(
        host: &str,
        path: &str,
        kind: RequestKind,
        status: Option<u16>,
    ) -> RequestRecord {
        RequestRecord {
            sequence: 0,
            elapsed: Duration::ZERO,
            scheme: Scheme::Https,
            host: host.to_owned(),
            port: 443,
            method: "POST".to_owned(),
            path: path.to_owned(),
            status,
            kind,
            websocket: false,
            model: Some("gpt-5.5".to_owned()),
            credential: Credential::ChatGptToken,
            called: None,
            returned: None,
            retry_after_s: None,
            code: None,
            note: None,
        }
    }

    /// A request that was answered, and what it brought back from a tool.
    pub(crate) fn answered(returned: Option<ToolReturn>) -> RequestRecord {
        let path = "/backend-api/codex/responses";
        let request = request("chatgpt.com", path, RequestKind::Answered, Some(200));
        RequestRecord { returned, ..request }
    }

    /// A text turn that breaks no rule.
    pub(crate) fn good() -> Observation {
        Observation {
            core: "2026.5.18".parse().unwrap(),
            plugin: None,
            node: "22.23.3".to_owned(),
            route: "openai-codex/gpt-5.5".parse().unwrap(),
            moved_to: None,
            ask: AskBy::Probe(Probe::Text),
            through: Through::Local,
            upgrade: Upgrade::AsIs,
            upstream: Upstream::Loopback,
            enclosure: Isolation::Namespace { shared_tmp: None },
            config_changes: Vec::new(),
            state_left_out: Vec::new(),
            asked: "OK".to_owned(),
            started: "2026-11-21T08:00:00Z".parse().unwrap(),
            elapsed_ms: 7000,
            times: Times::default(),
            ending: AgentEnding::Exited(0),
            stopped_at: None,
            reply: Some(Reply {
                texts: vec!["OK".to_owned()],
                provider: Some("openai-codex".to_owned()),
                model: Some("gpt-5.5".to_owned()),
                harness: Some("pi".to_owned()),
                ..Reply::default()
            }),
            stdout: "{}".to_owned(),
            stderr: "(node:1) [UNDICI-EHPA] Warning: EnvHttpProxyAgent is experimental".to_owned(),
            gateway: String::new(),
            requests: vec![answered(None)],
            left_running: 0,
            logs: None,
        }
    }

    /// A run that ended with status 1, no reply and this on stderr.
    pub(crate) fn failed(stderr: &str) -> Observation {
        Observation {
            ending: AgentEnding::Exited(1),
            reply: None,
            stdout: String::new(),
            stderr: stderr.to_owned(),
            requests: Vec::new(),
            ..good()
        }
    }
}
