//! A live `openclaw.json` that no release can read: often the very reason for a
//! rollback.

use serde_json::json;

use crate::world::{NEW, OLD, World};

/// As an editor that was killed leaves it.
const BROKEN: &str = "{ // mine\n  gateway: { port: 1,\n";

#[test]
fn without_a_saved_config_it_is_refused_with_its_place_before_anything_stops() {
    let world = World::new();
    let pin = world.pin(OLD);
    fs_err::write(world.config(), BROKEN).unwrap();
    // No help: broken as well, or of the release that is to go.
    fs_err::write(format!("{}.bak", world.config()), BROKEN).unwrap();
    world.stamp(".bak.1", NEW, 1);
    let (before, pid) = (world.fingerprint(), world.service_pid());
    for what in ["plan", "apply"] {
        let refused = world.codexpin(json!({"do": what, "pin": pin}));
        let place = format!("{}:3:1 is not JSON5", world.config());
        assert!(refused.error().starts_with(&place), "{what}: {refused:?}");
        assert_eq!(refused.answer["exit"], 6, "{what}");
        assert_eq!(world.service_pid(), pid, "{what}: it was not even stopped");
        assert_eq!(world.fingerprint(), before, "{what}");
    }
    assert!(!world.root.join("codexpin").exists(), "no backup is begun");
    let nothing = world.codexpin(json!({"do": "apply", "pin": world.pin(NEW)}));
    assert_eq!(nothing.outcome(), "already-as-pinned", "where it is not needed: {nothing:?}");
}

#[test]
fn a_saved_config_takes_its_place_and_an_undo_leaves_that_and_lays_the_broken_one_beside() {
    let world = World::new();
    let pin = world.pin(OLD);
    fs_err::write(world.config(), BROKEN).unwrap();
    let earlier = world.stamp(".bak", OLD, 1);
    let planned = world.codexpin(json!({"do": "plan", "pin": pin}));
    let warning = &planned.answer["ok"]["warnings"][0];
    assert_eq!(warning["warning"], "config-broken", "{planned:?}");
    assert!(warning["problem"].as_str().unwrap().contains(":3:1 is not JSON5"), "{warning}");

    let applied = world.codexpin(json!({"do": "apply", "pin": pin}));
    assert_eq!(applied.outcome(), "done", "{applied:?}");
    world.assert_is(OLD, "applied");
    assert_eq!(fs_err::read_to_string(world.config()).unwrap(), earlier);
    let note = &applied.answer["ok"]["notes"][0];
    assert_eq!(note["note"], "config-replaced", "{applied:?}");
    assert_eq!(fs_err::read_to_string(note["broken"].as_str().unwrap()).unwrap(), BROKEN);

    let undone = world.codexpin(json!({"do": "undo"}));
    assert_eq!(undone.outcome(), "done", "{undone:?}");
    world.assert_is(NEW, "undone");
    assert_eq!(fs_err::read_to_string(world.config()).unwrap(), earlier);
    let note = &undone.answer["ok"]["notes"][0];
    assert_eq!(note["note"], "config-kept", "{undone:?}");
    assert_eq!(fs_err::read_to_string(note["saved"].as_str().unwrap()).unwrap(), BROKEN);
}

#[test]
fn one_that_was_broken_since_the_apply_gives_way_to_what_an_undo_goes_back_to() {
    let world = World::new();
    let mine = fs_err::read_to_string(world.config()).unwrap();
    world.codexpin(json!({"do": "apply", "pin": world.pin(OLD)}));
    fs_err::write(world.config(), BROKEN).unwrap();
    let undone = world.codexpin(json!({"do": "undo"}));
    assert_eq!(undone.outcome(), "done", "{undone:?}");
    world.assert_is(NEW, "undone");
    assert_eq!(fs_err::read_to_string(world.config()).unwrap(), mine);
    let note = &undone.answer["ok"]["notes"][0];
    assert_eq!(note["note"], "config-replaced", "{undone:?}");
    assert_eq!(fs_err::read_to_string(note["broken"].as_str().unwrap()).unwrap(), BROKEN);
}

#[test]
fn one_that_no_service_tried_is_told_of_in_the_outcome() {
    let world = World::new();
    world.codexpin(json!({"do": "apply", "pin": world.pin(OLD)}));
    let backup = world.codexpin(json!({"do": "apply", "pin": world.pin(NEW)}));
    let backup = backup.answer["ok"]["backup"].as_str().unwrap().to_owned();
    // The same bytes were saved: an undo changes nothing of it.
    fs_err::write(world.config(), BROKEN).unwrap();
    fs_err::write(format!("{backup}/openclaw.json"), BROKEN).unwrap();
    world.stop_service();
    let undone = world.codexpin(json!({"do": "undo"}));
    assert_eq!(undone.outcome(), "done", "{undone:?}");
    let note = &undone.answer["ok"]["notes"][0];
    assert_eq!(note["note"], "config-broken", "{undone:?}");
    assert!(note["problem"].as_str().unwrap().contains(":3:1 is not JSON5"), "{note}");
}
