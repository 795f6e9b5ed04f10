//! `codexpin cache`.

use insta::assert_snapshot;
use serde_json::Value;

use crate::machine::Machine;
use crate::registry::Registry;

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
