//! The only way out for an install: a proxy that asks the registries that npm is
//! configured for, lets through what the user opens it to, refuses the rest, and writes all
//! of it down.
//!
//! npm, `openclaw plugins install` and the lifecycle scripts run in an
//! enclosure on whose loopback interface the proxy listens. A program that
//! heeds no proxy settings reaches nothing, and is not seen. None of them is given a
//! registry's credentials: the proxy puts them in.

mod download;
mod front;
mod tarballs;
mod tunnel;

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use camino::{Utf8Path, Utf8PathBuf};
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use reqwest::Body;
use tokio::net::TcpStream;

pub(super) use self::front::RegistryFront;
use super::NpmConfig;
use super::config::NpmConfigError;
use super::egress::{Egress, EgressOutcome};
use crate::host::HostPort;
use crate::process::Processes;
use crate::process::enclosure::{Enclosure, EnclosureHandle, MountPlan};
use crate::proxy::{self, Server, ServerTasks};

/// How installs reach the network.
#[derive(Debug, Clone)]
pub enum NetworkAccess {
    /// Through a proxy that asks the registries in npm's stead.
    Registries {
        /// Codexpin's own executable, which starts programs in an enclosure.
        executable: Utf8PathBuf,
        /// Which registries these are, and how they are asked.
        config: Box<NpmConfig>,
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
    front: RegistryFront,
    open_to: BTreeSet<HostPort>,
    egress: Mutex<Egress>,
    tasks: ServerTasks,
}

impl RegistryProxy {
    /// Opens an enclosure and listens in it, or says why that cannot be. Unless it may be
    /// `partial`, one that only cuts off the network is none.
    pub(super) async fn open(
        processes: &Processes,
        executable: &Utf8Path,
        mounts: MountPlan,
        partial: bool,
        front: RegistryFront,
        open_to: impl Iterator<Item = HostPort>,
    ) -> Result<Self, String> {
        let opened = Enclosure::open(processes, executable, Some(mounts)).await;
        let mut enclosure = opened.map_err(|error| error.with_hint())?;
        if let Some(why) = enclosure.shared_tmp().filter(|_| !partial) {
            return Err(why.with_hint());
        }
        let listener = enclosure.listener().ok_or("nothing listens in the enclosure")?;
        let tasks = ServerTasks::default();
        let gate = Arc::new(ProxyState {
            open_to: front.hosts().chain(open_to).collect(),
            front,
            egress: Mutex::default(),
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

    /// npm's settings for what runs in it, but for those of [`Self::environment`] and these
    /// variables: an `npmrc` that has no credential.
    pub(crate) fn npmrc(&self, but: &[&str]) -> Result<String, NpmConfigError> {
        self.gate.front.config().without_credentials(but, front::asked_at)
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
    async fn respond(self: Arc<Self>, request: Request<Incoming>) -> io::Result<Response<Body>> {
        let method = request.method().clone();
        let tunnel = method == Method::CONNECT;
        let uri = request.uri();
        let plain = uri.scheme_str() == Some("http");
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
        if !self.open_to.contains(&to) || !(tunnel || plain) {
            record(EgressOutcome::Refused);
            let why = format!("{to} is no registry of npm's configuration\n");
            return Ok(short(StatusCode::FORBIDDEN, &why));
        }
        let real = plain.then(|| self.front.real(&to, uri)).flatten();
        let answer = match real {
            Some(_) if method != Method::GET && method != Method::HEAD => {
                record(EgressOutcome::Refused);
                let why = "an install asks a registry and tells it nothing\n";
                return Ok(short(StatusCode::METHOD_NOT_ALLOWED, why));
            }
            Some(real) => self.front.ask(method.clone(), request.headers(), real).await,
            None if tunnel => self.tunnel(request, &to).await,
            None => self.front.carry(request).await,
        };
        record(if answer.is_ok() { EgressOutcome::Passed } else { EgressOutcome::Failed });
        answer
    }

    async fn tunnel(
        &self,
        request: Request<Incoming>,
        to: &HostPort,
    ) -> io::Result<Response<Body>> {
        let mut out = tunnel::open(self.front.config(), to).await?;
        self.tasks.spawn(async move {
            if let Ok(upgraded) = hyper::upgrade::on(request).await {
                // Whichever side breaks off, the other learns it.
                let _ = tokio::io::copy_bidirectional(&mut TokioIo::new(upgraded), &mut out).await;
            }
        });
        Ok(short(StatusCode::OK, ""))
    }

    fn egress(&self) -> std::sync::MutexGuard<'_, Egress> {
        self.egress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn short(status: StatusCode, text: &str) -> Response<Body> {
    let mut answer = Response::new(Body::from(text.to_owned()));
    *answer.status_mut() = status;
    answer
}
