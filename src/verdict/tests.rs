#![allow(clippy::unwrap_used, reason = "a test")]

use std::sync::LazyLock;
use std::time::Duration;

use super::*;
use crate::catalogue::Catalogue;
use crate::observation::sample::{answered, failed, good, request};
use crate::observation::{
    AgentEnding, CheckStage, Observation, Reply, RequestKind, RequestRecord, Times, ToolReturn,
};
use crate::question::{AskBy, Probe, Require, Through};
use crate::route::Route;
use crate::search::Mark;

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(Catalogue::built_in);

fn judge(observation: &Observation) -> Verdict {
    super::judge(observation, &CATALOGUE)
}

fn judge_all(observations: &[Observation], require: Require) -> Verdict {
    super::judge_all(observations, require, &CATALOGUE)
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
fn a_turn_that_asks_the_model_without_end_has_a_verdict_of_its_own() {
    let limited = RequestRecord { kind: RequestKind::Limited, status: Some(429), ..answered(None) };
    let mut observation = failed("API rate limit reached");
    observation.requests = vec![answered(None), answered(None), limited];
    let failure = bad(&observation);
    assert_eq!(failure.signature, "turn-without-end");
    assert!(failure.title.contains("2 answers, and no reply"), "{}", failure.title);
    observation = good();
    observation.requests.push(RequestRecord { kind: RequestKind::Limited, ..answered(None) });
    assert_eq!(judge(&observation), Verdict::Good, "it replied after all");
}

#[test]
fn a_release_whose_time_went_into_fetching_packages_has_shown_nothing() {
    let fetched = request("registry.example", "", RequestKind::Registry, Some(200));
    let fetched = RequestRecord { model: None, ..fetched };
    let turn = answered(None);
    let mut observation = Observation { ending: AgentEnding::TimedOut, ..failed("") };
    observation.requests = vec![fetched.clone()];
    let Verdict::Skip { reason } = judge(&observation) else { panic!("{observation:?}") };
    let failure = reason.failure().unwrap();
    assert!(failure.title.contains("still fetching packages"), "{failure:?}");
    assert_eq!(failure.remedy.as_deref(), Some("--timeout 600"));
    // One that came as far as its turn, or ended by itself, is judged by that.
    observation.requests = vec![fetched.clone(), turn];
    assert_eq!(judge(&observation).mark(), Mark::Bad);
    let ended = Observation { requests: vec![fetched], ..failed("Unknown thing") };
    assert_eq!(judge(&ended).mark(), Mark::Bad);
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
    // The embedded one by its later name.
    let renamed = Observation { route: "openai-codex/gpt-5.5@openclaw".parse().unwrap(), ..good() };
    assert_eq!(judge(&renamed), Verdict::Good);
    let exit = Observation { ending: AgentEnding::Exited(1), ..good() };
    assert_eq!(bad(&exit).signature, "unknown");
    let invented = Observation { requests: Vec::new(), ..good() };
    assert_eq!(bad(&invented).evidence.source, EvidenceSource::Upstream);
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
            source: EvidenceSource::Stderr,
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
    for (status, signature) in [(401, "login-refused"), (503, "service-outage")] {
        let refused = request("chatgpt.com", "/x/responses", RequestKind::Forwarded, Some(status));
        let refused = Observation { requests: vec![refused], ..failed("no reply") };
        assert_eq!(judge(&refused).failure().unwrap().signature, signature);
    }
    let limited = request("chatgpt.com", "/x/responses", RequestKind::Forwarded, Some(429));
    let unreachable = request("chatgpt.com", "", RequestKind::Unreachable, Some(502));
    for observation in [
        failed("Error: listen EADDRINUSE 127.0.0.1:18789"),
        failed("[openclaw] error: this OpenClaw release requires Node >=24.16.0"),
        failed("refresh_token_reused"),
        failed("You have reached your Codex subscription usage limit"),
        failed("state uses newer schema version 12; this build supports 9"),
        Observation { requests: vec![refresh], ..failed("fetch failed") },
        Observation { requests: vec![limited], ..failed("Unknown model: x/y") },
        Observation { requests: vec![unreachable], ..failed("Unknown model: x/y") },
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
fn a_lent_login_that_was_to_be_renewed_is_a_skip_however_far_it_came() {
    let refresh = RequestKind::RefreshRefused;
    let refresh = request("auth.openai.com", "/oauth/token", refresh, Some(401));
    for before in [RequestKind::Answered, RequestKind::Passed] {
        let before = request("chatgpt.com", "", before, Some(200));
        let requests = vec![before, refresh.clone()];
        let observation = Observation { requests, ..failed("FailoverError: Unknown model: x/y") };
        let verdict = judge(&observation);
        assert!(matches!(verdict, Verdict::Skip { .. }), "{verdict:?}");
    }
}

#[test]
fn a_turn_through_a_tunnel_that_nobody_looks_into_is_good() {
    let passed = request("chatgpt.com", "", RequestKind::Passed, Some(200));
    let verdict = judge(&Observation { requests: vec![passed], ..good() });
    assert!(matches!(verdict, Verdict::Good), "{verdict:?}");
}

#[test]
fn a_harness_that_is_not_there_although_the_plugin_is_makes_the_release_bad() {
    let observation = failed("Requested agent harness \"codex\" is not registered.");
    let with_plugin =
        Observation { plugin: Some("2026.9.5".parse().unwrap()), ..observation.clone() };
    assert_eq!(bad(&with_plugin).signature, "harness-missing");
    // A route in another harness never has the plugin.
    let route = "openai-codex/gpt-5.5@pi".parse().unwrap();
    let verdict = judge(&Observation { route, ..with_plugin });
    assert_eq!(verdict.mark(), Mark::Skip);
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
    let hung = Observation { ending: AgentEnding::TimedOut, elapsed_ms: 150_000, ..failed("") };
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

/// A turn whose tool calls came back like this, one after the other.
fn with_tools(probe: Probe, genuine: &[bool]) -> Observation {
    let returned = |(step, genuine): (usize, &bool)| {
        answered(Some(ToolReturn { tool: "exec".to_owned(), step, genuine: *genuine }))
    };
    let requests = std::iter::once(answered(None));
    let requests = requests.chain(genuine.iter().enumerate().map(returned)).collect();
    Observation { ask: AskBy::Probe(probe), requests, ..good() }
}

#[test]
fn a_tool_turn_is_good_only_if_every_tool_really_ran() {
    assert_eq!(judge(&with_tools(Probe::Tool, &[true])), Verdict::Good);
    assert_eq!(judge(&with_tools(Probe::Multitool(3), &[true; 3])), Verdict::Good);
    for made_up in [
        with_tools(Probe::Tool, &[]),
        with_tools(Probe::Tool, &[false]),
        with_tools(Probe::Multitool(3), &[true, false, true]),
        with_tools(Probe::Multitool(3), &[true, true]),
    ] {
        assert_eq!(bad(&made_up).signature, "unknown", "{made_up:?}");
    }
    // One call whose result came twice is one.
    let mut twice = with_tools(Probe::Multitool(2), &[true]);
    twice.requests.push(twice.requests[1].clone());
    assert!(matches!(judge(&twice), Verdict::Bad { .. }));
}

#[test]
fn a_hang_in_a_tool_turn_says_how_far_it_came() {
    let hung = Observation {
        ending: AgentEnding::TimedOut,
        reply: None,
        elapsed_ms: 150_000,
        ..with_tools(Probe::Multitool(20), &[true; 7])
    };
    let text = bad(&hung).evidence.text;
    assert_eq!(text, "stopped after 150 s without a reply, 7 of 20 tool calls done");
}

#[test]
fn a_tool_turn_that_went_on_at_its_own_pace_to_the_end_of_its_time_has_shown_nothing() {
    let stopped_after = |milliseconds: u64| {
        let mut turn = with_tools(Probe::Multitool(20), &[true; 7]);
        for (number, request) in turn.requests.iter_mut().enumerate() {
            request.elapsed = Duration::from_secs(40 + 4 * number as u64);
        }
        let times = Times { turn: Some(milliseconds), ..Times::default() };
        let ending = AgentEnding::TimedOut;
        Observation { ending, reply: None, elapsed_ms: 160_000, times, ..turn }
    };
    // The last of eight requests, 28 s after the first.
    let Verdict::Skip { reason } = judge(&stopped_after(33_000)) else { panic!("it is at work") };
    let failure = reason.failure().unwrap();
    assert_eq!(failure.signature, "still-at-work");
    assert!(failure.evidence.text.ends_with("7 of 20 tool calls done"), "{failure:?}");
    assert_eq!(failure.remedy.as_deref(), Some("--timeout 640"));
    assert_eq!(bad(&stopped_after(60_000)).signature, "turn-timed-out");
}

#[test]
fn through_a_gateway_only_a_gateways_answer_counts() {
    let through =
        |change: fn(&mut Reply)| Observation { through: Through::Gateway, ..with_reply(change) };
    assert_eq!(judge(&through(|reply| reply.through_gateway = true)), Verdict::Good);
    let embedded: fn(&mut Reply) = |reply| {
        reply.through_gateway = true;
        reply.transport = Some("embedded".to_owned());
    };
    for fallen_back in [through(|_| ()), through(embedded)] {
        let text = bad(&fallen_back).evidence.text;
        assert_eq!(text, "the gateway did not answer, the turn ran embedded");
    }
}

#[test]
fn the_gateways_own_line_goes_before_what_the_agent_makes_of_it() {
    let failure = bad(&Observation {
        through: Through::Gateway,
        gateway: "[gateway] ready\nFailoverError: Unknown model: openai-codex/gpt-5.5\n".to_owned(),
        ..failed("Error: LLM request timed out")
    });
    assert_eq!(
        (failure.signature.as_str(), failure.evidence.source),
        ("unknown-model", EvidenceSource::Gateway)
    );
}

#[test]
fn a_stage_before_the_turn_that_fails_is_named() {
    for (stage, word) in [(CheckStage::Gateway, "Gateway"), (CheckStage::Doctor, "doctor")] {
        let early = Observation { stopped_at: Some(stage), ..failed("TypeError: too early") };
        let failure = bad(&early);
        assert!(failure.title.contains(word), "{}", failure.title);
        assert_eq!(failure.evidence.text, "TypeError: too early");
        // A check command that was never run says nothing.
        let command = Observation { ask: AskBy::Command("true".to_owned()), ..early };
        assert_eq!(bad(&command).evidence.text, "TypeError: too early");
    }
}

#[test]
fn a_route_that_the_doctor_moved_is_the_one_that_has_to_answer() {
    let moved = |to: &str| Observation {
        moved_to: Some(to.parse::<Route>().unwrap()),
        ..with_reply(|reply| reply.provider = Some("openai".to_owned()))
    };
    assert_eq!(judge(&moved("openai/gpt-5.5")), Verdict::Good);
    assert!(matches!(judge(&moved("openai/gpt-5.6")), Verdict::Bad { .. }));
}

#[test]
fn the_exit_code_of_a_check_command_is_the_verdict() {
    let ended = |ending| {
        let ask = AskBy::Command("./probe".to_owned());
        judge(&Observation { ask, ending, reply: None, requests: Vec::new(), ..good() })
    };
    assert_eq!(ended(AgentEnding::Exited(0)), Verdict::Good);
    assert_eq!(
        ended(AgentEnding::Exited(125)),
        Verdict::Skip { reason: SkipReason::CommandSaysSo }
    );
    for ending in [1, 124, 126, 127].map(AgentEnding::Exited) {
        let Verdict::Bad { failure } = ended(ending) else { panic!("{ending:?}") };
        assert_eq!(failure.signature, "check-command");
        let AgentEnding::Exited(status) = ending else { panic!("{ending:?}") };
        assert_eq!(failure.key(), format!("check-command-{status}"));
    }
    let Verdict::Bad { failure } = ended(AgentEnding::TimedOut) else { panic!("it hung") };
    assert_eq!(failure.signature, "turn-timed-out");
}

#[test]
fn of_several_routes_all_or_any_have_to_answer() {
    let (good, bad) = (good(), failed("FailoverError: Unknown model: x"));
    let skip = failed("Error: listen EADDRINUSE 127.0.0.1:18789");
    for (seen, all, any) in [
        (vec![&good, &good], Mark::Good, Mark::Good),
        (vec![&good, &bad], Mark::Bad, Mark::Good),
        (vec![&bad, &good], Mark::Bad, Mark::Good),
        (vec![&good, &skip], Mark::Skip, Mark::Good),
        (vec![&skip, &bad], Mark::Bad, Mark::Skip),
        (vec![&bad, &bad], Mark::Bad, Mark::Bad),
    ] {
        let seen: Vec<_> = seen.into_iter().cloned().collect();
        assert_eq!(judge_all(&seen, Require::All).mark(), all, "{seen:?}");
        assert_eq!(judge_all(&seen, Require::Any).mark(), any, "{seen:?}");
    }
}

#[test]
fn what_a_limit_of_codexpins_ended_is_a_skip_that_names_it_whatever_else_was_seen() {
    use crate::process::Limit;
    for seen in [good(), failed("Unknown model: openai-codex/gpt-5.5")] {
        for stopped_at in [None, Some(CheckStage::Gateway)] {
            for ask in [AskBy::Probe(Probe::Text), AskBy::Command("./try".to_owned())] {
                let ending = AgentEnding::Limited(Limit::Disk(16 << 30));
                let observation = Observation { ask, ending, stopped_at, ..seen.clone() };
                let verdict = judge(&observation);
                let Verdict::Skip { reason } = verdict else { panic!("{verdict:?}") };
                let said = "codexpin stopped it: it took more than 16.0 GiB on the disk";
                assert_eq!(reason.to_string(), said);
            }
        }
    }
}
