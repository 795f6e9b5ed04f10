//! The WebSocket of the Codex backend: `response.create` messages in, the
//! events of each turn out.

use std::sync::Arc;

use axum::body::Body;
use futures_util::{SinkExt as _, StreamExt as _};
use http::Response;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::Shared;
use super::chatgpt::{RequestCredential, admit};
use super::ledger::{EntryGuard, Kind};
use super::refusal;
use super::request::IncomingRequest;
use super::server::entry;
use super::turn::Pace;

/// Accepts the upgrade. The entry of the connection ends with it.
pub(super) fn open(
    shared: &Arc<Shared>,
    asked: &IncomingRequest,
    upgrade: OnUpgrade,
    access: RequestCredential,
    guard: EntryGuard,
) -> Response<Body> {
    let key = asked.header("sec-websocket-key").unwrap_or_default();
    let accept = derive_accept_key(key.as_bytes());
    guard.status(101, None);
    let host = "chatgpt.com";
    let begun = entry(host, &asked.parts, Kind::Turn);
    let shared = Arc::clone(shared);
    tokio::spawn(async move {
        let Ok(upgraded) = upgrade.await else { return };
        let io = TokioIo::new(upgraded);
        let socket = WebSocketStream::from_raw_socket(io, Role::Server, None).await;
        let conversation = Conversation { shared, access, begun };
        conversation.run(socket).await;
        guard.finish();
    });
    Response::builder()
        .status(101)
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-accept", accept)
        .body(Body::empty())
        .unwrap()
}

type Socket = WebSocketStream<TokioIo<Upgraded>>;

struct Conversation {
    shared: Arc<Shared>,
    access: RequestCredential,
    begun: super::Entry,
}

impl Conversation {
    async fn run(&self, mut socket: Socket) {
        while let Some(Ok(message)) = socket.next().await {
            let Message::Text(text) = message else { continue };
            let request: Value = serde_json::from_str(&text).unwrap_or_default();
            if self.turn(&mut socket, &request).await.is_none() {
                return;
            }
        }
    }

    /// None where the client has left.
    async fn turn(&self, socket: &mut Socket, request: &Value) -> Option<()> {
        let mut guard = self.shared.ledger.begin(self.begun.clone());
        if let Some(token) = self.access.token() {
            guard.bearer(self.shared.book.lock().unwrap().bearer(token));
        }
        let quiet = request["generate"] == json!(false);
        if quiet {
            guard.kind(Kind::WarmUp);
        }
        let reply = if request["type"] == "response.create" {
            self.access.principal(&self.shared).and_then(|principal| {
                let reply = if quiet {
                    self.shared.history.lock().unwrap().answer(request, true)?
                } else {
                    admit(&self.shared, &principal, request, true)?
                };
                Ok((principal, reply))
            })
        } else {
            Err(refusal::bad_request("only response.create is understood"))
        };
        let events = match reply {
            Ok((principal, reply)) => {
                guard.status(200, None);
                if !quiet {
                    guard.running(&principal.account);
                }
                reply.events()
            }
            Err(refusal) => {
                guard.status(refusal.status, refusal.code());
                vec![refusal.event()]
            }
        };
        self.send(socket, events, guard).await
    }

    async fn send(&self, socket: &mut Socket, events: Vec<Value>, guard: EntryGuard) -> Option<()> {
        let mut pace = Pace::of(&self.shared);
        let mut events = events.into_iter();
        let mut guard = Some(guard);
        while let Some(event) = events.next() {
            let last = events.len() == 0;
            // A client that leaves a held turn is seen by what it no longer sends.
            tokio::select! {
                () = pace.wait(last) => {}
                left = gone(socket) => return left,
            }
            if last && let Some(guard) = guard.take() {
                guard.finish();
            }
            socket.send(Message::text(event.to_string())).await.ok()?;
        }
        Some(())
    }
}

/// Ends, with none, when the client closes; its other messages are dropped.
async fn gone(socket: &mut Socket) -> Option<()> {
    while let Some(Ok(message)) = socket.next().await {
        if message.is_close() {
            break;
        }
    }
    None
}
