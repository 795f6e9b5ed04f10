//! A request as data: whom it means, and everything that its answer depends on.

use std::net::SocketAddr;
use std::sync::Arc;

use http::{Method, Request};
use hyper::body::Incoming;

use super::prompt::TurnRequest;
use super::script::Script;
use crate::observation::{Credential, Scheme};
use crate::question::Fault;

/// Whom a client wants to speak to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LoopbackService {
    /// `chatgpt.com`: the backend of ChatGPT logins.
    ChatGpt,
    /// `api.openai.com`: the public API.
    Api,
    /// `auth.openai.com`: logins and their renewal.
    Auth,
    /// The loopback's own port, as a custom provider's base URL.
    Own,
    /// Anybody else.
    Elsewhere,
}

impl LoopbackService {
    /// The service behind a host and port that came through the proxy.
    pub(super) fn of(host: &str, port: u16) -> Self {
        match (host.trim_end_matches('.'), port) {
            ("chatgpt.com", 80 | 443) => Self::ChatGpt,
            ("api.openai.com", 80 | 443) => Self::Api,
            ("auth.openai.com", 80 | 443) => Self::Auth,
            _ => Self::Elsewhere,
        }
    }
}

/// Whom a request means.
#[derive(Debug)]
pub(super) struct RequestTarget {
    pub(super) scheme: Scheme,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) service: LoopbackService,
}

impl RequestTarget {
    /// `tunnel` is the host of the tunnel that it came through, `own` where the
    /// loopback listens.
    pub(super) fn of(request: &Request<Incoming>, tunnel: Option<&str>, own: SocketAddr) -> Self {
        if let Some(host) = tunnel {
            let service = LoopbackService::of(host, 443);
            return Self { scheme: Scheme::Https, host: host.to_owned(), port: 443, service };
        }
        let uri = request.uri();
        // The name of an absolute form or of a CONNECT; any `user:password@` is left out.
        let Some(host) = uri.host() else {
            let (host, port) = (own.ip().to_string(), own.port());
            return Self { scheme: Scheme::Http, host, port, service: LoopbackService::Own };
        };
        let host = host.trim_matches(['[', ']']).to_ascii_lowercase();
        let default = if request.method() == Method::CONNECT { 443 } else { 80 };
        let port = uri.port_u16().unwrap_or(default);
        let names = ["127.0.0.1", "localhost", "::1", &own.ip().to_string()];
        let here = names.contains(&host.as_str()) && port == own.port();
        let service = if here { LoopbackService::Own } else { LoopbackService::of(&host, port) };
        Self { scheme: Scheme::Http, host, port, service }
    }
}

/// Everything that an answer depends on.
#[derive(Debug, Clone)]
pub(super) struct RequestFacts {
    pub(super) service: LoopbackService,
    pub(super) method: Method,
    /// Without the query.
    pub(super) path: String,
    /// With GET: asked for. With POST: the request came as a message on one.
    pub(super) websocket: bool,
    pub(super) credential: Credential,
    pub(super) body: RequestBody,
    /// What the model does before it replies.
    pub(super) script: Arc<Script>,
    /// What is wrong on purpose.
    pub(super) fault: Option<Fault>,
    /// Seconds since 1970.
    pub(super) now: i64,
}

impl RequestFacts {
    /// The model that a turn's request names.
    pub(super) fn model(&self) -> Option<&str> {
        match &self.body {
            RequestBody::Turn(turn) => turn.model.as_deref(),
            _ => None,
        }
    }
}

/// What came as a request's body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RequestBody {
    /// None, or one that no answer depends on.
    Ignored,
    Turn(TurnRequest),
    TooLarge,
    /// Why it could not be read.
    Unreadable(&'static str),
}
