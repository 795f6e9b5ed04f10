//! The stores that real releases write: read, and lent from to the same release.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Stdio};

use camino::{Utf8Path, Utf8PathBuf};
use codexpin::login::{self, AuthStore, Fingerprint, LentLogin, Login, LoginFormat, Place};
use serde_json::{Value, json};

use crate::support::{User, cache};

/// The refresh token of the live login.
const CANARY: &str = "rt-canary-that-nobody-may-use";

/// A release that is installed, as its own user would start it.
struct Release {
    entry: Utf8PathBuf,
    node: Utf8PathBuf,
}

impl Release {
    fn installed(version: &str) -> Self {
        User::new().run(&["check", version, "--exec", "true"]);
        let prefixes = Utf8PathBuf::from_path_buf(cache()).unwrap().join("prefixes");
        let ours = |name: &str| {
            name.strip_prefix(version).is_some_and(|rest| rest.starts_with(['_', '+']))
        };
        let entries = prefixes.read_dir_utf8().unwrap().map(Result::unwrap);
        let prefix = entries.map(|entry| entry.path().to_owned());
        let prefix = prefix
            .into_iter()
            .find(|path| path.is_dir() && ours(path.file_name().unwrap()))
            .unwrap();
        let about: Value =
            serde_json::from_slice(&fs::read(format!("{prefix}.json")).unwrap()).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Self { entry: prefix.join(text(&about["entry"])), node: text(&about["node"]["bin"]).into() }
    }

    fn store(&self) -> AuthStore {
        let package = fs::read(self.entry.with_file_name("package.json")).unwrap();
        AuthStore::of(&serde_json::from_slice(&package).unwrap()).unwrap()
    }
}

/// A home of its own, with an upstream that answers.
struct Home {
    directory: tempfile::TempDir,
    upstream: Child,
    variables: Vec<(String, String)>,
}

impl Home {
    /// With a config that leads to the `ChatGPT` route.
    fn new(model: &str, harness: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut upstream = Command::new(env!("CARGO_BIN_EXE_codexpin"))
            .arg("loopback")
            .env("HOME", directory.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(upstream.stdout.take().unwrap()).lines().map(Result::unwrap);
        let mut variables = Vec::new();
        for line in lines {
            let Some((name, value)) =
                line.strip_prefix("export ").and_then(|line| line.split_once('='))
            else {
                continue;
            };
            variables.push((name.to_owned(), value.trim_matches(['\'', '"']).to_owned()));
            if name == "CODEX_CA_CERTIFICATE" {
                break;
            }
        }
        let home = Self { directory, upstream, variables };
        for directory in ["home", "state", "workspace", "tmp"] {
            fs::create_dir(home.path().join(directory)).unwrap();
        }
        let (provider, _) = model.split_once('/').unwrap();
        home.configure(&json!({
            "gateway": { "mode": "local", "bind": "loopback", "port": 18_791 },
            "logging": { "file": home.path().join("openclaw.log") },
            "update": { "checkOnStart": false },
            "agents": { "defaults": {
                "model": { "primary": model, "fallbacks": [] },
                "models": { model: { "agentRuntime": { "id": harness } } },
                "skipBootstrap": true,
                "workspace": home.path().join("workspace"),
            } },
            "auth": { "profiles": {
                format!("{provider}:default"): { "provider": provider, "mode": "oauth" },
            } },
        }));
        home
    }

    fn path(&self) -> &Utf8Path {
        Utf8Path::from_path(self.directory.path()).unwrap()
    }

    fn state(&self) -> Utf8PathBuf {
        self.path().join("state")
    }

    fn place(&self) -> Place {
        Place::new(&self.state(), &self.path().join("home"))
    }

    fn configure(&self, config: &Value) {
        fs::write(self.state().join("openclaw.json"), config.to_string()).unwrap();
    }

    /// A login as `openclaw models auth login` of the older releases leaves it.
    fn log_in(&self) {
        let login = LentLogin::made_up("openai-codex:default", "openai-codex");
        login::lend(&[login], &self.state(), AuthStore::Inline).unwrap();
        let file = self.state().join("agents/main/agent/auth-profiles.json");
        let text = fs::read_to_string(&file).unwrap();
        fs::write(
            &file,
            text.replace(r#""refresh":"made-up""#, &format!(r#""refresh":"{CANARY}""#)),
        )
        .unwrap();
    }

    fn run(&self, release: &Release, arguments: &[&str]) -> String {
        let output = Command::new(release.node.join("node"))
            .arg(&release.entry)
            .args(arguments)
            .current_dir(self.path().join("workspace"))
            .env_clear()
            .envs(self.variables.iter().cloned())
            .env("PATH", format!("{}:/usr/bin:/bin", release.node))
            .env("HOME", self.path().join("home"))
            .env("TMPDIR", self.path().join("tmp"))
            .env("OPENCLAW_HOME", self.path().join("home"))
            .env("OPENCLAW_STATE_DIR", self.state())
            .env("OPENCLAW_CONFIG_PATH", self.state().join("openclaw.json"))
            .env("OPENCLAW_NO_AUTO_UPDATE", "1")
            .env("OPENCLAW_SKIP_CHANNELS", "1")
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        println!("$ openclaw {}\n{stdout}", arguments.join(" "));
        println!("{}", String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{:?}", output.status);
        stdout
    }

    /// One turn, which has to be answered.
    fn ask(&self, release: &Release) {
        let said = self.run(
            release,
            &[
                "agent",
                "--local",
                "--agent",
                "main",
                "--session-id",
                "logins-1",
                "--message",
                "Reply exactly: OK",
                "--timeout",
                "120",
                "--json",
            ],
        );
        let reply: Value = serde_json::from_str(&said[said.find('{').unwrap()..]).unwrap();
        assert_eq!(reply["payloads"][0]["text"], "OK", "{reply:#}");
    }

    /// Reads the one login that the release left, with nothing changed by it.
    fn the_login(&self) -> Login {
        let files = names_below(self.path());
        let before = Fingerprint::take(&self.place()).unwrap();
        assert!(!before.is_empty());
        let mut logins = login::read(&self.place()).unwrap();
        assert_eq!(logins.len(), 1, "{logins:#?}");
        let after = Fingerprint::take(&self.place()).unwrap();
        assert_eq!(before.differences(&after), Vec::<Utf8PathBuf>::new());
        assert_eq!(names_below(self.path()), files);
        let login = logins.remove(0);
        assert!(login.holds_refresh && !format!("{login:?}").contains(CANARY));
        login
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = self.upstream.kill();
        let _ = self.upstream.wait();
    }
}

/// The files below, with how long they are.
fn names_below(directory: &Utf8Path) -> Vec<(Utf8PathBuf, u64)> {
    let entries = walkdir::WalkDir::new(directory).sort_by_file_name().into_iter();
    let files = entries.map(Result::unwrap).filter(|entry| entry.file_type().is_file());
    files
        .map(|entry| {
            let length = entry.metadata().unwrap().len();
            (Utf8PathBuf::from_path_buf(entry.into_path()).unwrap(), length)
        })
        .collect()
}

/// Lends the login to the same release in a home of its own, which has to answer.
fn lend_and_ask(release: &Release, login: &Login, model: &str, harness: &str) {
    let scratch = Home::new(model, harness);
    let lent = LentLogin::of(login).unwrap();
    login::lend(&[lent], &scratch.state(), release.store()).unwrap();
    for (path, _) in names_below(&scratch.state()) {
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert!(mode == 0o600 || path.ends_with("openclaw.json"), "{path}: {mode:o}");
    }
    scratch.ask(release);
    for (path, _) in names_below(scratch.path()) {
        let bytes = fs::read(&path).unwrap();
        assert!(!bytes.windows(CANARY.len()).any(|part| part == CANARY.as_bytes()), "{path}");
    }
}

/// What a release of May makes of a login that it uses is lent back to it.
fn used_and_lent(version: &str, format: LoginFormat) {
    let release = Release::installed(version);
    let (model, harness) = ("openai-codex/gpt-5.5", "pi");
    let live = Home::new(model, harness);
    live.log_in();
    live.ask(&release);
    let login = live.the_login();
    assert_eq!((login.format, login.provider.as_str()), (format, "openai-codex"));
    lend_and_ask(&release, &login, model, harness);
}

/// What a later release's own doctor makes of it is lent back to it.
fn moved_and_lent(version: &str) {
    let release = Release::installed(version);
    let live = Home::new("openai-codex/gpt-5.5", "openclaw");
    live.log_in();
    live.run(&release, &["doctor", "--fix", "--non-interactive"]);
    let login = live.the_login();
    assert_eq!((login.format, login.provider.as_str()), (LoginFormat::Sqlite, "openai"));
    lend_and_ask(&release, &login, "openai/gpt-5.5", "openclaw");
}

#[test]
fn a_login_that_2026_5_12_sealed_is_lent_to_it() {
    used_and_lent("2026.5.12", LoginFormat::Sealed);
}

#[test]
fn a_login_that_2026_5_18_has_in_its_file_is_lent_to_it() {
    used_and_lent("2026.5.18", LoginFormat::Inline);
}

#[test]
fn a_login_that_2026_7_1_keeps_in_the_agents_database_is_lent_to_it() {
    moved_and_lent("2026.7.1");
}

#[test]
fn a_login_that_2026_9_5_keeps_in_the_shared_database_is_lent_to_it() {
    moved_and_lent("2026.9.5");
}
