//! The only way out for an install: a proxy that lets through what goes to the
//! registries that npm is configured for, and to what the user opens it to, refuses the rest, and writes all of
//! it down.
//!
//! npm, `openclaw plugins install` and the lifecycle scripts run in an
//! enclosure on whose loopback interface the proxy listens. A program that
//! heeds no proxy settings reaches nothing, and is not seen.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use camino::{Utf8Path, Utf8PathBuf};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use url::Url;

use super::egress::{Egress, EgressOutcome};
use crate::host::HostPort;
use crate::process::Processes;
use crate::process::enclosure::{Enclosure, EnclosureHandle, MountPlan};
use crate::proxy::{self, Server, ServerTasks};

/// What concerns one connection only (RFC 9110, 7.6.1), or the proxy.
const OF_THE_CONNECTION: [&str; 5] =
    ["connection", "keep-alive", "proxy-connection", "proxy-authorization", "transfer-encoding"];

/// How installs reach the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NetworkAccess {
    /// Through a proxy that lets only these registries through.
    Registries {
        /// Codexpin's own executable, which starts programs in an enclosure.
        executable: Utf8PathBuf,
        /// Every registry of npm's configuration.
        registries: Vec<Url>,
    },
    /// As npm finds it.
    Open {
        /// Why there is no such proxy, in words.
        why: String,
    },
}

/// An enclosure, and the proxy that npm reaches the registries through.
pub(crate) struct RegistryProxy {
    enclosure: Enclosure,
    server: Server,
    gate: Arc<ProxyState>,
}

/// What every connection shares.
struct ProxyState {
    open_to: BTreeSet<HostPort>,
    egress: Mutex<Egress>,
    client: Client<HttpConnector, Incoming>,
    tasks: ServerTasks,
}

type ProxyBody = Either<Incoming, Full<Bytes>>;

impl RegistryProxy {
    /// Opens an enclosure and listens in it, or says why that cannot be.
    pub(crate) async fn open(
        processes: &Processes,
        executable: &Utf8Path,
        mounts: MountPlan,
        open_to: BTreeSet<HostPort>,
    ) -> Result<Self, String> {
        let opened = Enclosure::open(processes, executable, Some(mounts)).await;
        let mut enclosure = opened.map_err(|error| error.with_hint())?;
        let listener = enclosure.listener().ok_or("nothing listens in the enclosure")?;
        let tasks = ServerTasks::default();
        let gate = Arc::new(ProxyState {
            open_to,
            egress: Mutex::default(),
            client: Client::builder(TokioExecutor::new()).build_http(),
            tasks: tasks.clone(),
        });
        let listener =
            proxy::listener(Some(listener), 0).await.map_err(|error| error.to_string())?;
        let service = Arc::clone(&gate);
        let serve = move |stream| Arc::clone(&service).serve(stream);
        let server = Server::start(listener, tasks, serve).map_err(|error| error.to_string())?;
        Ok(Self { enclosure, server, gate })
    }

    /// What npm needs to start in it.
    pub(crate) fn enclosure(&self) -> EnclosureHandle {
        self.enclosure.handle()
    }

    /// What makes npm, Node and other programs take this way. An empty setting
    /// counts as none with npm, so that its `noproxy` has to name something.
    pub(crate) fn environment(&self) -> Vec<(&'static str, String)> {
        let proxy = || format!("http://127.0.0.1:{}", self.server.address().port());
        let set = [
            "npm_config_proxy",
            "npm_config_https_proxy",
            "HTTP_PROXY",
            "HTTPS_PROXY",
            "http_proxy",
            "https_proxy",
        ];
        let mut variables: Vec<_> = set.into_iter().map(|name| (name, proxy())).collect();
        variables.push(("npm_config_noproxy", "nowhere.invalid".to_owned()));
        variables.extend(["NO_PROXY", "no_proxy"].map(|name| (name, String::new())));
        // From Node 22.21 and 24.0: `fetch` and `http` heed the settings as well.
        variables.push(("NODE_USE_ENV_PROXY", "1".to_owned()));
        variables
    }

    /// Stops, and hands over what was seen.
    pub(crate) async fn close(self) -> Egress {
        self.server.shutdown().await;
        // If it cannot be closed, it ends with codexpin.
        let _ = self.enclosure.close().await;
        std::mem::take(&mut *self.gate.egress())
    }
}

impl ProxyState {
    async fn serve(self: Arc<Self>, stream: TcpStream) {
        let service = service_fn(move |request| Arc::clone(&self).respond(request));
        // An error here is a client that left, or a host that broke off: the
        // client sees the same.
        let _ = http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades()
            .await;
    }

    /// An error closes the connection, which npm takes for one of the network.
    async fn respond(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> io::Result<Response<ProxyBody>> {
        let method = request.method().clone();
        let tunnel = method == Method::CONNECT;
        let uri = request.uri();
        let port = uri.port_u16().or(match uri.scheme_str() {
            Some("http") => Some(80),
            Some("https") => Some(443),
            _ => None,
        });
        let (Some(host), Some(port)) = (uri.host(), port) else {
            return Ok(short(StatusCode::BAD_REQUEST, "this is a proxy\n"));
        };
        let to = HostPort::new(host, port);
        let path = (!tunnel).then(|| uri.path().to_owned());
        let record = |outcome| self.egress().add(method.as_str(), &to, path.as_deref(), outcome);
        let plain = uri.scheme_str() == Some("http");
        if !self.open_to.contains(&to) || !(tunnel || plain) {
            record(EgressOutcome::Refused);
            let why = format!("{to} is no registry of npm's configuration\n");
            return Ok(short(StatusCode::FORBIDDEN, &why));
        }
        let answer =
            if tunnel { self.tunnel(request, &to).await } else { self.forward(request).await };
        record(if answer.is_ok() { EgressOutcome::Passed } else { EgressOutcome::Failed });
        answer
    }

    async fn tunnel(
        &self,
        request: Request<Incoming>,
        to: &HostPort,
    ) -> io::Result<Response<ProxyBody>> {
        let mut out = TcpStream::connect((to.host.as_str(), to.port)).await?;
        let _ = out.set_nodelay(true);
        self.tasks.spawn(async move {
            if let Ok(upgraded) = hyper::upgrade::on(request).await {
                // Whichever side breaks off, the other learns it.
                let _ = tokio::io::copy_bidirectional(&mut TokioIo::new(upgraded), &mut out).await;
            }
        });
        Ok(short(StatusCode::OK, ""))
    }

    async fn forward(&self, mut request: Request<Incoming>) -> io::Result<Response<ProxyBody>> {
        for name in OF_THE_CONNECTION {
            request.headers_mut().remove(name);
        }
        let answer = self.client.request(request).await.map_err(io::Error::other)?;
        let mut answer = answer.map(Either::Left);
        for name in OF_THE_CONNECTION {
            answer.headers_mut().remove(name);
        }
        Ok(answer)
    }

    fn egress(&self) -> std::sync::MutexGuard<'_, Egress> {
        self.egress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn short(status: StatusCode, text: &str) -> Response<ProxyBody> {
    let mut answer =
        Response::new(Either::Right(Full::new(Bytes::copy_from_slice(text.as_bytes()))));
    *answer.status_mut() = status;
    answer
}
