//! The loopback upstream: an HTTPS-terminating proxy on 127.0.0.1 which speaks
//! enough of `ChatGPT`'s Codex backend and of OpenAI's Responses API that real
//! `OpenClaw` releases complete real turns, with no account and no network.
//!
//! ```text
//! connection ─▶ proxy ─▶ request ─▶ decision ─▶ answer ─▶ proxy ─▶ bytes
//!                 └──── record in the ledger ◀──────────────┘
//! ```
//!
//! `decision` is pure, and so is what it stands on: `chatgpt` and `openai` are the
//! services, `turn` has `model` run the script, `fault` spoils an answer. A message on a WebSocket takes the same way as a
//! POST. One loopback serves one check: its records are that check's requests,
//! and its authority is forgotten with it.

mod answer;
mod body;
mod chatgpt;
mod decision;
mod fault;
mod history;
mod model;
mod openai;
mod prompt;
mod proxy;
mod refusal;
mod request;
mod reset;
mod responses;
mod script;
mod state;
mod tool;
mod turn;
mod websocket;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;

use history::History;
use proxy::LoopbackProxy;
use state::LoopbackState;

pub use crate::question::{Fault, UnknownFault};
pub use script::{Script, ScriptedRead};

use super::authority::Authority;
use super::ledger::Ledger;
use super::variables;
use crate::explain::{Class, Explain};
use crate::host::HostPort;
use crate::observation::RequestRecord;
use crate::proxy::{Server, ServerTasks, listener};

/// How a loopback is to run.
#[derive(Debug)]
pub struct LoopbackOptions {
    /// The port on 127.0.0.1; 0 lets the system choose.
    pub port: u16,
    /// A listener made elsewhere, perhaps in another network namespace; `port`
    /// is then ignored. It is made non-blocking here.
    pub listener: Option<std::net::TcpListener>,
    /// The pause between two events of a streamed reply.
    pub pace: Duration,
    /// What the model does before it replies.
    pub script: Script,
    /// What is to be wrong.
    pub fault: Option<Fault>,
    /// Hosts that are led to, as they are: the registries that some releases fetch
    /// packages from in their first turn.
    pub registries: Vec<HostPort>,
    /// How many requests for a turn are answered; none for as many as come.
    pub most_requests: Option<usize>,
}

impl Default for LoopbackOptions {
    fn default() -> Self {
        Self {
            port: 0,
            listener: None,
            pace: Duration::from_millis(2),
            script: Script::default(),
            fault: None,
            registries: Vec::new(),
            most_requests: None,
        }
    }
}

/// Why a loopback could not be started.
#[derive(Debug, thiserror::Error)]
pub enum LoopbackError {
    /// The port is taken, or may not be used.
    #[error("the loopback upstream cannot listen on 127.0.0.1:{port}: {source}")]
    Listen {
        /// The port asked for.
        port: u16,
        /// What the system said.
        source: io::Error,
    },
    /// The certificate authority could not be made.
    #[error("the loopback upstream cannot make its certificate authority: {0}")]
    Authority(String),
    /// The CA certificate could not be written.
    #[error("the loopback upstream cannot write its CA certificate to {path}: {source}")]
    WriteCa {
        /// Where it was to go.
        path: Utf8PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Explain for LoopbackError {
    fn class(&self) -> Class {
        Class::Infrastructure
    }
}

/// A running loopback upstream. Dropped, it stops; [`Loopback::shutdown`] also
/// waits until it has.
pub struct Loopback {
    server: Server,
    proxy: Arc<LoopbackProxy>,
}

impl Loopback {
    /// Starts a loopback in the current tokio runtime.
    pub async fn start(options: LoopbackOptions) -> Result<Self, LoopbackError> {
        let port = options.port;
        let listen = |source| LoopbackError::Listen { port, source };
        let authority = Authority::new(Timestamp::now())
            .map_err(|error| LoopbackError::Authority(error.to_string()))?;
        let listener = listener(options.listener, port).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let tasks = ServerTasks::default();
        let state = LoopbackState {
            pace: options.pace,
            script: Arc::new(options.script),
            fault: options.fault,
            registries: options.registries,
            history: History::default(),
            ledger: Ledger::new(),
            most_requests: options.most_requests,
        };
        let proxy = Arc::new(LoopbackProxy {
            address,
            state: Arc::new(state),
            authority,
            tasks: tasks.clone(),
        });
        let service = Arc::clone(&proxy);
        let serve = move |stream| Arc::clone(&service).connected(stream);
        let server = Server::start(listener, tasks, serve).map_err(listen)?;
        Ok(Self { server, proxy })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.address().port()
    }

    /// The base URL for a custom provider of the `openai-responses` kind, over plain HTTP.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address())
    }

    /// The CA certificate, as PEM. Its key never leaves memory.
    pub fn ca_pem(&self) -> &str {
        self.proxy.authority.pem()
    }

    /// Writes the CA certificate for [`Loopback::environment`] to point at.
    pub fn write_ca(&self, path: &Utf8Path) -> Result<(), LoopbackError> {
        crate::fs::write_atomic(path, self.ca_pem().as_bytes())
            .map_err(|source| LoopbackError::WriteCa { path: path.to_owned(), source })
    }

    /// What a child's environment needs for its requests to come here: curl's
    /// proxy names, Node's (`NODE_USE_ENV_PROXY`, from Node 22.21 and 24.0),
    /// and every name under which Node, OpenSSL, rustls and Codex CLI look for a CA.
    pub fn environment(&self, ca_file: &Utf8Path) -> Vec<(&'static str, String)> {
        let mut variables = variables::of_the_proxy(self.address());
        variables.extend(variables::of_the_ca(ca_file));
        variables
    }

    /// The requests so far, in order of arrival.
    pub fn records(&self) -> Vec<RequestRecord> {
        self.proxy.state.ledger.records()
    }

    /// Stops, waits until no task is left and the port is free, and returns the records.
    pub async fn shutdown(self) -> Vec<RequestRecord> {
        self.server.shutdown().await;
        self.records()
    }
}

impl fmt::Debug for Loopback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loopback").field("address", &self.address()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
