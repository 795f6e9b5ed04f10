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
use super::chatgpt::{Access, admit};
use super::door::entry;
use super::ledger::{Kind, Ticket};
use super::refusal;
use super::request::Asked;
use super::turn::Pace;

/// Accepts the upgrade. The entry of the connection ends with it.
pub(super) fn open(
    shared: &Arc<Shared>,
    asked: &Asked,
    upgrade: OnUpgrade,
    access: Access,
    ticket: Ticket,
) -> Response<Body> {
    let key = asked.header("sec-websocket-key").unwrap_or_default();
    let accept = derive_accept_key(key.as_bytes());
    ticket.status(101, None);
    let host = "chatgpt.com";
    let begun = entry(host, &asked.parts, Kind::Turn);
    let shared = Arc::clone(shared);
    tokio::spawn(async move {
        let Ok(upgraded) = upgrade.await else { return };
        let io = TokioIo::new(upgraded);
        let socket = WebSocketStream::from_raw_socket(io, Role::Server, None).await;
        let talk = Talk { shared, access, begun };
        talk.run(socket).await;
        ticket.finish();
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

struct Talk {
    shared: Arc<Shared>,
    access: Access,
    begun: super::Entry,
}

impl Talk {
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
        let mut ticket = self.shared.ledger.begin(self.begun.clone());
        if let Some(token) = self.access.token() {
            ticket.bearer(self.shared.book.lock().unwrap().bearer(token));
        }
        let quiet = request["generate"] == json!(false);
        if quiet {
            ticket.kind(Kind::WarmUp);
        }
        let reply = if request["type"] == "response.create" {
            self.access.guest(&self.shared).and_then(|guest| {
                let reply = if quiet {
                    self.shared.memory.lock().unwrap().answer(request, true)?
                } else {
                    admit(&self.shared, &guest, request, true)?
                };
                Ok((guest, reply))
            })
        } else {
            Err(refusal::bad_request("only response.create is understood"))
        };
        let events = match reply {
            Ok((guest, reply)) => {
                ticket.status(200, None);
                if !quiet {
                    ticket.running(&guest.account);
                }
                reply.events()
            }
            Err(refusal) => {
                ticket.status(refusal.status, refusal.code());
                vec![refusal.event()]
            }
        };
        self.send(socket, events, ticket).await
    }

    async fn send(&self, socket: &mut Socket, events: Vec<Value>, ticket: Ticket) -> Option<()> {
        let mut pace = Pace::of(&self.shared);
        let mut events = events.into_iter();
        let mut ticket = Some(ticket);
        while let Some(event) = events.next() {
            let last = events.len() == 0;
            // A client that leaves a held turn is seen by what it no longer sends.
            tokio::select! {
                () = pace.wait(last) => {}
                left = gone(socket) => return left,
            }
            if last && let Some(ticket) = ticket.take() {
                ticket.finish();
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
