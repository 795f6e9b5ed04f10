//! What a candidate meets: a user's own config, the state of an older release,
//! and nothing of the network.

use std::fs;

use crate::support::{Ran, User};

/// What is said of a turn that ran no tool, before the name of its harness.
const ONE_REQUEST: &str = "1 answered model request, harness ";

fn is_of_text_alone(ran: &Ran, how: &str) {
    assert!(ran.stdout.contains(how) && !ran.stdout.contains("running"), "{}", ran.stdout);
}

#[test]
fn a_users_own_config_is_carried_over_without_its_secrets() {
    let user = User::new();
    let config = r"{
      // Written by a person: comments, single quotes, trailing commas.
      agents: { defaults: {
        model: { primary: 'loop/test-model', fallbacks: ['openai-codex/gpt-5.5'] },
        workspace: '~/clawd',
      } },
      models: { providers: { loop: {
        baseUrl: 'http://10.1.2.3:4000/v1', apiKey: 'sk-canary-of-a-provider',
        api: 'openai-responses', models: [{ id: 'test-model', name: 'Test' }],
      } } },
      channels: { telegram: { enabled: true, botToken: '7000000001:canary-of-a-channel' } },
      cron: { enabled: true },
    }";
    let file = user.work().join("openclaw.json");
    fs::write(&file, config).unwrap();
    for (release, harness) in [("2026.5.18", "pi"), ("2026.7.1", "openclaw")] {
        let ran =
            user.run(&["check", release, "--config", "openclaw.json", "--through", "gateway"]);
        assert_eq!(ran.code, Some(0), "{release}");
        assert!(ran.stdout.contains("answers through loop/test-model"));
        is_of_text_alone(&ran, &format!("its own Gateway, {ONE_REQUEST}{harness}"));
        assert!(ran.stdout.contains("channels.telegram: removed"));
        assert!(!format!("{}{}", ran.stdout, ran.stderr).contains("canary"));
    }
    let logs = walk(&user.state());
    assert!(!logs.is_empty());
    for log in logs {
        let text = fs::read(&log).unwrap();
        assert!(!String::from_utf8_lossy(&text).contains("canary"), "{}", log.display());
    }
    assert_eq!(fs::read_to_string(file).unwrap(), config);
}

#[test]
fn a_setting_that_a_release_no_longer_takes_is_reproduced() {
    let user = User::new();
    let config = r"{
      agents: { defaults: { model: 'openai-codex/gpt-5.5' } },
      models: { providers: { 'openai-codex': {
        baseUrl: 'https://chatgpt.com/backend-api', api: 'openai-codex-responses',
        models: [{ id: 'gpt-5.5', name: 'gpt-5.5' }],
      } } },
      auth: { profiles: { 'openai-codex:default': { provider: 'openai-codex', mode: 'oauth' } } },
    }";
    fs::write(user.work().join("stale.json"), config).unwrap();
    let stale = |release| user.run(&["check", release, "--config", "stale.json"]);
    assert_eq!(stale("2026.5.18").code, Some(0));
    let ran = stale("2026.7.1");
    assert_eq!(ran.code, Some(1));
    assert!(ran.stdout.contains("[invalid-config]"), "{}", ran.stdout);
}

#[test]
fn an_upgrade_answers_once_its_own_doctor_has_moved_the_route() {
    let user = User::new();
    let route = ["--route", "openai-codex/gpt-5.5@openclaw"];
    let as_it_is = user.run(&[&["check", "2026.7.1"][..], &route].concat());
    assert_eq!(as_it_is.code, Some(1));
    let ran = user.run(&[&["check", "2026.7.1", "--upgrade", "doctor"][..], &route].concat());
    assert_eq!(ran.code, Some(0));
    assert!(ran.stdout.contains("moved the route to openai/gpt-5.5@openclaw"), "{}", ran.stdout);
    is_of_text_alone(&ran, &format!("{ONE_REQUEST}openclaw"));
}

#[test]
fn the_state_of_the_good_end_is_what_the_others_meet() {
    let user = User::new();
    let ran = user.run(&[
        "bisect",
        "2026.5.28",
        "2026.6.1",
        "--carry-state",
        "--upgrade",
        "doctor",
        "--route",
        "openai-codex/gpt-5.5@openclaw",
        "--route",
        "openai-codex/gpt-5.5@pi",
        "--require",
        "any",
        "--json",
    ]);
    // Doctor mends what the upgrade breaks: the harness that the older release
    // calls pi is called openclaw in the newer one.
    assert_eq!(ran.code, Some(4), "{ran:?}");
    let report = ran.json();
    let kept =
        std::path::Path::new(report["journal"].as_str().unwrap()).join("state-of-the-good-end");
    let sessions = walk(&kept.join("route-2/agents/main/sessions"));
    assert!(!sessions.is_empty(), "the session of the good end is in its state");
}

#[test]
fn a_candidate_reaches_the_upstream_and_nothing_else() {
    let user = User::new();
    let outside = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = outside.local_addr().unwrap().port();
    let script = user.work().join("reach.cjs");
    // Straight at a port of the machine, past the proxy settings.
    fs::write(
        &script,
        format!(
            "require('net').connect({port}, '127.0.0.1')\
             .on('connect', () => process.exit(1)).on('error', () => process.exit(0));"
        ),
    )
    .unwrap();
    let command = format!("node {}", script.display());
    let ran = user.run(&["check", "2026.5.18", "--exec", &command, "--json"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let seen = ran.json()["routes"][0]["observation"].clone();
    assert_eq!(seen["enclosure"]["kind"], "namespace", "{seen:#}");
}

fn walk(directory: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .flat_map(|entry| {
            let path = entry.path();
            if path.is_dir() { walk(&path) } else { vec![path] }
        })
        .collect()
}
