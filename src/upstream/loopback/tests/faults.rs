//! Faults as they arrive: what a client sees of them on the wire.

use super::*;

async fn faulty(fault: Fault) -> Loopback {
    Loopback::start(LoopbackOptions { fault: Some(fault), ..LoopbackOptions::default() })
        .await
        .unwrap()
}

async fn asked(loopback: &Loopback) -> reqwest::Response {
    ask(&trusting(loopback), CODEX, &chatgpt_token("x"), turn(true)).await
}

#[tokio::test]
async fn a_fault_that_is_an_answer_comes_with_its_headers_and_is_recorded() {
    let loopback = faulty(Fault::UsageLimit).await;
    let answer = asked(&loopback).await;
    assert_eq!(answer.status(), 429);
    assert_eq!(answer.headers()["x-codex-primary-used-percent"], "100.0");
    let body: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
    assert_eq!(body["error"]["type"], "usage_limit_reached");
    let record = loopback.records().pop().unwrap();
    assert_eq!((record.kind, record.status), (RequestKind::Faulted, Some(429)));
    assert_eq!(record.note.as_deref(), Some("fault: usage-limit"));
}

#[tokio::test]
async fn a_bad_request_has_no_body() {
    let answer = asked(&faulty(Fault::BadRequestNoBody).await).await;
    assert_eq!((answer.status().as_u16(), answer.bytes().await.unwrap().len()), (400, 0));
}

#[tokio::test]
async fn a_stream_that_stops_ends_before_its_last_event() {
    let stream = asked(&faulty(Fault::StreamStops).await).await.text().await.unwrap();
    assert!(stream.contains("response.output_item.done"), "{stream}");
    assert!(!stream.contains("response.completed"), "{stream}");
}

#[tokio::test]
async fn a_stream_that_never_starts_has_a_head_and_no_event() {
    let loopback = faulty(Fault::StreamNeverStarts).await;
    let mut answer = asked(&loopback).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(loopback.shutdown().await.pop().unwrap().kind, RequestKind::Faulted);
    assert!(answer.chunk().await.is_err());
}

#[tokio::test]
async fn a_stream_that_drips_begins_and_does_not_end() {
    let loopback = faulty(Fault::StreamDrips).await;
    let mut answer = asked(&loopback).await;
    for name in ["response.created", "response.in_progress"] {
        let event = answer.chunk().await.unwrap().unwrap();
        assert!(event.starts_with(format!("event: {name}\n").as_bytes()), "{event:?}");
    }
    loopback.shutdown().await;
    assert!(answer.chunk().await.is_err());
}

#[tokio::test]
async fn a_drip_is_a_keepalive() {
    use http_body_util::BodyExt as _;
    tokio::time::pause();
    let mut body = super::body::LoopbackBody::stream(
        [bytes::Bytes::from_static(b"first")],
        Duration::ZERO,
        super::body::BodyTail::Drips,
        None,
    );
    let begun = tokio::time::Instant::now();
    for expected in
        ["first", "event: keepalive\ndata: {\"type\":\"keepalive\",\"sequence_number\":1}\n\n"]
    {
        let frame = body.frame().await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), expected);
    }
    assert!(begun.elapsed() >= Fault::DRIP);
}

#[tokio::test]
async fn a_connection_is_reset_in_the_clear_and_in_a_tunnel() {
    let loopback = faulty(Fault::ConnectionReset).await;
    let body = turn(true);
    let length = body.len();
    let request =
        format!("POST /v1/responses HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{body}");
    let mut stream = TcpStream::connect(loopback.address()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let read = stream.read_to_end(&mut Vec::new()).await;
    assert_eq!(read.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);

    let client = trusting(&loopback);
    let sent = client.post(CODEX).bearer_auth(chatgpt_token("x")).body(turn(true)).send().await;
    let mut cause: &dyn std::error::Error = &sent.unwrap_err();
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    assert!(cause.to_string().contains("reset"), "{cause}");
    let record = loopback.records().pop().unwrap();
    assert_eq!((record.kind, record.status), (RequestKind::Faulted, None));
    // What asks for no turn is answered.
    assert_eq!(client.get("https://chatgpt.com/").send().await.unwrap().status(), 404);
}
