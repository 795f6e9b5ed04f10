//! Logins and the files that they are in.

use super::*;

fn hours(n: i64) -> Timestamp {
    now() + SignedDuration::from_hours(n)
}

fn with(change: impl FnOnce(&mut Account)) -> Facts {
    let mut facts = sound("2026.5.18");
    change(&mut facts.accounts[0]);
    facts
}

#[test]
fn an_access_token_that_ended_matters_by_whether_it_can_be_renewed() {
    for (left, renewable, expected) in [
        (200, true, None),
        (-1, true, Some("note login-to-be-renewed")),
        (-100, true, Some("warning login-not-renewed")),
        (200, false, None),
        (2, false, Some("warning login-ending")),
        (-1, false, Some("problem login-ended")),
    ] {
        let facts = with(|account| {
            account.expires = Some(hours(left));
            account.renewable = renewable;
        });
        assert_eq!(ids(&facts), Vec::from_iter(expected), "{left} {renewable}");
    }
    let without =
        |renewable| with(|account| (account.has_access, account.renewable) = (false, renewable));
    assert_eq!(ids(&without(false)), ["problem login-without-token"]);
    assert_eq!(ids(&without(true)), [""; 0], "it renews itself when it is asked with");
}

#[test]
fn a_login_that_ended_beside_a_good_one_is_no_more_than_a_warning() {
    let mut facts = sound("2026.5.18");
    let mut second = facts.accounts[0].clone();
    second.label = "openai-codex:second".to_owned();
    (second.expires, second.renewable) = (Some(hours(-1)), false);
    facts.accounts.push(second);
    assert!(ids(&facts).contains(&"warning login-ended".to_owned()), "{:?}", ids(&facts));
}

#[test]
fn no_login_is_a_problem_where_the_route_asks_with_one() {
    let mut facts = sound("2026.5.18");
    facts.accounts.clear();
    assert_eq!(ids(&facts), ["problem no-login"]);
    let command = &finding(&facts, "no-login").commands[0];
    assert_eq!(command, "openclaw models auth login --provider openai-codex");
    settings(&mut facts).route = "anthropic/claude".parse().ok();
    assert_eq!(ids(&facts), [""; 0]);
    let mut facts = sound("2026.9.5");
    facts.accounts.clear();
    facts.api_keys = vec![key(KeyPlace::Service, "OPENAI_API_KEY", "openai")];
    assert_eq!(ids(&facts), [""; 0], "an API key will do");
}

#[test]
fn several_logins_of_one_agent_are_a_warning() {
    let mut facts = sound("2026.5.18");
    let mut second = facts.accounts[0].clone();
    facts.accounts.push(second.clone());
    assert_eq!(ids(&facts), [""; 0], "one login in two stores is one login");
    second.profile = "openai-codex:somebody@example.com".to_owned();
    second.label = "openai-codex:***".to_owned();
    facts.accounts.push(second.clone());
    assert_eq!(ids(&facts), ["warning several-logins"]);
    let found = finding(&facts, "several-logins");
    assert_eq!(found.title, "there are 2 ChatGPT logins: openai-codex:default, openai-codex:***");
    assert!(found.why.contains("of one account"), "{}", found.why);
    assert_eq!(
        found.commands[1],
        "openclaw config set auth.order.openai-codex '[\"openai-codex:default\"]' --strict-json"
    );
    settings(&mut facts).order =
        vec![("openai-codex".to_owned(), vec!["openai-codex:default".to_owned()])];
    assert_eq!(ids(&facts), [""; 0], "the order leaves the other out");
    facts.accounts.pop();
    second.agent = "work".to_owned();
    facts.accounts.push(second);
    assert_eq!(ids(&facts), [""; 0], "each agent has one");
}

#[test]
fn a_login_in_the_store_of_another_release_is_told_with_the_way_to_move_it() {
    let stored = |release: &str, formats: &[LoginFormat]| {
        let provider = "openai";
        let accounts = formats.iter().map(|format| account(provider, *format)).collect();
        ids(&Facts { accounts, ..sound(release) })
    };
    let (inline, sqlite, none) = (LoginFormat::Inline, LoginFormat::Sqlite, [""; 0]);
    assert_eq!(stored("2026.7.1", &[inline]), ["problem login-store-unread"]);
    assert_eq!(stored("2026.7.1", &[sqlite, inline]), none, "an upgrade leaves the old file");
    assert_eq!(stored("2026.9.5", &[sqlite, inline]), ["problem login-store-older"]);
    assert_eq!(stored("2026.5.18", &[sqlite]), ["problem login-store-unread"]);
    assert_eq!(stored("2026.5.18", &[inline, sqlite]), none);
}

#[test]
fn a_profile_that_only_the_config_knows_is_a_warning() {
    let mut facts = sound("2026.9.5");
    settings(&mut facts).profiles = vec![
        ("openai:default".to_owned(), "openai:default".to_owned()),
        ("openai:***".to_owned(), "openai:somebody@example.com".to_owned()),
    ];
    assert_eq!(ids(&facts), ["warning profile-without-login"]);
    let text = format!("{:?}", finding(&facts, "profile-without-login"));
    assert!(!text.contains("somebody"), "{text}");
}

#[test]
fn a_profile_that_the_config_names_alone_is_a_problem_where_the_route_needs_a_login() {
    let name = |text: &str| (text.to_owned(), text.to_owned());
    let mut facts = sound("2026.9.5");
    settings(&mut facts).profiles = vec![name("openai:work")];
    assert_eq!(ids(&facts), ["problem profile-without-login"]);
    settings(&mut facts).profiles.clear();
    settings(&mut facts).profile = Some(name("openai:work"));
    assert_eq!(ids(&facts), ["problem profile-without-login"], "openai/gpt-5.5@openai:work");
    settings(&mut facts).profile = Some(name("openai:default"));
    assert_eq!(ids(&facts), [""; 0]);
    settings(&mut facts).profiles = vec![name("openai:work")];
    settings(&mut facts).route = "anthropic/claude".parse().ok();
    assert_eq!(ids(&facts), ["warning profile-without-login"], "the route needs none");
}

#[test]
fn a_stale_login_that_no_route_needs_is_no_more_than_a_note() {
    let mut facts = with(|account| (account.expires, account.renewable) = (Some(hours(-1)), false));
    assert_eq!(ids(&facts), ["problem login-ended"], "the only one, and needed");
    settings(&mut facts).route = "anthropic/claude".parse().ok();
    assert_eq!(ids(&facts), ["note login-ended"]);
}

#[test]
fn files_with_logins_are_neither_empty_nor_open_to_others() {
    let file = |name: &str, size, mode| AuthFile {
        path: format!("/home/user/.openclaw/agents/main/agent/{name}").into(),
        size,
        mode,
    };
    let with = |release: &str, file| ids(&Facts { auth_files: vec![file], ..sound(release) });
    let profiles = "auth-profiles.json";
    assert_eq!(with("2026.5.18", file(profiles, 9, 0o100_600)), [""; 0]);
    assert_eq!(with("2026.5.18", file(profiles, 9, 0o100_640)), ["warning login-file-open"]);
    assert_eq!(with("2026.5.18", file(profiles, 0, 0o100_600)), ["problem login-file-empty"]);
    assert_eq!(with("2026.9.5", file(profiles, 0, 0o100_600)), ["warning login-file-empty"]);
    assert_eq!(with("2026.5.18", file("auth.json", 0, 0o100_600)), ["warning login-file-empty"]);
}

#[test]
fn a_store_that_cannot_be_read_is_told_once() {
    let mut facts = sound("2026.5.18");
    facts.accounts.clear();
    let path = "/home/user/.openclaw/agents/main/agent/auth-profiles.json";
    facts.logins_unread = Some((format!("{path} is not a store of logins"), None));
    assert_eq!(ids(&facts), ["problem logins-unreadable"]);
    facts.auth_files = vec![AuthFile { path: path.into(), size: 0, mode: 0o100_600 }];
    assert_eq!(ids(&facts), ["problem login-file-empty"]);
}
