//! A registry, a disk or a network that fails: nothing about a release.

use insta::assert_snapshot;

use crate::agent;
use crate::machine::{Machine, which};
use crate::registry::Fault;

#[test]
fn a_registry_that_fails_is_told_by_what_it_did() {
    let varies = regex::Regex::new(r"at \[WHEN\]|after \d+ bytes").unwrap();
    let mut said = Vec::new();
    for fault in [
        Fault::Status(401),
        Fault::Status(403),
        Fault::Status(404),
        Fault::Status(503),
        Fault::TooMany(3600),
        Fault::Html,
        Fault::Truncated,
        Fault::Stall,
    ] {
        let machine = Machine::new();
        machine.add_to_npmrc("fetch-retries=0\nfetch-timeout=1500\n");
        machine.registry.break_path("/openclaw", fault.clone());
        let run = machine.run("check 2026.5.18").exits(75);
        let shown = machine.shown(&run);
        said.push(format!("{fault:?}: {}", varies.replace_all(&shown, "[...]")));
    }
    assert_snapshot!(said.join("\n\n"));
}

#[test]
fn a_registry_that_nobody_answers_for_is_told() {
    let machine = Machine::new();
    let free = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
    fs_err::write(machine.npmrc(), format!("registry=http://{free}/\nfetch-retries=0\n")).unwrap();
    let run = machine.run("releases").exits(75);
    assert_snapshot!(machine.shown(&run));
}

#[test]
fn a_registry_that_is_busy_for_a_moment_is_asked_again() {
    let machine = Machine::new();
    machine.registry.break_path_times("/openclaw", Fault::TooMany(0), 1);
    machine.run("releases").exits(0);
    machine.registry.break_path_times("/openclaw", Fault::Status(503), 1);
    machine.run("releases --refresh").exits(0);
    let tarball = "/openclaw/-/openclaw-2026.5.18.tgz";
    machine.registry.break_path_times(tarball, Fault::Status(503), 1);
    machine.run("check 2026.5.18").exits(0);
    assert_eq!(machine.registry.requests(tarball), 2);
}

#[test]
fn what_npm_cannot_fetch_for_now_is_infrastructure() {
    let mut said = Vec::new();
    for (path, fault) in [
        ("/openclaw/-/openclaw-2026.5.18.tgz", Fault::Status(401)),
        ("/openclaw/-/openclaw-2026.5.18.tgz", Fault::Status(403)),
        ("/openclaw/-/openclaw-2026.5.18.tgz", Fault::Status(503)),
        ("/openclaw/-/openclaw-2026.5.18.tgz", Fault::TooMany(0)),
        ("/openclaw/-/openclaw-2026.5.18.tgz", Fault::Truncated),
        ("/openclaw/-/openclaw-2026.5.18.tgz", Fault::Stall),
        ("/tiny-dep", Fault::Html),
        ("/tiny-dep", Fault::Truncated),
        ("/tiny-dep", Fault::Status(500)),
    ] {
        let machine = Machine::new();
        machine.add_to_npmrc("fetch-retries=0\nfetch-timeout=1500\n");
        machine.registry.break_path(path, fault.clone());
        let run = machine.run("check 2026.5.18");
        said.push(format!("{path} {fault:?}: {}", machine.shown(&run)));
        assert_eq!(machine.prefixes(), [""; 0]);
    }
    assert_snapshot!(said.join("\n\n"));
    assert!(said.iter().all(|said| said.contains("exit 75")));
}

#[test]
fn what_npm_will_never_be_able_to_install_is_a_skip_with_its_reason() {
    let mut said = Vec::new();
    let machine = Machine::new();
    machine.registry.promise_another_integrity("/tiny-dep/-/tiny-dep-1.0.0.tgz");
    said.push(machine.shown(&machine.run("check 2026.5.18").exits(125)));

    let machine = Machine::new();
    machine.registry.unpublish("tiny-dep");
    said.push(machine.shown(&machine.run("check 2026.5.18").exits(125)));

    let machine = Machine::new();
    let more = serde_json::json!({ "dependencies": { "tiny-dep": "^9.0.0" } });
    machine.registry.publish_core("2026.8.1", more);
    said.push(machine.shown(&machine.run("check 2026.8.1").exits(125)));

    let machine = Machine::new();
    let more = serde_json::json!({ "bin": {} });
    machine.registry.publish_core("2026.8.1", more);
    said.push(machine.shown(&machine.run("check 2026.8.1").exits(125)));

    assert_snapshot!(said.join("\n\n"));
}

#[test]
fn a_cache_or_state_directory_that_cannot_be_used_is_named() {
    let mut said = Vec::new();
    for variable in ["CODEXPIN_CACHE_DIR", "CODEXPIN_STATE_DIR"] {
        let mut machine = Machine::new();
        fs_err::write(machine.root().join("file"), "").unwrap();
        machine.set(variable, machine.root().join("file/below"));
        for words in ["releases", "check 2026.5.18", "bisect 2026.5.18 2026.6.1"] {
            let run = machine.run(words);
            said.push(format!("{variable} $ codexpin {words}\n{}", machine.shown_stdout(&run)));
            if run.code != 0 {
                assert_eq!(run.code, 75, "{run:?}");
                said.push(machine.filtered(&run.stderr));
            }
        }
        assert!(machine.registry.turns().is_empty());
    }
    assert_snapshot!(said.join("\n"));
}

#[test]
fn a_second_codexpin_on_the_same_session_is_told_of_the_first() {
    let machine = Machine::new();
    machine.registry.script("2026.5.18", [agent::hangs()]);
    let first = machine.start("bisect 2026.5.18 2026.6.1");
    machine.registry.wait_for_turns(1);
    let second = machine.run("bisect --resume").exits(75);
    assert!(second.stderr.contains(&format!("(process {})", first.pid())), "{}", second.stderr);
    assert_snapshot!(machine.shown(&second));
    first.signal(nix::sys::signal::Signal::SIGINT);
    first.finish().exits(130);
}

#[test]
fn a_disk_that_was_full_while_npm_unpacked_stops_a_session_which_goes_on_later() {
    let mut machine = Machine::new();
    machine.registry.script("2026.6.5", [agent::unknown_model(), agent::unknown_model()]);
    let npm = which("npm");
    // npm 11 only warns of it: it is content, or fails over a file that is missing then.
    for ending in ["exit 0", "echo 'npm error code 1' >&2; exit 1"] {
        machine.provide(
            "npm",
            &format!(
                "'{npm}' \"$@\" || exit\ncase \" $* \" in *' install '*)\n\
                 echo 'npm warn tar TAR_ENTRY_ERROR ENOSPC: no space left on device, write' >&2\n\
                 {ending};;\nesac"
            ),
        );
        let run = machine.run("check 2026.5.18").exits(75);
        assert!(run.stderr.contains("no space left on the disk (ENOSPC)"), "{}", run.stderr);
    }
    let run = machine.run("bisect 2026.6.1 2026.6.5").exits(75);
    assert!(run.stderr.contains("no space left on the disk (ENOSPC)"), "{}", run.stderr);
    machine.provide("npm", &format!("exec '{npm}' \"$@\""));
    let run = machine.run("resume").exits(0);
    assert!(run.stdout.contains("2026.6.5 is the first bad release"), "{}", run.stdout);
}
