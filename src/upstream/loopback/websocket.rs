//! The edge of a WebSocket: requests come as messages, and every event of an
//! answer goes as one. What `codex-rs` expects of it is in `openai/codex`,
//! `codex-api/src/endpoint/responses_websocket.rs`.

use std::sync::Arc;

use futures_util::{SinkExt as _, StreamExt as _};
use http::{Method, Request, header};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use serde_json::{Map, Value, json};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::answer::{Content, Flow, LoopbackAnswer};
use super::prompt::TurnRequest;
use super::request::{RequestBody, RequestFacts, RequestTarget};
use super::responses::{ResponseTurn, keep_alive, response_id};
use super::state::LoopbackState;
use crate::observation::Credential;
use crate::question::Fault;
use crate::upstream::encoding::LARGEST_BODY;
use crate::upstream::ledger::{Head, LedgerEntry};

/// The method that records give to a request which came as a message.
const METHOD: &str = "WS";

/// The `Sec-WebSocket-Accept` for a request that asks for a WebSocket; none
/// where it does not, or not as RFC 6455 wants it.
pub(super) fn accept_key<B>(request: &Request<B>) -> Option<String> {
    let headers = request.headers();
    let asked = headers
        .get(header::UPGRADE)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"));
    let key = headers.get(header::SEC_WEBSOCKET_KEY).filter(|_| asked)?;
    Some(derive_accept_key(key.as_bytes()))
}

/// A WebSocket on which turns are asked for, as it was opened.
pub(super) struct LoopbackWebSocket {
    pub(super) state: Arc<LoopbackState>,
    pub(super) target: RequestTarget,
    pub(super) path: String,
    pub(super) path_and_query: String,
    pub(super) credential: Credential,
}

/// What comes after the messages of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SocketTail {
    /// The next request.
    Next,
    Close,
    Silence,
    /// Signs of life.
    Drips,
}

type Socket = WebSocketStream<TokioIo<Upgraded>>;

impl LoopbackWebSocket {
    /// Answers requests until either side closes the WebSocket.
    pub(super) async fn converse(self, upgrade: OnUpgrade) {
        let Ok(upgraded) = upgrade.await else { return };
        let limit = Some(LARGEST_BODY);
        let config = WebSocketConfig::default().max_message_size(limit).max_frame_size(limit);
        let io = TokioIo::new(upgraded);
        let mut socket = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
        while let Some(Ok(message)) = socket.next().await {
            let Some(mut request) = request_in(&message) else { continue };
            self.state.history.complete(&mut request);
            if self.reply(&mut socket, request).await.is_err() {
                return;
            }
        }
    }

    /// Answers one request; an error is the end of the WebSocket.
    async fn reply(&self, socket: &mut Socket, request: TurnRequest) -> Result<(), Error> {
        let entry = self.state.ledger.open(Head {
            scheme: self.target.scheme,
            host: &self.target.host,
            port: self.target.port,
            method: METHOD,
            path_and_query: &self.path_and_query,
            websocket: true,
            credential: self.credential,
        });
        entry.model(request.model.as_deref());
        // Kept whatever `store` says: on a WebSocket a request may always go on from an
        // earlier response.
        self.state.history.keep(response_id(entry.sequence() + 1), request.asked.clone());
        let facts = RequestFacts {
            service: self.target.service,
            method: Method::POST,
            path: self.path.clone(),
            websocket: true,
            credential: self.credential,
            body: RequestBody::Turn(TurnRequest { stream: true, ..request }),
            script: Arc::clone(&self.state.script),
            fault: self.state.fault,
            now: jiff::Timestamp::now().as_second(),
        };
        let answer = self.state.answer(&facts);
        entry.answered(&answer);
        let (messages, after) = messages(answer, entry.sequence() + 1, facts.now);
        self.send(socket, &messages, &entry).await?;
        match after {
            SocketTail::Next => return Ok(()),
            SocketTail::Close => {
                let frame = CloseFrame { code: CloseCode::Error, reason: "".into() };
                socket.close(Some(frame)).await?;
                // Wait for the client's closing frame: dropping the socket with unread bytes
                // would reset the connection under it.
                while let Some(Ok(_)) = socket.next().await {}
            }
            SocketTail::Silence => while let Some(Ok(_)) = socket.next().await {},
            SocketTail::Drips => drip(socket, messages.len()).await?,
        }
        Err(Error::ConnectionClosed)
    }

    async fn send(
        &self,
        socket: &mut Socket,
        messages: &[Value],
        entry: &LedgerEntry,
    ) -> Result<(), Error> {
        for (sent, message) in messages.iter().enumerate() {
            if sent > 0 && !self.state.pace.is_zero() {
                tokio::time::sleep(self.state.pace).await;
            }
            if let Err(error) = socket.send(Message::text(message.to_string())).await {
                entry.note(format!("cut after {sent} of {} events", messages.len()));
                return Err(error);
            }
        }
        Ok(())
    }
}

/// Sends signs of life until the client leaves.
async fn drip(socket: &mut Socket, mut sequence: usize) -> Result<(), Error> {
    loop {
        tokio::select! {
            message = socket.next() => match message {
                Some(Ok(_)) => {}
                _ => return Ok(()),
            },
            () = tokio::time::sleep(Fault::DRIP) => {
                socket.send(Message::text(keep_alive(sequence).to_string())).await?;
                sequence += 1;
            }
        }
    }
}

/// The request for a response that a message holds. `response.append` and a
/// request within `response` are from the first draft of the protocol.
fn request_in(message: &Message) -> Option<TurnRequest> {
    let object: Map<String, Value> = match message {
        Message::Text(text) => serde_json::from_str(text).ok()?,
        Message::Binary(bytes) => serde_json::from_slice(bytes).ok()?,
        _ => return None,
    };
    if !matches!(object.get("type")?.as_str()?, "response.create" | "response.append") {
        return None;
    }
    let inner = object.get("response").and_then(Value::as_object);
    Some(TurnRequest::of(inner.unwrap_or(&object)))
}

/// An answer as messages. A refusal is an `error` event with the status and the
/// headers that a POST would have got.
fn messages(answer: LoopbackAnswer, number: usize, created_at: i64) -> (Vec<Value>, SocketTail) {
    let refusal = |body: Value| {
        let mut event = json!({"type": "error", "status": answer.status});
        let headers: Map<String, Value> =
            answer.headers.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        for (name, value) in body.as_object().into_iter().flatten() {
            event[name] = value.clone();
        }
        event["headers"] = json!(headers);
        (vec![event], SocketTail::Next)
    };
    match answer.content {
        Content::Turn { model, output, flow } => {
            let mut events =
                ResponseTurn { model: &model, output: &output, number, created_at }.events();
            let (kept, after) = match flow {
                Flow::Object | Flow::Stream => (events.len(), SocketTail::Next),
                Flow::Stops => (events.len() - 1, SocketTail::Close),
                Flow::NeverStarts => (0, SocketTail::Silence),
                Flow::Drips => (2, SocketTail::Drips),
                Flow::Closes => (1, SocketTail::Close),
            };
            events.truncate(kept);
            (events, after)
        }
        Content::Json(body) => refusal(body),
        Content::Html(_) | Content::Empty => refusal(Value::Null),
        Content::Reset => (Vec::new(), SocketTail::Close),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(body: &Value) -> TurnRequest {
        request_in(&Message::text(body.to_string())).unwrap()
    }

    #[test]
    fn a_request_is_a_message_that_wants_a_response() {
        assert!(request(&json!({"type": "response.create", "model": "m"})).generate);
        let nested = json!({"type": "response.create", "response": {"model": "m"}});
        assert_eq!(request(&nested).model.as_deref(), Some("m"));
        let warm_up = json!({"type": "response.create", "model": "m", "generate": false});
        assert!(!request(&warm_up).generate);
        for other in ["{}", "[]", "x", "{\"type\":\"response.processed\"}", "{\"type\":7}"] {
            assert!(request_in(&Message::text(other)).is_none(), "{other}");
        }
        assert!(request_in(&Message::Ping("x".into())).is_none());
    }

    #[test]
    fn a_refusal_is_an_error_event_with_status_and_headers() {
        let kind = crate::observation::RequestKind::Faulted;
        let body = json!({"error": {"code": "c"}});
        let refused = LoopbackAnswer {
            headers: &[("retry-after", "2")],
            ..LoopbackAnswer::json(429, kind, body)
        };
        let expected = json!({
            "type": "error", "status": 429, "error": {"code": "c"}, "headers": {"retry-after": "2"},
        });
        assert_eq!(messages(refused, 1, 0), (vec![expected], SocketTail::Next));
        let empty = messages(LoopbackAnswer::empty(400, kind), 1, 0).0;
        assert_eq!(empty, [json!({"type": "error", "status": 400, "headers": {}})]);
    }
}
