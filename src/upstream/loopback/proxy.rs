//! The edge: connections in, `decision` asked, its answer written. Knows HTTP
//! and TLS, and decides nothing.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

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
use tokio::net::TcpStream;

use super::answer::{Content, Flow, LoopbackAnswer};
use super::body::{self, BodyTail, LoopbackBody};
use super::prompt::TurnRequest;
use super::request::{LoopbackService, RequestBody, RequestFacts, RequestTarget};
use super::reset::{Reset, ResetOnPurpose};
use super::responses::{ResponseTurn, response_id, server_sent};
use super::state::LoopbackState;
use super::websocket::{LoopbackWebSocket, accept_key};
use crate::host::HostPort;
use crate::observation::{Credential, RequestKind};
use crate::proxy::ServerTasks;
use crate::question::Fault;
use crate::upstream::authority::Authority;
use crate::upstream::ledger::{Head, LedgerEntry};

/// What every connection shares.
pub(super) struct LoopbackProxy {
    pub(super) address: SocketAddr,
    pub(super) state: Arc<LoopbackState>,
    pub(super) authority: Authority,
    pub(super) tasks: ServerTasks,
}

/// Where a request came in.
#[derive(Debug, Clone)]
struct Arrival {
    /// The host of the tunnel that it came through; none on the port itself.
    tunnel: Option<Arc<str>>,
    reset: Reset,
}

impl LoopbackProxy {
    /// Serves a connection.
    pub(super) async fn connected(self: Arc<Self>, stream: TcpStream) {
        let reset = Reset::of(&stream, self.state.fault == Some(Fault::ConnectionReset));
        self.serve(TokioIo::new(stream), Arrival { tunnel: None, reset }).await;
    }

    async fn serve(
        self: Arc<Self>,
        io: impl Read + Write + Unpin + Send + 'static,
        arrival: Arrival,
    ) {
        let service = service_fn(move |request| {
            let (proxy, arrival) = (Arc::clone(&self), arrival.clone());
            async move { proxy.respond(request, &arrival).await }
        });
        // An error here is a client that left or did not speak HTTP. hyper has answered it
        // (400, 431), and every request with a whole head is in the ledger.
        let _ = http1::Builder::new()
            // Never close an idle connection: a client that was busy with a tool would
            // find it closed and have to retry its next request.
            .header_read_timeout(None)
            .serve_connection(io, service)
            .with_upgrades()
            .await;
    }

    async fn respond(
        self: Arc<Self>,
        mut request: Request<Incoming>,
        arrival: &Arrival,
    ) -> Result<Response<LoopbackBody>, ResetOnPurpose> {
        let target = RequestTarget::of(&request, arrival.tunnel.as_deref(), self.address);
        let credential = Credential::of(request.headers());
        let accept = accept_key(&request);
        let websocket = accept.is_some();
        let entry = self.state.ledger.open(Head {
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
        if parts.method == Method::CONNECT && self.leads_to(&target) {
            return Ok(self.lead(&target, upgrade, entry).await);
        }
        let content = if parts.method == Method::POST {
            body::read(&parts.headers, content).await
        } else {
            Ok(RequestBody::Ignored)
        };
        let Ok(mut content) = content else {
            // The client is gone; this response is never read.
            entry.note("the client left before the end of its request");
            return Ok(written(StatusCode::BAD_REQUEST, LoopbackBody::whole(Bytes::new())));
        };
        if let RequestBody::Turn(turn) = &mut content {
            entry.model(turn.model.as_deref());
            self.state.history.complete(turn);
        }
        let path_and_query = parts.uri.path_and_query().map_or("", |path| path.as_str());
        let facts = RequestFacts {
            service: target.service,
            method: parts.method,
            path: parts.uri.path().to_owned(),
            websocket,
            credential,
            body: content,
            script: Arc::clone(&self.state.script),
            fault: self.state.fault,
            now: Timestamp::now().as_second(),
        };
        let answer = self.state.answer(&facts);
        entry.answered(&answer);
        if let (RequestBody::Turn(TurnRequest { store: true, asked, .. }), Content::Turn { .. }) =
            (facts.body, &answer.content)
        {
            self.state.history.keep(response_id(entry.sequence() + 1), asked);
        }
        match answer.kind {
            RequestKind::Tunnel => {
                let arrival =
                    Arrival { tunnel: Some(target.host.into()), reset: arrival.reset.clone() };
                self.tasks.spawn(Arc::clone(&self).tunnel(upgrade, arrival, entry.clone()));
            }
            RequestKind::Upgraded => {
                let path_and_query = path_and_query.to_owned();
                let state = Arc::clone(&self.state);
                let path = facts.path;
                let socket = LoopbackWebSocket { state, target, path, path_and_query, credential };
                self.tasks.spawn(socket.converse(upgrade));
            }
            _ if answer.content == Content::Reset => return Err(arrival.reset.now()),
            _ => {}
        }
        let mut response = self.write(answer, &entry, facts.now);
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            let headers = response.headers_mut();
            headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
            headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
            if let Some(accept) = accept.and_then(|key| HeaderValue::try_from(key).ok()) {
                headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
            }
        }
        Ok(response)
    }

    fn leads_to(&self, target: &RequestTarget) -> bool {
        let host = HostPort::new(&target.host, target.port);
        target.service == LoopbackService::Elsewhere && self.state.registries.contains(&host)
    }

    /// Connects to the host of a `CONNECT` itself.
    async fn lead(
        &self,
        target: &RequestTarget,
        upgrade: OnUpgrade,
        entry: LedgerEntry,
    ) -> Response<LoopbackBody> {
        let mut out = match TcpStream::connect((target.host.as_str(), target.port)).await {
            Ok(out) => out,
            Err(error) => {
                entry.settle(Some(502), RequestKind::Unreachable);
                entry.note(error.to_string());
                return written(StatusCode::BAD_GATEWAY, LoopbackBody::whole(Bytes::new()));
            }
        };
        entry.settle(Some(200), RequestKind::Registry);
        self.tasks.spawn(async move {
            let Ok(upgraded) = upgrade.await else { return };
            // Ends when either side closes, and then closes the other.
            let _ = tokio::io::copy_bidirectional(&mut TokioIo::new(upgraded), &mut out).await;
        });
        written(StatusCode::OK, LoopbackBody::whole(Bytes::new()))
    }

    /// The task of a tunnel. Boxed, since the requests in it come back to `respond`.
    fn tunnel(
        self: Arc<Self>,
        upgrade: OnUpgrade,
        arrival: Arrival,
        entry: LedgerEntry,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(self.speak_as(arrival, upgrade, entry))
    }

    /// Speaks TLS, and then HTTP, as the host of a `CONNECT`.
    async fn speak_as(self: Arc<Self>, arrival: Arrival, upgrade: OnUpgrade, entry: LedgerEntry) {
        let host = arrival.tunnel.clone().unwrap_or_default();
        match self.authority.shake_hands(&host, upgrade).await {
            Ok(stream) => self.serve(TokioIo::new(stream), arrival).await,
            Err(why) => entry.no_handshake(why),
        }
    }

    fn write(
        &self,
        answer: LoopbackAnswer,
        entry: &LedgerEntry,
        now: i64,
    ) -> Response<LoopbackBody> {
        let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::BAD_GATEWAY);
        let json = |value: serde_json::Value| {
            (Some("application/json"), LoopbackBody::whole(value.to_string().into()))
        };
        let (kind, body) = match answer.content {
            Content::Empty | Content::Reset => (None, LoopbackBody::whole(Bytes::new())),
            Content::Json(value) => json(value),
            Content::Html(page) => {
                (Some("text/html; charset=UTF-8"), LoopbackBody::whole(page.into()))
            }
            Content::Turn { model, output, flow } => {
                let number = entry.sequence() + 1;
                let turn = ResponseTurn { model: &model, output: &output, number, created_at: now };
                if flow == Flow::Object {
                    json(turn.object())
                } else {
                    (Some("text/event-stream; charset=utf-8"), self.stream(&turn, flow, entry))
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

    fn stream(&self, turn: &ResponseTurn<'_>, flow: Flow, entry: &LedgerEntry) -> LoopbackBody {
        let events: Vec<_> = turn.events().iter().map(server_sent).collect();
        let (kept, tail) = match flow {
            Flow::Object | Flow::Stream => {
                return LoopbackBody::stream(
                    events,
                    self.state.pace,
                    BodyTail::End,
                    Some(entry.clone()),
                );
            }
            Flow::Stops => (events.len() - 1, BodyTail::End),
            Flow::NeverStarts => (0, BodyTail::Silence),
            Flow::Drips => (2, BodyTail::Drips),
            Flow::Closes => (1, BodyTail::End),
        };
        LoopbackBody::stream(events.into_iter().take(kept), self.state.pace, tail, None)
    }
}

fn written(status: StatusCode, body: LoopbackBody) -> Response<LoopbackBody> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}
