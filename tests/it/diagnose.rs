//! `codexpin diagnose` and `codexpin signatures`.

use std::io::Write as _;

use insta::assert_snapshot;
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::machine::Machine;

const LOG: &str = "\
2026-11-21T08:00:00.000Z [gateway] ready
2026-11-21T08:01:00.000Z [openai-transport] [responses] error status=403 message=403 <!DOCTYPE html><html lang=\"en-US\">
2026-11-21T08:01:00.100Z FailoverError: DNS lookup for the provider endpoint failed.
2026-11-21T08:30:00.000Z FailoverError: Unknown model: openai-codex/gpt-5.5
";

fn with_log(text: &str) -> Machine {
    let machine = Machine::new();
    fs_err::write(machine.work().join("gateway.log"), text).unwrap();
    machine
}

#[test]
fn a_log_is_told_in_the_order_in_which_to_look_at_it() {
    let machine = with_log(LOG);
    let run = machine.run("diagnose gateway.log").exits(1);
    assert_snapshot!(machine.shown_stdout(&run));
    let (run, value) = machine.run_json("diagnose gateway.log");
    run.exits(1);
    let ids: Vec<_> = value["findings"].as_array().unwrap().iter().map(|f| &f["id"]).collect();
    assert_eq!(ids, ["cloudflare-403", "unknown-model"]);
    assert_eq!(value["findings"][0]["first"]["line"], 2);
    assert!(machine.registry.seen().is_empty(), "nobody is asked");
}

#[test]
fn a_sound_log_an_unknown_error_and_no_log_at_all_are_told_apart() {
    let machine = with_log("[gateway] ready\n");
    machine.run("diagnose gateway.log").exits(0);
    fs_err::write(machine.work().join("gateway.log"), "TypeError: x is not a function\n").unwrap();
    let run = machine.run("diagnose gateway.log").exits(3);
    assert!(run.stdout.contains("TypeError: x is not a function"), "{}", run.stdout);
    let run = machine.run("diagnose nowhere.log").exits(2);
    assert!(run.stderr.contains("nowhere.log"), "{}", run.stderr);
    let run = machine.run("diagnose gateway.log --since yesterday").exits(2);
    assert!(run.stderr.contains("\"yesterday\" is neither a duration"), "{}", run.stderr);
}

/// A Gateway service whose journal is what this script prints.
fn with_journal(script: &str) -> Machine {
    let mut machine = Machine::new();
    let units = machine.home().join(".config/systemd/user");
    fs_err::create_dir_all(&units).unwrap();
    fs_err::write(units.join("openclaw-gateway.service"), "[Service]\n").unwrap();
    machine.provide("journalctl", script);
    machine
}

#[test]
fn without_a_file_the_journal_of_the_users_unit_is_read() {
    let line = "2026-11-21T08:00:00+0000 box node[7]: FailoverError: Unknown model: x";
    let machine = with_journal(&format!(
        r#"case "$*" in *--user*--unit*openclaw-gateway.service*--since*) echo '{line}';; *) exit 9;; esac"#
    ));
    let run = machine.run("diagnose --since 2026-11-21T07:00:00Z").exits(1);
    assert!(run.stdout.contains("the journal of openclaw-gateway.service:1"), "{}", run.stdout);
    assert!(run.stdout.contains("unknown-model"), "{}", run.stdout);
    machine.run("diagnose --since 2026-11-21T09:00:00Z").exits(0);
}

#[test]
fn a_journal_that_cannot_be_read_is_told_and_never_taken_for_a_sound_one() {
    for (script, told) in [
        (
            "echo 'No journal files were found.' >&2; exit 1",
            "does not hand out the journal of openclaw-gateway.service: No journal files were found.",
        ),
        ("exit 0", "has nothing of openclaw-gateway.service since then"),
    ] {
        let run = with_journal(script).run("diagnose");
        assert!(run.stderr.contains(told), "{}", run.stderr);
        // OpenClaw's own log is read in its place, where this machine has one.
        assert!(run.stderr.contains("; reading /tmp/openclaw/") || run.code == 1, "{run:?}");
    }
}

#[test]
fn only_what_is_new_enough_counts() {
    let machine = with_log(LOG);
    let (run, value) = machine.run_json("diagnose gateway.log --since 2026-11-21T08:15:00Z");
    run.exits(1);
    assert_eq!(value["findings"][0]["id"], "unknown-model");
    assert_eq!(value["findings"][1], Value::Null);
}

#[test]
fn a_log_that_is_followed_is_told_of_as_it_grows_until_ctrl_c() {
    let machine = with_log("[gateway] ready\n");
    let run = machine.start("diagnose gateway.log --follow");
    run.wait_for_stderr("reading on in gateway.log");
    let path = machine.work().join("gateway.log");
    let mut log = fs_err::OpenOptions::new().append(true).open(&path).unwrap();
    writeln!(log, "FailoverError: Unknown model: x").unwrap();
    run.wait_for_stdout("unknown-model");
    // Rotated: written anew from its beginning.
    fs_err::write(&path, "429 The usage limit has been reached\n").unwrap();
    run.wait_for_stdout("usage-limit");
    run.signal(Signal::SIGINT);
    run.finish().exits(1);
}

#[test]
fn signatures_are_listed_explained_and_added_to() {
    let machine = Machine::new();
    assert_snapshot!(machine.shown_stdout(&machine.run("signatures").exits(0)));
    assert_snapshot!(machine.shown_stdout(&machine.run("signatures unknown-model").exits(0)));
    let (_, json) = machine.run_json("signatures unknown-model");
    assert_eq!(json["signatures"][0]["id"], "unknown-model");
    let run = machine.run("signatures unknown-modle").exits(2);
    assert!(run.stderr.contains("do you mean unknown-model?"), "{}", run.stderr);

    let own = machine.home().join(".config/codexpin/signatures.toml");
    fs_err::create_dir_all(own.parent().unwrap()).unwrap();
    let entry = "[[signature]]\nid = \"our-proxy\"\nkind = \"environment\"\ntitle = \"our proxy asks for a password\"\nraw = ['407 Proxy']\n";
    fs_err::write(&own, entry).unwrap();
    fs_err::write(machine.work().join("gateway.log"), "407 Proxy Authentication\n").unwrap();
    let run = machine.run("diagnose gateway.log").exits(1);
    assert!(run.stdout.contains("our proxy asks for a password"), "{}", run.stdout);

    // What is named on the command line takes its place, and has to be there.
    fs_err::write(machine.work().join("bad.toml"), entry.replace("'407 Proxy'", "'('")).unwrap();
    let run = machine.run("diagnose gateway.log --signatures bad.toml").exits(2);
    assert!(
        run.stderr.contains("bad.toml: signature \"our-proxy\": \"(\" is not"),
        "{}",
        run.stderr
    );
    let run = machine.run("signatures --signatures nowhere.toml").exits(2);
    assert!(run.stderr.contains("nowhere.toml"), "{}", run.stderr);
    let table = machine.run("signatures --table").exits(0).stdout;
    assert!(table.contains("id = \"unknown-model\""), "{table}");
}
