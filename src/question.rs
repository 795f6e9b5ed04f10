//! What is asked of every candidate: data, from the command line to the
//! journal and the check.

mod fault;
mod probe;
mod upstream;
mod variation;

use std::time::Duration;

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

use crate::host::HostPort;
use crate::route::Route;
pub use fault::{Fault, UnknownFault};
pub use probe::{ParseProbeError, Probe};
pub use upstream::{Lender, Lending, Upstream};
pub use variation::{StateCarry, Variation};

/// What is asked, through what, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// The routes that turns are sent through, one after the other. At least one.
    pub routes: Vec<Route>,
    /// Who answers the model requests.
    #[serde(default)]
    pub upstream: Upstream,
    /// How many of the routes have to answer.
    pub require: Require,
    /// What each route is asked.
    pub ask: AskBy,
    /// The text to reply with.
    pub reply: String,
    /// Whether the candidate's own Gateway runs the turn.
    pub through: Through,
    /// What is done to the state before the turn.
    pub upgrade: Upgrade,
    /// A config to carry over into the scratch home, in place of the minimal one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<Utf8PathBuf>,
    /// What an install may reach besides the registries.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub open_install: Vec<HostPort>,
    /// Whether candidates run where the machine cannot enclose them, too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unenclosed: bool,
    /// Whether each candidate of a line meets the state that the good end left.
    pub carry_state: bool,
    /// How long the agent may take for one turn. Seconds.
    pub timeout_s: u64,
}

impl Question {
    /// A text reply from the agent's own process, in a fresh state.
    pub fn text_through(routes: Vec<Route>) -> Self {
        Self {
            routes,
            upstream: Upstream::Loopback,
            require: Require::All,
            ask: AskBy::Probe(Probe::Text),
            reply: "OK".to_owned(),
            through: Through::Local,
            upgrade: Upgrade::AsIs,
            config: None,
            open_install: Vec::new(),
            unenclosed: false,
            carry_state: false,
            timeout_s: 120,
        }
    }

    /// How long the agent may take for one turn.
    pub fn time_limit(&self) -> Duration {
        Duration::from_secs(self.timeout_s)
    }

    /// How many requests for a turn may be answered: far more than a turn takes, so that
    /// one that never ends is told from one that is slow. None for a command of the user's
    /// own, which may ask what it likes.
    pub fn most_requests(&self, route: &Route) -> Option<usize> {
        match &self.ask {
            AskBy::Probe(probe) => Some(60 + 4 * usize::from(probe.tool_calls(route))),
            AskBy::Command(_) => None,
        }
    }

    /// The routes as a person writes them, such as `a/b + c/d`.
    pub fn routes_in_words(&self) -> String {
        let routes: Vec<_> = self.routes.iter().map(ToString::to_string).collect();
        routes.join(match self.require {
            Require::All => " and ",
            Require::Any => " or ",
        })
    }

    /// Whether a turn runs in the harness of the plugin.
    pub fn wants_plugin(&self) -> bool {
        self.routes.iter().any(Route::wants_codex)
    }
}

/// What a candidate has to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AskBy {
    /// A turn, with the tool calls that the probe wants.
    Probe(Probe),
    /// A command of the user's own, run by `sh -c`; its exit code is the verdict.
    Command(String),
}

impl AskBy {
    /// The user's own command, where it is one.
    pub fn command(&self) -> Option<&str> {
        match self {
            Self::Probe(_) => None,
            Self::Command(command) => Some(command),
        }
    }
}

/// How many of several routes have to answer for a candidate to be good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Require {
    /// Every one.
    All,
    /// One is enough.
    Any,
}

/// Who runs the turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Through {
    /// The `openclaw agent` process itself.
    Local,
    /// The candidate's Gateway, which `openclaw agent` only talks to.
    Gateway,
}

/// What an upgrade does to the state that a candidate meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Upgrade {
    /// Nothing: as the older release left it.
    AsIs,
    /// The candidate's own `openclaw doctor --fix`.
    Doctor,
}
