//! Made-up secrets everywhere that codexpin and its candidates look: after a whole
//! bisect, and every command that tells of it, no file and no output has one.

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::{Value, json};

use crate::agent;
use crate::machine::{Machine, Run};

/// Every canary has this in it, so that a part of one is found as well.
const CANARY: &str = "cAnArY7";

/// The end of most of them: nothing that is left over passes.
const TAIL: &str = "tAiL3Xq";

/// A secret of each shape.
fn canaries() -> Vec<String> {
    let uuid = format!("0a1b2c3d-4e5f-6071-8293-{CANARY}d4{TAIL}");
    let jwt = format!("eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiI{CANARY}In0.{CANARY}signed{TAIL}");
    vec![
        format!("mail for {CANARY}.person@{TAIL}.example.com"),
        format!("key sk-{CANARY}0123456789{TAIL}"),
        format!("got {jwt}"),
        format!("authorization: Bearer {CANARY}.opaque{TAIL}"),
        format!(r#"{{"refresh_token": "rt_{CANARY}_refresh{TAIL}"}}"#),
        format!("ChatGPT-Account-Id: {uuid}"),
        format!("chatgpt_account_id={uuid}"),
        format!("GET http://localhost:1455/auth/callback?code={CANARY}{TAIL}&state={CANARY}{TAIL}"),
        format!("//registry.example.com/:_authToken=npm_{CANARY}0123456789{TAIL}"),
        format!("https://somebody:{CANARY}{TAIL}@registry.example.com/openclaw"),
        format!("cookie: __cf_bm={CANARY}; session={CANARY}{TAIL}"),
        format!("OPENAI_API_KEY={CANARY}plain{TAIL}"),
        format!("password: {CANARY}word{TAIL}"),
        format!(
            "POST https://api.telegram.org/bot1234567890:AA{CANARY}0123456789abcdefghij{TAIL}/getMe"
        ),
    ]
}

/// All of them, a line each, with what names the user and the machine.
fn lines(machine: &Planted) -> Vec<String> {
    let mut lines: Vec<_> = canaries();
    lines.push(format!("ENOENT: no such file, open '{}/.openclaw/gone.json'", machine.home));
    lines.push(format!("\u{1b}[32mtoken\u{1b}[39m: \u{1b}[33m'{CANARY}coloured'\u{1b}[39m"));
    lines.push(format!("one long line {} token={CANARY}late", "x".repeat(9000)));
    lines
}

/// A machine whose user has secrets in every place.
struct Planted {
    machine: Machine,
    _home: tempfile::TempDir,
    home: Utf8PathBuf,
}

impl Planted {
    fn new() -> Self {
        let mut machine = Machine::new();
        // Not under /tmp, which candidates find empty anyway.
        let guard = tempfile::Builder::new()
            .prefix("codexpin-it-home-")
            .tempdir_in(env!("CARGO_TARGET_TMPDIR"))
            .unwrap();
        let home = Utf8PathBuf::from_path_buf(guard.path().to_owned()).unwrap();
        let npmrc = fs_err::read_to_string(machine.npmrc()).unwrap()
            + &format!("//registry.example.com/:_authToken=npm_{CANARY}0123456789abcdef\n");
        machine.set("HOME", home.as_str());
        machine.set("USER", format!("{CANARY}-user"));
        machine.set("OPENAI_API_KEY", format!("sk-{CANARY}-environment"));
        machine.set("NPM_TOKEN", format!("npm_{CANARY}0123456789abcdef"));
        machine.set("OPENCLAW_GATEWAY_TOKEN", format!("{CANARY}-gateway"));
        let planted = Self { machine, _home: guard, home };
        planted.write(".npmrc", &npmrc);
        let expired = json!({ "version": 1, "profiles": {
            format!("openai-codex:{CANARY}.person@example.com"): {
                "type": "oauth", "provider": "openai-codex",
                "access": format!("eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiI{CANARY}In0.{CANARY}signed"),
                "refresh": format!("rt_{CANARY}_refresh"), "expires": 1_700_000_000_000_u64,
                "accountId": format!("0a1b2c3d-4e5f-6071-8293-{CANARY}d4e5"),
                "email": format!("{CANARY}.person@example.com"),
            },
        } });
        planted.write(".openclaw/agents/main/agent/auth-profiles.json", &expired.to_string());
        let config = json!({
            "agents": { "defaults": { "model": { "primary": "openai-codex/gpt-5.5" } } },
            "gateway": { "auth": { "mode": "token", "token": format!("{CANARY}-gateway") } },
            "env": { "OPENAI_API_KEY": format!("sk-{CANARY}-config") },
        });
        planted.write(".openclaw/openclaw.json", &config.to_string());
        planted
    }

    fn write(&self, file: &str, text: &str) {
        let file = self.home.join(file);
        fs_err::create_dir_all(file.parent().unwrap()).unwrap();
        fs_err::write(file, text).unwrap();
    }

    /// The files that codexpin keeps, but for what packages themselves contain and
    /// what npm keeps.
    fn files(&self) -> Vec<(Utf8PathBuf, Vec<u8>)> {
        let mut files = Vec::new();
        let machine = &self.machine;
        for directory in [machine.state(), machine.cache(), machine.work()] {
            let entries = walkdir::WalkDir::new(&directory).into_iter().filter_entry(|entry| {
                entry.file_name() != "node_modules" && entry.path() != machine.cache().join("npm")
            });
            for entry in entries.map(Result::unwrap).filter(|entry| entry.file_type().is_file()) {
                let path = Utf8PathBuf::from_path_buf(entry.path().to_owned()).unwrap();
                files.push((path, fs_err::read(entry.path()).unwrap()));
            }
        }
        files
    }

    #[track_caller]
    fn tells_nobody(&self, runs: &[Run]) {
        for run in runs {
            for text in [&run.stdout, &run.stderr] {
                assert!(!has_canary(text.as_bytes()), "{}", shown(text.as_bytes()));
            }
        }
        let files = self.files();
        for (path, bytes) in &files {
            assert!(!has_canary(bytes), "{path}: {}", shown(bytes));
            let home = path.starts_with(self.machine.state()) && has(bytes, self.home.as_str());
            assert!(!home, "{path} tells where the user's home is");
        }
        let logs =
            files.iter().filter(|(path, _)| matches!(path.extension(), Some("stdout" | "stderr")));
        assert!(logs.count() >= 6, "there are logs to look at");
    }
}

fn has_canary(bytes: &[u8]) -> bool {
    has(bytes, CANARY) || has(bytes, TAIL)
}

fn has(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window.eq_ignore_ascii_case(text.as_bytes()))
}

/// The neighbourhood of a canary.
fn shown(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let at = text.to_lowercase().find(&CANARY.to_lowercase()).unwrap_or_default();
    let from = text.floor_char_boundary(at.saturating_sub(80));
    let to = text.ceil_char_boundary((at + 80).min(text.len()));
    text[from..to].to_owned()
}

/// What tells of a session, or of what came of it.
fn commands(session: &Utf8Path, log: &Utf8Path) -> Vec<(String, i32)> {
    let id = session.file_name().unwrap();
    vec![
        ("report".to_owned(), 0),
        (format!("report {id}"), 0),
        (format!("bisect --resume {id}"), 0),
        (format!("bisect --resume {id} --json"), 0),
        ("pins".to_owned(), 0),
        ("pins --json".to_owned(), 0),
        ("releases 2026.5.18..2026.6.11".to_owned(), 0),
        ("apply --dry-run".to_owned(), 6),
        ("cache ls".to_owned(), 0),
        ("doctor".to_owned(), 1),
        ("doctor --json".to_owned(), 1),
        ("check live".to_owned(), 1),
        (format!("diagnose {log}"), 1),
        (format!("diagnose {log} --json"), 1),
    ]
}

fn script(planted: &Planted, bad: bool) -> Value {
    let lines = lines(planted);
    let lines: Vec<_> = lines.iter().map(String::as_str).collect();
    if bad {
        let mut all = lines;
        all.push("Unknown model: openai-codex/gpt-5.5");
        json!({ "do": "fail", "lines": all })
    } else {
        agent::answers_after(&lines)
    }
}

#[test]
fn no_secret_gets_into_a_file_or_an_output() {
    let planted = Planted::new();
    let machine = &planted.machine;
    for core in ["2026.5.18", "2026.5.19"] {
        machine.registry.script(core, [script(&planted, false)]);
    }
    // One says them as its reply.
    let says = lines(&planted).join(" ");
    machine.registry.script("2026.6.1", [agent::says(&says)]);
    machine.registry.script_all(&["2026.6.5", "2026.6.11"], &script(&planted, true));
    let reply = format!("{CANARY}.person@example.com");
    let words = [
        "bisect",
        "2026.5.18",
        "2026.6.11",
        "--upstream",
        "loopback",
        "--any-failure",
        "--reply",
        &reply,
    ];
    let mut runs = vec![machine.start_with(&words, &[]).finish().exits(0)];
    assert!(runs[0].stdout.contains("2026.6.1 is the first bad release"), "{}", runs[0].stdout);
    assert!(runs[0].stderr.contains("the agent is asked for `[e-mail]`"), "{}", runs[0].stderr);
    let report = machine.run("report").exits(0);
    assert!(report.stdout.contains("asked for '[e-mail]'"), "{}", report.stdout);
    assert!(!report.stdout.contains(planted.home.as_str()), "{}", report.stdout);
    // One cannot be installed. What a package contains is nobody's secret, so it is
    // written there in another way.
    let said = lines(&planted).join("\\n").replace(['\'', '"'], " ");
    let said = said.bytes().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
    let install = format!(
        "node -e \"console.error('error ' + Buffer.from('{said}', 'hex')); process.exit(1)\""
    );
    machine.registry.publish_core("2026.7.1", json!({ "scripts": { "preinstall": install } }));
    machine.run("releases --refresh").exits(0);
    runs.push(machine.run("check 2026.7.1 --upstream loopback").exits(125));
    let log = planted.home.join("gateway.log");
    let failure = "Unknown model: openai-codex/gpt-5.5";
    let logged = lines(&planted).join(&format!(" {failure}\n"));
    fs_err::write(&log, logged + "\nError: " + &lines(&planted).join("\nError: ")).unwrap();
    for (command, code) in commands(&machine.session(), &log) {
        runs.push(machine.run(&command).exits(code));
    }
    runs.push(report);
    planted.tells_nobody(&runs);
}

#[test]
fn no_secret_of_a_gateway_or_a_check_command_gets_out_either() {
    let planted = Planted::new();
    let machine = &planted.machine;
    let script = script(&planted, true);
    machine.registry.script_all(&["2026.6.1"], &script);
    let mut runs = Vec::new();
    for (core, form) in [("2026.5.18", ""), ("2026.6.1", "--json-lines -v")] {
        let check = format!("check {core} --upstream loopback --through gateway {form}");
        runs.push(machine.run(&check));
    }
    assert!(runs[1].stdout.contains(r#""event":"check-started""#), "{}", runs[1].stdout);
    assert!(runs[1].stderr.contains("DEBUG codexpin::process: starts"), "{}", runs[1].stderr);
    planted.write("said", &lines(&planted).join("\n"));
    let said = planted.home.join("said");
    // The command is the user's own and may read the user's files; what it says is kept.
    let command = format!("cat {}; exit 1", machine.work().join("said"));
    fs_err::copy(&said, machine.work().join("said")).unwrap();
    let words = ["bisect", "2026.5.18", "2026.6.1", "--upstream", "loopback", "--exec"];
    runs.push(machine.start_with(&[&words[..], &[&command]].concat(), &[]).finish().exits(4));
    fs_err::remove_file(machine.work().join("said")).unwrap();
    runs.push(machine.run("report").exits(0));

    let command = format!("curl -H 'authorization: Bearer {CANARY}' example.com");
    let refused = machine.start_with(&[&words[..], &[&command]].concat(), &[]).finish().exits(2);
    assert!(refused.stderr.contains("--exec holds a secret"), "{}", refused.stderr);
    runs.push(refused);
    planted.tells_nobody(&runs);
}

#[test]
fn without_a_session_there_is_nothing_to_report() {
    let machine = Machine::new();
    let none = machine.run("report").exits(2);
    let unknown = machine.run("report yesterday").exits(2);
    insta::assert_snapshot!([machine.shown(&none), machine.shown(&unknown)].join("\n\n"));
}
