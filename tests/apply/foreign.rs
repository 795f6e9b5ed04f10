//! Pins and lock files that were pulled from elsewhere, and want to install something
//! else than the release that they name.

use camino::Utf8PathBuf;
use codexpin::apply::file_integrity;
use serde_json::{Value, json};

use crate::world::{NEW, OLD, World};

/// What an attack makes of a pin's lock file.
type Edit = fn(&mut Value, &World);

/// Every way in, with what is said of it and the status it is refused with.
const ATTACKS: &[(&str, &str, u8, Edit)] = &[
    (
        "another name at openclaw's place",
        "node_modules/openclaw is to be `other`",
        1,
        |lock, world| {
            lock["packages"]["node_modules/openclaw"]["name"] = "other".into();
            lock["packages"]["node_modules/openclaw"]["hasInstallScript"] = true.into();
            lock["packages"]["node_modules/openclaw"]["integrity"] = world.integrity("other", OLD);
        },
    ),
    (
        "an alias in the root",
        "does not install openclaw@2026.6.1 and nothing else",
        1,
        |lock, world| {
            lock["packages"][""]["dependencies"]["openclaw"] = format!("npm:other@{OLD}").into();
            lock["packages"]["node_modules/openclaw"]["name"] = "other".into();
            lock["packages"]["node_modules/openclaw"]["hasInstallScript"] = true.into();
            lock["packages"]["node_modules/openclaw"]["integrity"] = world.integrity("other", OLD);
        },
    ),
    (
        "another name at a dependency's place",
        "wants `tiny-dep` as `1.0.0`, and gets mark@1.0.0",
        6,
        |lock, world| {
            lock["packages"]["node_modules/tiny-dep"] = scripted(world, &json!({"name": "mark"}));
        },
    ),
    (
        "another tarball at a dependency's place",
        "is not the tarball that the registry has of tiny-dep@1.0.0",
        6,
        |lock, world| {
            lock["packages"]["node_modules/tiny-dep"] = scripted(world, &json!({}));
        },
    ),
    ("one more package", "nothing in the tree asks for node_modules/mark", 6, |lock, world| {
        lock["packages"]["node_modules/mark"] = scripted(world, &json!({}));
    }),
    (
        "one more package that openclaw is said to want",
        "wants another `mark` than the registry's",
        6,
        |lock, world| {
            lock["packages"]["node_modules/openclaw"]["dependencies"]["mark"] = "1.0.0".into();
            lock["packages"]["node_modules/mark"] = scripted(world, &json!({}));
        },
    ),
    (
        "one more package that a dependency is said to want",
        "wants another `mark` than the registry's",
        6,
        |lock, world| {
            lock["packages"]["node_modules/tiny-dep"]["dependencies"] = json!({"mark": "1.0.0"});
            lock["packages"]["node_modules/mark"] = scripted(world, &json!({}));
        },
    ),
    ("a bundled package that nothing bundles", "is in no package that bundles it", 6, |lock, _| {
        lock["packages"]["node_modules/openclaw/node_modules/mark"] =
            json!({"version": "1.0.0", "inBundle": true, "hasInstallScript": true});
    }),
    (
        "a script of the lock file's own",
        "has `scripts`, which npm writes into no lock file",
        1,
        |lock, _| {
            lock["packages"]["node_modules/tiny-dep"]["scripts"] =
                json!({"postinstall": "touch \"$npm_config_cache-mark\""});
        },
    ),
    ("a place outside", "is no place in a project", 1, |lock, world| {
        lock["packages"]["node_modules/../mark"] = scripted(world, &json!({}));
    }),
    ("text for a hash", "is no integrity hash", 1, |lock, _| {
        lock["packages"]["node_modules/tiny-dep"]["integrity"] = "any".into();
    }),
];

fn scripted(world: &World, and: &Value) -> Value {
    let mut entry = json!({"version": "1.0.0", "hasInstallScript": true});
    entry["integrity"] = world.integrity("mark", "1.0.0");
    for (key, value) in and.as_object().unwrap() {
        entry[key] = value.clone();
    }
    entry
}

impl World {
    fn mark(&self) -> Utf8PathBuf {
        self.root.join("npm-cache-mark")
    }

    /// A pin of which one lock file was edited, with all hashes made to fit.
    fn pin_with(&self, version: &str, part: &str, edit: Edit) -> Value {
        // npm would begin with the lock file that an earlier attack left.
        fs_err::remove_dir_all(self.root.join("pins")).unwrap();
        let mut pin = self.pin(version);
        let path = self.root.join("pins").join(pin["lock"][part].as_str().unwrap());
        let mut lock: Value =
            serde_json::from_str(&fs_err::read_to_string(&path).unwrap()).unwrap();
        edit(&mut lock, self);
        let text = lock.to_string();
        fs_err::write(&path, &text).unwrap();
        let hash = format!("{part}_integrity");
        let package = if part == "core" { "openclaw" } else { "@openclaw/codex" };
        let place = format!("node_modules/{package}");
        pin[&hash] = lock["packages"][place]["integrity"].clone();
        pin["lock"][&hash] = file_integrity(text.as_bytes()).into();
        pin
    }
}

#[test]
fn a_lock_file_that_would_install_anything_else_is_refused_before_it_does() {
    let world = World::new();
    let pid = world.service_pid();
    let mut got_through = Vec::new();
    for (attack, said, exit, edit) in ATTACKS {
        let pin = world.pin_with(OLD, "core", *edit);
        let applied = world.codexpin(json!({"do": "apply", "pin": pin}));
        let marked = world.mark().exists();
        let refused = applied.error().contains(said) && applied.answer["exit"] == *exit;
        if marked || !refused {
            got_through.push(format!("{attack}: marked: {marked}, {}", applied.answer));
        }
        if applied.outcome() == "done" {
            world.codexpin(json!({"do": "undo"}));
        }
        let _ = fs_err::remove_file(world.mark());
    }
    assert!(got_through.is_empty(), "{}", got_through.join("\n"));
    let plugin = world.pin_with(OLD, "plugin", |lock, world| {
        lock["packages"]["node_modules/tiny-dep"]["dependencies"] = json!({"mark": "1.0.0"});
        lock["packages"]["node_modules/mark"] = scripted(world, &json!({}));
    });
    let refused = world.codexpin(json!({"do": "apply", "pin": plugin}));
    assert!(refused.error().contains("lock file of @openclaw/codex@2026.6.1"), "{refused:?}");
    assert!(!world.mark().exists());
    assert_eq!(world.service_pid(), pid, "nothing was even stopped");
    world.assert_is(NEW, "after all of them");
}

#[test]
fn a_plan_names_the_install_scripts_and_which_of_them_are_new() {
    let world = World::new();
    let planned = world.codexpin(json!({"do": "plan", "pin": world.pin(OLD)}));
    assert_eq!(
        planned.answer["ok"]["scripts"],
        json!([
            {"part": "core", "package": "openclaw@2026.6.1", "new": false},
            {"part": "core", "package": "scripted@1.0.0", "new": true},
        ]),
        "{planned:?}"
    );
    let mut pin = world.pin(OLD);
    pin["core_integrity"] = Value::Null;
    let planned = world.codexpin(json!({"do": "plan", "pin": pin}));
    let warning = &planned.answer["ok"]["warnings"][0];
    assert_eq!(warning["warning"], "no-integrity", "{planned:?}");
    assert_eq!(warning["version"], OLD);
}
