//! The service itself keeps the rules that the other tests stand on.

use std::collections::HashMap;
use std::time::Duration;

use http::StatusCode;
use reqwest::{Client, Proxy, Response};
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};

use crate::service::{Account, Kind, Login, Service};

const RESPONSES: &str = "https://chatgpt.com/backend-api/codex/responses";
const TOKEN: &str = "https://auth.openai.com/oauth/token";
const CLIENT: &str = "app_EMoamEEZ73f0CkXaXp7hrann";

/// A client behind the service as behind a company's proxy.
fn client(service: &Service) -> Client {
    let mut roots = rustls::RootCertStore::empty();
    let ca = rustls::pki_types::CertificateDer::from_pem_slice(service.ca_pem().as_bytes());
    roots.add(ca.unwrap()).unwrap();
    let tls = rustls::ClientConfig::builder_with_provider(
        rustls::crypto::ring::default_provider().into(),
    )
    .with_safe_default_protocol_versions()
    .unwrap()
    .with_root_certificates(roots)
    .with_no_client_auth();
    Client::builder()
        .proxy(Proxy::all(format!("http://{}", service.address())).unwrap())
        .tls_backend_preconfigured(tls)
        .build()
        .unwrap()
}

fn turn(reply: &str) -> Value {
    json!({
        "model": "gpt-5.5",
        "instructions": "You are an agent.",
        "input": [{"role": "user", "content": [
            {"type": "input_text", "text": format!("Reply exactly: {reply}")},
        ]}],
        "store": false,
        "stream": true,
    })
}

async fn ask(client: &Client, url: &str, token: &str, body: &Value) -> Response {
    client.post(url).bearer_auth(token).body(body.to_string()).send().await.unwrap()
}

async fn refused(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    (status, serde_json::from_str(&response.text().await.unwrap()).unwrap())
}

async fn refresh(client: &Client, token: &str) -> (u16, Value) {
    let form = format!("grant_type=refresh_token&client_id={CLIENT}&refresh_token={token}");
    let kind = "application/x-www-form-urlencoded";
    let request = client.post(TOKEN).header("content-type", kind).body(form);
    refused(request.send().await.unwrap()).await
}

fn with_login(service: &Service) -> (Account, Login) {
    let account = service.account();
    let login = account.login.clone().unwrap();
    (account, login)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_says_what_was_asked_for_and_is_in_the_ledger() {
    let service = Service::start();
    let (account, login) = with_login(&service);
    let response = ask(&client(&service), RESPONSES, &login.access, &turn("OK 17")).await;
    assert_eq!(response.status(), StatusCode::OK);
    let said = response.text().await.unwrap();
    assert!(said.contains(r#""text":"OK 17""#), "{said}");
    assert!(said.trim_end().lines().next_back().unwrap().contains("response.completed"));
    let turns = service.turns();
    let [entry] = turns.as_slice() else { panic!("{turns:#?}") };
    assert_eq!(entry.account(), Some(account.id.as_str()));
    assert!(entry.whole);
    assert_eq!(service.most_at_once(&account), 1);
    assert_eq!(service.refreshes().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_is_good_once_and_shown_again_it_ends_its_login() {
    let service = Service::start();
    let (account, login) = with_login(&service);
    let other = service.login(&account);
    let client = client(&service);
    let (status, granted) = refresh(&client, &login.refresh).await;
    assert_eq!(status, 200);
    let newest = granted["access_token"].as_str().unwrap();
    assert_eq!(ask(&client, RESPONSES, newest, &turn("OK")).await.status(), StatusCode::OK);
    assert!(!service.unspent(&login) && service.unspent(&service.newest(&login)));

    let (status, body) = refresh(&client, &login.refresh).await;
    assert_eq!((status, &body["error"]["code"]), (401, &json!("refresh_token_reused")));
    assert!(service.revoked(&login));
    let (status, body) = refused(ask(&client, RESPONSES, newest, &turn("OK")).await).await;
    assert_eq!((status, &body["error"]["code"]), (401, &json!("token_invalidated")));
    let next = granted["refresh_token"].as_str().unwrap();
    let (status, body) = refresh(&client, next).await;
    assert_eq!((status, &body["error"]["code"]), (401, &json!("refresh_token_invalidated")));

    let response = ask(&client, RESPONSES, &other.access, &turn("OK")).await;
    assert_eq!(response.status(), StatusCode::OK, "another login of the account goes on");
    let shown: Vec<_> =
        service.refreshes().into_iter().map(|entry| entry.bearer.unwrap()).collect();
    assert!(shown.iter().all(|bearer| bearer.refresh && bearer.login == Some(login.number)));
    let generations: Vec<_> = shown.iter().map(|bearer| bearer.generation).collect();
    assert_eq!(generations, [0, 0, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_expired_unknown_or_another_account_s_is_refused() {
    let service = Service::start();
    let (account, login) = with_login(&service);
    let client = client(&service);
    let named = |id: String| {
        let request = client.post(RESPONSES).bearer_auth(&login.access);
        request.header("chatgpt-account-id", id).body(turn("OK").to_string()).send()
    };
    assert_eq!(named(account.id.clone()).await.unwrap().status(), StatusCode::OK);
    assert_eq!(named(service.account().id).await.unwrap().status(), StatusCode::FORBIDDEN);
    let (status, body) = refused(ask(&client, RESPONSES, "x.y.z", &turn("OK")).await).await;
    assert_eq!(status, 401);
    assert!(body["detail"].as_str().unwrap().starts_with("Could not parse"), "{body}");
    service.expire(&account);
    let (status, body) = refused(ask(&client, RESPONSES, &login.access, &turn("OK")).await).await;
    assert_eq!((status, &body["error"]["code"]), (401, &json!("token_expired")));
    service.access_lifetime(Duration::ZERO);
    let short = service.login(&account);
    let (status, _) = refused(ask(&client, RESPONSES, &short.access, &turn("OK")).await).await;
    assert_eq!(status, 401);
    assert!(service.unspent(&login), "an access token never costs the refresh token");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_public_api_takes_its_keys_and_goes_on_from_what_it_stored() {
    let service = Service::start();
    let (_, login) = with_login(&service);
    let client = client(&service);
    let url = "https://api.openai.com/v1/responses";
    let (status, body) = refused(ask(&client, url, &login.access, &turn("OK")).await).await;
    assert_eq!(status, 401);
    assert!(body.to_string().contains("Missing scopes: api.responses.write"));
    let key = service.api_key();
    let stored = json!({"model": "m", "input": "Reply exactly: first"});
    let (_, first) = refused(ask(&client, url, &key, &stored).await).await;
    assert_eq!(first["output"][0]["content"][0]["text"], "first");
    let on = json!({"model": "m", "input": [], "previous_response_id": first["id"]});
    let (_, second) = refused(ask(&client, url, &key, &on).await).await;
    assert_eq!(second["output"][0]["content"][0]["text"], "first");
    let astray = json!({"model": "m", "input": [], "previous_response_id": "resp_0"});
    let (status, _) = refused(ask(&client, url, &key, &astray).await).await;
    assert_eq!(status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_codex_backend_refuses_what_only_the_public_api_takes() {
    let service = Service::start();
    let (_, login) = with_login(&service);
    let client = client(&service);
    for (field, value) in
        [("store", json!(true)), ("stream", json!(false)), ("previous_response_id", json!("r"))]
    {
        let mut body = turn("OK");
        body[field] = value;
        let (status, _) = refused(ask(&client, RESPONSES, &login.access, &body).await).await;
        assert_eq!(status, 400, "{field}");
    }
    let wrong = "https://chatgpt.com/backend-api/responses";
    let page = ask(&client, wrong, &login.access, &turn("OK")).await;
    assert_eq!(page.status(), StatusCode::FORBIDDEN);
    assert_eq!(page.headers()["cf-mitigated"], "challenge");
    let models = client.get("https://chatgpt.com/backend-api/codex/models").send().await.unwrap();
    assert_eq!(refused(models).await.0, 404);
    assert_eq!(service.turns().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_stand_in_the_way_as_a_test_sets_them() {
    let service = Service::start();
    let (account, login) = with_login(&service);
    let client = client(&service);
    let body = turn("OK");
    let next = || ask(&client, RESPONSES, &login.access, &body);
    service.rate_limit(&account, 1);
    let limited = next().await;
    assert_eq!(limited.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(limited.headers()["retry-after"], "1");
    service.usage_limit(&account, 1);
    assert_eq!(next().await.status(), StatusCode::OK);
    let (status, body) = refused(next().await).await;
    assert_eq!((status, &body["error"]["type"]), (429, &json!("usage_limit_reached")));
    assert_eq!(body["error"]["resets_in_seconds"], 3600);
    service.lift_usage_limit(&account);
    service.outage(true);
    assert_eq!(next().await.status(), StatusCode::SERVICE_UNAVAILABLE);
    service.outage(false);
    assert_eq!(next().await.status(), StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn turns_side_by_side_are_counted_and_one_that_is_left_ends() {
    let service = Service::start();
    let (account, login) = with_login(&service);
    let client = client(&service);
    service.hold();
    let first = ask(&client, RESPONSES, &login.access, &turn("A")).await;
    let second = ask(&client, RESPONSES, &login.access, &turn("B")).await;
    assert_eq!(service.most_at_once(&account), 2);
    drop(second);
    service.until(|entries| entries.iter().any(|entry| entry.ended.is_some() && !entry.whole));
    service.release();
    first.text().await.unwrap();
    service.until(|entries| entries.iter().any(|entry| entry.whole));
    for _ in 0..2 {
        ask(&client, RESPONSES, &login.access, &turn("C")).await.text().await.unwrap();
    }
    assert_eq!(service.most_at_once(&account), 2, "one after the other is not side by side");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_by_browser_wants_the_verifier_and_its_code_is_good_once() {
    let service = Service::start();
    let account = service.account();
    let client = client(&service);
    // The example of RFC 7636, appendix B.
    let (verifier, challenge) = (
        "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
        "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    );
    let address = format!(
        "https://auth.openai.com/oauth/authorize?response_type=code&client_id={CLIENT}\
         &redirect_uri=http%3A%2F%2Flocalhost%3A1455%2Fauth%2Fcallback\
         &scope=openid+profile+email+offline_access&code_challenge={challenge}\
         &code_challenge_method=S256&state=s1"
    );
    let redeem = |code: String, verifier: &str| {
        let form = json!({
            "grant_type": "authorization_code", "client_id": CLIENT, "code": code,
            "code_verifier": verifier, "redirect_uri": "http://localhost:1455/auth/callback",
        });
        let request = client.post(TOKEN).header("content-type", "application/json");
        let request = request.body(form.to_string());
        async { refused(request.send().await.unwrap()).await }
    };
    let code = || {
        let to = url::Url::parse(&service.sign_in(&account, &address)).unwrap();
        let query: HashMap<_, _> = to.query_pairs().into_owned().collect();
        assert_eq!(query["state"], "s1");
        query["code"].clone()
    };
    assert_eq!(redeem(code(), "wrong").await.0, 400);
    let good = code();
    let (status, granted) = redeem(good.clone(), verifier).await;
    assert_eq!(status, 200);
    assert_eq!(redeem(good, verifier).await.0, 400);
    let access = granted["access_token"].as_str().unwrap();
    assert_eq!(ask(&client, RESPONSES, access, &turn("OK")).await.status(), StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_waits_until_its_user_has_typed_the_code() {
    let service = Service::start();
    let account = service.account();
    let client = client(&service);
    let post = |path: &str, body: Value| {
        let request =
            client.post(format!("https://auth.openai.com/api/accounts/deviceauth/{path}"));
        let request = request.header("content-type", "application/json").body(body.to_string());
        async { refused(request.send().await.unwrap()).await }
    };
    let (_, device) = post("usercode", json!({"client_id": CLIENT})).await;
    let poll =
        json!({"device_auth_id": device["device_auth_id"], "user_code": device["user_code"]});
    assert_eq!(post("token", poll.clone()).await.0, 403);
    assert!(!service.approve_device(&account, "NONE-SUCH"));
    assert!(service.approve_device(&account, device["user_code"].as_str().unwrap()));
    let (status, given) = post("token", poll.clone()).await;
    assert_eq!(status, 200);
    assert!(given["authorization_code"].is_string() && given["code_verifier"].is_string());
    assert_eq!(post("token", poll).await.0, 403, "a device is good once");
}

#[tokio::test(flavor = "multi_thread")]
async fn other_hosts_are_refused_and_remembered() {
    let service = Service::start();
    let client = client(&service);
    client.get("https://example.org/").send().await.unwrap_err();
    let plain = client.get("http://example.net/").send().await.unwrap();
    assert_eq!(plain.status(), StatusCode::FORBIDDEN);
    assert_eq!(service.refused_hosts(), ["example.net", "example.org"]);
    assert!(service.ledger().iter().all(|entry| entry.kind == Kind::Refused));
}
