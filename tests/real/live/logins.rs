//! What real releases do with a login, each in the format that it writes:
//! encrypted beside a reference (5.12), inline JSON (5.18), SQLite (9.5).

use std::time::Duration;

use super::agent::{Agent, Release};
use crate::service::{Kind, Service};

const TEN_DAYS: Duration = Duration::from_hours(10 * 24);

/// A login of the release's own answers without a refresh. Expired, it is
/// refreshed once and kept. Copied and refreshed twice, it is lost to both:
/// what must never happen to a user.
fn a_login_lives_and_dies(version: &'static str, kept_in: Option<&str>) {
    let release = Release::installed(version);
    let service = Service::start();
    let account = service.account();
    let agent = Agent::new(&service, &release);

    // Over by the time of the first turn.
    service.access_lifetime(Duration::from_secs(1));
    agent.log_in(&account);
    service.access_lifetime(TEN_DAYS);
    let copy = agent.copied();
    assert_eq!(service.refreshes().len(), 0, "{:#?}", service.refreshes());

    agent.answers("first");
    let refreshes = service.refreshes();
    let [refresh] = refreshes.as_slice() else { panic!("{refreshes:#?}") };
    assert_eq!(refresh.status, Some(200));
    let turns = service.turns();
    let used = turns.last().unwrap().bearer.clone().unwrap();
    assert_eq!((used.generation, used.refresh), (1, false));
    let newest = service.newest_of(&account);
    assert_eq!(newest.generation, 1);
    if let Some(file) = kept_in {
        for token in [&newest.access, &newest.refresh] {
            let files = agent.files_with(token);
            assert!(files.iter().any(|name| name.starts_with(file)), "{files:?}");
        }
    } else {
        assert_eq!(agent.files_with(&newest.refresh), [""; 0], "it is encrypted");
    }

    agent.answers("second");
    assert_eq!(service.refreshes().len(), 1, "what was refreshed is used");
    assert!(service.unspent(&newest));

    let lost = copy.ask("third");
    assert_ne!(lost.code, Some(0), "{lost:?}");
    let reused = service.refreshes();
    assert!(reused.iter().any(|entry| entry.code.as_deref() == Some("refresh_token_reused")));
    assert!(service.revoked(&newest));
    let lost = agent.ask("fourth");
    assert!(!lost.stdout.contains("\"text\": \"fourth\""), "{lost:?}");
    assert_eq!(service.turns().len(), 2);
    assert_eq!(service.most_at_once(&account), 1);
    let elsewhere: Vec<_> = service.refused_hosts();
    println!("{version} also wanted {elsewhere:?}");
    let others: Vec<_> = service.ledger();
    for entry in others.iter().filter(|entry| entry.kind != Kind::Turn) {
        println!(
            "{:?} {} {}{} {:?}",
            entry.kind, entry.method, entry.host, entry.path, entry.status
        );
    }
}

#[test]
fn a_login_of_5_12_lives_and_dies_encrypted() {
    a_login_lives_and_dies("2026.5.12", None);
}

#[test]
fn a_login_of_5_18_lives_and_dies_in_json() {
    a_login_lives_and_dies("2026.5.18", Some("auth-profiles.json"));
}

#[test]
fn a_login_of_9_5_lives_and_dies_in_a_database() {
    a_login_lives_and_dies("2026.9.5", Some("openclaw.sqlite"));
}
