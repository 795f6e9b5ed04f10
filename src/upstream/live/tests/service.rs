//! A service and the user's proxy before it, for tests: nothing here is looked up by name.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use camino::Utf8PathBuf;
use futures_util::{SinkExt as _, StreamExt as _, stream};
use http::{StatusCode, header};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio_rustls::server::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::{Message, protocol::Role};

use crate::env::Environment;
use crate::upstream::authority::Authority;

/// The user's password for the proxy.
pub(super) const WORD: &str = "proxy-canary";

/// What everybody may look at afterwards.
#[derive(Default)]
pub(super) struct RequestLog {
    /// Heads that the proxy got.
    pub(super) connects: Mutex<Vec<String>>,
    /// `METHOD host path authorization account` of each request that the service got.
    pub(super) requests: Mutex<Vec<String>>,
    /// The second event of a stream waits for this.
    pub(super) second: Notify,
}

/// A running service behind a proxy.
pub(super) struct Service {
    pub(super) seen: Arc<RequestLog>,
    pub(super) ca: String,
    proxy: SocketAddr,
    directory: tempfile::TempDir,
}

impl Service {
    pub(super) async fn start() -> Self {
        let seen = Arc::new(RequestLog::default());
        let authority = Authority::new(Timestamp::now()).unwrap();
        let ca = authority.pem().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = listener.local_addr().unwrap();
        let router = Router::new().fallback(answer).with_state(Arc::clone(&seen));
        let listener = Listener { listener, authority };
        tokio::spawn(async move { axum::serve(listener, router).await });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = listener.local_addr().unwrap();
        let heads = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(through(stream, origin, Arc::clone(&heads)));
            }
        });
        let directory = tempfile::tempdir().unwrap();
        fs_err::write(directory.path().join("ca.pem"), &ca).unwrap();
        Self { seen, ca, proxy, directory }
    }

    /// The user's settings, with this password for the proxy.
    pub(super) fn environment(&self, word: &str) -> Environment {
        let ca = Utf8PathBuf::try_from(self.directory.path().join("ca.pem")).unwrap();
        Environment::default()
            .with("HTTPS_PROXY", format!("http://user:{word}@{}", self.proxy))
            .with("SSL_CERT_FILE", ca)
    }

    pub(super) fn requests(&self) -> Vec<String> {
        self.seen.requests.lock().unwrap().clone()
    }
}

/// Passes every `CONNECT` with the right password on to the service.
async fn through(
    mut stream: TcpStream,
    origin: SocketAddr,
    seen: Arc<RequestLog>,
) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8(head).unwrap();
    // user:proxy-canary
    let known = head.contains("Basic dXNlcjpwcm94eS1jYW5hcnk=");
    seen.connects.lock().unwrap().push(head);
    if !known {
        let refused = b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n";
        return stream.write_all(refused).await;
    }
    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
    let mut out = TcpStream::connect(origin).await?;
    tokio::io::copy_bidirectional(&mut stream, &mut out).await.map(|_| ())
}

/// TLS for any of the hosts.
struct Listener {
    listener: TcpListener,
    authority: Authority,
}

impl axum::serve::Listener for Listener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        loop {
            let Ok((stream, address)) = self.listener.accept().await else { continue };
            let start =
                tokio_rustls::LazyConfigAcceptor::new(rustls::server::Acceptor::default(), stream);
            let Ok(start) = start.await else { continue };
            let host = start.client_hello().server_name().unwrap().to_owned();
            let config = self.authority.speak_for(&host).unwrap();
            if let Ok(stream) = start.into_stream(config).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// Tells the credential back wherever it can, as no service should.
async fn answer(State(seen): State<Arc<RequestLog>>, mut request: Request) -> Response {
    let header = |name: &str| {
        request.headers().get(name).map_or("-", |value| value.to_str().unwrap()).to_owned()
    };
    let (authorization, account) = (header("authorization"), header("chatgpt-account-id"));
    let path = request.uri().path().to_owned();
    seen.requests.lock().unwrap().push(format!(
        "{} {} {path} {authorization} {account}",
        request.method(),
        header("host")
    ));
    let echo = format!("{authorization} {account}");
    let response = Response::builder().header("x-echo", &echo);
    match path.as_str() {
        _ if header("upgrade") == "websocket" => {
            let accept = derive_accept_key(header("sec-websocket-key").as_bytes());
            let upgrade = hyper::upgrade::on(&mut request);
            tokio::spawn(async move {
                let io = TokioIo::new(upgrade.await.unwrap());
                let mut socket = WebSocketStream::from_raw_socket(io, Role::Server, None).await;
                while let Some(Ok(Message::Text(_))) = socket.next().await {
                    let created = json!({"type": "response.created", "echo": echo});
                    socket.send(Message::text(created.to_string())).await.unwrap();
                    let error = json!({"type": "error", "status": 429, "error": {
                        "type": "usage_limit_reached", "resets_in_seconds": 60}});
                    socket.send(Message::text(error.to_string())).await.unwrap();
                }
            });
            response
                .status(101)
                .header(header::CONNECTION, "Upgrade")
                .header(header::UPGRADE, "websocket")
                .header(header::SEC_WEBSOCKET_ACCEPT, accept)
                .body(Body::empty())
        }
        "/backend-api/codex/responses" => {
            let second = Arc::clone(&seen);
            let last = async move {
                second.second.notified().await;
                Ok(Bytes::from("data: second\n\n"))
            };
            let first = Ok::<_, io::Error>(Bytes::from(format!("data: first {echo}\n\n")));
            let events = stream::iter([first]).chain(stream::once(last));
            response.header("content-type", "text/event-stream").body(Body::from_stream(events))
        }
        "/v1/responses" => {
            let limit = json!({"error": {"code": "rate_limit_exceeded", "message": echo}});
            response
                .status(StatusCode::TOO_MANY_REQUESTS)
                .header("retry-after", "7")
                .body(limit.to_string().into())
        }
        _ => response
            .status(StatusCode::FORBIDDEN)
            .header("cf-mitigated", "challenge")
            .body("<html>".into()),
    }
    .unwrap()
}
