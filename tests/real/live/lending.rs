//! Logins of real releases, each in the format that it writes, lent by codexpin:
//! whatever it does with them, the agent that they belong to goes on.

use std::sync::OnceLock;

use serde_json::Value;

use super::agent::{Agent, Release};
use crate::service::{Account, Service};
use crate::support::{Ran, User};

/// How a login is lent: as itself, and behind a relay.
const WAYS: [&[&str]; 2] = [&[], &["--relay"]];

/// codexpin, run by the agent's user, whose way to OpenAI leads to the service.
fn codexpin(service: &Service, agent: &Agent<'_>, arguments: &[&str]) -> Ran {
    let user = User::new();
    let registry = super::agent::registry();
    let direct: Vec<_> = registry.iter().map(String::as_str).collect();
    let mut command = user.codexpin(arguments);
    command.env("HOME", agent.home()).envs(service.environment(&direct));
    Ran::of(arguments, &command.output().unwrap())
}

/// Nothing of the login was used up, and its agent still answers with it.
fn is_unharmed(service: &Service, account: &Account, agent: &Agent<'_>) {
    let login = service.newest_of(account);
    assert!(service.refreshes().is_empty(), "{:#?}", service.refreshes());
    assert_eq!(service.most_at_once(account), 1);
    agent.answers("unharmed");
    assert!(service.unspent(&login) && service.refreshes().is_empty());
}

/// A check that was lent an agent's login.
struct LentCheck {
    way: &'static [&'static str],
    ran: Ran,
    account: Account,
    /// Whose turn the service saw last.
    billed: Option<String>,
}

impl LentCheck {
    fn observation(&self) -> Value {
        assert_eq!(self.ran.code, Some(0), "{:?} {:?}", self.way, self.ran);
        assert_eq!(self.billed.as_ref(), Some(&self.account.id), "{:?}", self.way);
        self.ran.json()["routes"][0]["observation"].clone()
    }
}

/// What comes of lending the login of one agent to a release, through each of the
/// routes by either way. The login is unharmed by it.
fn lent(version: &'static str, routes: &[&[&str]]) -> Vec<Vec<LentCheck>> {
    let release = Release::installed(version);
    let service = Service::start();
    let account = service.account();
    let agent = Agent::new(&service, &release);
    agent.log_in(&account);
    let check = |route: &[&str], way: &'static [&str]| {
        let ran =
            codexpin(&service, &agent, &[&["check", version, "--json"][..], route, way].concat());
        let billed = service.turns().last().and_then(|turn| turn.account().map(str::to_owned));
        LentCheck { way, ran, account: account.clone(), billed }
    };
    let ways = |route: &&[&str]| WAYS.iter().map(|way| check(route, way)).collect();
    let checks = routes.iter().map(ways).collect();
    is_unharmed(&service, &account, &agent);
    checks
}

/// Of a login of 9.5, with no route named and with that of the Codex app-server: its
/// own login is the dear part, for it fetches the plugin.
fn lent_of_september() -> &'static [Vec<LentCheck>] {
    static CHECKS: OnceLock<Vec<Vec<LentCheck>>> = OnceLock::new();
    CHECKS.get_or_init(|| lent("2026.9.5", &[&[], &["--route", "openai/gpt-5.5@codex"]]))
}

/// codexpin's own login, made by the release's own command, is lent and renewed.
fn a_login_of_codexpins_own(version: &'static str, route: &str, harness: &str) {
    let service = Service::start();
    let account = service.account();
    let user = User::new();
    let registry = super::agent::registry();
    let direct: Vec<_> = registry.iter().map(String::as_str).collect();
    let run = |arguments: &[&str]| {
        let mut command = user.codexpin(arguments);
        Ran::of(arguments, &command.envs(service.environment(&direct)).output().unwrap())
    };
    // Over by the time of the first check.
    service.access_lifetime(std::time::Duration::from_secs(1));
    let mut login = user.codexpin(&["login", version]);
    login.envs(service.environment(&direct)).env("TERM", "xterm");
    super::agent::log_in_at_terminal(&service, &account, login);
    service.access_lifetime(std::time::Duration::from_hours(240));
    for way in WAYS {
        let words = ["check", version, "--route", route, "--json"];
        let ran = run(&[&words[..], way].concat());
        assert_eq!(ran.code, Some(0), "{version} {way:?}");
        let seen = ran.json()["routes"][0]["observation"].clone();
        assert_eq!(seen["upstream"]["live"]["lender"], "own");
        crate::depth::is_of_text_alone(&seen, harness);
        assert!(!ran.stdout.contains(&account.email), "{}", ran.stdout);
    }
    let refreshes = service.refreshes();
    assert_eq!(refreshes.len(), 1, "{refreshes:#?}");
    assert!(service.unspent(&service.newest_of(&account)));
    assert_eq!(run(&["login", "--forget"]).code, Some(0));
    assert_eq!(run(&["check", version, "--upstream", "live"]).code, Some(75));
}

#[test]
fn a_login_of_codexpins_own_is_lent_and_renewed_in_the_format_of_5_18() {
    a_login_of_codexpins_own("2026.5.18", "openai-codex/gpt-5.5", "pi");
}

#[test]
fn a_login_of_codexpins_own_is_lent_and_renewed_in_the_format_of_9_5() {
    a_login_of_codexpins_own("2026.9.5", "openai/gpt-5.5@openclaw", "openclaw");
}

fn is_lent_by_the_installation(checks: &[LentCheck]) {
    for check in checks {
        let (seen, ran) = (check.observation(), &check.ran);
        assert_eq!(seen["upstream"]["live"]["lender"], "installation");
        assert!(!ran.stdout.contains(&check.account.email), "{}", ran.stdout);
        assert!(ran.stderr.contains("the live logins are as they were"), "{}", ran.stderr);
    }
}

#[test]
fn an_encrypted_login_of_5_12_is_lent_and_not_harmed() {
    is_lent_by_the_installation(&lent("2026.5.12", &[&[]])[0]);
}

#[test]
fn a_login_of_9_5_is_lent_out_of_its_database_and_not_harmed() {
    is_lent_by_the_installation(&lent_of_september()[0]);
}

#[test]
fn the_codex_app_server_runs_with_a_login_that_is_lent() {
    for check in &lent_of_september()[1] {
        crate::depth::is_of_text_alone(&check.observation(), "codex");
    }
}

#[test]
fn a_whole_bisect_by_either_way_does_not_harm_the_login_of_5_18() {
    let release = Release::installed("2026.5.18");
    let service = Service::start();
    let account = service.account();
    let agent = Agent::new(&service, &release);
    agent.log_in(&account);
    // As a user types it, and with no more answers than a search without noise takes.
    for way in [&[][..], &["--relay", "--deterministic"]] {
        let words = ["bisect", "2026.5.27", "2026.6.1", "--json", "--no-forward"];
        let ran = codexpin(&service, &agent, &[&words[..], way].concat());
        assert_eq!(ran.code, Some(0), "{way:?}");
        let found = ran.json();
        assert_eq!(
            (&found["last_good"], &found["first_bad"]),
            (&"2026.5.28".into(), &"2026.6.1".into())
        );
        let checked = found["checked"].as_array().unwrap();
        let control = |check: &&Value| check["purpose"] == "control";
        assert!(checked.iter().any(|check| control(&check)), "{checked:#?}");
        assert!(!ran.stdout.contains(&account.email), "{}", ran.stdout);
    }
    is_unharmed(&service, &account, &agent);
}
