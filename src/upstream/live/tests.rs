#![allow(clippy::unwrap_used, reason = "tests")]

mod service;

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use serde_json::{Value, json};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Message, protocol::Role};

use self::service::{Service, WORD};
use super::*;
use crate::observation::{Credential, RequestKind};
use crate::secret::Secret;
use crate::upstream::credential::tests::chatgpt_token;

const CODEX: &str = "https://chatgpt.com/backend-api/codex/responses";
const ACCOUNT: &str = "chatgpt-account-id";
/// Longest that any step here may take. Nothing waits for it to pass.
const PATIENCE: Duration = Duration::from_secs(20);

fn real() -> String {
    chatgpt_token("real-account-canary")
}

fn made_up() -> String {
    chatgpt_token("made-up")
}

async fn relay(service: &Service) -> Live {
    let mode = LiveMode::Relay(RelayLogin {
        made_up_access: Secret::new(made_up()),
        access: Secret::new(real()),
        made_up_account: "made-up-account".to_owned(),
        account: Some(Secret::new("real-account-canary")),
    });
    start(service, mode, WORD).await
}

async fn start(service: &Service, mode: LiveMode, word: &str) -> Live {
    let bind = || std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listener = matches!(mode, LiveMode::Tunnel).then(bind);
    let options =
        LiveOptions { listener, mode, environment: service.environment(word), most_requests: None };
    assert!(!format!("{options:?}").contains("canary"));
    Live::start(options).await.unwrap()
}

/// A candidate that goes through the proxy and trusts `ca`.
fn client(live: &Live, ca: &str) -> reqwest::Client {
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
        .proxy(reqwest::Proxy::all(format!("http://{}", live.address())).unwrap())
        .redirect(reqwest::redirect::Policy::none())
        .timeout(PATIENCE)
        .build()
        .unwrap()
}

fn trusting(live: &Live) -> reqwest::Client {
    let directory = tempfile::tempdir().unwrap();
    let ca = Utf8PathBuf::try_from(directory.path().join("ca.pem")).unwrap();
    live.write_ca(&ca).unwrap();
    client(live, &fs_err::read_to_string(ca).unwrap())
}

/// Asks as the holder of a login asks.
fn ask(client: &reqwest::Client, url: &str, token: &str) -> reqwest::RequestBuilder {
    client
        .post(url)
        .bearer_auth(token)
        .header(ACCOUNT, "made-up-account")
        .body(json!({"model": "gpt-5.5", "stream": true}).to_string())
}

/// Head and body of an answer, as text.
async fn all(response: reqwest::Response) -> String {
    let head = format!("{} {:?}", response.status(), response.headers());
    format!("{head}\n{}", response.text().await.unwrap())
}

/// The records, which hold no secret.
async fn records(live: Live) -> Vec<RequestRecord> {
    let records = live.shutdown().await;
    let written = serde_json::to_string(&records).unwrap() + &format!("{records:?}");
    for secret in [&real(), &made_up(), "canary"] {
        assert!(!written.contains(secret), "{written}");
    }
    records
}

fn kinds(records: &[RequestRecord]) -> Vec<(&str, &str, Option<u16>, RequestKind)> {
    records.iter().map(|r| (r.method.as_str(), r.host.as_str(), r.status, r.kind)).collect()
}

#[tokio::test]
async fn a_tunnel_passes_the_candidates_own_tls_through_the_users_proxy() {
    let service = Service::start().await;
    let live = start(&service, LiveMode::Tunnel, WORD).await;
    let candidate = client(&live, &service.ca);
    let answer = ask(&candidate, "https://api.openai.com/v1/responses", "own").send().await;
    assert_eq!(answer.unwrap().status(), 429);
    assert_eq!(
        service.requests(),
        ["POST api.openai.com /v1/responses Bearer own made-up-account"]
    );
    assert!(service.seen.connects.lock().unwrap()[0].starts_with("CONNECT api.openai.com:443 "));
    for elsewhere in
        ["https://auth.openai.com/oauth/token", "https://github.com/", "https://chatgpt.com:8443/"]
    {
        assert!(candidate.post(elsewhere).send().await.is_err());
    }
    assert_eq!(candidate.get("http://chatgpt.com/").send().await.unwrap().status(), 403);
    assert_eq!(service.seen.connects.lock().unwrap().len(), 1);
    let records = records(live).await;
    assert_eq!(
        kinds(&records),
        [
            ("CONNECT", "api.openai.com", Some(200), RequestKind::Passed),
            ("CONNECT", "auth.openai.com", Some(403), RequestKind::RefreshRefused),
            ("CONNECT", "github.com", Some(403), RequestKind::Blocked),
            ("CONNECT", "chatgpt.com", Some(403), RequestKind::Blocked),
            ("GET", "chatgpt.com", Some(403), RequestKind::Blocked),
        ]
    );
}

#[tokio::test]
async fn a_proxy_that_refuses_is_told_apart_from_the_service() {
    let service = Service::start().await;
    let tunnel = start(&service, LiveMode::Tunnel, "wrong-canary").await;
    assert!(client(&tunnel, &service.ca).get(CODEX).send().await.is_err());
    let records = records(tunnel).await;
    assert_eq!(kinds(&records), [("CONNECT", "chatgpt.com", Some(502), RequestKind::Unreachable)]);
    let note = "the proxy answered 407 Proxy Authentication Required";
    assert_eq!(records[0].note.as_deref(), Some(note));
    let login = RelayLogin {
        made_up_access: Secret::new(made_up()),
        access: Secret::new(real()),
        made_up_account: String::new(),
        account: None,
    };
    let relay = start(&service, LiveMode::Relay(login), "wrong-canary").await;
    let answer = ask(&trusting(&relay), CODEX, &made_up()).send().await.unwrap();
    assert_eq!(answer.status(), 502);
    let records = self::records(relay).await;
    assert_eq!(records[1].kind, RequestKind::Unreachable);
    let note = records[1].note.as_deref().unwrap();
    assert!(note.contains("proxy"), "{note}");
    assert!(service.requests().is_empty());
}

#[tokio::test]
async fn a_relay_lends_the_login_and_passes_each_event_as_it_comes() {
    let service = Service::start().await;
    let live = relay(&service).await;
    let candidate = trusting(&live);
    let mut answer = ask(&candidate, CODEX, &made_up()).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let echoed = answer.headers()["x-echo"].to_str().unwrap().to_owned();
    assert!(echoed.starts_with("Bearer ***") && echoed.ends_with(&"*".repeat(19)), "{echoed}");
    // The service has not sent its second event yet.
    let first = answer.chunk().await.unwrap().unwrap();
    let first = String::from_utf8(first.to_vec()).unwrap();
    assert!(first.starts_with("data: first Bearer ***"), "{first}");
    assert!(!first.contains("canary") && !first.contains(&real()), "{first}");
    service.seen.second.notify_one();
    assert_eq!(answer.text().await.unwrap(), "data: second\n\n");
    let lent = format!(
        "POST chatgpt.com /backend-api/codex/responses Bearer {} real-account-canary",
        real()
    );
    assert_eq!(service.requests(), [lent]);
    let records = records(live).await;
    assert_eq!(
        kinds(&records),
        [
            ("CONNECT", "chatgpt.com", Some(200), RequestKind::Tunnel),
            ("POST", "chatgpt.com", Some(200), RequestKind::Answered),
        ]
    );
    assert_eq!(records[1].model.as_deref(), Some("gpt-5.5"));
    assert_eq!(records[1].credential, Credential::ChatGptToken);
}

#[tokio::test]
async fn a_candidate_that_leaves_in_mid_answer_is_recorded_and_the_service_learns_it() {
    let service = Service::start().await;
    let live = relay(&service).await;
    let mut answer = ask(&trusting(&live), CODEX, &made_up()).send().await.unwrap();
    answer.chunk().await.unwrap().unwrap();
    drop(answer);
    let left = async {
        while live.records()[1].note.is_none() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(PATIENCE, left).await.unwrap();
    let records = records(live).await;
    assert_eq!(records[1].note.as_deref(), Some("cut before the end of the answer"));
}

#[tokio::test]
async fn a_relay_adds_no_credential_to_a_request_without_the_made_up_one() {
    let service = Service::start().await;
    let live = relay(&service).await;
    let candidate = trusting(&live);
    let url = "https://chatgpt.com/backend-api/codex/x";
    candidate.get(url).send().await.unwrap();
    candidate.get(url).header(ACCOUNT, "made-up-account").send().await.unwrap();
    candidate.get(url).bearer_auth("another").send().await.unwrap();
    // Of the account itself nothing is lent.
    let own = ask(&candidate, "https://chatgpt.com/backend-api/conversations", &made_up());
    assert_eq!(own.send().await.unwrap().status(), 404);
    assert_eq!(
        service.requests(),
        [
            "GET chatgpt.com /backend-api/codex/x - -",
            "GET chatgpt.com /backend-api/codex/x - made-up-account",
            "GET chatgpt.com /backend-api/codex/x Bearer another -",
        ]
    );
    let records = records(live).await;
    assert_eq!(records.last().unwrap().kind, RequestKind::Declined);
}

#[tokio::test]
async fn a_relay_records_the_raw_status_and_renews_no_login() {
    let service = Service::start().await;
    let live = relay(&service).await;
    let candidate = trusting(&live);
    let mut received = String::new();
    for url in [
        "https://api.openai.com/v1/responses",
        "https://chatgpt.com/backend-api/responses",
        "https://auth.openai.com/oauth/token",
        "https://auth.openai.com/oauth/revoke",
    ] {
        received += &all(ask(&candidate, url, &made_up()).send().await.unwrap()).await;
    }
    assert!(!received.contains("canary") && !received.contains(&real()), "{received}");
    assert!(received.contains("token_expired") && received.contains("<html>"), "{received}");
    assert_eq!(service.requests().len(), 2);
    let records = records(live).await;
    let posts: Vec<_> = records.into_iter().filter(|record| record.method == "POST").collect();
    assert_eq!(
        kinds(&posts),
        [
            ("POST", "api.openai.com", Some(429), RequestKind::Forwarded),
            ("POST", "chatgpt.com", Some(403), RequestKind::Refused),
            ("POST", "auth.openai.com", Some(401), RequestKind::RefreshRefused),
            ("POST", "auth.openai.com", Some(403), RequestKind::Blocked),
        ]
    );
    assert_eq!(posts[0].retry_after_s, Some(7));
    assert_eq!(posts[0].note.as_deref(), Some("rate_limit_exceeded, come back in 7 s"));
    assert_eq!(posts[1].note.as_deref(), Some("cf-mitigated: challenge"));
}

#[tokio::test]
async fn a_relay_carries_a_websocket_with_the_login_and_records_each_request_on_it() {
    let service = Service::start().await;
    let live = relay(&service).await;
    let candidate = trusting(&live);
    let opened = candidate
        .get(CODEX)
        .bearer_auth(made_up())
        .header(ACCOUNT, "made-up-account")
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .header("sec-websocket-extensions", "permessage-deflate")
        .send()
        .await
        .unwrap();
    assert_eq!(opened.status(), 101);
    assert_eq!(opened.headers()["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert!(!format!("{:?}", opened.headers()).contains("canary"));
    let io = opened.upgrade().await.unwrap();
    let mut socket = WebSocketStream::from_raw_socket(io, Role::Client, None).await;
    let request = json!({"type": "response.create", "model": "gpt-5.5"}).to_string();
    socket.send(Message::text(request)).await.unwrap();
    let mut events = Vec::new();
    for _ in 0..2 {
        let Message::Text(text) = socket.next().await.unwrap().unwrap() else { panic!() };
        assert!(!text.contains("canary") && !text.contains(&real()), "{text}");
        events.push(serde_json::from_str::<Value>(&text).unwrap());
    }
    assert!(events[0]["echo"].as_str().unwrap().starts_with("Bearer ***"));
    assert_eq!(events[1]["status"], 429);
    assert!(service.requests()[0].contains(&real()), "{:?}", service.requests());
    let records = records(live).await;
    assert_eq!(
        kinds(&records)[1..],
        [
            ("GET", "chatgpt.com", Some(101), RequestKind::Upgraded),
            ("WS", "chatgpt.com", Some(429), RequestKind::Forwarded),
        ]
    );
    assert_eq!(records[2].model.as_deref(), Some("gpt-5.5"));
    assert_eq!(records[2].retry_after_s, Some(60));
}

#[tokio::test]
async fn the_environment_names_the_proxy_and_what_there_is_to_trust() {
    let service = Service::start().await;
    let ca = Utf8Path::new("/scratch/ca.pem");
    let tunnel = start(&service, LiveMode::Tunnel, WORD).await;
    let relay = relay(&service).await;
    for live in [&tunnel, &relay] {
        let variables = live.environment(ca);
        let proxy = format!("http://{}", live.address());
        assert!(variables.contains(&("HTTPS_PROXY", proxy)), "{variables:?}");
        assert!(!format!("{variables:?}").contains("canary"), "{variables:?}");
    }
    let named = |live: &Live| {
        let variables = live.environment(ca);
        variables.into_iter().find(|(name, _)| *name == "SSL_CERT_FILE").unwrap().1
    };
    assert_eq!(named(&relay), "/scratch/ca.pem");
    assert_eq!(tunnel.reads(), [Utf8PathBuf::from(named(&tunnel))]);
    assert!(relay.reads().is_empty());
}
