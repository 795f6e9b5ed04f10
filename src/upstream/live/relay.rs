//! A relay: a request that ended here goes on to the service as codexpin's own,
//! and the answer comes back as it is given.

mod head;

use std::error::Error as _;

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::request::Parts;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use jiff::Timestamp;
use serde_json::json;

use self::head::{asks_for_websocket, model, outgoing};
use super::answer::{LiveBody, answer, blocked, whole};
use super::host::{Host, is_turn};
use super::loan::{CredentialSwap, Loan};
use super::mask::{Mask, MaskedBody};
use super::refusal::{self, Refusal};
use super::websocket::WebSocketRelay;
use crate::observation::{Credential, RequestKind, Scheme};
use crate::proxy::{ServerTasks, without_hops};
use crate::upstream::authority::Authority;
use crate::upstream::encoding::{LARGEST_BODY, decoded};
use crate::upstream::ledger::{Head, Ledger, LedgerEntry};

/// Most bytes of a refusal that are looked at before it is passed on.
const LARGEST_REFUSAL: usize = 1 << 20;

/// What a relay needs.
pub(super) struct Relay {
    pub(super) authority: Authority,
    pub(super) loan: Loan,
    pub(super) mask: Mask,
    pub(super) client: reqwest::Client,
    /// How many requests for a turn are carried.
    pub(super) most_requests: Option<usize>,
}

impl Relay {
    /// Answers a request that came through a tunnel for `host`.
    pub(super) async fn answer(
        &self,
        ledger: &Ledger,
        tasks: &ServerTasks,
        mut request: Request<Incoming>,
        host: Host,
    ) -> Response<LiveBody> {
        let websocket = asks_for_websocket(request.headers());
        let path_and_query = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let path_and_query = path_and_query.to_owned();
        let credential = Credential::of(request.headers());
        let head = Head {
            scheme: Scheme::Https,
            host: host.name(),
            port: 443,
            method: request.method().as_str(),
            path_and_query: &path_and_query,
            websocket,
            credential,
        };
        let entry = ledger.open(head);
        if host == Host::Auth {
            return renewal(request.uri().path(), &entry);
        }
        let upgrade = websocket.then(|| hyper::upgrade::on(&mut request));
        let (mut parts, body) = request.into_parts();
        let lent = self.loan.put_into(&mut parts.headers, host, parts.uri.path());
        if lent == CredentialSwap::Withheld {
            entry.settle(Some(404), RequestKind::Declined);
            entry.note("accepted 404: the login is not lent for this");
            return answer(StatusCode::NOT_FOUND, &json!({"detail": "Not Found"}));
        }
        let body = match Limited::new(body, LARGEST_BODY).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => {
                entry.settle(Some(413), RequestKind::Malformed);
                return answer(StatusCode::PAYLOAD_TOO_LARGE, &json!({"error": "too large"}));
            }
            Err(_) => {
                entry.note("the client left before the end of its request");
                return whole(StatusCode::BAD_REQUEST, Bytes::new());
            }
        };
        if is_turn(parts.uri.path()) && parts.method == Method::POST {
            entry.model(model(&parts.headers, body.clone()).as_deref());
            if ledger.is_spent(self.most_requests) {
                return limited(&entry);
            }
        }
        let path = parts.uri.path().to_owned();
        let method = parts.method.clone();
        let url = format!("https://{}{path_and_query}", host.name());
        let sent = self.send(&url, parts, body, websocket, lent).await;
        let sent = match sent {
            Ok(sent) => sent,
            Err(error) => return unreachable(&error, &entry),
        };
        let mut kind = refusal::kind(host, &path, credential, sent.status(), sent.headers());
        if kind == RequestKind::Answered && method != Method::POST {
            kind = RequestKind::Forwarded;
        }
        entry.settle(Some(sent.status().as_u16()), kind);
        match upgrade {
            Some(upgrade) if sent.status() == StatusCode::SWITCHING_PROTOCOLS => {
                let ledger = ledger.clone();
                let mask = self.mask.clone();
                let most_requests = self.most_requests;
                let socket = WebSocketRelay {
                    host,
                    path_and_query,
                    credential,
                    ledger,
                    mask,
                    most_requests,
                };
                self.upgraded(tasks, sent, upgrade, socket)
            }
            _ => self.carried(sent, entry).await,
        }
    }

    async fn send(
        &self,
        url: &str,
        parts: Parts,
        body: Bytes,
        websocket: bool,
        lent: CredentialSwap,
    ) -> Result<reqwest::Response, reqwest::Error> {
        let headers = outgoing(parts.headers, websocket, lent);
        let mut request = self.client.request(parts.method, url).headers(headers);
        if !body.is_empty() {
            request = request.body(body);
        }
        request.send().await
    }

    /// The service's answer as the candidate gets it.
    async fn carried(&self, sent: reqwest::Response, entry: LedgerEntry) -> Response<LiveBody> {
        let (mut parts, body) = http::Response::from(sent).into_parts();
        if parts.status.is_client_error() || parts.status.is_server_error() {
            return self.refused(parts, body, &entry).await;
        }
        self.clean(&mut parts.headers);
        let body = MaskedBody::new(body, self.mask.clone(), entry).boxed_unsync();
        Response::from_parts(parts, body)
    }

    /// A refusal is short: read whole, noted, passed on.
    async fn refused(
        &self,
        mut parts: http::response::Parts,
        body: reqwest::Body,
        entry: &LedgerEntry,
    ) -> Response<LiveBody> {
        let Ok(body) = Limited::new(body, LARGEST_REFUSAL).collect().await else {
            entry.note("the service broke off in its answer");
            return whole(parts.status, Bytes::new());
        };
        let body = body.to_bytes();
        let encoding = parts.headers.get(header::CONTENT_ENCODING).map(HeaderValue::as_bytes);
        let plain = decoded(encoding, body.clone(), LARGEST_REFUSAL).unwrap_or_default();
        let said = Refusal::of(&parts.headers, &plain, Timestamp::now());
        entry.refused(said);
        self.clean(&mut parts.headers);
        let mut body = body.to_vec();
        self.mask.blot(&mut body);
        Response::from_parts(parts, whole(StatusCode::OK, body.into()).into_body())
    }

    fn upgraded(
        &self,
        tasks: &ServerTasks,
        sent: reqwest::Response,
        upgrade: OnUpgrade,
        socket: WebSocketRelay,
    ) -> Response<LiveBody> {
        let mut response = whole(StatusCode::SWITCHING_PROTOCOLS, Bytes::new());
        *response.headers_mut() = sent.headers().clone();
        self.clean(response.headers_mut());
        let headers = response.headers_mut();
        headers.remove(header::CONTENT_LENGTH);
        headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        tasks.spawn(async move { socket.carry(upgrade, sent).await });
        response
    }

    fn clean(&self, headers: &mut HeaderMap) {
        without_hops(headers);
        self.mask.blot_headers(headers);
    }
}

/// Refuses to carry one request too many: going on burns the account.
fn limited(entry: &LedgerEntry) -> Response<LiveBody> {
    entry.settle(Some(429), RequestKind::Limited);
    entry.note("the limit of one turn");
    let error = json!({"error": {"message": "too many requests within one turn", "code": "codexpin_limit"}});
    answer(StatusCode::TOO_MANY_REQUESTS, &error)
}

/// The answer of codexpin's own at the place where logins are renewed.
fn renewal(path: &str, entry: &LedgerEntry) -> Response<LiveBody> {
    if path != "/oauth/token" {
        return blocked(entry);
    }
    entry.settle(Some(401), RequestKind::RefreshRefused);
    entry.note("a login that is lent must not be renewed");
    let error = json!({"error": {
        "message": "Could not validate your token. Please try signing in again.",
        "type": "invalid_request_error",
        "param": null,
        "code": "token_expired",
    }});
    answer(StatusCode::UNAUTHORIZED, &error)
}

fn unreachable(error: &reqwest::Error, entry: &LedgerEntry) -> Response<LiveBody> {
    // The innermost cause is the useful one. None of them quotes a header, so none can
    // hold the login.
    let mut cause = error.source();
    while let Some(inner) = cause.and_then(std::error::Error::source) {
        cause = Some(inner);
    }
    let why = cause.map_or_else(|| "it cannot be reached".to_owned(), ToString::to_string);
    entry.settle(Some(502), RequestKind::Unreachable);
    entry.note(why);
    answer(StatusCode::BAD_GATEWAY, &json!({"error": "the service was not reached"}))
}
