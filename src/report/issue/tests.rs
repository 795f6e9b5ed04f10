use camino::{Utf8Path, Utf8PathBuf};

use super::*;
use crate::app::issue::RollbackEnd;
use crate::apply::Versions;
use crate::catalogue::Catalogue;
use crate::node::choice::Node;
use crate::observation::sample;
use crate::observation::{AgentEnding, RequestKind};
use crate::question::{AskBy, Lender, Lending, Upstream};
use crate::release::pairing::Plugin;
use crate::search::{Ask as SearchAsk, Outcome, Purpose, Reason, SearchPlan};
use crate::session::journal::SessionRequest;
use crate::verdict;

fn candidate(core: &str, plugin: bool) -> Candidate {
    let version = core.parse().unwrap();
    Candidate {
        core: version,
        core_integrity: None,
        node: None,
        plugin: plugin.then(|| Plugin {
            version,
            integrity: None,
            codex_cli: Some(semver::Version::new(0, 154, 0)),
        }),
    }
}

fn checked(place: usize, observation: Observation, purpose: Purpose) -> CheckRecord {
    let verdict = verdict::judge(&observation, &Catalogue::built_in());
    let ask = SearchAsk { id: 1, place, reason: Reason::Search };
    let (core, observations) = (observation.core, vec![observation]);
    CheckRecord { ask, core, verdict, observations, purpose, known_since: None, counts: true }
}

fn good(core: &str) -> Observation {
    Observation { core: core.parse().unwrap(), ..sample::good() }
}

/// It names somebody in every line.
fn bad(core: &str) -> Observation {
    let stderr = "warming up for me@example.com\n\
        HTTP 401 ChatGPT-Account-Id: 0a1b2c3d from 192.168.1.17\n\
        Unknown model: openai-codex/gpt-5.5 | see /home/ann/.openclaw/x ``` on attic-box\n\
        at run (/home/somebody/dist/run.js:3)";
    let request = sample::request(
        "chatgpt.com",
        "/backend-api/responses?session=[token]",
        RequestKind::Refused,
        Some(404),
    );
    Observation {
        core: core.parse().unwrap(),
        logs: Some(Utf8PathBuf::from(format!("/home/ann/state/sessions/one/logs/02-{core}"))),
        requests: vec![request],
        elapsed_ms: 4100,
        ..sample::failed(stderr)
    }
}

fn story(outcome: Option<Outcome>, checked: Vec<CheckRecord>) -> SessionSummary {
    let line = ["2026.5.18", "2026.5.19", "2026.5.28"].map(|core| candidate(core, true)).to_vec();
    let node = Node { version: "22.23.3".to_owned(), bin: "/home/ann/node/bin".into() };
    SessionSummary {
        id: "one".to_owned(),
        directory: "/home/ann/state/sessions/one".into(),
        begun: "2026-11-21T08:00:00Z".parse().unwrap(),
        request: SessionRequest {
            question: Question::text_through(vec!["openai-codex/gpt-5.5".parse().unwrap()]),
            nodes: vec![Some(node); line.len()],
            line,
            pin_file: "/home/ann/team/known-good.toml".into(),
            search: SearchPlan::BEFORE_PLANS,
            find_fix: false,
            scan: None,
            newest: Vec::new(),
            fresh: false,
            max_turns: None,
            account: None,
        },
        checks: checked,
        newest_checks: Vec::new(),
        newest: Vec::new(),
        outcome,
    }
}

fn found() -> SessionSummary {
    let checks = vec![
        checked(0, good("2026.5.18"), Purpose::Search),
        checked(2, bad("2026.5.28"), Purpose::Search),
        checked(1, bad("2026.5.19"), Purpose::Search),
    ];
    story(Some(Outcome::Found { last_good: 0, first_bad: 1 }), checks)
}

fn markdown_with(story: &SessionSummary, change: impl FnOnce(&mut Issue<'_>)) -> String {
    let person = Person::new(Utf8Path::new("/home/ann"), Some("annette"), Some("attic-box"));
    let machine = Machine {
        system: "Debian GNU/Linux 13 (trixie)".to_owned(),
        processor: "x86_64".to_owned(),
        npm: Some("11.6.2".to_owned()),
    };
    let mut issue = Issue {
        session: story,
        machine: &machine,
        rollback: None,
        remedies: None,
        changes: None,
        catalogue: &Catalogue::built_in(),
        person: &person,
    };
    change(&mut issue);
    issue.markdown().replace(env!("CARGO_PKG_VERSION"), "[VERSION]")
}

fn markdown(story: &SessionSummary) -> String {
    markdown_with(story, |_| ())
}

#[test]
fn a_session_that_found_the_release_is_an_issue() {
    let text = markdown(&found());
    insta::assert_snapshot!(text);
    for private in ["me@example.com", "0a1b2c3d", "192.168", "/home/ann", "attic", "somebody"] {
        assert!(!text.contains(private), "{private} in {text}");
    }
}

#[test]
fn a_rollback_and_what_changed_have_their_place() {
    let rolled_back = |end| Rollback {
        at: "2026-11-21T09:00:00Z".parse().unwrap(),
        from: Versions { core: "2026.5.28".parse().unwrap(), plugin: None },
        to: Versions { core: "2026.5.18".parse().unwrap(), plugin: "2026.5.18".parse().ok() },
        end,
    };
    let mut told = Vec::new();
    for end in [
        RollbackEnd::Proved,
        RollbackEnd::PutBack(Some("the service does not start".to_owned())),
        RollbackEnd::Unfinished,
    ] {
        let text = markdown_with(&found(), |issue| {
            issue.rollback = Some(rolled_back(end));
            issue.changes =
                Some(vec!["one more dependency: @scope/name 1.0.0 -> 1.1.0".to_owned()]);
        });
        let from = text.find("## What changed").unwrap();
        let to = text.find("## Expected").unwrap();
        told.push(text[from..to].to_owned());
    }
    insta::assert_snapshot!(told.join("---\n"));
}

#[test]
fn every_other_end_of_a_search_says_what_is_known() {
    let skip = CheckRecord {
        ask: SearchAsk { id: 1, place: 1, reason: Reason::Search },
        core: "2026.5.19".parse().unwrap(),
        verdict: Verdict::Skip {
            reason: verdict::SkipReason::CannotInstall {
                why: "linkedom is gone (E404)".to_owned(),
            },
        },
        observations: Vec::new(),
        known_since: None,
        purpose: Purpose::Search,
        counts: true,
    };
    let first = || checked(0, good("2026.5.18"), Purpose::Search);
    let last = |observation| checked(2, observation, Purpose::Search);
    let mut told = Vec::new();
    for (outcome, checks) in [
        (None, vec![]),
        (None, vec![first()]),
        (None, vec![first(), last(bad("2026.5.28"))]),
        (
            Some(Outcome::Range { last_good: 0, first_bad: 2 }),
            vec![first(), last(bad("2026.5.28")), skip.clone()],
        ),
        (Some(Outcome::NoRegression), vec![first(), last(good("2026.5.28"))]),
        (Some(Outcome::GoodEndIsBad), vec![checked(0, bad("2026.5.18"), Purpose::Search)]),
        (Some(Outcome::EndSkipped { end: 1 }), vec![first(), skip.clone()]),
    ] {
        let text = markdown(&story(outcome, checks));
        let summary = text.split("\n## Environment").next().unwrap();
        told.push(summary.to_owned());
    }
    insta::assert_snapshot!(told.join("\n---\n"));
}

#[test]
fn a_deeper_question_is_told_and_asked_again_as_it_was() {
    let mut deep = found();
    let question = &mut deep.request.question;
    question.routes.push("openai/gpt-5.5@codex".parse().unwrap());
    question.require = crate::question::Require::Any;
    question.ask = AskBy::Probe(crate::question::Probe::Multitool(5));
    question.through = crate::question::Through::Gateway;
    question.config = Some("/home/ann/.openclaw/openclaw.json".into());
    question.upgrade = crate::question::Upgrade::Doctor;
    question.timeout_s = 60;
    question.reply = "it's fine".to_owned();
    question.carry_state = true;
    question.upstream = Upstream::Live(Lending {
        lender: Lender::Installation,
        profile: "openai-codex:mine".to_owned(),
        relay: true,
    });
    let text = markdown(&deep);
    assert!(!text.contains("mine"), "never whose login: {text}");
    let from = text.find("## How to reproduce").unwrap();
    insta::assert_snapshot!(&text[from..]);

    deep.request.question.ask = AskBy::Command("./try.sh 'a b'".to_owned());
    let text = markdown(&deep);
    assert!(text.contains(r"--exec './try.sh '\''a b'\'''"), "{text}");
    assert!(text.contains("exit status 0, as before") && !text.contains("By hand"), "{text}");
}

#[test]
fn a_failure_that_no_line_shows_is_told_with_the_last_ones() {
    let silent = Observation {
        ending: AgentEnding::Exited(0),
        reply: Some(crate::observation::Reply {
            texts: vec!["NO".to_owned()],
            ..sample::good().reply.unwrap()
        }),
        ..good("2026.5.19")
    };
    let mut story = found();
    story.checks[2] = checked(1, silent, Purpose::Search);
    let text = markdown(&story);
    let from = text.find("## Failure").unwrap();
    let to = text.find("## What was tried").unwrap();
    insta::assert_snapshot!(&text[from..to]);
}
