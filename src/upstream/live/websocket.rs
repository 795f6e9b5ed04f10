//! A relay's WebSocket: messages both ways, each request a record of its own.

use futures_util::{SinkExt as _, StreamExt as _};
use http::{HeaderMap, HeaderName, HeaderValue};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use serde_json::Value;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::host::Host;
use super::mask::Mask;
use super::refusal::Refusal;
use crate::observation::{Credential, RequestKind, Scheme};
use crate::upstream::encoding::LARGEST_BODY;
use crate::upstream::ledger::{Head, Ledger, LedgerEntry};

/// The method that records give to a request which came as a message.
const METHOD: &str = "WS";

/// A WebSocket between a candidate and the service, as it was opened.
pub(super) struct WebSocketRelay {
    pub(super) host: Host,
    pub(super) path_and_query: String,
    pub(super) credential: Credential,
    /// Gets a record for each request that comes as a message.
    pub(super) ledger: Ledger,
    pub(super) mask: Mask,
    /// How many requests for a turn are carried.
    pub(super) most_requests: Option<usize>,
}

/// What is said on a WebSocket, and the request that is being answered on it.
struct Conversation {
    socket: WebSocketRelay,
    asked: Option<OpenRequest>,
}

struct OpenRequest {
    entry: LedgerEntry,
    warm_up: bool,
}

impl WebSocketRelay {
    /// Carries messages until either side closes the WebSocket.
    pub(super) async fn carry(self, upgrade: OnUpgrade, sent: reqwest::Response) {
        let (Ok(candidate), Ok(service)) = (upgrade.await, sent.upgrade().await) else { return };
        let limit = Some(LARGEST_BODY);
        let config = WebSocketConfig::default().max_message_size(limit).max_frame_size(limit);
        let io = TokioIo::new(candidate);
        let mut candidate = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
        let mut service =
            WebSocketStream::from_raw_socket(service, Role::Client, Some(config)).await;
        let mut conversation = Conversation { socket: self, asked: None };
        loop {
            // Pings are not carried: each side's library answers those that it reads.
            let carried = tokio::select! {
                message = candidate.next() => match message {
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(()),
                    Some(Ok(message)) => {
                        if !conversation.asks(&message) {
                            return;
                        }
                        service.send(message).await
                    }
                    _ => return,
                },
                message = service.next() => match message {
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(()),
                    Some(Ok(message)) => {
                        conversation.says(&message);
                        let last = message.is_close();
                        let sent = candidate.send(masked(&conversation.socket.mask, message)).await;
                        if last {
                            // Wait for its closing frame: dropping the socket with unread bytes
                            // would reset the connection under it.
                            while let Some(Ok(_)) = candidate.next().await {}
                        }
                        sent
                    }
                    _ => return,
                },
            };
            if carried.is_err() {
                return;
            }
        }
    }
}

impl Conversation {
    /// Enters a request for a response. `response.append` and a request within
    /// `response` are from the first draft of the protocol. Whether it may be carried.
    fn asks(&mut self, message: &Message) -> bool {
        let Some(request) = object(message) else { return true };
        let kind = request.get("type").and_then(Value::as_str);
        if !matches!(kind, Some("response.create" | "response.append")) {
            return true;
        }
        let spent = self.socket.ledger.is_spent(self.socket.most_requests);
        let inner = request.get("response").filter(|inner| inner.is_object()).unwrap_or(&request);
        let entry = self.socket.ledger.open(Head {
            scheme: Scheme::Https,
            host: self.socket.host.name(),
            port: 443,
            method: METHOD,
            path_and_query: &self.socket.path_and_query,
            websocket: true,
            credential: self.socket.credential,
        });
        entry.model(inner.get("model").and_then(Value::as_str));
        let warm_up = inner.get("generate").and_then(Value::as_bool) == Some(false);
        if spent && !warm_up {
            entry.settle(Some(429), RequestKind::Limited);
            entry.note("the limit of one turn");
            return false;
        }
        self.asked = Some(OpenRequest { entry, warm_up });
        true
    }

    /// Settles the request with the service's word on it: an `error` event has the
    /// status and the headers that a POST would have got.
    fn says(&mut self, message: &Message) {
        let (Some(asked), Some(event)) = (&self.asked, object(message)) else { return };
        match event.get("type").and_then(Value::as_str) {
            Some("error") => {
                let status = event.get("status").and_then(Value::as_u64);
                let status = status.and_then(|status| u16::try_from(status).ok());
                asked.entry.settle(status, RequestKind::Forwarded);
                let said = Refusal::said(&headers(&event), &event, Timestamp::now());
                asked.entry.refused(said);
            }
            Some("response.failed") => {
                asked.entry.settle(Some(200), RequestKind::Forwarded);
                let response = event.get("response").unwrap_or(&event);
                asked.entry.refused(Refusal::said(&HeaderMap::new(), response, Timestamp::now()));
            }
            Some("response.created" | "response.completed") => {
                let kind = if asked.warm_up { RequestKind::WarmUp } else { RequestKind::Answered };
                asked.entry.settle(Some(200), kind);
            }
            _ => {}
        }
    }
}

fn object(message: &Message) -> Option<Value> {
    match message {
        Message::Text(text) => serde_json::from_str(text).ok(),
        Message::Binary(bytes) => serde_json::from_slice(bytes).ok(),
        _ => None,
    }
}

fn headers(event: &Value) -> HeaderMap {
    let named = event.get("headers").and_then(Value::as_object).into_iter().flatten();
    named
        .filter_map(|(name, value)| {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            Some((HeaderName::try_from(name).ok()?, HeaderValue::try_from(value).ok()?))
        })
        .collect()
}

fn masked(mask: &Mask, message: Message) -> Message {
    match message {
        Message::Text(text) => {
            let mut bytes = text.as_bytes().to_vec();
            match mask.blot(&mut bytes).then(|| String::from_utf8(bytes)) {
                Some(Ok(blotted)) => Message::text(blotted),
                // Cannot happen: replacing ASCII with stars leaves UTF-8 valid.
                Some(Err(_)) => Message::text("***"),
                None => Message::Text(text),
            }
        }
        Message::Binary(bytes) => {
            let mut bytes = bytes.to_vec();
            mask.blot(&mut bytes);
            Message::binary(bytes)
        }
        Message::Close(Some(mut frame)) => {
            let mut reason = frame.reason.as_bytes().to_vec();
            if mask.blot(&mut reason) {
                frame.reason = "".into();
            }
            Message::Close(Some(frame))
        }
        other => other,
    }
}
