//! What an install tried to reach, and could not.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::machine::Machine;
use crate::registry::Registry;

/// Something on this machine that is no registry, and counts who comes.
struct Elsewhere {
    port: u16,
    met: Arc<AtomicUsize>,
}

impl Elsewhere {
    fn new() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let met = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&met);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                counted.fetch_add(1, Ordering::SeqCst);
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";
                let mut stream = stream.unwrap();
                std::thread::spawn(move || {
                    // Whoever only connects is gone by now.
                    let _ = stream.read(&mut [0; 4096]);
                    let _ = stream.write_all(answer);
                });
            }
        });
        Self { port, met }
    }

    fn met(&self) -> usize {
        self.met.load(Ordering::SeqCst)
    }

    /// A release whose install script asks this through the proxy that it is
    /// given, where it is given one, and by itself.
    fn publish(&self, registry: &Registry, core: &str, script_exits: &str) {
        let script = format!(
            "const http = require('http');
             const ask = (options) => new Promise((resolve) => {{
               http.get(options, (answer) => resolve(answer.resume().statusCode))
                 .on('error', (error) => resolve(error.code));
             }});
             const url = 'http://127.0.0.1:{port}/payload?token=made-up';
             const proxy = process.env.HTTP_PROXY && new URL(process.env.HTTP_PROXY);
             (async () => {{
               const direct = await ask({{ agent: new http.Agent(), port: {port}, path: '/payload' }});
               const asked = proxy
                 ? await ask({{ host: proxy.hostname, port: proxy.port, path: url,
                     agent: new http.Agent(), headers: {{ host: '127.0.0.1:{port}' }} }})
                 : direct;
               {script_exits}
             }})();",
            port = self.port,
        );
        let more = json!({ "dependencies": { "asks": "1.0.0" } });
        registry.publish_core(core, more);
        let scripts = json!({ "scripts": { "postinstall": "node ask.js" } });
        registry.publish("asks", "1.0.0", scripts, &[("ask.js", &script)]);
    }
}

fn lines(report: &Value, outcome: &str) -> Vec<String> {
    let reached = report["install_egress"]["reached"].as_array().unwrap();
    let wanted = reached.iter().filter(|line| line["outcome"] == outcome);
    let shown = |line: &Value| {
        let text = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
        format!("{} {}:{}{}", text("method"), text("host"), line["port"], text("path"))
    };
    wanted.map(shown).collect()
}

#[test]
fn what_an_install_took_from_the_registry_is_recorded_and_kept() {
    let machine = Machine::new();
    let (run, first) = machine.run_json("check 2026.5.18");
    run.exits(0);
    let host = machine.registry.host();
    let passed = lines(&first, "passed");
    for package in ["openclaw", "tiny-dep"] {
        assert!(passed.contains(&format!("GET {host}/{package}")), "{passed:?}");
    }
    assert_eq!(first["install_egress"]["note"], Value::Null);
    let (_, again) = machine.run_json("check 2026.5.18");
    assert_eq!(again["install_egress"], first["install_egress"]);
    let shown = machine.run("check 2026.5.18 --egress").exits(0).stdout;
    let line = format!("egress: what its install tried to reach\n  passed    GET {host}/openclaw");
    assert!(shown.contains(&line), "{shown}");
}

#[test]
fn an_install_script_reaches_nothing_but_the_registry_and_what_it_tried_is_recorded() {
    let (machine, elsewhere) = (Machine::new(), Elsewhere::new());
    elsewhere.publish(&machine.registry, "2026.5.18", "process.exit(asked === 403 ? 0 : 1);");
    let (run, report) = machine.run_json("check 2026.5.18");
    run.exits(0);
    assert_eq!(elsewhere.met(), 0);
    assert_eq!(lines(&report, "refused"), [format!("GET 127.0.0.1:{}/payload", elsewhere.port)]);
    assert_eq!(report["install_egress"]["note"], Value::Null);
}

#[test]
fn a_failing_install_that_was_refused_a_host_is_a_skip_and_never_made_in_the_open() {
    let (machine, elsewhere) = (Machine::new(), Elsewhere::new());
    elsewhere.publish(&machine.registry, "2026.5.18", "process.exit(asked === 200 ? 0 : 1);");
    let (run, report) = machine.run_json("check 2026.5.18");
    run.exits(125);
    assert_eq!(elsewhere.met(), 0);
    assert_eq!(report["verdict"], "skip");
    let why = report["reason"]["why"].as_str().unwrap();
    let host = format!("127.0.0.1:{}", elsewhere.port);
    assert!(why.contains(&format!("codexpin refused it {host}:")), "{why}");
    assert!(why.contains(&format!("`--open-install {host}`")), "{why}");

    let (run, report) = machine.run_json(&format!("check 2026.5.18 --open-install {host}"));
    run.exits(0);
    assert!(elsewhere.met() > 0);
    assert_eq!(lines(&report, "passed").last(), Some(&format!("GET {host}/payload")));
    assert_eq!(report["question"]["open_install"], json!([host]));
    // What was made in reach of more is not taken for what was not.
    machine.run("check 2026.5.18").exits(125);
}

#[test]
fn what_an_install_may_reach_goes_with_the_session() {
    let (machine, elsewhere) = (Machine::new(), Elsewhere::new());
    for core in ["2026.5.18", "2026.5.18-1", "2026.5.19"] {
        elsewhere.publish(&machine.registry, core, "process.exit(asked === 200 ? 0 : 1);");
    }
    machine.registry.script("2026.5.19", [crate::agent::unknown_model()]);
    let host = format!("127.0.0.1:{}", elsewhere.port);
    let (_, report) =
        machine.run_json(&format!("bisect 2026.5.18 2026.5.19 --open-install {host}"));
    assert_eq!(report["outcome"], "found", "{report:#}");
    assert_eq!(report["question"]["open_install"], json!([host]));
}

#[test]
fn an_install_goes_through_a_proxy_of_the_users_own_and_is_recorded_as_any() {
    let mut machine = Machine::new();
    // Plain requests to a registry go to a proxy as they would to the registry.
    machine.set("HTTP_PROXY", machine.registry.origin());
    fs_err::write(machine.npmrc(), "registry=http://registry.invalid/\n").unwrap();
    let (run, report) = machine.run_json("check 2026.5.18");
    run.exits(0);
    let passed = lines(&report, "passed");
    assert!(passed.contains(&"GET registry.invalid:80/tiny-dep".to_owned()), "{passed:?}");
    assert_eq!(report["install_egress"]["note"], Value::Null);
}

#[test]
fn the_plugins_install_is_recorded_as_well() {
    let machine = Machine::new();
    machine.registry.publish_plugin(&["2026.5.18"]);
    let (run, report) = machine.run_json("check 2026.5.18");
    run.exits(0);
    let passed = lines(&report, "passed");
    let plugin = format!("GET {}/@openclaw/codex", machine.registry.host());
    assert!(passed.contains(&plugin), "{passed:?}");
}
