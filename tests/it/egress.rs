//! What a candidate can reach, and what it tried to.

use std::net::TcpListener;

use insta::assert_snapshot;
use serde_json::json;

use crate::agent;
use crate::machine::Machine;

#[test]
fn what_a_candidate_tried_to_reach_is_told_and_this_machine_is_out_of_reach() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let machine = Machine::new();
    let hosts = ["updates.example.com", "telemetry.example.org", "updates.example.com"];
    machine.registry.script("2026.6.1", [agent::wanders(&hosts, port)]);
    let run = machine.run("check 2026.6.1 --egress").exits(0);
    assert_snapshot!(machine.shown_stdout(&run));
    let notes = machine.registry.notes();
    assert!(notes.contains(&json!({ "connected": false })), "{notes:?}");
    let nobody = listener.accept().unwrap_err();
    assert_eq!(nobody.kind(), std::io::ErrorKind::WouldBlock);
    let refused = json!({ "asked": "telemetry.example.org", "status": 403 });
    assert!(notes.contains(&refused), "{notes:?}");

    let run = machine.run("check 2026.6.1").exits(0);
    assert!(!run.stdout.contains("example.com"), "{}", run.stdout);
}

#[test]
fn a_candidate_that_asks_nobody_has_tried_nothing() {
    let machine = Machine::new();
    machine.registry.script("2026.6.1", [agent::answers_without_asking()]);
    let run = machine.run("check 2026.6.1 --egress").exits(1);
    assert!(run.stdout.ends_with("tried to reach in its turns\n  nothing\n"), "{}", run.stdout);
}

#[test]
fn a_turn_reaches_the_registry_but_not_beside_a_command_that_finds_the_users_home() {
    let machine = Machine::new();
    let registry = machine.registry.host();
    machine.registry.script("2026.6.1", [agent::wanders(&[&registry], 1)]);
    let run = machine.run("check 2026.6.1 --egress").exits(0);
    assert!(run.stdout.contains(&format!("passed    CONNECT {registry}")), "{}", run.stdout);
    let asked = json!({ "asked": registry, "status": 200 });
    assert!(machine.registry.notes().contains(&asked), "{:?}", machine.registry.notes());

    let script = machine.work().join("connect.sh");
    let connect = format!(
        "exec 3<>/dev/tcp/127.0.0.1/${{HTTPS_PROXY##*:}}\n\
         printf 'CONNECT {registry} HTTP/1.1\\r\\nhost: {registry}\\r\\n\\r\\n' >&3\n\
         read -r answer <&3; case $answer in *403*) exit 0;; *) exit 1;; esac\n"
    );
    fs_err::write(&script, connect).unwrap();
    let words = ["check", "2026.6.1", "--exec", &format!("bash {script} 2>/dev/null")];
    machine.start_with(&words, &[]).finish().exits(0);
}

/// A kernel that gives no user namespaces, as many containers have it.
const NO_NAMESPACES: &str = "echo 0 > /proc/sys/user/max_user_namespaces && exec codexpin";

#[test]
fn where_nothing_can_be_enclosed_no_release_runs_unasked_and_that_is_said_before() {
    let machine = Machine::new();
    let without =
        |words: &str| machine.bash(&format!("unshare -Ur sh -c '{NO_NAMESPACES} {words}'"));
    for words in ["check 2026.5.18", "bisect 2026.5.18 2026.6.1", "pin 2026.5.18"] {
        let run = without(words).exits(2);
        assert!(run.stderr.starts_with("error: this machine does not enclose"), "{}", run.stderr);
        assert!(run.stderr.contains("user.max_user_namespaces=0"), "{}", run.stderr);
        assert!(run.stderr.contains("--unenclosed"), "{}", run.stderr);
        assert!(!run.stderr.contains("installing"), "{}", run.stderr);
    }
    assert_eq!(machine.registry.asked(), [""; 0]);
    let run = without("check 2026.5.18 --unenclosed").exits(0);
    let (warned, installing) =
        (run.stderr.find("with your own rights"), run.stderr.find("installing"));
    assert!(warned.is_some() && warned < installing, "{}", run.stderr);
    assert!(run.stdout.contains("not enclosed"), "{}", run.stdout);
}
