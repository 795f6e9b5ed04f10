//! A WebSocket as a client sees it.

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::{WebSocketStream, client_async};

use super::*;

async fn started(script: Script, fault: Option<Fault>) -> Loopback {
    Loopback::start(LoopbackOptions { script, fault, ..LoopbackOptions::default() }).await.unwrap()
}

async fn open<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    url: &str,
    token: &str,
) -> WebSocketStream<S> {
    let mut request = url.into_client_request().unwrap();
    request.headers_mut().insert(AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
    client_async(request, stream).await.unwrap().0
}

async fn opened(loopback: &Loopback) -> WebSocketStream<TcpStream> {
    let stream = TcpStream::connect(loopback.address()).await.unwrap();
    open(stream, &format!("ws://{}/v1/responses", loopback.address()), "sk-x").await
}

/// Sends a request and reads events until one is the last of its answer.
async fn exchange<S>(socket: &mut WebSocketStream<S>, request: Value) -> Vec<Value>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    socket.send(Message::text(request.to_string())).await.unwrap();
    let mut events = Vec::new();
    loop {
        let message = tokio::time::timeout(PATIENCE, socket.next()).await.unwrap();
        let event: Value =
            serde_json::from_str(message.unwrap().unwrap().to_text().unwrap()).unwrap();
        let last = event["type"] == "response.completed" || event["type"] == "error";
        events.push(event);
        if last {
            return events;
        }
    }
}

fn create(input: &Value) -> Value {
    json!({
        "type": "response.create",
        "model": "gpt-5.5",
        "input": input,
        "tools": [{"type": "function", "name": "exec_command"}],
    })
}

fn ask_for_ok() -> Value {
    json!([{"role": "user", "content": "Reply exactly: OK"}])
}

fn put_out(events: &[Value]) -> &Value {
    &events.last().unwrap()["response"]["output"]
}

fn id(events: &[Value]) -> &Value {
    &events.last().unwrap()["response"]["id"]
}

#[tokio::test]
async fn a_turn_with_a_tool_goes_over_one_connection_with_only_what_is_new_each_time() {
    let read = ScriptedRead { file: "/w/nonce".into(), content: "nonce-7".to_owned() };
    let loopback = started(Script { reads: vec![read] }, None).await;
    let mut socket = opened(&loopback).await;
    let mut warm_up = create(&ask_for_ok());
    warm_up["generate"] = json!(false);
    let events = exchange(&mut socket, warm_up).await;
    assert_eq!(put_out(&events), &json!([]));

    let mut first = create(&json!([]));
    first["previous_response_id"] = id(&events).clone();
    let events = exchange(&mut socket, first).await;
    let call = &put_out(&events)[0];
    assert_eq!(call["name"], "exec_command");
    let output = json!({
        "type": "function_call_output", "call_id": call["call_id"], "output": "nonce-7\n",
    });
    let mut second = create(&json!([output]));
    second["previous_response_id"] = id(&events).clone();
    let events = exchange(&mut socket, second).await;
    assert_eq!(put_out(&events)[0]["content"][0]["text"], "OK");

    let records = loopback.shutdown().await;
    let seen: Vec<_> = records.iter().map(|r| (r.method.as_str(), r.status, r.kind)).collect();
    assert_eq!(
        seen,
        [
            ("GET", Some(101), RequestKind::Upgraded),
            ("WS", Some(200), RequestKind::WarmUp),
            ("WS", Some(200), RequestKind::Answered),
            ("WS", Some(200), RequestKind::Answered),
        ]
    );
    assert!(records.iter().all(|record| record.websocket && record.path == "/v1/responses"));
    assert_eq!(records[2].called.as_ref().unwrap().step, 0);
    assert!(records[3].returned.as_ref().unwrap().genuine);
    let text = serde_json::to_string(&records).unwrap();
    assert!(!text.contains("nonce-7"), "{text}");
}

#[tokio::test]
async fn a_websocket_goes_through_the_tunnel() {
    let loopback = started(Script::default(), None).await;
    let mut stream = TcpStream::connect(loopback.address()).await.unwrap();
    stream.write_all(b"CONNECT chatgpt.com:443 HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(loopback.ca_pem().as_bytes()).unwrap()).unwrap();
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(ring)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(tls));
    let stream = connector.connect("chatgpt.com".try_into().unwrap(), stream).await.unwrap();
    let url = "wss://chatgpt.com/backend-api/codex/responses";
    let mut socket = open(stream, url, &chatgpt_token("x")).await;
    let events = exchange(&mut socket, create(&ask_for_ok())).await;
    assert_eq!(put_out(&events)[0]["content"][0]["text"], "OK");
}

#[tokio::test]
async fn who_may_not_ask_gets_no_websocket() {
    let loopback = started(Script::default(), None).await;
    let absolute = "GET http://api.openai.com/v1/responses HTTP/1.1\r\nHost: x\r\n\
                    Connection: close, Upgrade\r\nUpgrade: websocket\r\n\
                    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eA==\r\n\r\n";
    assert!(raw(&loopback, absolute.as_bytes(), false).await.starts_with("HTTP/1.1 401"));
    let plain = "GET /v1/responses HTTP/1.1\r\nHost: x\r\nConnection: close, Upgrade\r\n\
                 Upgrade: websocket\r\n\r\n";
    assert!(raw(&loopback, plain.as_bytes(), false).await.starts_with("HTTP/1.1 405"));
}

#[tokio::test]
async fn a_fault_of_the_account_is_an_error_event_and_the_websocket_stays() {
    let loopback = started(Script::default(), Some(Fault::UsageLimit)).await;
    let mut socket = opened(&loopback).await;
    for _ in 0..2 {
        let events = exchange(&mut socket, create(&ask_for_ok())).await;
        assert_eq!((events.len(), &events[0]["status"]), (1, &json!(429)));
        assert_eq!(events[0]["error"]["type"], "usage_limit_reached");
        assert_eq!(events[0]["headers"]["x-codex-primary-used-percent"], "100.0");
    }
}

#[tokio::test]
async fn a_websocket_that_closes_early_sends_one_event_and_a_closing_frame() {
    let loopback = started(Script::default(), Some(Fault::WebsocketClosedEarly)).await;
    let mut socket = opened(&loopback).await;
    socket.send(Message::text(create(&ask_for_ok()).to_string())).await.unwrap();
    let first = socket.next().await.unwrap().unwrap();
    assert!(first.to_text().unwrap().contains("response.created"));
    let Message::Close(Some(frame)) = socket.next().await.unwrap().unwrap() else { panic!() };
    assert_eq!(frame.code, CloseCode::Error);
    let post = ask(&trusting(&loopback), CODEX, &chatgpt_token("x"), turn(true)).await;
    assert!(post.text().await.unwrap().contains("response.completed"));
}

#[tokio::test]
async fn a_client_that_leaves_a_websocket_is_no_trouble_to_the_next() {
    let loopback = started(Script::default(), Some(Fault::StreamNeverStarts)).await;
    for _ in 0..2 {
        let mut socket = opened(&loopback).await;
        socket.send(Message::text(create(&ask_for_ok()).to_string())).await.unwrap();
    }
    until(&loopback, |records| {
        records.iter().filter(|record| record.kind == RequestKind::Faulted).count() == 2
    })
    .await;
    tokio::time::timeout(PATIENCE, loopback.shutdown()).await.unwrap();
}
