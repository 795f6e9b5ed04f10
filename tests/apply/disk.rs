//! What backups take on disk, and what is asked of the disk before anything is written.

use serde_json::{Value, json};

use crate::world::{NEW, OLD, World};

fn history(world: &World, words: &str) -> Value {
    let output = world.command(words);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn an_apply_without_room_for_its_backup_is_refused_and_nothing_stops() {
    let world = World::new();
    world.write_pin(OLD);
    let (before, pid) = (world.fingerprint(), world.service_pid());
    let backups = world.root.join("codexpin/backups");
    for words in ["apply --yes", "apply --dry-run"] {
        let refused = world.command_with_little_room_in(&backups, words);
        let said = String::from_utf8_lossy(&refused.stderr);
        assert_eq!(refused.status.code(), Some(6), "{said}");
        for words in [
            format!("MB are free in the file system at {backups}, and it takes "),
            "(the backup)".to_owned(),
            "nothing was changed. `codexpin history --prune`".to_owned(),
        ] {
            assert!(said.contains(&words), "{words} is not in\n{said}");
        }
    }
    let npm = world.package().parent().unwrap().join("openclaw");
    assert!(npm.exists());
    assert_eq!((world.fingerprint(), world.service_pid()), (before, pid));
    world.codexpin(json!({"do": "apply", "pin": world.pin(OLD)}));
    let refused = world.command_with_little_room_in(&world.root.join("other"), "undo --dry-run");
    assert_eq!(refused.status.code(), Some(0), "there is room elsewhere: {refused:?}");
}

#[test]
fn backups_are_pruned_to_what_an_undo_needs_and_what_a_later_apply_takes_from_them() {
    let world = World::new();
    for version in [OLD, NEW, OLD] {
        let applied = world.codexpin(json!({"do": "apply", "pin": world.pin(version)}));
        assert_eq!(applied.outcome(), "done", "{applied:?}");
    }
    let before = history(&world, "history --json");
    let sizes = |history: &Value| -> Vec<u64> {
        let operations = history["operations"].as_array().unwrap().iter();
        operations.map(|operation| operation["bytes"].as_u64().unwrap()).collect()
    };
    let all = sizes(&before);
    assert_eq!(before["bytes"].as_u64(), Some(all.iter().sum()));
    assert!(all.iter().all(|bytes| *bytes > 0));
    let told = String::from_utf8(world.command("history").stdout).unwrap();
    assert!(told.contains("3 backups, "), "{told}");

    let pruned = history(&world, "history --prune --json");
    let freed = pruned["pruned"].as_array().unwrap();
    let names: Vec<_> = freed.iter().map(|pruned| pruned["backup"].as_str().unwrap()).collect();
    assert_eq!(names.len(), 2, "{pruned:#}");
    assert!(names.is_sorted(), "the oldest first: {names:?}");
    let left = sizes(&pruned);
    assert_eq!(left[0], all[0], "the newest stays whole");
    assert!(left[1] < all[1] && left[2] < all[2], "{left:?} {all:?}");
    let backups = world.root.join("codexpin/backups");
    for name in names {
        let files = backups.join(name).read_dir_utf8().unwrap();
        let mut files: Vec<_> = files.map(|file| file.unwrap().file_name().to_owned()).collect();
        files.sort();
        assert_eq!(files, ["backup.json", "openclaw.json"], "{name}");
    }
    assert!(
        String::from_utf8_lossy(&world.command("history --prune").stdout)
            .starts_with("nothing to free")
    );

    // What is kept is what an undo goes back to, and a saved config is still found.
    let undone = world.codexpin(json!({"do": "undo"}));
    assert_eq!(undone.outcome(), "done", "{undone:?}");
    world.assert_is(NEW, "undone after pruning");
    world.stamp("", NEW, 2);
    let planned = world.codexpin(json!({"do": "plan", "pin": world.pin(OLD)}));
    let steps = planned.answer["ok"]["steps"].as_array().unwrap();
    let put = steps.iter().find(|step| step["step"] == "put-config").unwrap();
    assert_eq!(put["saved"]["by"], "codexpin", "{put}");
}

#[test]
fn pruning_leaves_alone_what_was_cut_short() {
    use codexpin::failpoint::{Failpoint, Moment, StepName};
    let world = World::new();
    let point = Failpoint::Step(StepName::ExchangeCore, Moment::After);
    world.start(json!({"do": "apply", "pin": world.pin(OLD)}), Some(point)).wait();
    let pruned = history(&world, "history --prune --json");
    assert_eq!(pruned["pruned"], json!([]), "{pruned:#}");
    let next = world.codexpin(json!({"do": "go-on"}));
    assert_eq!(next.answer["ok"][0]["outcome"], "done", "{next:?}");
    world.assert_is(OLD, "finished");
}

#[test]
fn a_plan_and_an_outcome_are_one_json_object_each_with_names_that_stay() {
    let world = World::new();
    world.write_pin(OLD);
    let object = |words: &str, code: i32| -> Value {
        let output = world.command(words);
        assert_eq!(output.status.code(), Some(code), "{words}: {output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let names = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let before = world.fingerprint();
    let planned = object("apply --dry-run --json", 0);
    assert_eq!(names(&planned), ["format", "recovered", "plan"]);
    assert_eq!(names(&planned["plan"]), ["from", "to", "steps", "scripts", "warnings"]);
    assert_eq!(world.fingerprint(), before);
    let applied = object("apply --yes --json", 0);
    let of_outcome = ["outcome", "operation", "from", "to", "backup", "kept", "removed", "notes"];
    assert_eq!(names(&applied), [&["format", "recovered", "plan"][..], &of_outcome].concat());

    let before = world.fingerprint();
    let planned = object("undo --dry-run --json", 0);
    assert_eq!(names(&planned), ["format", "recovered", "plan", "undone"]);
    let steps = planned["plan"]["steps"].as_array().unwrap();
    let steps: Vec<_> = steps.iter().map(|step| step["step"].as_str().unwrap()).collect();
    assert_eq!(
        steps.join(" "),
        "stop save exchange exchange relink put-config carry-state hold start prove prove"
    );
    assert_eq!(world.fingerprint(), before, "a dry run changes nothing");
    let undone = object("undo --yes --json", 0);
    let all = [&["format", "recovered", "plan", "undone"][..], &of_outcome].concat();
    assert_eq!(names(&undone), all);
    assert_eq!(undone["undone"], planned["undone"]);
    let text = world.command("undo --dry-run").stdout;
    let text = String::from_utf8(text).unwrap();
    assert!(text.contains("steps\n   1  stop openclaw-gateway.service"), "{text}");
    let held = object("hold --dry-run --json", 0);
    assert_eq!(names(&held), ["format", "recovered", "plan"]);
}
