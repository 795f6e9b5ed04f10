use super::super::decision::decide;
use super::super::prompt::TurnRequest;
use super::super::request::RequestBody;
use super::*;
use crate::observation::Credential;

/// The facts of a turn that would be answered, but for the fault.
fn facts(service: LoopbackService, fault: Fault) -> RequestFacts {
    let body = br#"{"model": "gpt-5.5", "stream": true, "input": "Reply exactly: OK"}"#;
    let (path, credential) = match service {
        LoopbackService::ChatGpt => ("/backend-api/codex/responses", Credential::ChatGptToken),
        _ => ("/v1/responses", Credential::ApiKey),
    };
    RequestFacts {
        service,
        method: http::Method::POST,
        path: path.to_owned(),
        websocket: false,
        credential,
        body: RequestBody::Turn(TurnRequest::parse(body).unwrap()),
        script: std::sync::Arc::default(),
        fault: Some(fault),
        now: 1_795_000_000,
    }
}

fn words(answer: &LoopbackAnswer) -> String {
    match &answer.content {
        Content::Json(value) => value.to_string(),
        Content::Html(page) => (*page).to_owned(),
        Content::Turn { flow, .. } => format!("{flow:?}"),
        Content::Reset => "reset".to_owned(),
        Content::Empty => String::new(),
    }
}

#[test]
fn every_fault_shows_in_the_answer_to_a_turn() {
    for (fault, status, contains) in [
        (Fault::CloudflarePage, 403, "<html"),
        (Fault::TokenExpired, 401, "\"code\":\"token_expired\""),
        (Fault::RefreshTokenReused, 401, "\"code\":\"token_expired\""),
        (Fault::MissingScope, 401, "Missing scopes: api.responses.write"),
        (Fault::UsageLimit, 429, "\"resets_at\":1795003600"),
        (Fault::RateLimit, 429, "Rate limit reached for gpt-5.5"),
        (Fault::BadRequestNoBody, 400, ""),
        (Fault::ServerError, 500, "\"type\":\"server_error\""),
        (Fault::StreamStops, 200, "Stops"),
        (Fault::StreamNeverStarts, 200, "NeverStarts"),
        (Fault::StreamDrips, 200, "Drips"),
        (Fault::UnknownModel, 400, "'gpt-5.5' model is not supported when using Codex"),
        (Fault::ConnectionReset, 0, "reset"),
    ] {
        let answer = decide(&facts(LoopbackService::ChatGpt, fault));
        assert_eq!((answer.status, answer.kind), (status, RequestKind::Faulted), "{fault}");
        assert!(words(&answer).contains(contains), "{fault}: {}", words(&answer));
        assert_eq!(answer.note.unwrap(), format!("fault: {fault}"));
    }
}

#[test]
fn the_public_api_does_not_know_a_model_in_its_own_words() {
    let answer = decide(&facts(LoopbackService::Api, Fault::UnknownModel));
    assert_eq!(answer.status, 404);
    assert!(words(&answer).contains("model_not_found"));
}

#[test]
fn a_wrong_path_or_credential_comes_before_any_fault() {
    for fault in Fault::ALL {
        let right = facts(LoopbackService::ChatGpt, fault);
        for wrong in [
            RequestFacts { credential: Credential::None, ..right.clone() },
            RequestFacts { path: "/backend-api/responses".to_owned(), ..right.clone() },
            RequestFacts { path: "/backend-api/codex/models".to_owned(), ..right.clone() },
            RequestFacts { body: RequestBody::Ignored, ..right.clone() },
        ] {
            let expected = decide(&RequestFacts { fault: None, ..wrong.clone() });
            assert_eq!(decide(&wrong), expected, "{fault}");
        }
    }
}

#[test]
fn a_websocket_is_refused_by_the_faults_that_stand_before_it() {
    for fault in Fault::ALL {
        let ask = RequestFacts {
            method: http::Method::GET,
            websocket: true,
            body: RequestBody::Ignored,
            ..facts(LoopbackService::ChatGpt, fault)
        };
        let expected =
            if fault.refuses_upgrade() { RequestKind::Faulted } else { RequestKind::Upgraded };
        assert_eq!(decide(&ask).kind, expected, "{fault}");
    }
}

#[test]
fn a_websocket_that_closes_early_leaves_a_post_alone() {
    let post = facts(LoopbackService::ChatGpt, Fault::WebsocketClosedEarly);
    assert_eq!(decide(&post), decide(&RequestFacts { fault: None, ..post.clone() }));
    let message = RequestFacts { websocket: true, ..post };
    assert_eq!(words(&decide(&message)), "Closes");
}

#[test]
fn only_one_fault_changes_what_a_refresh_gets() {
    for fault in Fault::ALL {
        let refresh = RequestFacts {
            service: LoopbackService::Auth,
            path: "/oauth/token".to_owned(),
            ..facts(LoopbackService::Auth, fault)
        };
        let reused = words(&decide(&refresh)).contains("refresh_token_reused");
        assert_eq!(reused, fault == Fault::RefreshTokenReused, "{fault}");
    }
}
