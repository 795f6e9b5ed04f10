use reqwest::header::AUTHORIZATION;
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;
use crate::observation::{Credential, RequestKind, Scheme};
use crate::upstream::credential::tests::chatgpt_token;
use crate::upstream::encoding::LARGEST_BODY;

const CODEX: &str = "https://chatgpt.com/backend-api/codex/responses";
/// Longest that any step here may take. Nothing waits for it to pass.
const PATIENCE: Duration = Duration::from_secs(20);

async fn loopback() -> Loopback {
    Loopback::start(LoopbackOptions::default()).await.unwrap()
}

/// A client that goes through the proxy and trusts `ca`.
fn client(loopback: &Loopback, ca: &str) -> reqwest::Client {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca.as_bytes()).unwrap()).unwrap();
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(ring)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .proxy(reqwest::Proxy::all(format!("http://{}", loopback.address())).unwrap())
        .timeout(PATIENCE)
        .build()
        .unwrap()
}

fn trusting(loopback: &Loopback) -> reqwest::Client {
    client(loopback, loopback.ca_pem())
}

fn turn(stream: bool) -> String {
    json!({
        "model": "gpt-5.5",
        "stream": stream,
        "store": false,
        "tools": [],
        "input": [{"role": "user", "content": [
            {"type": "input_text", "text": "[Sat 2026-11-21 07:44 UTC] Reply exactly: OK"},
        ]}],
    })
    .to_string()
}

async fn ask(client: &reqwest::Client, url: &str, token: &str, body: String) -> reqwest::Response {
    client
        .post(url)
        .header(AUTHORIZATION, format!("Bearer {token}"))
        .body(body)
        .send()
        .await
        .unwrap()
}

/// Waits until the records say so.
async fn until(loopback: &Loopback, say: impl Fn(&[RequestRecord]) -> bool) {
    let said = async {
        while !say(&loopback.records()) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let in_time = tokio::time::timeout(PATIENCE, said).await;
    assert!(in_time.is_ok(), "{:#?}", loopback.records());
}

/// Sends raw bytes, closes the sending half if asked to, and reads to the end.
async fn raw(loopback: &Loopback, bytes: &[u8], half_close: bool) -> String {
    let mut stream = TcpStream::connect(loopback.address()).await.unwrap();
    // A refusal may come, and the connection end, before all is written.
    let _ = stream.write_all(bytes).await;
    if half_close {
        let _ = stream.shutdown().await;
    }
    let mut answer = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    assert!(read.is_ok(), "the connection was left open");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_turn_goes_through_the_tunnel_and_comes_back_as_a_stream() {
    let loopback = loopback().await;
    let client = trusting(&loopback);
    let answer = ask(&client, CODEX, &chatgpt_token("canary"), turn(true)).await;
    assert_eq!(answer.status(), 200);
    assert!(answer.headers()["content-type"].to_str().unwrap().starts_with("text/event-stream"));
    let stream = answer.text().await.unwrap();
    assert!(
        stream.contains("response.completed") && stream.contains("\"text\":\"OK\""),
        "{stream}"
    );

    let records = loopback.shutdown().await;
    let [tunnel, turn] = records.as_slice() else { panic!("{records:#?}") };
    assert_eq!((tunnel.kind, tunnel.method.as_str()), (RequestKind::Tunnel, "CONNECT"));
    assert_eq!((turn.scheme, turn.host.as_str(), turn.port), (Scheme::Https, "chatgpt.com", 443));
    assert_eq!((turn.status, turn.kind), (Some(200), RequestKind::Answered));
    assert_eq!(turn.model.as_deref(), Some("gpt-5.5"));
    assert_eq!((turn.credential, &turn.note), (Credential::ChatGptToken, &None));
}

#[tokio::test]
async fn a_request_goes_on_from_a_response_that_was_to_be_stored_and_from_no_other() {
    const API: &str = "https://api.openai.com/v1/responses";
    let loopback = loopback().await;
    let client = trusting(&loopback);
    let ask = async |body: Value| {
        let answer = ask(&client, API, "sk-made-up", body.to_string()).await;
        let status = answer.status().as_u16();
        (status, serde_json::from_slice::<Value>(&answer.bytes().await.unwrap()).unwrap())
    };
    let first = |store: bool| json!({"model": "m", "input": "Reply exactly: OK", "store": store});
    for (store, expected) in [(true, 200), (false, 400)] {
        let id = ask(first(store)).await.1["id"].clone();
        let on = json!({"model": "m", "input": [], "previous_response_id": id});
        let (status, answer) = ask(on).await;
        assert_eq!(status, expected);
        if store {
            assert_eq!(answer["output"][0]["content"][0]["text"], "OK");
        } else {
            assert_eq!(answer["error"]["code"], "previous_response_not_found");
        }
    }
}

#[tokio::test]
async fn one_connection_serves_many_requests() {
    let loopback = loopback().await;
    let client = trusting(&loopback);
    for _ in 0..3 {
        let answer = ask(&client, CODEX, &chatgpt_token("x"), turn(false)).await;
        let object: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        assert_eq!(object["output"][0]["content"][0]["text"], "OK");
    }
    let tunnels = |records: &[RequestRecord]| {
        records.iter().filter(|record| record.kind == RequestKind::Tunnel).count()
    };
    let records = loopback.records();
    assert_eq!((records.len(), tunnels(&records)), (4, 1));
}

#[tokio::test]
async fn a_custom_provider_is_served_on_the_plain_port() {
    let loopback = loopback().await;
    let direct = reqwest::Client::builder()
        .tls_backend_preconfigured(
            rustls::ClientConfig::builder_with_provider(Arc::new(
                rustls::crypto::ring::default_provider(),
            ))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth(),
        )
        .no_proxy()
        .build()
        .unwrap();
    let url = format!("{}/responses", loopback.base_url());
    for client in [direct, trusting(&loopback)] {
        let answer = ask(&client, &url, "made-up", turn(true)).await;
        assert!(answer.text().await.unwrap().contains("response.completed"));
    }
    for record in loopback.records() {
        assert_eq!((record.scheme, record.host.as_str()), (Scheme::Http, "127.0.0.1"));
        assert_eq!(record.kind, RequestKind::Answered);
    }
}

#[tokio::test]
async fn other_hosts_are_blocked_and_named() {
    let loopback = loopback().await;
    let client = trusting(&loopback);
    assert!(client.get("https://github.com/").send().await.is_err());
    assert_eq!(client.get("http://example.com:81/x").send().await.unwrap().status(), 403);
    let refused = raw(
        &loopback,
        b"CONNECT 10.0.0.1:22 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        false,
    );
    assert!(refused.await.starts_with("HTTP/1.1 403"));
    let records = loopback.records();
    let seen: Vec<_> = records.iter().map(|r| (r.host.as_str(), r.port, r.kind)).collect();
    let blocked = RequestKind::Blocked;
    assert_eq!(
        seen,
        [("github.com", 443, blocked), ("example.com", 81, blocked), ("10.0.0.1", 22, blocked)]
    );
}

#[tokio::test]
async fn no_token_is_in_any_record() {
    use crate::observation::Credential::{ApiKey, ChatGptToken, None, Other};
    const CANARY: &str = "canary7secret";
    let loopback = loopback().await;
    let client = trusting(&loopback);
    let jwt = chatgpt_token(CANARY);
    ask(&client, CODEX, &jwt, turn(false)).await;
    ask(&client, "https://api.openai.com/v1/responses", &jwt, turn(false)).await;
    ask(&client, "https://api.openai.com/v1/responses", &format!("sk-{CANARY}"), turn(false)).await;
    let form = format!("grant_type=refresh_token&refresh_token={CANARY}");
    ask(&client, "https://auth.openai.com/oauth/token", CANARY, form).await;
    let query = format!("https://chatgpt.com/cb?code={CANARY}&access_token={jwt}&x={jwt}");
    client.get(query).basic_auth(CANARY, Some(CANARY)).send().await.unwrap();
    let with_user = format!(
        "GET http://{CANARY}:{CANARY}@example.com/ HTTP/1.1\r\nHost: x\r\nProxy-Authorization: Basic {CANARY}\r\nConnection: close\r\n\r\n"
    );
    raw(&loopback, with_user.as_bytes(), false).await;
    let model = json!({"model": format!("sk-{CANARY}"), "input": CANARY}).to_string();
    ask(&client, CODEX, &jwt, model).await;

    let records = loopback.records();
    let kinds: Vec<_> =
        records.iter().filter(|r| r.method != "CONNECT").map(|r| r.credential).collect();
    assert_eq!(kinds, [ChatGptToken, ChatGptToken, ApiKey, Other, Other, None, ChatGptToken]);
    let text = format!("{} {records:?}", serde_json::to_string(&records).unwrap());
    for secret in [CANARY, &jwt, jwt.split('.').nth(1).unwrap(), jwt.split('.').nth(2).unwrap()] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

#[tokio::test]
async fn a_turn_that_asks_without_end_is_stopped_at_its_limit() {
    let options = LoopbackOptions { most_requests: Some(2), ..LoopbackOptions::default() };
    let loopback = Loopback::start(options).await.unwrap();
    let (client, token) = (trusting(&loopback), chatgpt_token("x"));
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(ask(&client, CODEX, &token, turn(true)).await.status().as_u16());
    }
    assert_eq!(statuses, [200, 200, 429, 429]);
    let records = loopback.shutdown().await;
    let limited = records.iter().filter(|record| record.kind == RequestKind::Limited).count();
    assert_eq!(limited, 2);
}

#[tokio::test]
async fn a_client_that_leaves_in_mid_stream_is_recorded() {
    let pace = Duration::from_hours(1);
    let loopback =
        Loopback::start(LoopbackOptions { pace, ..LoopbackOptions::default() }).await.unwrap();
    let mut answer = ask(&trusting(&loopback), CODEX, &chatgpt_token("x"), turn(true)).await;
    let first = answer.chunk().await.unwrap().unwrap();
    assert!(first.starts_with(b"event: response.created"));
    assert_eq!(loopback.records()[1].status, Some(200));
    drop(answer);
    until(&loopback, |records| records[1].note.as_deref() == Some("cut after 1 of 10 events"))
        .await;
}

#[tokio::test]
async fn a_client_that_leaves_in_mid_request_is_recorded() {
    let loopback = loopback().await;
    let head = b"POST /v1/responses HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{\"model\":";
    raw(&loopback, head, true).await;
    until(&loopback, |records| records.len() == 1).await;
    let records = loopback.shutdown().await;
    assert_eq!((records[0].kind, records[0].status), (RequestKind::Unanswered, None));
}

#[tokio::test]
async fn a_client_that_does_not_trust_the_authority_is_recorded() {
    let (loopback, other) = (loopback().await, loopback().await);
    let stranger = client(&loopback, other.ca_pem());
    assert!(stranger.get(CODEX).send().await.is_err());
    until(
        &loopback,
        |records| matches!(records, [record] if record.kind == RequestKind::TlsFailed),
    )
    .await;
    let note = loopback.records()[0].note.clone().unwrap();
    assert!(note.starts_with("TLS handshake failed"), "{note}");
}

#[tokio::test]
async fn garbage_is_refused_and_the_next_client_is_served() {
    let loopback = loopback().await;
    let huge = format!("GET / HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "a".repeat(1 << 20));
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(500));
    for (bytes, begins) in [
        (&b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03 not http\r\n\r\n"[..], "HTTP/1.1 400"),
        (b"GET http://[::1 HTTP/1.1\r\n\r\n", "HTTP/1.1 400"),
        (b"POST /v1/responses HTTP/1.1\r\nContent-Length: x\r\n\r\n", "HTTP/1.1 400"),
        (many.as_bytes(), "HTTP/1.1 431"),
        (b"GET / HT", ""),
        (b"", ""),
    ] {
        let answer = raw(&loopback, bytes, true).await;
        assert!(answer.starts_with(begins), "{answer}");
    }
    // The refusal may be lost when the connection is reset under unread bytes.
    raw(&loopback, huge.as_bytes(), true).await;
    let answer = ask(&trusting(&loopback), CODEX, &chatgpt_token("x"), turn(false)).await;
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused() {
    let loopback = loopback().await;
    let head = format!(
        "POST /v1/responses HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n",
        LARGEST_BODY + 1
    );
    let mut stream = TcpStream::connect(loopback.address()).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let chunk = vec![b' '; 1 << 20];
    for _ in 0..=LARGEST_BODY / chunk.len() {
        if stream.write_all(&chunk).await.is_err() {
            break;
        }
    }
    until(&loopback, |records| matches!(records, [record] if record.status == Some(413))).await;
}

#[tokio::test]
async fn a_shutdown_ends_open_streams_and_frees_the_port() {
    let pace = Duration::from_hours(1);
    let loopback =
        Loopback::start(LoopbackOptions { pace, ..LoopbackOptions::default() }).await.unwrap();
    let mut answer = ask(&trusting(&loopback), CODEX, &chatgpt_token("x"), turn(true)).await;
    answer.chunk().await.unwrap().unwrap();
    let address = loopback.address();
    let records = tokio::time::timeout(PATIENCE, loopback.shutdown()).await.unwrap();
    assert_eq!(records[1].note.as_deref(), Some("cut after 1 of 10 events"));
    assert!(answer.chunk().await.is_err());
    let again = Loopback::start(LoopbackOptions { port: address.port(), ..Default::default() });
    assert_eq!(again.await.unwrap().address(), address);
}

#[tokio::test]
async fn a_port_that_is_taken_is_an_error_that_names_it() {
    let first = loopback().await;
    let port = first.address().port();
    let error = Loopback::start(LoopbackOptions { port, ..Default::default() }).await.unwrap_err();
    assert!(error.to_string().contains(&format!("127.0.0.1:{port}")), "{error}");
}

#[tokio::test]
async fn the_environment_points_at_the_proxy_and_at_the_authority() {
    let loopback = loopback().await;
    let directory = tempfile::tempdir().unwrap();
    let file = Utf8PathBuf::from_path_buf(directory.path().join("ca.pem")).unwrap();
    loopback.write_ca(&file).unwrap();
    assert_eq!(fs_err::read_to_string(&file).unwrap(), loopback.ca_pem());
    let environment = loopback.environment(&file);
    let value = |name| environment.iter().find(|(n, _)| *n == name).map(|(_, v)| v.as_str());
    assert_eq!(value("HTTPS_PROXY"), Some(format!("http://{}", loopback.address()).as_str()));
    assert_eq!(value("NODE_EXTRA_CA_CERTS"), Some(file.as_str()));
    assert_eq!(value("NODE_USE_ENV_PROXY"), Some("1"));
}

#[tokio::test]
async fn a_listener_made_elsewhere_is_served() {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let options = LoopbackOptions { listener: Some(listener), ..LoopbackOptions::default() };
    let loopback = Loopback::start(options).await.unwrap();
    assert_eq!((loopback.address(), loopback.port()), (address, address.port()));
    let answer = ask(&trusting(&loopback), CODEX, &chatgpt_token("x"), turn(false)).await;
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn a_registry_is_led_to_as_it_is_and_no_other_host() {
    let registry = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = registry.local_addr().unwrap().port();
    let served = tokio::spawn(async move {
        let (mut stream, _) = registry.accept().await.unwrap();
        stream.write_all(b"packages").await.unwrap();
    });
    let registries = vec![HostPort::new("127.0.0.1", port)];
    let options = LoopbackOptions { registries, ..LoopbackOptions::default() };
    let loopback = Loopback::start(options).await.unwrap();
    let connect = async |to: &str| {
        let mut stream = TcpStream::connect(loopback.address()).await.unwrap();
        let head = format!("CONNECT {to} HTTP/1.1\r\nhost: {to}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut said = vec![0; 4096];
        let mut text = String::new();
        while !text.contains("packages") && !text.contains(" 403 ") {
            let read = stream.read(&mut said).await.unwrap();
            assert!(read > 0, "{text}");
            text.push_str(&String::from_utf8_lossy(&said[..read]));
        }
        text
    };
    assert!(connect(&format!("127.0.0.1:{port}")).await.starts_with("HTTP/1.1 200"));
    served.await.unwrap();
    assert!(connect("registry.example:443").await.starts_with("HTTP/1.1 403"));
    let kinds: Vec<_> = loopback.shutdown().await.iter().map(|record| record.kind).collect();
    assert_eq!(kinds, [RequestKind::Registry, RequestKind::Blocked]);
}

mod faults;
mod websocket;
