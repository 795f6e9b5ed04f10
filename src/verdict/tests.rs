use std::time::Duration;

use super::*;
use crate::observation::{Credential, Reply, RequestRecord, Scheme};

fn request(host: &str, path: &str, kind: RequestKind, status: Option<u16>) -> RequestRecord {
    RequestRecord {
        sequence: 0,
        elapsed: Duration::ZERO,
        scheme: Scheme::Https,
        host: host.to_owned(),
        port: 443,
        method: "POST".to_owned(),
        path: path.to_owned(),
        status,
        kind,
        websocket: false,
        model: Some("gpt-5.5".to_owned()),
        credential: Credential::ChatGptToken,
        called: None,
        returned: None,
        note: None,
    }
}

fn good() -> Observation {
    Observation {
        core: "2026.5.18".parse().unwrap(),
        plugin: None,
        node: "22.23.3".to_owned(),
        route: "openai-codex/gpt-5.5".parse().unwrap(),
        upstream: "loopback".to_owned(),
        asked: "OK".to_owned(),
        started: "2026-11-21T08:00:00Z".parse().unwrap(),
        elapsed_ms: 7000,
        ending: Ending::Exited(0),
        reply: Some(Reply {
            texts: vec!["OK".to_owned()],
            provider: Some("openai-codex".to_owned()),
            model: Some("gpt-5.5".to_owned()),
            harness: Some("pi".to_owned()),
            ..Reply::default()
        }),
        stdout: "{}".to_owned(),
        stderr: "(node:1) [UNDICI-EHPA] Warning: EnvHttpProxyAgent is experimental".to_owned(),
        requests: vec![request(
            "chatgpt.com",
            "/backend-api/codex/responses",
            RequestKind::Answered,
            Some(200),
        )],
        left_running: 0,
        logs: None,
    }
}

/// A run that ended with status 1, no reply and this on stderr.
fn failed(stderr: &str) -> Observation {
    Observation {
        ending: Ending::Exited(1),
        reply: None,
        stdout: String::new(),
        stderr: stderr.to_owned(),
        requests: Vec::new(),
        ..good()
    }
}

fn bad(observation: &Observation) -> Failure {
    match judge(observation) {
        Verdict::Bad { failure } => failure,
        other => panic!("{other:?}"),
    }
}

fn with_reply(change: impl FnOnce(&mut Reply)) -> Observation {
    let mut observation = good();
    change(observation.reply.as_mut().unwrap());
    observation
}

#[test]
fn a_reply_that_breaks_no_rule_is_good() {
    assert_eq!(judge(&good()), Verdict::Good);
}

#[test]
fn each_part_of_the_pass_rule_is_needed() {
    for (observation, text) in [
        (with_reply(|r| r.texts = vec!["NO".to_owned()]), "asked for `OK`, it replied `NO`"),
        (with_reply(|r| r.texts.clear()), "the reply is empty"),
        (with_reply(|r| r.texts.push("OK".to_owned())), "2 payloads instead of one"),
        (
            with_reply(|r| r.provider = Some("anthropic".to_owned())),
            "asked through openai-codex/gpt-5.5, anthropic/gpt-5.5 answered",
        ),
        (
            with_reply(|r| r.model = None),
            "asked through openai-codex/gpt-5.5, openai-codex/nobody knows what answered",
        ),
        (with_reply(|r| r.fallback_used = true), "a fallback answered"),
        (with_reply(|r| r.failed_attempts = 1), "a fallback answered"),
        (
            with_reply(|r| r.fallback_from = Some("gateway".to_owned())),
            "the gateway did not answer, the turn ran embedded",
        ),
    ] {
        let failure = bad(&observation);
        assert_eq!(failure.evidence.text, text);
        assert_eq!(failure.title, "the reply is not the one that was asked for");
    }
    let harness = Observation { route: "openai-codex/gpt-5.5@codex".parse().unwrap(), ..good() };
    assert_eq!(bad(&harness).evidence.text, "harness pi ran the turn, not codex");
    let exit = Observation { ending: Ending::Exited(1), ..good() };
    assert_eq!(bad(&exit).signature, "unknown");
    let invented = Observation { requests: Vec::new(), ..good() };
    assert_eq!(bad(&invented).evidence.source, Source::Upstream);
}

#[test]
fn the_earliest_known_line_names_the_failure_and_the_shortest_is_quoted() {
    let failure = bad(&failed(
        "[diagnostic] lane task error: lane=main error=\"FailoverError: Unknown model: openai-codex/gpt-5.5\"\n\
         FailoverError: Unknown model: openai-codex/gpt-5.5\n\
         LLM request timed out\n",
    ));
    assert_eq!(failure.signature, "unknown-model");
    assert_eq!(
        failure.evidence,
        Evidence {
            source: Source::Stderr,
            line: Some(2),
            text: "FailoverError: Unknown model: openai-codex/gpt-5.5".to_owned()
        }
    );
    assert!(failure.of_route);
}

#[test]
fn a_refusal_that_the_upstream_saw_goes_before_what_the_release_calls_it() {
    let refused = request("chatgpt.com", "/backend-api/responses", RequestKind::Refused, Some(403));
    let failure = bad(&Observation {
        requests: vec![refused],
        ..failed("Error: DNS lookup for the provider endpoint failed")
    });
    assert_eq!(failure.signature, "cloudflare-403");
    assert_eq!(failure.evidence.text, "POST chatgpt.com/backend-api/responses -> 403");
}

#[test]
fn what_is_not_the_releases_own_is_a_skip_and_never_bad() {
    let refresh = request("auth.openai.com", "/oauth/token", RequestKind::Refused, Some(401));
    let untrusted = request("chatgpt.com", "", RequestKind::TlsFailed, None);
    for observation in [
        failed("Error: listen EADDRINUSE 127.0.0.1:18789"),
        failed("[openclaw] error: this OpenClaw release requires Node >=24.16.0"),
        failed("refresh_token_reused"),
        failed("You have reached your Codex subscription usage limit"),
        failed("state uses newer schema version 12; this build supports 9"),
        Observation { requests: vec![refresh], ..failed("fetch failed") },
        Observation {
            requests: vec![untrusted],
            ..failed("EmbeddedAttemptSessionTakeoverError: session file changed")
        },
    ] {
        let verdict = judge(&observation);
        assert!(
            matches!(verdict, Verdict::Skip { reason: SkipReason::NotTheRelease { .. } }),
            "{verdict:?}"
        );
    }
}

#[test]
fn a_harness_that_only_the_plugin_has_makes_the_candidate_incomplete() {
    let verdict = judge(&failed("Error: Requested agent harness \"codex\" is not registered."));
    assert!(
        matches!(verdict, Verdict::Skip { reason: SkipReason::Incomplete { .. } }),
        "{verdict:?}"
    );
}

#[test]
fn an_unknown_failure_keeps_its_best_line() {
    let failure = bad(&failed("starting\nTypeError: x is not a function\n    at main.js:1\nbye\n"));
    assert_eq!((failure.signature.as_str(), failure.evidence.line), ("unknown", Some(2)));
    assert_eq!(failure.evidence.text, "TypeError: x is not a function");
    let silent = bad(&failed(""));
    assert!(silent.evidence.text.contains("exit status 1"), "{}", silent.evidence.text);
}

#[test]
fn a_hang_is_bad_by_its_time() {
    let hung = Observation { ending: Ending::TimedOut, elapsed_ms: 150_000, ..failed("") };
    let failure = bad(&hung);
    assert_eq!(failure.signature, "turn-timed-out");
    assert_eq!(failure.evidence.text, "stopped after 150 s without a reply");
}

#[test]
fn a_warning_beside_the_right_reply_is_cosmetic() {
    let noisy =
        Observation { stderr: "⚠️ tool call failed: ECONNREFUSED".to_owned(), ..good() };
    assert_eq!(judge(&noisy), Verdict::Good);
}
