//! Help texts and command lines that make no sense.

use insta::assert_snapshot;

use crate::machine::Machine;

#[test]
fn every_command_has_a_help_text() {
    let machine = Machine::new();
    for command in [
        "",
        "releases",
        "routes",
        "check",
        "diagnose",
        "doctor",
        "bisect",
        "resume",
        "scan",
        "sessions",
        "log",
        "replay",
        "pin",
        "pins",
        "report",
        "signatures",
        "status",
        "apply",
        "undo",
        "hold",
        "unhold",
        "history",
        "cache",
        "cache ls",
        "cache prune",
        "cache path",
        "loopback",
    ] {
        let run = machine.run(&format!("{command} --help")).exits(0);
        let name = format!("help {command}").trim().replace(' ', "_");
        assert_snapshot!(name, run.stdout);
        let short = machine.run(&format!("{command} -h")).exits(0);
        assert!(short.stdout.contains("Usage: codexpin"), "{}", short.stdout);
    }
    assert!(machine.registry.seen().is_empty(), "help asks nobody");
}

#[test]
fn a_bare_codexpin_shows_what_it_can_do() {
    let machine = Machine::new();
    let run = machine.run("").exits(2);
    assert!(run.stderr.contains("Usage: codexpin [OPTIONS] <COMMAND>"), "{}", run.stderr);
}

#[test]
fn a_slip_on_the_command_line_is_answered_with_what_was_meant() {
    let machine = Machine::new();
    let said: Vec<_> = [
        "bisec 2026.5.18 2026.6.1",
        "check --tiemout 5",
        "check --timeout 0",
        "check --upstream lives",
        "check --upstream loopback --relay",
        "check --relay --probe tool",
        "check --api-key-env NOBODYS_KEY",
        "check live --route openai/gpt-5.5",
        "check --route gpt-5.5",
        "check --route openai/gpt-5.5 --route openai/gpt-5.5",
        "check --require both",
        "check --probe tools",
        "check --probe multitool=501",
        "check --through door",
        "check --upgrade all",
        "check --exec true --probe tool",
        "check --egress --config",
        "bisect 2026.5.18",
        "bisect --resume --route openai/gpt-5.5",
        "bisect --resume --carry-state",
        "bisect --resume --any-failure",
        "diagnose --follow --json",
        "signatures nonesuch",
        "bisect --resume --probe tool",
        "releases --channel stabel",
        "cache prune --limit lots",
        "check what-is-this!",
        "check 2026-5-18",
        "check openclaw@2026.5.18",
    ]
    .into_iter()
    .map(|words| format!("$ codexpin {words}\n{}", machine.shown(&machine.run(words).exits(2))))
    .collect();
    assert_snapshot!(said.join("\n\n"));
    let empty = machine.start_with(&["check", "--exec", " "], &[]).finish().exits(2);
    assert!(empty.stderr.contains("--exec takes a command"), "{}", empty.stderr);
    assert!(machine.registry.seen().is_empty(), "a slip asks nobody");
}

#[test]
fn the_words_that_are_typed_first_lead_to_the_right_command() {
    let machine = Machine::new();
    for (words, commands) in [
        ("rollback --yes", &["codexpin apply"][..]),
        ("rescue now", &["codexpin doctor", "codexpin check live", "codexpin apply"]),
    ] {
        let said = machine.run(words).exits(2).stderr;
        let word = words.split(' ').next().unwrap();
        assert!(said.contains(&format!("error: there is no `codexpin {word}`")), "{said}");
        for command in commands {
            assert!(said.contains(command), "{said}");
        }
    }
}

#[test]
fn tools_for_developers_are_in_their_own_help_and_not_on_the_first_page() {
    let machine = Machine::new();
    for (first, own, tool) in [
        ("--help", "loopback --help", "loopback"),
        ("check -h", "check --help", "--fault"),
        ("signatures -h", "signatures --help", "--table"),
    ] {
        let first = machine.run(first).exits(0).stdout;
        assert!(!first.contains(tool), "{first}");
        let own = machine.run(own).exits(0).stdout;
        assert!(own.contains(tool), "{own}");
    }
}

#[test]
fn a_reply_is_one_line_that_is_not_too_long() {
    let machine = Machine::new();
    for reply in ["", "  ", "two\nlines", &"x".repeat(201)] {
        let run = machine.start_with(&["check", "--reply", reply], &[]).finish().exits(2);
        assert!(run.stderr.contains("--reply takes one line"), "{}", run.stderr);
    }
}

#[test]
fn colours_are_there_when_they_are_forced_and_never_otherwise() {
    let machine = Machine::new();
    let forced = [("CLICOLOR_FORCE", "1")];
    let colourful = std::process::Command::new(env!("CARGO_BIN_EXE_codexpin"))
        .args(["releases", "2026.1.1"])
        .envs(forced)
        .env("HOME", machine.home())
        .env("CODEXPIN_CACHE_DIR", machine.cache())
        .env("CODEXPIN_STATE_DIR", machine.state())
        .current_dir(machine.work())
        .output()
        .unwrap();
    assert!(colourful.stderr.contains(&0x1b));
    // Every other run in these tests is held to having none.
    machine.start_with(&["releases", "2026.1.1"], &[("NO_COLOR", "1")]).finish().exits(2);
}
