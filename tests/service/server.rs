//! Connections in: an HTTP proxy that ends TLS for the hosts that are played.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::header::{HeaderValue, USER_AGENT};
use http::request::Parts;
use http::{Method, Request, Response};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::rt::{Read, Write};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::ledger::{Entry, EntryGuard, Kind};
use super::refusal::{Refusal, RefusalBody};
use super::request::{self, IncomingRequest};
use super::{Shared, api, chatgpt, sign_in};

/// Takes connections for as long as its runtime lives.
pub(super) async fn accept(shared: Arc<Shared>, listener: std::net::TcpListener) {
    let listener = TcpListener::from_std(listener).unwrap();
    while let Ok((stream, _)) = listener.accept().await {
        let _ = stream.set_nodelay(true);
        tokio::spawn(serve(Arc::clone(&shared), TokioIo::new(stream), None));
    }
}

/// Speaks HTTP: as the proxy, or as a host in a tunnel.
async fn serve(
    shared: Arc<Shared>,
    io: impl Read + Write + Unpin + Send + 'static,
    host: Option<Arc<str>>,
) {
    let service = service_fn(move |request: Request<Incoming>| {
        let (shared, host) = (Arc::clone(&shared), host.clone());
        async move {
            let response = match host {
                Some(host) => within(&shared, &host, request).await,
                None => at_the_proxy(&shared, request),
            };
            Ok::<_, Infallible>(response)
        }
    });
    // An error is a client that left.
    let _ = http1::Builder::new().serve_connection(io, service).with_upgrades().await;
}

/// A request of the proxy itself: tunnels to the hosts that are played, nothing else.
fn at_the_proxy(shared: &Arc<Shared>, mut request: Request<Incoming>) -> Response<Body> {
    let host = request.uri().host().unwrap_or_default().to_ascii_lowercase();
    let port = request.uri().port_u16();
    let tunnel = request.method() == Method::CONNECT && port == Some(443);
    if tunnel && ["chatgpt.com", "api.openai.com", "auth.openai.com"].contains(&host.as_str()) {
        let upgrade = hyper::upgrade::on(&mut request);
        tokio::spawn(speak_as(Arc::clone(shared), host.into(), upgrade));
        return Response::new(Body::empty());
    }
    let (parts, _) = request.into_parts();
    let guard = shared.ledger.begin(entry(&host, &parts, Kind::Refused));
    guard.status(403, None);
    guard.finish();
    let mut response = Response::new(Body::from("This host is not played here.\n"));
    *response.status_mut() = http::StatusCode::FORBIDDEN;
    response
}

/// Boxed, since it and `serve` call each other.
fn speak_as(
    shared: Arc<Shared>,
    host: Arc<str>,
    upgrade: OnUpgrade,
) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        let Ok(upgraded) = upgrade.await else { return };
        let acceptor = TlsAcceptor::from(shared.authority.speak_as(&host));
        // A client that does not trust the CA leaves here.
        let Ok(stream) = acceptor.accept(TokioIo::new(upgraded)).await else { return };
        serve(shared, TokioIo::new(stream), Some(host)).await;
    })
}

/// A request to a host that is played.
async fn within(
    shared: &Arc<Shared>,
    host: &str,
    mut request: Request<Incoming>,
) -> Response<Body> {
    let wants_socket = request.headers().get("upgrade").is_some_and(|to| to == "websocket");
    let upgrade = wants_socket.then(|| hyper::upgrade::on(&mut request));
    let (parts, body) = request.into_parts();
    let guard = shared.ledger.begin(entry(host, &parts, Kind::Other));
    if let Some(token) = request::bearer(&parts) {
        let bearer = shared.book.lock().unwrap().bearer(token);
        guard.bearer(bearer);
    }
    let Ok(body) = body.collect().await else { return Response::new(Body::empty()) };
    let answered = match IncomingRequest::new(parts, &body.to_bytes()) {
        Err(refusal) => Err(Box::new((refusal, guard))),
        Ok(asked) => match host {
            "chatgpt.com" => chatgpt::answer(shared, &asked, upgrade, guard),
            "api.openai.com" => api::answer(shared, &asked, guard),
            _ => sign_in::answer(shared, &asked, guard),
        },
    };
    answered.unwrap_or_else(|no| {
        let (refusal, guard) = *no;
        refused(refusal, guard)
    })
}

fn refused(refusal: Refusal, guard: EntryGuard) -> Response<Body> {
    guard.status(refusal.status, refusal.code());
    guard.finish();
    let (kind, body) = match refusal.body {
        RefusalBody::Json(value) => ("application/json", value.to_string()),
        RefusalBody::Page(page) => ("text/html; charset=UTF-8", page),
        RefusalBody::Text(text) => ("text/plain", text.to_owned()),
    };
    let mut response =
        Response::builder().status(refusal.status).header("content-type", kind).body(body).unwrap();
    for (name, value) in refusal.headers {
        response.headers_mut().insert(name, HeaderValue::try_from(value).unwrap());
    }
    response.map(Body::from)
}

/// An entry of which nothing is known but the head.
pub(super) fn entry(host: &str, parts: &Parts, kind: Kind) -> Entry {
    let agent = parts.headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok());
    Entry {
        kind,
        host: host.to_owned(),
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        bearer: None,
        token: false,
        status: None,
        code: None,
        agent: agent.unwrap_or_default().to_owned(),
        begun: Duration::ZERO,
        ended: None,
        whole: false,
    }
}
