//! `--exec`: a check command of the user's own, whose exit code is the verdict.

use insta::assert_snapshot;

use crate::machine::{Machine, Run, started_by};
use crate::registry::Registry;

fn check(machine: &Machine, command: &str) -> Run {
    machine.start_with(&["check", "2026.5.18", "--exec", command], &[]).finish()
}

fn bisect(machine: &Machine, command: &str) -> Run {
    let words = ["bisect", "2026.5.19", "2026.6.5", "--no-forward", "--exec", command];
    machine.start_with(&words, &[]).finish()
}

#[test]
fn the_exit_code_of_a_check_command_is_the_verdict_of_a_check() {
    let machine = Machine::new();
    let mut said = Vec::new();
    for (command, code) in [
        ("exit 0", 0),
        ("exit 1", 1),
        ("exit 124", 1),
        ("exit 125", 125),
        ("touch not-to-be-run; ./not-to-be-run", 75),
        ("no-such-program --at all", 75),
        ("exit 128", 75),
        ("exit 130", 75),
        ("kill -9 $$", 75),
    ] {
        let run = check(&machine, command).exits(code);
        said.push(format!("$ {command}\n{}", machine.shown(&run)));
    }
    assert_snapshot!(said.join("\n\n"));
    assert!(machine.registry.turns().is_empty(), "codexpin asks nothing by itself");
}

#[test]
fn a_search_goes_by_the_exit_codes_of_a_check_command() {
    for code in [1, 124, 126, 127] {
        let machine = Machine::new();
        let command =
            format!("case $CODEXPIN_CORE_VERSION in 2026.6.5) exit {code};; *) exit 0;; esac");
        let run = bisect(&machine, &command).exits(0);
        let found = "2026.6.5 is the first bad release";
        assert!(run.stdout.contains(found), "{code}: {}", run.stdout);
    }
    let machine = Machine::new();
    let command =
        "case $CODEXPIN_CORE_VERSION in 2026.6.5) exit 1;; 2026.6.1) exit 125;; esac; exit 0";
    let run = bisect(&machine, command).exits(3);
    assert_snapshot!(machine.shown_stdout(&run));
}

#[test]
fn a_check_command_that_cannot_be_run_at_all_stops_the_search() {
    let machine = Machine::new();
    let run = bisect(&machine, "no-such-program").exits(75);
    assert_snapshot!(machine.shown(&run));
    assert!(!machine.pin_file().exists());
}

#[test]
fn a_check_command_can_stop_the_search_which_goes_on_later() {
    let machine = Machine::new();
    let marker = machine.work().join("stop");
    fs_err::write(&marker, "").unwrap();
    let command = format!(
        "case $CODEXPIN_CORE_VERSION in 2026.5.19) exit 0;; esac; \
         test -e {marker} && exit 130; exit 1"
    );
    bisect(&machine, &command).exits(75);
    fs_err::remove_file(&marker).unwrap();
    let run = machine.run("bisect --resume").exits(0);
    assert!(run.stdout.contains("2026.6.1 is the first bad release"), "{}", run.stdout);
}

#[test]
fn a_check_command_that_ran_before_a_kill_is_known_to_run() {
    let machine = Machine::new();
    let command = "case $CODEXPIN_CORE_VERSION in 2026.5.19) exit 0;; *) exit 127;; esac";
    let words = ["bisect", "2026.5.19", "2026.6.1", "--exec", command];
    let kill = [("CODEXPIN_KILL_AT", "session-recorded")];
    machine.start_with(&words, &kill).finish().exits(128 + 9);
    let run = machine.run("bisect --resume").exits(0);
    assert!(run.stdout.contains("2026.6.1 is the first bad release"), "{}", run.stdout);
}

#[test]
fn a_check_command_has_what_it_needs_in_its_environment() {
    let registry = Registry::with_releases();
    registry.publish_plugin(&["2026.6.11"]);
    let machine = Machine::with(registry);
    let listen = r#"require("net").createServer().listen(process.env.CODEXPIN_PORT, "127.0.0.1", () => process.exit(0))"#;
    let turn = "--local --agent main --session-id mine --message 'Reply exactly: fine' --json";
    let command = format!(
        r#"set -e
test "$CODEXPIN_CORE_VERSION" = 2026.6.11
test "$CODEXPIN_PLUGIN_VERSION" = 2026.6.11
test "$("$CODEXPIN_OPENCLAW" --version)" = "OpenClaw 2026.6.11"
test "$(command -v openclaw)" = "$CODEXPIN_OPENCLAW"
test -d "$CODEXPIN_PREFIX/core/node_modules/openclaw"
test -f "$CODEXPIN_STATE_DIR/openclaw.json"
node -e '{listen}'
openclaw agent {turn} | grep -q '"text": "fine"'
test -z "$THE_USERS_OWN"
"#
    );
    let words = ["check", "2026.6.11", "--exec", &command];
    machine.start_with(&words, &[("THE_USERS_OWN", "1")]).finish().exits(0);

    let command = r#"test "${CODEXPIN_PLUGIN_VERSION-unset}" = "" "#;
    check(&machine, command).exits(0);
}

#[test]
fn a_check_command_speaks_with_a_gateway_that_is_started_for_it() {
    let machine = Machine::new();
    let command = r#"
openclaw agent --agent main --session-id mine --message "Reply exactly: fine" --json |
    grep -q '"runId"'
"#;
    let words = ["check", "2026.5.18", "--through", "gateway", "--exec", command];
    let run = machine.start_with(&words, &[]).finish().exits(0);
    assert_eq!(started_by(run.pid), [0; 0]);
}

#[test]
fn a_check_command_reaches_nothing_but_the_upstream() {
    let machine = Machine::new();
    let host = machine.registry.host();
    let (address, port) = host.split_once(':').unwrap();
    let connect = format!(
        "const s = require('net').connect({port}, '{address}'); \
         s.on('connect', () => process.exit(0)).on('error', () => process.exit(3))"
    );
    // Outside it is there.
    let outside = std::process::Command::new("node").args(["-e", &connect]).status().unwrap();
    assert!(outside.success());
    let run = check(&machine, &format!("node -e \"{connect}\"")).exits(1);
    assert!(run.stdout.contains("exit status 3"), "{}", run.stdout);
}

#[test]
fn what_a_check_command_leaves_in_tmp_is_not_on_this_machine() {
    let machine = Machine::new();
    let name = format!("/tmp/codexpin-it-left-{}", std::process::id());
    check(&machine, &format!("touch {name} && test -e {name}")).exits(0);
    assert!(!camino::Utf8Path::new(&name).exists());
}

#[test]
fn a_check_command_that_hangs_is_stopped_at_the_time_limit_with_what_it_started() {
    let machine = Machine::new();
    let command = "setsid sleep 600 & sleep 600";
    let words = ["check", "2026.5.18", "--timeout", "1", "--exec", command];
    let run = machine.start_with(&words, &[]).finish().exits(1);
    assert!(run.stdout.contains("[turn-timed-out]"), "{}", run.stdout);
    assert_eq!(started_by(run.pid), [0; 0]);
}
