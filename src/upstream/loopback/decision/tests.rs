use std::sync::Arc;

use super::super::answer::{Content, Flow};
use super::super::prompt::TurnRequest;
use super::super::request::RequestBody;
use super::super::responses::Output;
use super::*;
use crate::observation::Credential;

const CODEX: &str = "/backend-api/codex/responses";

/// The request of a healthy turn with a ChatGPT login.
fn healthy() -> RequestFacts {
    RequestFacts {
        service: LoopbackService::ChatGpt,
        method: Method::POST,
        path: CODEX.to_owned(),
        websocket: false,
        credential: Credential::ChatGptToken,
        body: turn_body(true),
        script: Arc::default(),
        fault: None,
        now: 1_795_000_000,
    }
}

fn turn_body(stream: bool) -> RequestBody {
    let body = json!({"model": "gpt-5.5", "stream": stream, "input": "Reply exactly: OK"});
    RequestBody::Turn(TurnRequest::parse(body.to_string().as_bytes()).unwrap())
}

fn at(service: LoopbackService, path: &str, credential: Credential) -> RequestFacts {
    RequestFacts { service, path: path.to_owned(), credential, ..healthy() }
}

fn text(answer: &LoopbackAnswer) -> String {
    match &answer.content {
        Content::Json(value) => value.to_string(),
        Content::Html(page) => (*page).to_owned(),
        Content::Empty | Content::Reset | Content::Turn { .. } => String::new(),
    }
}

#[test]
fn each_service_serves_the_credential_that_it_knows_on_the_path_that_it_has() {
    use Credential::{ApiKey, ChatGptToken, None as Nothing, Other};
    use LoopbackService::{Api, Auth, ChatGpt, Elsewhere, Own};
    use RequestKind::{Answered, Blocked, Declined, Refused};
    for (service, path, credential, status, kind) in [
        (ChatGpt, CODEX, ChatGptToken, 200, Answered),
        (ChatGpt, CODEX, Nothing, 401, Refused),
        (ChatGpt, CODEX, ApiKey, 401, Refused),
        (ChatGpt, CODEX, Other, 401, Refused),
        (ChatGpt, "/backend-api/responses", ChatGptToken, 403, Refused),
        (ChatGpt, "/backend-api/v1/responses", ChatGptToken, 403, Refused),
        (ChatGpt, "/backend-api/responses", Nothing, 403, Refused),
        (ChatGpt, "/backend-api/codex/models", ChatGptToken, 404, Declined),
        (ChatGpt, "/backend-api/wham/settings/user", ChatGptToken, 404, Declined),
        (ChatGpt, "/backend-api/codex/analytics-events/events", ChatGptToken, 404, Declined),
        (ChatGpt, "/", Nothing, 404, Declined),
        (Api, "/v1/responses", ApiKey, 200, Answered),
        (Api, "/v1/responses", ChatGptToken, 401, Refused),
        (Api, "/v1/responses", Nothing, 401, Refused),
        (Api, "/v1/responses", Other, 401, Refused),
        (Api, "/v1/models", ApiKey, 404, Declined),
        (Auth, "/oauth/token", Nothing, 401, Refused),
        (Auth, "/.well-known/openid-configuration", Nothing, 404, Declined),
        (Own, "/v1/responses", Nothing, 200, Answered),
        (Own, "/v1/responses", Other, 200, Answered),
        (Own, "/v1/models", Other, 404, Declined),
        (Own, CODEX, ChatGptToken, 404, Declined),
        (Elsewhere, "/v1/responses", ApiKey, 403, Blocked),
    ] {
        let answer = decide(&at(service, path, credential));
        assert_eq!(
            (answer.status, answer.kind),
            (status, kind),
            "{service:?} {path} {credential:?}"
        );
    }
}

#[test]
fn a_turn_carries_the_model_and_the_text_that_were_asked_for() {
    for (stream, flow) in [(true, Flow::Stream), (false, Flow::Object)] {
        let answer = decide(&RequestFacts { body: turn_body(stream), ..healthy() });
        let (model, output) = ("gpt-5.5".to_owned(), Output::Text("OK".to_owned()));
        assert_eq!(answer.content, Content::Turn { model, output, flow });
    }
}

#[test]
fn refusals_say_what_the_real_services_say() {
    let challenge =
        decide(&at(LoopbackService::ChatGpt, "/backend-api/responses", Credential::ChatGptToken));
    assert!(challenge.headers.contains(&("cf-mitigated", "challenge")));
    assert!(challenge.headers.contains(&("server", "cloudflare")));
    assert!(text(&challenge).contains("<html") && text(&challenge).contains("dns"));
    for (service, path, credential, words) in [
        (
            LoopbackService::Api,
            "/v1/responses",
            Credential::ChatGptToken,
            "You have insufficient permissions for this operation. Missing scopes: api.responses.write",
        ),
        (LoopbackService::Api, "/v1/responses", Credential::Other, "\"code\":\"invalid_api_key\""),
        (LoopbackService::Auth, "/oauth/token", Credential::None, "\"code\":\"token_expired\""),
        (LoopbackService::ChatGpt, CODEX, Credential::None, "Unauthorized"),
    ] {
        let answer = decide(&at(service, path, credential));
        assert!(text(&answer).contains(words), "{}", text(&answer));
    }
}

#[test]
fn a_websocket_is_opened_where_turns_are_asked_for_to_whom_may_ask() {
    for (service, path, credential, status) in [
        (LoopbackService::ChatGpt, CODEX, Credential::ChatGptToken, 101),
        (LoopbackService::ChatGpt, CODEX, Credential::None, 401),
        (LoopbackService::ChatGpt, "/backend-api/responses", Credential::ChatGptToken, 403),
        (LoopbackService::Api, "/v1/responses", Credential::ApiKey, 101),
        (LoopbackService::Api, "/v1/responses", Credential::ChatGptToken, 401),
        (LoopbackService::Own, "/v1/responses", Credential::Other, 101),
    ] {
        let facts = RequestFacts {
            method: Method::GET,
            websocket: true,
            body: RequestBody::Ignored,
            ..at(service, path, credential)
        };
        assert_eq!(decide(&facts).status, status, "{service:?} {path} {credential:?}");
    }
}

#[test]
fn what_is_no_turn_request_is_malformed_and_never_answered() {
    let nameless = TurnRequest::parse(b"{}").unwrap();
    for (method, body, status) in [
        (Method::GET, RequestBody::Ignored, 405),
        (Method::POST, RequestBody::Ignored, 400),
        (Method::POST, RequestBody::Unreadable("x"), 400),
        (Method::POST, RequestBody::TooLarge, 413),
        (Method::POST, RequestBody::Turn(nameless), 400),
    ] {
        let answer = decide(&RequestFacts { method, body, ..healthy() });
        assert_eq!((answer.status, answer.kind), (status, RequestKind::Malformed));
    }
}

#[test]
fn a_tunnel_is_opened_to_known_services_only() {
    for (service, status, kind) in [
        (LoopbackService::ChatGpt, 200, RequestKind::Tunnel),
        (LoopbackService::Api, 200, RequestKind::Tunnel),
        (LoopbackService::Auth, 200, RequestKind::Tunnel),
        (LoopbackService::Own, 403, RequestKind::Blocked),
        (LoopbackService::Elsewhere, 403, RequestKind::Blocked),
    ] {
        let facts = RequestFacts { service, method: Method::CONNECT, ..healthy() };
        let answer = decide(&facts);
        assert_eq!((answer.status, answer.kind), (status, kind), "{service:?}");
    }
}

#[test]
fn a_service_is_known_by_its_exact_name_and_port() {
    for (host, port, service) in [
        ("chatgpt.com", 443, LoopbackService::ChatGpt),
        ("chatgpt.com.", 443, LoopbackService::ChatGpt),
        ("api.openai.com", 80, LoopbackService::Api),
        ("auth.openai.com", 443, LoopbackService::Auth),
        ("chatgpt.com", 22, LoopbackService::Elsewhere),
        ("evil-chatgpt.com", 443, LoopbackService::Elsewhere),
        ("chatgpt.com.evil.example", 443, LoopbackService::Elsewhere),
        ("openai.com", 443, LoopbackService::Elsewhere),
        ("", 443, LoopbackService::Elsewhere),
    ] {
        assert_eq!(LoopbackService::of(host, port), service, "{host}:{port}");
    }
}
