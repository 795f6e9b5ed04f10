//! `hold` and `unhold`, and the hold that an apply makes and an undo takes back.

use std::process::Output;

use codexpin::failpoint::{Failpoint, StepName};
use serde_json::{Value, json};

use crate::world::{NEW, OLD, World};

const DROP_IN: &str = "home/.config/systemd/user/openclaw-gateway.service.d/90-codexpin-hold.conf";
/// As somebody writes it who wants updates.
const UPDATES: &str =
    "{ // mine\n  update: {auto: {enabled: true}}, /* as ever */\n  gateway: {},\n}\n";
const HELD: &str =
    "{ // mine\n  update: {auto: {enabled: false}}, /* as ever */\n  gateway: {},\n}\n";

fn updating_world() -> World {
    let world = World::new();
    fs_err::write(world.config(), UPDATES).unwrap();
    world
}

fn config(world: &World) -> String {
    fs_err::read_to_string(world.config()).unwrap()
}

/// What the running Gateway has in its environment.
fn runs_with_the_variable(world: &World) -> bool {
    let pid = world.service_pid();
    let pid = pid.trim().strip_prefix("MainPID=").unwrap();
    let environment = fs_err::read(format!("/proc/{pid}/environ")).unwrap();
    String::from_utf8_lossy(&environment).contains("OPENCLAW_NO_AUTO_UPDATE=1")
}

fn said(output: &Output, code: i32) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let more = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{text}{more}");
    text
}

fn json_of(world: &World, words: &str) -> Value {
    let output = world.command(words);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}

#[test]
fn what_is_held_does_not_update_itself_and_what_is_let_go_is_as_it_was() {
    let world = updating_world();
    let before = world.fingerprint();
    assert!(!runs_with_the_variable(&world));
    let held = world.codexpin(json!({"do": "hold"}));
    assert_eq!(held.outcome(), "done", "{held:?}");
    assert_eq!(config(&world), HELD);
    assert!(runs_with_the_variable(&world));
    world.assert_is(NEW, "held");
    let status = &json_of(&world, "status --json")["hold"];
    assert_eq!((&status["held"]["core"], &status["updates_itself"]), (&NEW.into(), &false.into()));
    assert_eq!((&status["moved"], &status["gone"]), (&false.into(), &json!([])));

    let (pid, again) = (world.service_pid(), world.codexpin(json!({"do": "hold"})));
    assert_eq!(again.outcome(), "already-held", "{again:?}");
    assert_eq!(world.service_pid(), pid, "it was not restarted");

    let free = world.codexpin(json!({"do": "unhold"}));
    assert_eq!(free.outcome(), "done", "{free:?}");
    assert!(!runs_with_the_variable(&world));
    assert_eq!(world.fingerprint(), before, "bit for bit");
    assert_eq!(world.codexpin(json!({"do": "unhold"})).outcome(), "not-held");
}

#[test]
fn an_apply_holds_what_it_puts_in_place_and_its_undo_lets_go() {
    let world = updating_world();
    let before = world.fingerprint();
    let applied = world.codexpin(json!({"do": "apply", "pin": world.pin(OLD)}));
    assert_eq!(applied.outcome(), "done", "{applied:?}");
    assert_eq!(config(&world), HELD);
    assert!(runs_with_the_variable(&world));
    assert_eq!(json_of(&world, "status --json")["hold"]["held"]["core"], OLD);

    let undone = world.codexpin(json!({"do": "undo"}));
    assert_eq!(undone.outcome(), "done", "{undone:?}");
    assert!(!runs_with_the_variable(&world));
    let mut after = world.fingerprint();
    after.retain(|path, _| !path.contains("/.codexpin-"));
    assert_eq!(after, before, "what the hold wrote is no edit of the user's");

    let redone = world.codexpin(json!({"do": "undo"}));
    assert_eq!(redone.outcome(), "done", "{redone:?}");
    assert!(runs_with_the_variable(&world), "the undo of the undo holds again");
    assert_eq!(config(&world), HELD);
}

#[test]
fn a_hold_that_was_there_goes_along_and_stays_after_an_undo() {
    let world = updating_world();
    world.codexpin(json!({"do": "hold"}));
    let applied = world.codexpin(json!({"do": "apply", "pin": world.pin(OLD), "hold": false}));
    assert_eq!(applied.outcome(), "done", "{applied:?}");
    assert_eq!(json_of(&world, "status --json")["hold"]["held"]["core"], OLD);
    world.codexpin(json!({"do": "undo"}));
    let status = &json_of(&world, "status --json")["hold"];
    assert_eq!((&status["held"]["core"], &status["moved"]), (&NEW.into(), &false.into()));
    assert_eq!(config(&world), HELD);
    world.codexpin(json!({"do": "unhold"}));
    assert_eq!(config(&world), UPDATES, "as it was before the first of them");
}

#[test]
fn an_apply_that_is_not_to_hold_leaves_updates_as_they_are() {
    let world = updating_world();
    let applied = world.codexpin(json!({"do": "apply", "pin": world.pin(OLD), "hold": false}));
    assert_eq!(applied.outcome(), "done", "{applied:?}");
    assert_eq!(config(&world), UPDATES);
    assert!(!world.root.join(DROP_IN).exists());
}

#[test]
fn an_undo_after_an_edit_lets_go_and_leaves_the_edit() {
    let world = updating_world();
    world.codexpin(json!({"do": "apply", "pin": world.pin(OLD)}));
    let edited = HELD.replace("gateway: {}", "gateway: {port: 1}");
    fs_err::write(world.config(), edited).unwrap();
    let undone = world.codexpin(json!({"do": "undo"}));
    assert_eq!(undone.answer["ok"]["notes"][0]["note"], "config-kept", "{undone:?}");
    assert_eq!(config(&world), UPDATES.replace("gateway: {}", "gateway: {port: 1}"));
}

/// The points of a hold, from the code's own list.
fn points(of_the_way_back: bool) -> Vec<Failpoint> {
    let of_hold = |step| {
        use StepName::{Hold, ProveService, Start, Stop};
        [Stop, Hold, Start, ProveService].contains(&step)
    };
    let wanted = |point: &Failpoint| match point {
        Failpoint::Step(step, _) => !of_the_way_back && of_hold(*step),
        Failpoint::Revert(step, _) => of_the_way_back && of_hold(*step),
        Failpoint::ApplyPlanned | Failpoint::ApplyFinished => !of_the_way_back,
        Failpoint::ApplyReverted => of_the_way_back,
        Failpoint::SessionRecorded => false,
    };
    Failpoint::all().into_iter().filter(wanted).collect()
}

#[test]
fn killed_at_any_point_a_hold_and_an_unhold_are_finished_or_put_back() {
    let world = updating_world();
    let free = world.fingerprint();
    world.codexpin(json!({"do": "hold"}));
    let held = world.fingerprint();
    world.codexpin(json!({"do": "unhold"}));
    let points = points(false);
    for point in &points {
        for (what, from, to) in [("hold", &free, &held), ("unhold", &held, &free)] {
            let killed = world.start(json!({"do": what}), Some(*point)).wait();
            assert_eq!(killed.signal, Some(9), "{what} {point}: {killed:?}");
            let next = world.codexpin(json!({"do": "go-on"}));
            assert!(next.answer["error"].is_null(), "{what} {point}: {next:?}");
            let goes_back =
                matches!(point, Failpoint::ApplyPlanned | Failpoint::Step(StepName::Stop, _));
            let expected = if goes_back { from } else { to };
            assert_eq!(&world.fingerprint(), expected, "{what} {point}");
            world.assert_is(NEW, &point.to_string());
            assert_eq!(runs_with_the_variable(&world), expected == &held, "{what} {point}");
            if goes_back {
                world.codexpin(json!({"do": what}));
            }
        }
    }
    println!("killed at {} points of a hold, and as many of an unhold", points.len());
}

#[test]
fn a_gateway_that_does_not_come_up_held_is_put_back_also_after_a_kill() {
    let world = updating_world();
    fs_err::write(world.root.join("home/not-held"), "").unwrap();
    let before = world.fingerprint();
    let refused = world.codexpin(json!({"do": "hold"}));
    assert_eq!(refused.outcome(), "rolled-back", "{refused:?}");
    assert_eq!(refused.answer["exit"], 5);
    let why = refused.answer["ok"]["why"].as_str().unwrap();
    assert!(why.contains("openclaw-gateway.service is not up"), "{why}");
    assert_eq!(world.fingerprint(), before);
    let points = points(true);
    for point in &points {
        let killed = world.start(json!({"do": "hold"}), Some(*point)).wait();
        assert_eq!(killed.signal, Some(9), "{point}: {killed:?}");
        let next = world.codexpin(json!({"do": "go-on"}));
        assert!(next.answer["error"].is_null(), "{point}: {next:?}");
        world.assert_is(NEW, &point.to_string());
        assert_eq!(world.fingerprint(), before, "{point}");
    }
    println!("killed at {} points on the way back from a hold", points.len());
}

#[test]
fn what_moved_all_the_same_is_told_and_so_is_a_hold_that_was_taken_apart() {
    let world = updating_world();
    let loose = said(&world.command("status"), 0);
    assert!(loose.contains("hold     not held: OpenClaw updates itself"), "{loose}");
    let planned = said(&world.command("hold --dry-run"), 0);
    for words in ["update.auto.enabled false", "OPENCLAW_NO_AUTO_UPDATE=1", "steps\n   1  stop"] {
        assert!(planned.contains(words), "{words} is not in\n{planned}");
    }
    assert!(!world.root.join("codexpin/backups").exists(), "a dry run changes nothing");
    assert_eq!(world.command("hold").status.code(), Some(2), "nobody is there to say yes");
    let held = said(&world.command("hold --yes"), 0);
    assert!(held.contains(&format!("held: {NEW} with plugin {NEW}")), "{held}");
    assert!(held.contains("codexpin unhold    lets OpenClaw update itself again"), "{held}");
    let status = said(&world.command("status"), 0);
    assert!(status.contains("hold     held, since "), "{status}");

    let quiet = "--no-audit --no-fund";
    let npm = world.root.join("npm");
    world.run(&world.root, &format!("npm install -g --prefix {npm} openclaw@{OLD} {quiet}"));
    let status = said(&world.command("status"), 0);
    let headline = status.lines().next().unwrap();
    assert!(headline.starts_with(OLD), "{headline}");
    assert!(headline.contains(&format!("although {NEW} with plugin {NEW} is held")), "{headline}");
    let doctor = json_of(&world, "doctor --json");
    let finding = |id: &str| {
        let findings = doctor["findings"].as_array().unwrap();
        findings.iter().find(|finding| finding["id"] == id).cloned()
    };
    let moved = finding("moved-though-held").unwrap();
    assert_eq!(moved["title"], format!("{OLD} is installed, although {NEW} is held"));
    assert!(finding("auto-update").is_none() && finding("hold-gone").is_none());

    fs_err::remove_file(world.root.join(DROP_IN)).unwrap();
    fs_err::write(world.config(), UPDATES).unwrap();
    let doctor = json_of(&world, "doctor --json");
    let findings = doctor["findings"].as_array().unwrap();
    let gone = findings.iter().find(|finding| finding["id"] == "hold-gone").unwrap();
    assert!(gone["why"].as_str().unwrap().contains("update.auto.enabled is not false"), "{gone}");
    said(&world.command("hold --yes"), 0);
    assert_eq!(config(&world), HELD);
    let status = &json_of(&world, "status --json")["hold"];
    assert_eq!((&status["held"]["core"], &status["moved"]), (&OLD.into(), &false.into()));
    let past = said(&world.command("history"), 0);
    assert!(past.contains(&format!("hold  {OLD} with plugin {NEW}  done")), "{past}");
    assert!(!past.contains("codexpin undo"), "{past}");
}
