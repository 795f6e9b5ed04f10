//! `codexpin cache`.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::machine::{Machine, entries};
use crate::registry::{Fault, Registry};

#[test]
fn prefixes_are_listed_and_removed() {
    let mut machine = Machine::new();
    assert_eq!(machine.run("cache path").exits(0).stdout, format!("{}\n", machine.cache()));
    let empty = machine.run("cache ls").exits(0);
    machine.run("check 2026.5.18").exits(0);
    machine.run("check 2026.5.19").exits(0);
    fs_err::remove_file(machine.manifest("2026.5.18")).unwrap();
    let listed = machine.run("cache ls").exits(0);
    let (_, value) = machine.run_json("cache ls");
    assert_eq!(value["prefixes"].as_array().unwrap().len(), 2);
    let fits = machine.run("cache prune --limit 1GB").exits(0);
    let pruned = machine.run("cache prune --limit 0").exits(0);
    let mut lines: Vec<_> = listed.stdout.lines().collect();
    lines.sort_by_key(|line| line.contains("2026.5.19"));
    let said = [
        machine.shown(&empty),
        machine.filtered(&lines.join("\n")),
        machine.shown(&fits),
        machine.shown(&pruned),
    ];
    assert_snapshot!(said.join("\n\n"));
    assert_eq!(machine.prefixes(), [""; 0]);

    machine.set("CODEXPIN_CACHE_LIMIT", "plenty");
    let run = machine.run("cache ls").exits(2);
    assert!(run.stderr.contains("`plenty` is no size"), "{}", run.stderr);
    assert!(run.stderr.contains("CODEXPIN_CACHE_LIMIT"), "{}", run.stderr);
}

#[test]
fn the_limit_is_kept_by_itself_and_what_is_in_use_stays() {
    let mut machine = Machine::new();
    machine.set("CODEXPIN_CACHE_LIMIT", "1kB");
    machine.run("check 2026.5.18").exits(0);
    machine.run("check 2026.5.19").exits(0);
    let (_, value) = machine.run_json("cache ls");
    let kept = value["prefixes"].as_array().unwrap();
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert_eq!(kept[0]["core"], "2026.5.19");
}

/// A plugin is on record with the path that it was installed at; a core is not.
#[test]
fn in_a_cache_that_was_moved_only_what_names_its_place_is_made_anew() {
    let registry = Registry::with_releases();
    registry.publish_plugin(&["2026.6.11"]);
    let mut machine = Machine::with(registry);
    for core in ["2026.5.18", "2026.6.11"] {
        machine.run(&format!("check {core}")).exits(0);
    }
    let moved = machine.work().join("elsewhere");
    fs_err::rename(machine.cache(), &moved).unwrap();
    machine.set("CODEXPIN_CACHE_DIR", moved.as_str());
    let mut installed = Vec::new();
    for core in ["2026.5.18", "2026.6.11"] {
        let (run, value) = machine.run_json(&format!("check {core}"));
        run.exits(0);
        let records = moved.join("prefixes").read_dir_utf8().unwrap().map(Result::unwrap);
        let record = records
            .map(|entry| entry.path().to_owned())
            .filter(|path| path.extension() == Some("json"))
            .find(|record| record.as_str().contains(&format!("/{core}")));
        let record: Value =
            serde_json::from_slice(&fs_err::read(record.unwrap()).unwrap()).unwrap();
        assert_eq!(value["verdict"], "good");
        installed.push(record["made_in"].as_str().unwrap().starts_with(moved.as_str()));
    }
    assert_eq!(installed, [false, true]);
}

#[test]
fn a_cache_and_a_home_behind_a_link_are_as_good_as_any() {
    let mut machine = Machine::new();
    machine.registry.publish_plugin(&["2026.5.18"]);
    let (real, link) = (machine.root().join("disk"), machine.root().join("link"));
    fs_err::create_dir(&real).unwrap();
    fs_err::rename(machine.home(), real.join("home")).unwrap();
    fs_err::os::unix::fs::symlink(&real, &link).unwrap();
    machine.set("HOME", link.join("home").as_str());
    for variable in ["CODEXPIN_CACHE_DIR", "CODEXPIN_STATE_DIR"] {
        machine.set(variable, link.join(variable).as_str());
    }
    for core in ["2026.5.18", "2026.5.19", "2026.5.18"] {
        machine.run(&format!("check {core}")).exits(0);
    }
    // By default it is in the home.
    machine.unset("CODEXPIN_CACHE_DIR");
    machine.run("check 2026.5.18").exits(0);
    assert!(real.join("home/.cache/codexpin/prefixes").is_dir());
}

#[test]
fn each_part_of_the_cache_may_be_a_link_to_another_disk() {
    let machine = Machine::new();
    let disk = machine.root().join("disk");
    fs_err::create_dir_all(machine.cache()).unwrap();
    for part in ["prefixes", "npm", "scratch", "registry", "node"] {
        fs_err::create_dir_all(disk.join(part)).unwrap();
        fs_err::os::unix::fs::symlink(disk.join(part), machine.cache().join(part)).unwrap();
    }
    for core in ["2026.5.18", "2026.5.19", "2026.5.18"] {
        machine.run(&format!("check {core}")).exits(0);
    }
    assert!(!entries(&disk.join("prefixes")).is_empty());
}

#[test]
fn a_directory_whose_name_is_no_utf_8_is_told_and_not_passed_over() {
    use std::os::unix::ffi::OsStrExt as _;
    let machine = Machine::new();
    let name = std::ffi::OsStr::from_bytes(b"/tmp/caf\xe9");
    for variable in ["CODEXPIN_CACHE_DIR", "CODEXPIN_STATE_DIR", "OPENCLAW_STATE_DIR"] {
        let said = std::process::Command::new(env!("CARGO_BIN_EXE_codexpin"))
            .args(["cache", "path"])
            .env("HOME", machine.home())
            .env(variable, name)
            .current_dir(machine.work())
            .output()
            .unwrap();
        let stderr = String::from_utf8(said.stderr).unwrap();
        assert_eq!(said.status.code(), Some(75), "{stderr}");
        assert!(stderr.contains(&format!("error: {variable}: /tmp/caf")), "{stderr}");
        assert!(stderr.contains("is not valid UTF-8"), "{stderr}");
    }
}

/// Writes other bytes of the same number into a file, where it is, and gives it its time again.
const IN_PLACE: &str = r#"
cp -p "$1" "$1.before"
sed "s/$2/$3/" "$1.before" | dd of="$1" conv=notrunc 2>&1
touch -r "$1.before" "$1"
rm "$1.before"
"#;

#[test]
fn an_install_that_writes_into_what_it_shares_with_another_release_spoils_neither() {
    let machine = Machine::new();
    let files = [("index.js", "module.exports = 'as published';\n")];
    machine.registry.publish("shared-dep", "1.0.0", json!({}), &files);
    let with = json!({ "dependencies": { "shared-dep": "1.0.0" } });
    machine.registry.publish_core("2026.7.20", with.clone());
    let write = "sh in-place.sh ../shared-dep/index.js published 'was here!'";
    let mut evil = with;
    evil["scripts"] = json!({ "postinstall": write });
    machine.registry.publish_core_with("2026.7.21", evil, &[("in-place.sh", IN_PLACE)]);
    let content = |core| {
        let file = "core/node_modules/shared-dep/index.js";
        fs_err::read_to_string(machine.prefix(core).join(file)).unwrap()
    };
    machine.run("check 2026.7.20").exits(0);
    machine.run("check 2026.7.21").exits(0);
    assert!(content("2026.7.21").contains("was here"), "it is its own to write to");
    machine.run("check 2026.7.20").exits(0);
    assert_eq!(content("2026.7.20"), files[0].1);
}

#[test]
fn what_two_releases_have_in_common_is_on_the_disk_once() {
    use std::os::unix::fs::MetadataExt as _;
    let machine = Machine::new();
    machine.registry.publish("shared-dep", "1.0.0", json!({}), &[("index.js", "1;\n")]);
    for core in ["2026.7.20", "2026.7.21"] {
        let with = json!({ "dependencies": { "shared-dep": "1.0.0" } });
        machine.registry.publish_core(core, with);
    }
    for core in ["2026.7.20", "2026.7.21"] {
        machine.run(&format!("check {core}")).exits(0);
    }
    let inode = |core| {
        let file = "core/node_modules/shared-dep/index.js";
        fs_err::metadata(machine.prefix(core).join(file)).unwrap().ino()
    };
    assert_eq!(inode("2026.7.20"), inode("2026.7.21"));

    fs_err::remove_dir_all(machine.prefix("2026.7.21")).unwrap();
    let (_, listed) = machine.run_json("cache ls");
    assert_eq!(listed["packages"]["packages"], 3, "two cores and what they share: {listed}");
    assert!(listed["packages"]["unused_bytes"].as_u64().unwrap() > 0, "{listed}");
    let said = machine.run("cache ls").exits(0).stdout;
    assert!(said.contains("of packages that none of them has"), "{said}");
    machine.run("cache prune --limit 1GB").exits(0);
    let (_, listed) = machine.run_json("cache ls");
    assert_eq!(listed["packages"], json!({ "packages": 2, "unused_bytes": 0 }));
    machine.run("check 2026.7.20").exits(0);
    machine.run("cache prune --limit 0").exits(0);
    let (_, listed) = machine.run_json("cache ls");
    assert_eq!(listed["packages"]["packages"], 0, "{listed}");
}

#[test]
fn a_tarball_that_is_not_where_tarballs_usually_are_is_fetched_by_npm() {
    for fault in [Fault::Status(404), Fault::Html, Fault::Truncated] {
        let machine = Machine::new();
        machine.registry.publish("shared-dep", "1.0.0", json!({}), &[("index.js", "1;\n")]);
        let with = json!({ "dependencies": { "shared-dep": "1.0.0" } });
        machine.registry.publish_core("2026.7.20", with);
        let tarball = "/shared-dep/-/shared-dep-1.0.0.tgz";
        machine.registry.break_path_times(tarball, fault, 1);
        machine.run("check 2026.7.20").exits(0);
        let requests = machine.registry.requests(tarball);
        assert_eq!((requests, machine.registry.requests_by_npm(tarball)), (2, 1));
        let (_, listed) = machine.run_json("cache ls");
        assert_eq!(listed["packages"]["packages"], 2, "it is laid out all the same: {listed}");
    }
}

#[test]
fn an_optional_package_whose_script_fails_is_left_out_as_npm_does_it() {
    let machine = Machine::new();
    let fails = json!({ "scripts": { "install": "exit 3" } });
    machine.registry.publish("native", "1.0.0", fails, &[("index.js", "")]);
    let with = json!({ "optionalDependencies": { "native": "1.0.0" } });
    machine.registry.publish_core("2026.7.20", with);
    machine.run("check 2026.7.20").exits(0);
    let modules = machine.prefix("2026.7.20").join("core/node_modules");
    assert!(modules.join("openclaw").is_dir() && !modules.join("native").exists());
}

#[test]
fn an_install_script_has_no_part_in_npms_cache() {
    let machine = Machine::new();
    let npm = machine.cache().join("npm");
    let write = format!("mkdir -p {npm}/_cacache/evil; touch {npm}/evil {npm}/_cacache/evil/x");
    let script = json!({ "scripts": { "postinstall": format!("{write}; true") } });
    machine.registry.publish_core("2026.7.20", script.clone());
    // Nor one of a release that codexpin cannot lay out by itself.
    let fails = json!({ "scripts": { "install": "exit 3" } });
    machine.registry.publish("native", "1.0.0", fails, &[]);
    let mut whole = script;
    whole["optionalDependencies"] = json!({ "native": "1.0.0" });
    machine.registry.publish_core("2026.7.21", whole);
    machine.run("check 2026.7.20").exits(0);
    machine.run("check 2026.7.21").exits(0);
    assert!(npm.join("_cacache").is_dir());
    for file in ["evil", "_cacache/evil"] {
        assert!(!npm.join(file).exists(), "{file}");
    }
}

#[test]
fn a_script_that_spoils_a_package_and_fails_spoils_nobody_elses() {
    let machine = Machine::new();
    let files = [("index.js", "module.exports = 'as published';\n")];
    machine.registry.publish("shared-dep", "1.0.0", json!({}), &files);
    let with = json!({ "dependencies": { "shared-dep": "1.0.0" } });
    machine.registry.publish_core("2026.7.20", with.clone());
    let mut evil = with;
    let write = "sh in-place.sh ../shared-dep/index.js published 'was here!'; exit 1";
    evil["scripts"] = json!({ "postinstall": write });
    machine.registry.publish_core_with("2026.7.21", evil, &[("in-place.sh", IN_PLACE)]);
    machine.run("check 2026.7.20").exits(0);
    machine.run("check 2026.7.21").exits(125);
    machine.run("check 2026.7.20").exits(0);
    let file = machine.prefix("2026.7.20").join("core/node_modules/shared-dep/index.js");
    assert_eq!(fs_err::read_to_string(file).unwrap(), files[0].1);
}

#[test]
fn a_failure_counts_only_against_what_was_installed() {
    let machine = Machine::new();
    machine.run("check 2026.5.18").exits(0);
    let package = machine.prefix("2026.5.18").join("core/node_modules/openclaw");
    let file = package.join("openclaw.mjs");
    let written = std::process::Command::new("sh")
        .args(["-c", IN_PLACE, "sh", file.as_str(), "import", "thrown"])
        .output();
    assert!(written.unwrap().status.success());
    let run = machine.run("check 2026.5.18").exits(0);
    assert!(run.stderr.contains("is no longer what was installed"), "{}", run.stderr);
    assert!(run.stdout.starts_with("good: 2026.5.18"), "{}", run.stdout);
}
