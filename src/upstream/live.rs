//! The live upstream: what stands between an enclosed candidate and OpenAI's
//! real service.
//!
//! ```text
//! candidate ─▶ proxy ┬▶ tunnel: its own TLS, bytes both ways ─────────▶ network ─▶ service
//!                    └▶ relay: TLS ends here ─▶ loan ─▶ reqwest ──────▶ network ─▶ service
//!                              candidate ◀── mask ◀── refusal, record ◀──────────────┘
//! ```
//!
//! Either way `chatgpt.com` and `api.openai.com` are reached over HTTPS and
//! nothing else is; a login is never renewed through here.
//! `network` is the user's own proxy and authorities. One of these serves one
//! check: its records are that check's requests.
//!
//! A tunnel is to a name: what a candidate says in it, to whomever behind that
//! name, is between the two of them.

mod answer;
mod host;
mod loan;
mod mask;
mod network;
mod proxy;
mod refusal;
mod relay;
mod tunnel;
mod websocket;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;

use loan::Loan;
use network::Network;
use proxy::{Forwarder, LiveProxy};
use relay::Relay;

pub use loan::{RelayLogin, RelayLoginError};
pub use network::NetworkError;

use super::authority::Authority;
use super::ledger::Ledger;
use super::variables;
use crate::env::{Environment, TRUSTED_AUTHORITIES};
use crate::observation::RequestRecord;
use crate::proxy::{Server, ServerTasks, listener as listen_on};

/// How a live upstream is to run.
pub struct LiveOptions {
    /// A listener made elsewhere, perhaps in another network namespace; without one,
    /// a port of the system's choice on 127.0.0.1.
    pub listener: Option<std::net::TcpListener>,
    /// Which way requests take.
    pub mode: LiveMode,
    /// The user's proxy (`HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`) and authorities
    /// (`SSL_CERT_FILE`, `SSL_CERT_DIR`, `NODE_EXTRA_CA_CERTS`).
    pub environment: Environment,
    /// How many requests for a turn a relay carries; none for as many as come. What goes
    /// through a tunnel cannot be counted.
    pub most_requests: Option<usize>,
}

/// Which way a candidate's requests take to the service.
#[derive(Debug)]
pub enum LiveMode {
    /// Passed through as they are: the candidate has a credential and a TLS of its own.
    Tunnel,
    /// Carried by codexpin, which puts the real login in the made-up one's place.
    /// TLS fingerprint and timing are codexpin's.
    Relay(RelayLogin),
}

/// Why a live upstream could not be started.
#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    /// No port, or not this listener.
    #[error("the live upstream cannot listen: {0}")]
    Listen(#[source] io::Error),
    /// The certificate authority of a relay could not be made.
    #[error("the live upstream cannot make its certificate authority: {0}")]
    Authority(String),
    /// The login cannot be sent.
    #[error(transparent)]
    Login(#[from] RelayLoginError),
    /// The user's settings lead nowhere.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The CA certificate could not be written.
    #[error("the live upstream cannot write its CA certificate to {path}: {source}")]
    WriteCa {
        /// Where it was to go.
        path: Utf8PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// A running live upstream. Dropped, it stops; [`Live::shutdown`] also waits until it has.
pub struct Live {
    server: Server,
    proxy: Arc<LiveProxy>,
    /// The user's own settings for TLS.
    trust: Vec<(&'static str, String)>,
}

impl Live {
    /// Starts a live upstream in the current tokio runtime.
    pub async fn start(options: LiveOptions) -> Result<Self, LiveError> {
        let LiveOptions { listener, mode, environment, most_requests } = options;
        let network = Network::of(&environment)?;
        let forwarder = match mode {
            LiveMode::Tunnel => Forwarder::Tunnel(network),
            LiveMode::Relay(login) => {
                let authority = Authority::new(Timestamp::now())
                    .map_err(|error| LiveError::Authority(error.to_string()))?;
                let loan = Loan::new(login)?;
                let mask = loan.mask();
                let client = network.client()?;
                Forwarder::Relay(Relay { authority, loan, mask, client, most_requests })
            }
        };
        let listener = listen_on(listener, 0).await.map_err(LiveError::Listen)?;
        let tasks = ServerTasks::default();
        let proxy = Arc::new(LiveProxy { forwarder, ledger: Ledger::new(), tasks: tasks.clone() });
        let service = Arc::clone(&proxy);
        let serve = move |stream| Arc::clone(&service).connected(stream);
        let server = Server::start(listener, tasks, serve).map_err(LiveError::Listen)?;
        let own = |name: &'static str| Some((name, environment.get(name)?.to_owned()));
        let trust = TRUSTED_AUTHORITIES.into_iter().filter_map(own).collect();
        Ok(Self { server, proxy, trust })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// What a child's environment needs for its requests to come here: the proxy
    /// under every name, as for a loopback. A relay's candidate is to trust
    /// `ca_file`, which [`Live::write_ca`] wrote. A tunnel's candidate speaks TLS
    /// with the service itself and needs what the user's own programs need: the
    /// user's settings stay as they are, and `ca_file` is ignored.
    pub fn environment(&self, ca_file: &Utf8Path) -> Vec<(&'static str, String)> {
        let mut variables = variables::of_the_proxy(self.address());
        match self.proxy.forwarder {
            Forwarder::Tunnel(_) => variables.extend(self.trust.iter().cloned()),
            Forwarder::Relay(_) => variables.extend(variables::of_the_ca(ca_file)),
        }
        variables
    }

    /// The files and directories of the user's that [`Live::environment`] names: the
    /// candidate has to find them where they are.
    pub fn reads(&self) -> Vec<Utf8PathBuf> {
        match self.proxy.forwarder {
            Forwarder::Tunnel(_) => self.trust.iter().map(|(_, path)| path.into()).collect(),
            Forwarder::Relay(_) => Vec::new(),
        }
    }

    /// Writes a relay's CA certificate; a tunnel has none, and writes nothing.
    pub fn write_ca(&self, path: &Utf8Path) -> Result<(), LiveError> {
        let Forwarder::Relay(relay) = &self.proxy.forwarder else { return Ok(()) };
        crate::fs::write_atomic(path, relay.authority.pem().as_bytes())
            .map_err(|source| LiveError::WriteCa { path: path.to_owned(), source })
    }

    /// The requests so far, in order of arrival.
    pub fn records(&self) -> Vec<RequestRecord> {
        self.proxy.ledger.records()
    }

    /// Stops, waits until no task is left, and returns the records.
    pub async fn shutdown(self) -> Vec<RequestRecord> {
        self.server.shutdown().await;
        self.records()
    }
}

impl fmt::Debug for LiveOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The environment is left out: it may hold a proxy's password.
        f.debug_struct("LiveOptions").field("mode", &self.mode).finish_non_exhaustive()
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live").field("address", &self.address()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
