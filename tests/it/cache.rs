//! `codexpin cache`.

use insta::assert_snapshot;

use crate::machine::Machine;

#[test]
fn prefixes_are_listed_and_removed() {
    let mut machine = Machine::new();
    assert_eq!(machine.run("cache path").exits(0).stdout, format!("{}\n", machine.cache()));
    let empty = machine.run("cache ls").exits(0);
    machine.run("check 2026.5.18").exits(0);
    machine.run("check 2026.5.19").exits(0);
    fs_err::remove_file(machine.prefix("2026.5.18").join("prefix.json")).unwrap();
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
