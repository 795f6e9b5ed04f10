//! The edge: connections in, [`answer`] asked, its answer written. Knows HTTP
//! and TLS, and decides nothing.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::rt::{Read, Write};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::answer::{Answer, Content, Facts, RequestBody, Service, answer};
use super::authority::Authority;
use super::body::{self, AnswerBody};
use super::record::{Entry, Head, Ledger};
use super::responses::Turn;
use crate::observation::Credential;
use crate::observation::{RequestKind, Scheme};

/// How long a client may take for a TLS handshake.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);
/// How long to wait after a failed accept: out of file descriptors, most likely.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What every connection shares.
pub(super) struct Proxy {
    pub(super) port: u16,
    pub(super) pace: Duration,
    pub(super) authority: Authority,
    pub(super) ledger: Ledger,
    pub(super) stop: CancellationToken,
    pub(super) tasks: TaskTracker,
}

/// Where a request came in.
#[derive(Debug, Clone)]
enum Door {
    /// On the port itself.
    Port,
    /// Through a tunnel to this host.
    Tunnel(Arc<str>),
}

impl Proxy {
    /// Takes connections until the loopback stops.
    pub(super) async fn accept(self: Arc<Self>, listener: TcpListener) {
        loop {
            let accepted = tokio::select! {
                () = self.stop.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, _)) => self.spawn(Arc::clone(&self).greet(stream)),
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            }
        }
    }

    /// Runs a task that ends with the loopback at the latest.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = task => {}
            }
        });
    }

    async fn greet(self: Arc<Self>, stream: TcpStream) {
        // Small answers must not wait for the acknowledgement of the last one.
        let _ = stream.set_nodelay(true);
        self.serve(TokioIo::new(stream), Door::Port).await;
    }

    async fn serve(self: Arc<Self>, io: impl Read + Write + Unpin + Send + 'static, door: Door) {
        let service = service_fn(move |request| {
            let (proxy, door) = (Arc::clone(&self), door.clone());
            async move { Ok::<_, Infallible>(proxy.respond(request, &door).await) }
        });
        // An error here is a client that left or spoke no HTTP; hyper has told
        // it so (400, 431), and requests that got as far as a head have a record.
        let _ = http1::Builder::new()
            // An idle connection is the client's to end: closed under a client that
            // was busy with a tool, it would cost the next request a retry.
            .header_read_timeout(None)
            .serve_connection(io, service)
            .with_upgrades()
            .await;
    }

    async fn respond(
        self: Arc<Self>,
        mut request: Request<Incoming>,
        door: &Door,
    ) -> Response<AnswerBody> {
        let target = Target::of(&request, door, self.port);
        let credential = Credential::of(request.headers());
        let websocket = wants_websocket(&request);
        let entry = self.ledger.open(Head {
            scheme: target.scheme,
            host: &target.host,
            port: target.port,
            method: request.method().as_str(),
            path_and_query: request.uri().path_and_query().map_or("", |path| path.as_str()),
            websocket,
            credential,
        });
        let upgrade = hyper::upgrade::on(&mut request);
        let (parts, content) = request.into_parts();
        let content = if parts.method == Method::POST {
            body::read(&parts.headers, content).await
        } else {
            Ok(RequestBody::Ignored)
        };
        let Ok(content) = content else {
            // Nobody is there to read an answer.
            entry.note("the client left before the end of its request");
            return written(StatusCode::BAD_REQUEST, AnswerBody::whole(Bytes::new()));
        };
        if let RequestBody::Turn(turn) = &content {
            entry.model(turn.model.as_deref());
        }
        let answer = answer(&Facts {
            service: target.service,
            method: parts.method,
            path: parts.uri.path().to_owned(),
            websocket,
            credential,
            body: content,
        });
        entry.settle(Some(answer.status), answer.kind);
        if let Some(note) = answer.note {
            entry.note(note);
        }
        if answer.kind == RequestKind::Tunnel {
            let task = Arc::clone(&self).tunnel(upgrade, target.host.into(), entry.clone());
            self.spawn(task);
        }
        self.write(answer, &entry)
    }

    /// The task of a tunnel. Boxed, since the requests in it come back to `respond`.
    fn tunnel(
        self: Arc<Self>,
        upgrade: OnUpgrade,
        host: Arc<str>,
        entry: Entry,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(self.speak_as(host, upgrade, entry))
    }

    /// Speaks TLS, and then HTTP, as the host of a `CONNECT`.
    async fn speak_as(self: Arc<Self>, host: Arc<str>, upgrade: OnUpgrade, entry: Entry) {
        let failed = |why: String| {
            entry.settle(Some(StatusCode::OK.as_u16()), RequestKind::TlsFailed);
            entry.note(why);
        };
        // Whoever leaves has said nothing about trust.
        let left = || {
            entry.settle(Some(StatusCode::OK.as_u16()), RequestKind::Unanswered);
            entry.note("the client left before the end of the TLS handshake");
        };
        let Ok(upgraded) = upgrade.await else { return left() };
        let config = match self.authority.speak_for(&host) {
            Ok(config) => config,
            Err(error) => return failed(format!("no certificate for this host: {error}")),
        };
        let handshake = TlsAcceptor::from(config).accept(TokioIo::new(upgraded));
        match tokio::time::timeout(HANDSHAKE_LIMIT, handshake).await {
            Ok(Ok(stream)) => self.serve(TokioIo::new(stream), Door::Tunnel(host)).await,
            Ok(Err(error)) if has_left(&error) => left(),
            Ok(Err(error)) => failed(format!("TLS handshake failed: {error}")),
            Err(_) => failed("no TLS handshake".to_owned()),
        }
    }

    fn write(&self, answer: Answer, entry: &Entry) -> Response<AnswerBody> {
        let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::BAD_GATEWAY);
        let json = |value: serde_json::Value| {
            (Some("application/json"), AnswerBody::whole(value.to_string().into()))
        };
        let (kind, body) = match answer.content {
            Content::Empty => (None, AnswerBody::whole(Bytes::new())),
            Content::Json(value) => json(value),
            Content::Html(page) => {
                (Some("text/html; charset=UTF-8"), AnswerBody::whole(page.into()))
            }
            Content::Turn { model, text, stream } => {
                let turn = Turn {
                    model: &model,
                    text: &text,
                    number: entry.sequence() + 1,
                    created_at: Timestamp::now().as_second(),
                };
                if stream {
                    let body = AnswerBody::stream(turn.events(), self.pace, entry.clone());
                    (Some("text/event-stream; charset=utf-8"), body)
                } else {
                    json(turn.object())
                }
            }
        };
        let mut response = written(status, body);
        for (name, value) in answer.headers {
            response.headers_mut().insert(*name, HeaderValue::from_static(value));
        }
        if let Some(kind) = kind {
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        }
        response
    }
}

fn has_left(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    [BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof].contains(&error.kind())
}

fn written(status: StatusCode, body: AnswerBody) -> Response<AnswerBody> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}

fn wants_websocket(request: &Request<Incoming>) -> bool {
    request
        .headers()
        .get(header::UPGRADE)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// Whom a request means.
struct Target {
    scheme: Scheme,
    host: String,
    port: u16,
    service: Service,
}

impl Target {
    fn of(request: &Request<Incoming>, door: &Door, own_port: u16) -> Self {
        if let Door::Tunnel(host) = door {
            let service = Service::of(host, 443);
            return Self { scheme: Scheme::Https, host: (**host).to_owned(), port: 443, service };
        }
        let uri = request.uri();
        // The name of an absolute form or of a CONNECT; any `user:password@` is left out.
        let Some(host) = uri.host() else {
            let host = "127.0.0.1".to_owned();
            return Self { scheme: Scheme::Http, host, port: own_port, service: Service::Own };
        };
        let host = host.trim_matches(['[', ']']).to_ascii_lowercase();
        let default = if request.method() == Method::CONNECT { 443 } else { 80 };
        let port = uri.port_u16().unwrap_or(default);
        let here = ["127.0.0.1", "localhost", "::1"].contains(&host.as_str()) && port == own_port;
        let service = if here { Service::Own } else { Service::of(&host, port) };
        Self { scheme: Scheme::Http, host, port, service }
    }
}
