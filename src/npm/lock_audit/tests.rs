//! A lock file as npm makes it, and every way to make it say something else.

use serde_json::{Value, json};

use super::*;

/// What is published: one manifest a package, by name and version.
fn published() -> Publications {
    let manifests = [
        json!({
            "name": "openclaw", "version": "2026.9.6",
            "dependencies": {"zod": "^4.0.0", "tagged": "latest", "sharp": "1.x", "codex": "npm:@o/codex@0.1.0-linux", "tool": "1.0.0"},
            "optionalDependencies": {"sharp": "1.x", "absent": "1.0.0"},
            "peerDependencies": {"host": "^1.0.0", "maybe": "*"},
            "peerDependenciesMeta": {"maybe": {"optional": true}},
            "bundleDependencies": ["tool"],
        }),
        json!({"name": "zod", "version": "4.1.0", "dependencies": {"inner": "~1.0.0"}}),
        json!({"name": "zod", "version": "3.9.0"}),
        json!({"name": "inner", "version": "1.0.3"}),
        json!({"name": "inner", "version": "2.0.0"}),
        json!({"name": "tagged", "version": "7.0.0"}),
        json!({"name": "sharp", "version": "1.2.0"}),
        json!({"name": "@o/codex", "version": "0.1.0-linux"}),
        json!({"name": "tool", "version": "1.0.0", "dependencies": {"part": "1.0.0"}}),
        json!({"name": "part", "version": "1.0.0"}),
        json!({"name": "host", "version": "1.5.0"}),
        json!({"name": "maybe", "version": "1.0.0"}),
        json!({"name": "evil", "version": "1.0.0"}),
    ];
    let read = |manifest: Value| {
        let text = |key: &str| manifest[key].as_str().unwrap().to_owned();
        let id = (text("name"), text("version"));
        let mut manifest = manifest.clone();
        manifest["dist"] = json!({"integrity": hash(&id.0, &id.1)});
        (id, PublishedPackage::read(&manifest))
    };
    manifests.map(read).into_iter().collect()
}

fn hash(name: &str, version: &str) -> String {
    crate::npm::integrity::of(format!("{name}@{version}").as_bytes())
}

fn entry(name: &str, version: &str, and: &Value) -> Value {
    let mut entry = json!({"version": version, "integrity": hash(name, version)});
    for (key, value) in and.as_object().unwrap() {
        entry[key] = value.clone();
    }
    entry
}

fn lock() -> Value {
    json!({"lockfileVersion": 3, "packages": {
        "": {"dependencies": {"openclaw": "2026.9.6"}},
        "node_modules/openclaw": entry("openclaw", "2026.9.6", &json!({
            "dependencies": {"zod": "^4.0.0", "tagged": "latest", "codex": "npm:@o/codex@0.1.0-linux", "tool": "1.0.0"},
            "optionalDependencies": {"sharp": "1.x", "absent": "1.0.0"},
            "peerDependencies": {"host": "^1.0.0", "maybe": "*"},
        })),
        "node_modules/openclaw/node_modules/tool": {
            "version": "1.0.0", "inBundle": true, "dependencies": {"part": "1.0.0"},
        },
        "node_modules/openclaw/node_modules/part": {"version": "1.0.0", "inBundle": true},
        "node_modules/zod": entry("zod", "4.1.0", &json!({"dependencies": {"inner": "~1.0.0"}})),
        "node_modules/zod/node_modules/inner": entry("inner", "1.0.3", &json!({})),
        "node_modules/tagged": entry("tagged", "7.0.0", &json!({})),
        "node_modules/sharp": entry("sharp", "1.2.0", &json!({})),
        "node_modules/codex": entry("@o/codex", "0.1.0-linux", &json!({"name": "@o/codex"})),
        "node_modules/host": entry("host", "1.5.0", &json!({})),
    }})
}

fn audited(lock: &Value) -> Result<(), LockAuditError> {
    let lock = LockFile::parse(&lock.to_string()).unwrap();
    audit(&lock, &PackageName::CORE, &published())
}

#[test]
fn a_lock_file_that_npm_made_of_the_registrys_packages_is_taken() {
    assert_eq!(audited(&lock()), Ok(()));
}

#[test]
fn what_is_optional_or_a_peer_may_be_missing() {
    for place in ["node_modules/sharp", "node_modules/host"] {
        let mut without = lock();
        without["packages"].as_object_mut().unwrap().remove(place);
        assert_eq!(audited(&without), Ok(()), "{place}");
    }
}

#[test]
fn a_lock_file_that_differs_from_the_registry_is_refused() {
    let evil = || entry("evil", "1.0.0", &json!({}));
    let bundled = || json!({"version": "1.0.0", "inBundle": true});
    let wants_evil = json!({"inner": "~1.0.0", "evil": "1.0.0"});
    for (place, field, value, said) in [
        ("node_modules/evil", "", evil(), "nothing in the tree asks for node_modules/evil"),
        (
            "node_modules/maybe",
            "",
            entry("maybe", "1.0.0", &json!({})),
            "asks for node_modules/maybe",
        ),
        (
            "node_modules/zod/node_modules/tagged",
            "",
            entry("tagged", "7.0.0", &json!({})),
            "asks for",
        ),
        ("node_modules/zod", "dependencies", wants_evil, "wants another `evil`"),
        ("node_modules/zod", "peerDependencies", json!({"evil": "1"}), "wants another `evil`"),
        ("node_modules/zod", "optionalDependencies", json!({"evil": "1"}), "wants another `evil`"),
        ("node_modules/zod", "dependencies", json!({}), "wants another `inner`"),
        ("node_modules/zod", "name", "evil".into(), "the registry has no evil@4.1.0"),
        ("node_modules/zod", "version", "9.0.0".into(), "the registry has no zod@9.0.0"),
        ("node_modules/zod", "integrity", hash("evil", "1.0.0").into(), "integrity hash differs"),
        ("node_modules/zod", "integrity", Value::Null, "integrity hash differs"),
        ("node_modules/zod", "", entry("zod", "3.9.0", &json!({})), "and gets zod@3.9.0"),
        (
            "node_modules/zod",
            "",
            entry("evil", "1.0.0", &json!({"name": "evil"})),
            "and gets evil@1.0.0",
        ),
        (
            "node_modules/codex",
            "",
            entry("evil", "1.0.0", &json!({"name": "evil"})),
            "and gets evil@1.0.0",
        ),
        (
            "node_modules/zod/node_modules/inner",
            "",
            entry("inner", "2.0.0", &json!({})),
            "gets inner@2.0.0",
        ),
        ("node_modules/zod/node_modules/inner", "", Value::Null, "as `~1.0.0`, and gets nothing"),
        (
            "node_modules/zod/node_modules/inner",
            "",
            json!({"version": "1.0.3", "inBundle": true}),
            "in no package that bundles it",
        ),
        ("node_modules/evil", "", bundled(), "in no package that bundles it"),
        ("node_modules/openclaw/node_modules/evil", "", bundled(), "in no package that bundles it"),
        (
            "node_modules/openclaw/node_modules/zod",
            "",
            json!({"version": "4.1.0", "inBundle": true, "dependencies": {"inner": "~1.0.0"}}),
            "in no package that bundles it",
        ),
    ] {
        let mut changed = lock();
        let all = changed["packages"].as_object_mut().unwrap();
        match (field, value) {
            ("", Value::Null) => drop(all.remove(place)),
            ("", entry) => drop(all.insert(place.to_owned(), entry)),
            (field, value) => all[place][field] = value,
        }
        let error = audited(&changed).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains(said), "{place} {field}: {error}");
    }
}
