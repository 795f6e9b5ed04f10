//! Apply and undo on a real installation in a scratch home: real npm, a
//! registry in this process, a real systemd user manager.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test stops at what it did not expect"
)]

mod broken_config;
mod command;
mod disk;
mod driver;
mod foreign;
mod hold;
mod registry;
#[path = "../shared/user_manager.rs"]
mod user_manager;
mod world;

use codexpin::failpoint::{Failpoint, Moment, StepName};
use serde_json::json;
use user_manager::wait_for;
use world::{BROKEN, NEW, OLD, World};

#[test]
fn a_pin_is_applied_with_backup_and_proof_and_undone_and_done_again() {
    let world = World::new();
    let pin = world.pin(OLD);
    let before = world.fingerprint();
    let applied = world.codexpin(json!({"do": "apply", "pin": pin}));
    assert_eq!(applied.outcome(), "done", "{applied:?}");
    world.assert_is(OLD, "applied");
    let told: Vec<_> = applied.steps.iter().filter_map(|step| step["event"].as_str()).collect();
    let expected = "planned staging staging stopping stopped saved swapped swapped held starting \
                    started proving proved";
    assert_eq!(told.join(" ").replace("apply-", ""), expected);

    let manifest = world.state().join("npm/projects/openclaw-codex-0a1b2c/package.json");
    let manifest: serde_json::Value =
        serde_json::from_str(&fs_err::read_to_string(manifest).unwrap()).unwrap();
    assert_eq!(manifest["dependencies"]["@openclaw/codex"], OLD);
    assert_eq!(manifest["overrides"]["kept"], "1.0.0", "OpenClaw's own keys stay");

    let again = world.codexpin(json!({"do": "apply", "pin": pin}));
    assert_eq!(again.outcome(), "already-as-pinned", "{again:?}");

    let undone = world.codexpin(json!({"do": "undo"}));
    assert_eq!(undone.outcome(), "done", "{undone:?}");
    world.assert_is(NEW, "undone");
    let mut after = world.fingerprint();
    after.retain(|path, _| !path.contains("/.codexpin-"));
    assert_eq!(after, before, "as it was, bit for bit");

    let redone = world.codexpin(json!({"do": "undo"}));
    assert_eq!(redone.outcome(), "done", "{redone:?}");
    world.assert_is(OLD, "undone twice");
}

#[test]
fn one_generation_is_kept_and_said_to_take_its_place() {
    let world = World::new();
    world.codexpin(json!({"do": "apply", "pin": world.pin(OLD)}));
    let second = world.codexpin(json!({"do": "apply", "pin": world.pin(NEW)}));
    assert_eq!(second.outcome(), "done", "{second:?}");
    let done = &second.answer["ok"];
    assert_eq!(done["kept"].as_array().unwrap().len(), 2, "core and plugin: {done}");
    assert!(done["kept"][0]["bytes"].as_u64().unwrap() > 0);
    assert_eq!(done["removed"].as_array().unwrap().len(), 2);
    let modules = world.package().parent().unwrap().read_dir_utf8().unwrap();
    let hidden = modules.filter(|e| e.as_ref().unwrap().file_name().starts_with(".codexpin-"));
    assert_eq!(hidden.count(), 1);
}

#[test]
fn a_plan_touches_nothing() {
    let world = World::new();
    let pin = world.pin(OLD);
    world.stamp("", NEW, 1);
    let before = world.fingerprint();
    let planned = world.codexpin(json!({"do": "plan", "pin": pin}));
    let steps = planned.answer["ok"]["steps"].as_array().unwrap().clone();
    let names: Vec<_> = steps.iter().map(|step| step["step"].as_str().unwrap()).collect();
    let expected = "stage stage stop save exchange exchange relink carry-state hold start prove prove prove prove";
    assert_eq!(names.join(" "), expected, "{planned:?}");
    assert_eq!(planned.answer["ok"]["warnings"][0]["warning"], "config-from-newer");
    assert_eq!(world.fingerprint(), before);
    assert!(!world.root.join("codexpin").exists());
}

#[test]
fn a_release_that_does_not_open_the_databases_is_refused_and_nothing_stops() {
    let world = World::new();
    let pin = world.pin(OLD);
    world.migrate_databases();
    let (before, pid) = (world.fingerprint(), world.service_pid());
    for what in ["plan", "apply"] {
        let refused = world.codexpin(json!({"do": what, "pin": pin}));
        let expected = format!("it has schema 2, and {OLD} opens 1 at most");
        assert!(refused.error().ends_with(&expected), "{refused:?}");
        assert_eq!(refused.answer["exit"], 6);
    }
    assert_eq!((world.fingerprint(), world.service_pid()), (before, pid));
    assert!(!world.root.join("codexpin/backups").exists(), "no backup is begun");
}

#[test]
fn what_fails_its_proof_is_put_back_bit_for_bit() {
    let world = World::new();
    let before = world.fingerprint();
    let doubted =
        world.codexpin(json!({"do": "apply", "pin": world.pin(OLD), "proof": "no reply"}));
    assert_eq!(doubted.outcome(), "rolled-back", "{doubted:?}");
    assert_eq!(doubted.answer["ok"]["why"], "no reply");
    assert_eq!(doubted.answer["exit"], 5);
    world.assert_is(NEW, "after a failed proof");
    assert_eq!(world.fingerprint(), before);

    let broken = world.codexpin(json!({"do": "apply", "pin": world.pin(BROKEN)}));
    assert_eq!(broken.outcome(), "rolled-back", "{broken:?}");
    let why = broken.answer["ok"]["why"].as_str().unwrap();
    assert!(why.contains("openclaw-gateway.service is not up"), "{why}");
    assert_eq!(broken.answer["ok"]["notes"][0]["note"], "restored", "it had rewritten the config");
    world.assert_is(NEW, "after a release that does not start");
    assert_eq!(world.fingerprint(), before);
}

/// The points of an apply and of its way back, from the code's own list: all but the
/// session's, and but those of the one step that only an undo has.
fn points(of_the_way_back: bool) -> Vec<Failpoint> {
    let wanted = |point: &Failpoint| match point {
        Failpoint::SessionRecorded
        | Failpoint::Step(StepName::LayConfigBeside, _)
        | Failpoint::Revert(StepName::LayConfigBeside, _) => false,
        Failpoint::ApplyPlanned | Failpoint::Step(..) | Failpoint::ApplyFinished => {
            !of_the_way_back
        }
        Failpoint::Revert(..) | Failpoint::ApplyReverted => of_the_way_back,
    };
    Failpoint::all().into_iter().filter(wanted).collect()
}

/// Whether a kill there comes before all is saved.
fn prepares(point: Failpoint) -> bool {
    match point {
        Failpoint::ApplyPlanned => true,
        Failpoint::Step(step, _) => {
            use StepName::{Save, StageCore, StagePlugin, Stop};
            [StageCore, StagePlugin, Stop, Save].contains(&step)
        }
        _ => false,
    }
}

#[test]
fn killed_at_any_point_the_next_run_goes_on_or_puts_back() {
    let world = World::new();
    let pins = [world.pin(OLD), world.pin(NEW)];
    let points = points(false);
    for point in &points {
        let (point, context) = (*point, point.to_string());
        let puts_config = matches!(point, Failpoint::Step(StepName::PutConfig, _));
        if puts_config && world.version() == OLD {
            world.codexpin(json!({"do": "apply", "pin": pins[1]}));
        }
        if puts_config {
            world.stamp("", NEW, 3);
            world.stamp(".bak", OLD, 1);
        }
        let live = world.version();
        let (pin, wanted) = if live == NEW { (&pins[0], OLD) } else { (&pins[1], NEW) };
        let request = json!({"do": "apply", "pin": pin});
        let killed = world.start(request, Some(point)).wait();
        assert_eq!(killed.signal, Some(9), "{point}: {killed:?}");
        let next = world.codexpin(json!({"do": "go-on"}));
        assert!(next.answer["error"].is_null(), "{point}: {next:?}");
        let now = world.version();
        assert!(now == live || now == wanted, "{point}: {now}");
        world.assert_is(&now, &context);
        assert_eq!(now == live, prepares(point), "{point}: back before all is saved, else forward");
        let nothing = world.codexpin(json!({"do": "go-on"}));
        assert_eq!(nothing.answer["ok"], json!([]), "{point}: nothing is left to do");
    }
    println!("killed at {} points of {} on the way forward", points.len(), Failpoint::all().len());
}

#[test]
fn killed_on_the_way_back_the_next_run_puts_back() {
    let world = World::new();
    let pin = world.pin(OLD);
    world.stamp("", NEW, 3);
    world.stamp(".bak", OLD, 1);
    let before = world.fingerprint();
    let points = points(true);
    for point in &points {
        let request = json!({"do": "apply", "pin": pin, "live_proof": "no reply"});
        let killed = world.start(request, Some(*point)).wait();
        assert_eq!(killed.signal, Some(9), "{point}: {killed:?}");
        let next = world.codexpin(json!({"do": "go-on"}));
        assert!(next.answer["error"].is_null(), "{point}: {next:?}");
        world.assert_is(NEW, &point.to_string());
        assert_eq!(world.fingerprint(), before, "{point}");
    }
    println!("killed at {} points of {} on the way back", points.len(), Failpoint::all().len());
}

#[test]
fn a_killed_undo_is_finished_by_the_next_run() {
    let world = World::new();
    world.codexpin(json!({"do": "apply", "pin": world.pin(OLD)}));
    for (step, wanted) in [(StepName::Stop, OLD), (StepName::ExchangeCore, NEW)] {
        let point = Failpoint::Step(step, Moment::After);
        let killed = world.start(json!({"do": "undo"}), Some(point)).wait();
        assert_eq!(killed.signal, Some(9), "{point}: {killed:?}");
        let next = world.codexpin(json!({"do": "go-on"}));
        assert!(next.answer["error"].is_null(), "{point}: {next:?}");
        world.assert_is(wanted, &point.to_string());
    }
}

#[test]
fn an_undo_that_is_killed_while_it_lays_the_saved_config_beside_is_finished_by_the_next_run() {
    for moment in [Moment::Before, Moment::During, Moment::After] {
        let world = World::new();
        world.codexpin(json!({"do": "apply", "pin": world.pin(OLD)}));
        fs_err::write(world.config(), "{gateway: {port: 1}}").unwrap();
        let point = Failpoint::Step(StepName::LayConfigBeside, moment);
        let killed = world.start(json!({"do": "undo"}), Some(point)).wait();
        assert_eq!(killed.signal, Some(9), "{point}: {killed:?}");
        let next = world.codexpin(json!({"do": "go-on"}));
        assert_eq!(next.answer["ok"][0]["outcome"], "done", "{point}: {next:?}");
        world.assert_is(NEW, &point.to_string());
        assert_eq!(fs_err::read_to_string(world.config()).unwrap(), "{gateway: {port: 1}}");
    }
}

#[test]
fn what_could_not_be_proved_stays_and_is_said_to_be_unproven() {
    let world = World::new();
    let request =
        json!({"do": "apply", "pin": world.pin(OLD), "unproven": "the account is at its limit"});
    let applied = world.codexpin(request);
    assert_eq!(applied.outcome(), "unproven", "{applied:?}");
    assert_eq!(applied.answer["exit"], 75);
    assert_eq!(applied.answer["ok"]["why"], json!(["the account is at its limit"]));
    world.assert_is(OLD, "applied, and not put back");
    assert_eq!(world.codexpin(json!({"do": "go-on"})).answer["ok"], json!([]), "it is finished");
    let undone = world.codexpin(json!({"do": "undo"}));
    assert_eq!(undone.outcome(), "done", "{undone:?}");
    world.assert_is(NEW, "undone");
}

#[test]
fn a_disk_that_is_full_at_the_proof_puts_nothing_back() {
    let world = World::new();
    let applied = world.codexpin(json!({"do": "apply", "pin": world.pin(OLD), "full": true}));
    assert_eq!(applied.outcome(), "unproven", "{applied:?}");
    let why = applied.answer["ok"]["why"][0].as_str().unwrap();
    assert!(why.starts_with("the journal: "), "{why}");
    world.assert_is(OLD, "a healthy release stays");
    // What could not be written down is asked for again when there is room.
    let next = world.codexpin(json!({"do": "go-on"}));
    assert_eq!(next.answer["ok"][0]["outcome"], "done", "{next:?}");
    world.assert_is(OLD, "proved");
}

#[test]
fn a_config_that_was_edited_since_stays_and_the_saved_one_is_laid_beside_it() {
    let world = World::new();
    world.codexpin(json!({"do": "apply", "pin": world.pin(OLD)}));
    fs_err::write(world.config(), "{gateway: {port: 1}}").unwrap();
    let undone = world.codexpin(json!({"do": "undo"}));
    assert_eq!(undone.outcome(), "done", "{undone:?}");
    assert_eq!(fs_err::read_to_string(world.config()).unwrap(), "{gateway: {port: 1}}");
    let note = &undone.answer["ok"]["notes"][0];
    assert_eq!(note["note"], "config-kept", "{undone:?}");
    let saved = fs_err::read_to_string(note["saved"].as_str().unwrap()).unwrap();
    assert!(saved.contains("// mine"), "{saved}");
}

#[test]
fn rolling_back_brings_the_config_from_before_the_upgrade() {
    let world = World::new();
    let stamped = |version: &str| format!("{{meta: {{lastTouchedVersion: '{version}'}}}}");
    world.codexpin(json!({"do": "apply", "pin": world.pin(OLD)}));
    fs_err::write(world.config(), stamped(OLD)).unwrap();
    // The upgrade saves the config of OLD; then NEW writes its own stamp.
    world.codexpin(json!({"do": "apply", "pin": world.pin(NEW)}));
    fs_err::write(world.config(), stamped(NEW)).unwrap();
    let applied = world.codexpin(json!({"do": "apply", "pin": world.pin(OLD)}));
    assert_eq!(applied.outcome(), "done", "{applied:?}");
    assert_eq!(fs_err::read_to_string(world.config()).unwrap(), stamped(OLD));
}

#[test]
fn on_first_use_the_config_comes_back_that_openclaw_saved_before_the_upgrade() {
    let world = World::new();
    let now = world.stamp("", NEW, 3);
    world.stamp(".bak", NEW, 2);
    let earlier = world.stamp(".bak.1", OLD, 1);
    let pin = world.pin(OLD);
    let before = world.fingerprint();
    let planned = world.codexpin(json!({"do": "plan", "pin": pin}));
    let plan = &planned.answer["ok"];
    assert_eq!(plan["steps"][7]["step"], "put-config", "{planned:?}");
    let saved = &plan["steps"][7]["saved"];
    assert_eq!((&saved["by"], &saved["written_by"]), (&json!("openclaw"), &json!(OLD)));
    assert_eq!(plan["warnings"][0], json!({"warning": "settings-left-out", "names": ["gateway"]}));

    let applied = world.codexpin(json!({"do": "apply", "pin": pin}));
    assert_eq!(applied.outcome(), "done", "{applied:?}");
    world.assert_is(OLD, "applied");
    assert_eq!(fs_err::read_to_string(world.config()).unwrap(), earlier);
    let backup = applied.answer["ok"]["backup"].as_str().unwrap();
    assert_eq!(fs_err::read_to_string(format!("{backup}/openclaw.json")).unwrap(), now);

    // The older release writes its stamp and moves its copies along.
    world.stamp("", OLD, 1);
    world.stamp(".bak.1", NEW, 2);
    let undone = world.codexpin(json!({"do": "undo"}));
    assert_eq!(undone.outcome(), "done", "{undone:?}");
    world.stamp(".bak.1", OLD, 1);
    let mut after = world.fingerprint();
    after.retain(|path, _| !path.contains("/.codexpin-"));
    assert_eq!(after, before, "as it was, bit for bit");
}

#[test]
fn a_killed_apply_puts_the_planned_config_in_place_though_openclaw_moved_its_copies() {
    let world = World::new();
    world.stamp("", NEW, 3);
    let earlier = world.stamp(".bak", OLD, 1);
    let request = json!({"do": "apply", "pin": world.pin(OLD)});
    let killed =
        world.start(request, Some(Failpoint::Step(StepName::Relink, Moment::Before))).wait();
    assert_eq!(killed.signal, Some(9), "{killed:?}");
    world.stamp(".bak", NEW, 2);
    let next = world.codexpin(json!({"do": "go-on"}));
    assert_eq!(next.answer["ok"][0]["outcome"], "done", "{next:?}");
    world.assert_is(OLD, "gone on with");
    assert_eq!(fs_err::read_to_string(world.config()).unwrap(), earlier);
}

#[test]
fn without_a_config_from_before_the_upgrade_the_refused_release_is_put_back() {
    let world = World::new();
    world.stamp("", NEW, 2);
    world.stamp(".bak", NEW, 1);
    let before = world.fingerprint();
    let refused = world.codexpin(json!({"do": "apply", "pin": world.pin(OLD)}));
    assert_eq!(refused.outcome(), "rolled-back", "{refused:?}");
    let why = refused.answer["ok"]["why"].as_str().unwrap();
    assert!(why.contains("openclaw-gateway.service is not up"), "{why}");
    world.assert_is(NEW, "put back");
    assert_eq!(world.fingerprint(), before);
}

#[test]
fn a_refused_config_that_no_service_tried_is_told_of_in_the_outcome() {
    let world = World::new();
    world.stamp("", NEW, 1);
    world.stop_service();
    let applied = world.codexpin(json!({"do": "apply", "pin": world.pin(OLD)}));
    assert_eq!(applied.outcome(), "done", "{applied:?}");
    let note = &applied.answer["ok"]["notes"][0];
    assert_eq!(note["note"], "config-from-newer", "{applied:?}");
    assert_eq!((&note["written_by"], &note["refused_by"]), (&json!(NEW), &json!(OLD)));
}

#[test]
fn of_two_at_once_the_second_is_told_who_is_at_it() {
    let world = World::new();
    let gate = world.root.join("gate");
    let request = json!({"do": "apply", "pin": world.pin(OLD), "wait_for": gate});
    let first = world.start(request, None);
    wait_for("the first to prove", || world.serving().as_deref() == Some(OLD));
    for request in [json!({"do": "apply", "pin": world.pin(NEW)}), json!({"do": "go-on"})] {
        let second = world.codexpin(request);
        assert!(second.error().contains("another codexpin (process"), "{second:?}");
    }
    fs_err::write(&gate, "").unwrap();
    assert_eq!(first.wait().outcome(), "done");
    world.assert_is(OLD, "the first went on");
}

#[test]
fn what_cannot_be_written_is_refused_before_anything_is_touched() {
    let world = World::new();
    let pin = world.pin(OLD);
    let modules = world.package().parent().unwrap().to_string();
    // Root may write anywhere but into what is immutable.
    let root = nix::unistd::access("/root", nix::unistd::AccessFlags::W_OK).is_ok();
    let (close, open) = if root {
        (["chattr", "+i"], ["chattr", "-i"])
    } else {
        (["chmod", "-w"], ["chmod", "+w"])
    };
    let change = |words: [&str; 2]| {
        let status = std::process::Command::new(words[0]).args([words[1], &modules]).status();
        assert!(status.is_ok_and(|s| s.success()), "{words:?} is needed for this test");
    };
    change(close);
    let refused = world.codexpin(json!({"do": "apply", "pin": pin}));
    change(open);
    assert!(refused.error().contains("cannot be written by this user"), "{refused:?}");
    assert_eq!(refused.answer["exit"], 6);
    world.assert_is(NEW, "refused");
}

#[test]
fn a_lock_file_that_was_changed_is_refused() {
    let world = World::new();
    let pin = world.pin(OLD);
    let lock = world.root.join(format!("pins/{OLD}-core/package-lock.json"));
    let text = fs_err::read_to_string(&lock).unwrap();
    fs_err::write(&lock, text.replace("1.0.0", "1.0.1")).unwrap();
    let refused = world.codexpin(json!({"do": "apply", "pin": pin}));
    assert!(refused.error().contains("is not the lock file that was tested"), "{refused:?}");
    world.assert_is(NEW, "refused");
}

#[test]
fn a_release_that_the_registry_does_not_have_leaves_the_gateway_running() {
    let world = World::new();
    let (before, pid) = (world.fingerprint(), world.service_pid());
    let mut pin = world.pin(OLD);
    pin["core"] = "2026.6.9".into();
    pin["core_integrity"] = json!(null);
    pin["lock"] = json!(null);
    let refused = world.codexpin(json!({"do": "apply", "pin": pin}));
    assert!(refused.error().contains("openclaw@2026.6.9"), "{refused:?}");
    assert_eq!(world.service_pid(), pid, "it was not even stopped");
    assert_eq!(world.fingerprint(), before);
}

#[test]
fn a_tarball_that_is_not_the_tested_one_is_refused() {
    let world = World::new();
    let before = world.fingerprint();
    let mut pin = world.pin(OLD);
    pin["core_integrity"] = world.pin(NEW)["core_integrity"].clone();
    pin["lock"] = json!(null);
    let refused = world.codexpin(json!({"do": "apply", "pin": pin}));
    assert!(refused.error().contains("not the tarball that was tested"), "{refused:?}");
    assert_eq!(world.fingerprint(), before);
}
