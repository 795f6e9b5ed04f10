//! The service: what its unit names, and how it does.

use super::*;

/// The facts with a change in what systemd says.
fn with(change: impl FnOnce(&mut ServiceStatus)) -> Facts {
    let mut facts = sound("2026.6.11");
    change(facts.unit.as_mut().unwrap().standing.as_mut().unwrap());
    facts
}

#[test]
fn a_unit_that_names_what_is_not_there_is_a_problem_and_the_only_one() {
    let mut facts = sound("2026.6.11");
    facts.unit.as_mut().unwrap().entry_exists = false;
    facts.core = None;
    facts.not_for_apply = Some(("x is no global npm package".to_owned(), None));
    assert_eq!(ids(&facts), ["problem service-entry-missing"]);
    let mut facts = sound("2026.6.11");
    facts.unit.as_mut().unwrap().node_exists = false;
    facts.node = None;
    let found = ids(&facts);
    assert!(found.contains(&"problem service-node-missing".to_owned()), "{found:?}");
    let mut facts = sound("2026.6.11");
    let unit = facts.unit.as_mut().unwrap();
    (unit.node, unit.entry) = (None, None);
    assert_eq!(ids(&facts), ["warning service-runs-something-else"]);
}

#[test]
fn a_service_that_is_down_is_told_with_its_reason() {
    let failed = with(|standing| {
        standing.state.active = "failed".to_owned();
        standing.state.exit = 1;
    });
    assert_eq!(ids(&failed), ["problem service-failed"]);
    let refused = with(|standing| {
        standing.state.active = "failed".to_owned();
        standing.state.exit = 78;
    });
    assert_eq!(ids(&refused), ["problem service-refuses-config"]);
    let looping = with(|standing| {
        standing.state.active = "activating".to_owned();
        standing.state.sub = "auto-restart".to_owned();
        standing.state.restarts = 4;
    });
    assert_eq!(ids(&looping), ["problem service-failed"]);
    assert!(finding(&looping, "service-failed").title.contains("4 restarts"));
    let stopped = with(|standing| standing.state.active = "inactive".to_owned());
    assert_eq!(ids(&stopped), ["warning service-stopped"]);
}

#[test]
fn a_service_that_does_not_come_back_or_is_not_read_again_is_a_warning() {
    let disabled = with(|standing| standing.file = "disabled".to_owned());
    assert_eq!(ids(&disabled), ["warning service-disabled"]);
    let changed = with(|standing| standing.reload = true);
    assert_eq!(ids(&changed), ["warning unit-changed"]);
}

#[test]
fn a_gateway_that_began_before_its_files_were_put_there_is_a_warning() {
    let long = std::time::Duration::from_hours(168);
    let facts = with(|standing| standing.running_for = Some(long));
    assert_eq!(ids(&facts), ["warning service-older-than-disk"]);
    let facts = with(|standing| standing.running_for = None);
    assert_eq!(ids(&facts), [""; 0]);
}

#[test]
fn a_service_that_cannot_be_seen_or_is_not_there_is_a_note() {
    let mut facts = sound("2026.6.11");
    facts.unit.as_mut().unwrap().standing = Err("no bus".to_owned());
    assert_eq!(ids(&facts), ["note service-unseen"]);
    facts.unit = None;
    assert_eq!(ids(&facts), ["note no-service"]);
}

#[test]
fn a_unit_of_another_release_is_a_note() {
    let mut facts = sound("2026.6.11");
    facts.unit.as_mut().unwrap().written_by = Some("2026.7.1".to_owned());
    assert_eq!(ids(&facts), ["note unit-of-another-release"]);
    facts.unit.as_mut().unwrap().written_by = None;
    assert_eq!(ids(&facts), [""; 0], "newer releases leave the mark out");
}

#[test]
fn a_gateway_that_was_killed_or_never_ran_is_told_as_that() {
    let down = |result: &str, exit: i32, killed: bool| {
        let facts = with(|standing| {
            standing.state.active = "failed".to_owned();
            standing.state.exit = exit;
            (standing.result, standing.killed) = (result.to_owned(), killed);
        });
        (ids(&facts), examine(&facts).findings[0].title.clone())
    };
    let (names, title) = down("oom-kill", 9, true);
    assert_eq!(names, ["problem service-out-of-memory"]);
    assert!(title.contains("for want of memory"), "{title}");
    let (names, title) = down("signal", 9, true);
    assert_eq!((names[0].as_str(), title.contains("signal 9")), ("problem service-killed", true));
    let (names, title) = down("exit-code", 203, false);
    assert_eq!((names[0].as_str(), title.contains("203")), ("problem service-not-started", true));
    assert_eq!(down("resources", 0, false).0, ["problem service-not-started"]);
    assert_eq!(down("timeout", 15, true).0, ["problem service-failed"]);
    assert_eq!(down("signal", 78, true).0, ["problem service-killed"], "no exit status");

    let never = with(|standing| {
        standing.state.active = "inactive".to_owned();
        standing.started = false;
    });
    assert_eq!(ids(&never), ["warning service-stopped"]);
    assert!(finding(&never, "service-stopped").title.contains("was not started"));
}
