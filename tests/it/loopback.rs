//! `codexpin loopback`: the upstream for a release that somebody runs by hand.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use insta::assert_snapshot;
use nix::sys::signal::Signal;

use crate::machine::Machine;

#[test]
fn it_says_what_to_export_and_answers_until_it_is_stopped() {
    let machine = Machine::new();
    let running = machine.start("loopback");
    running.wait_for_stderr("Ctrl-C ends it");
    let exports = running.wait_for_stdout("CODEX_CA_CERTIFICATE");
    let exported = |name: &str| {
        let line = exports.lines().find_map(|l| l.strip_prefix(&format!("export {name}=")));
        line.unwrap().to_owned()
    };
    let ca = fs_err::read_to_string(exported("NODE_EXTRA_CA_CERTS")).unwrap();
    assert!(ca.starts_with("-----BEGIN CERTIFICATE-----"));

    let proxy = exported("HTTPS_PROXY");
    let mut stream = TcpStream::connect(proxy.trim_start_matches("http://")).unwrap();
    let body = r#"{"model":"m","input":"Reply exactly: still here"}"#;
    write!(
        stream,
        "POST /v1/responses HTTP/1.1\r\nhost: x\r\nauthorization: Bearer sk-x\r\n\
         connection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("still here"), "{answer}");

    running.wait_for_stderr("/v1/responses");
    running.signal(Signal::SIGINT);
    let run = running.finish().exits(0);
    assert_snapshot!(machine.shown(&run));
    assert!(!camino::Utf8Path::new(&exported("NODE_EXTRA_CA_CERTS")).exists());
}

#[test]
fn a_port_that_is_taken_is_named() {
    let machine = Machine::new();
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let run = machine.run(&format!("loopback --port {port}")).exits(75);
    assert_snapshot!(machine.shown(&run));
}

#[test]
fn a_fault_is_announced_and_met_and_stdout_stays_for_the_exports() {
    let machine = Machine::new();
    let running = machine.start("loopback --fault server-error");
    running.wait_for_stderr("every turn meets the fault server-error");
    let exports = running.wait_for_stdout("CODEX_CA_CERTIFICATE");
    let proxy = exports.lines().find_map(|line| line.strip_prefix("export HTTPS_PROXY=http://"));
    let mut stream = TcpStream::connect(proxy.unwrap()).unwrap();
    let body = r#"{"model":"m","input":"Reply exactly: OK"}"#;
    write!(
        stream,
        "POST /v1/responses HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 500") && answer.contains("server_error"), "{answer}");

    running.wait_for_stderr("fault: server-error");
    running.signal(Signal::SIGINT);
    let run = running.finish().exits(0);
    assert!(run.stdout.lines().all(|line| line.starts_with("export ")), "{}", run.stdout);
}

#[test]
fn a_fault_that_there_is_not_is_a_usage_error_that_lists_them() {
    let machine = Machine::new();
    let run = machine.run("loopback --fault tea").exits(2);
    assert!(run.stderr.contains("stream-never-starts"), "{}", run.stderr);
}

#[test]
fn codexpin_leaves_no_core_dump_whatever_the_shell_says() {
    let machine = Machine::new();
    let running = machine.start("loopback");
    running.wait_for_stderr("Ctrl-C ends it");
    let limits = fs_err::read_to_string(format!("/proc/{}/limits", running.pid())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    let words: Vec<_> = core.split_whitespace().skip(4).take(2).collect();
    assert_eq!(words, ["0", "0"], "{core}");
}
