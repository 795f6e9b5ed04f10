//! A user's own agent: a real release with a home, which reaches OpenAI as the
//! service plays it.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use regex::Regex;
use serde_json::{Value, json};

use crate::service::{Account, Service};
use crate::support::{self, Ran, User};

/// How long a login may say nothing, in seconds.
const LOGIN_LIMIT: i64 = 240;

/// A release as codexpin's own cache has it.
#[derive(Debug, Clone)]
pub(crate) struct Release {
    pub(crate) version: &'static str,
    entry: PathBuf,
    node: PathBuf,
}

impl Release {
    /// Has it installed by a check, whatever comes of that.
    pub(crate) fn installed(version: &'static str) -> Self {
        let known = || Self::in_cache(version);
        known().unwrap_or_else(|| {
            User::new().run(&["check", version]);
            known().unwrap_or_else(|| panic!("{version} could not be installed"))
        })
    }

    fn in_cache(version: &'static str) -> Option<Self> {
        let prefixes = std::fs::read_dir(support::cache().join("prefixes")).ok()?;
        prefixes.flatten().find_map(|prefix| {
            let name = prefix.file_name().into_string().ok()?;
            let rest = name.strip_prefix(version)?;
            if !rest.starts_with(['_', '+']) {
                return None;
            }
            let made = std::fs::read(prefix.path().with_file_name(format!("{name}.json"))).ok()?;
            let made: Value = serde_json::from_slice(&made).ok()?;
            let entry = prefix.path().join(made["entry"].as_str()?);
            let node = made["node"]["bin"].as_str()?.into();
            Some(Self { version, entry, node })
        })
    }

    /// Whether it knows the login's provider by its old name.
    fn old(&self) -> bool {
        self.version.starts_with("2026.5.")
    }

    /// The model, and the runtime that needs no plugin.
    fn route(&self) -> (&'static str, &'static str) {
        if self.old() { ("openai-codex/gpt-5.5", "pi") } else { ("openai/gpt-5.5", "openclaw") }
    }

    /// The arguments that log in with a device code: in 5.12 `--device-code`
    /// is in the documentation only.
    fn login(&self) -> [&'static str; 7] {
        let provider = if self.old() { "openai-codex" } else { "openai" };
        ["models", "auth", "login", "--provider", provider, "--method", "device-code"]
    }
}

/// An agent and its home.
pub(crate) struct Agent<'a> {
    service: &'a Service,
    release: Release,
    home: tempfile::TempDir,
}

impl<'a> Agent<'a> {
    /// A home with a config, and no login.
    pub(crate) fn new(service: &'a Service, release: &Release) -> Self {
        let home = tempfile::tempdir().unwrap();
        let agent = Self { service, release: release.clone(), home };
        std::fs::create_dir_all(agent.state()).unwrap();
        let (model, _) = agent.release.route();
        let config = json!({
            "agents": {"defaults": {
                "model": {"primary": model, "fallbacks": []},
                "skipBootstrap": true,
                "workspace": agent.home().join("workspace"),
            }},
            "gateway": {"mode": "local", "bind": "loopback"},
        });
        std::fs::write(agent.state().join("openclaw.json"), config.to_string()).unwrap();
        agent
    }

    /// The same agent with a copy of everything in its home: what a careless
    /// tool makes of a login.
    pub(crate) fn copied(&self) -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut copy = Command::new("cp");
        copy.arg("-a").arg(self.home().join(".")).arg(home.path());
        assert!(copy.status().unwrap().success());
        Self { service: self.service, release: self.release.clone(), home }
    }

    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// `OPENCLAW_STATE_DIR`.
    pub(crate) fn state(&self) -> PathBuf {
        self.home().join(".openclaw")
    }

    /// `openclaw` with these arguments and nothing of the test's own environment.
    pub(crate) fn openclaw(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.release.node.join("node"));
        let registry = if self.release.old() { None } else { registry() };
        let direct: Vec<_> = registry.iter().map(String::as_str).collect();
        let path = format!("{}:/usr/local/bin:/usr/bin:/bin", self.release.node.display());
        command
            .arg(&self.release.entry)
            .args(arguments)
            .current_dir(self.home())
            .env_clear()
            // A login wants the newest `@openclaw/codex` from the registry, and an old
            // core does not start with it: that one finds no registry, and goes on without.
            .envs(self.service.environment(&direct))
            .env("npm_config_fetch_retries", "0")
            .env("PATH", path)
            .env("HOME", self.home())
            .env("OPENCLAW_HOME", self.home())
            .env("OPENCLAW_STATE_DIR", self.state())
            .env("OPENCLAW_NO_AUTO_UPDATE", "1")
            .env("OPENCLAW_SKIP_CHANNELS", "1")
            .env("TERM", "xterm")
            .stdin(Stdio::null());
        command
    }

    /// Logs in as the account with the release's own command, which wants a
    /// terminal: types the code that it shows into the service's page.
    pub(crate) fn log_in(&self, account: &Account) {
        log_in_at_terminal(self.service, account, self.openclaw(&self.release.login()));
        self.set_runtime();
    }

    /// Names the runtime. Only after the login: 9.5 takes a list of models for a
    /// restriction, and asks there whether it is to be kept.
    fn set_runtime(&self) {
        let path = self.state().join("openclaw.json");
        let mut config: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let (model, runtime) = self.release.route();
        config["agents"]["defaults"]["models"][model] = json!({"agentRuntime": {"id": runtime}});
        std::fs::write(&path, config.to_string()).unwrap();
    }

    /// Asks for a reply, embedded.
    pub(crate) fn ask(&self, reply: &str) -> Ran {
        let message = format!("Reply exactly: {reply}");
        let session = format!("s-{}", reply.to_lowercase());
        let arguments = [
            "agent",
            "--local",
            "--agent",
            "main",
            "--session-id",
            &session,
            "--message",
            &message,
            "--thinking",
            "off",
            "--timeout",
            "90",
            "--json",
        ];
        let output = self.openclaw(&arguments).output().unwrap();
        Ran::of(&arguments, &output)
    }

    /// Asks, and wants the reply.
    pub(crate) fn answers(&self, reply: &str) {
        let ran = self.ask(reply);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert!(ran.stdout.contains(&format!("\"text\": \"{reply}\"")), "{ran:?}");
    }

    /// The files of its state that hold the text in clear.
    pub(crate) fn files_with(&self, text: &str) -> Vec<String> {
        let files = walkdir::WalkDir::new(self.state()).into_iter().flatten();
        let files = files.filter(|entry| entry.file_type().is_file());
        let holds = |bytes: &[u8]| bytes.windows(text.len()).any(|part| part == text.as_bytes());
        files
            .filter(|file| !file.path().components().any(|part| part.as_os_str() == "node_modules"))
            .filter(|file| std::fs::read(file.path()).is_ok_and(|bytes| holds(&bytes)))
            .map(|file| file.file_name().to_string_lossy().into_owned())
            .collect()
    }
}

/// Runs a command that logs in and wants a terminal, and types the code that it
/// shows into the service's page.
pub(crate) fn log_in_at_terminal(service: &Service, account: &Account, mut command: Command) {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
    let terminal = || File::options().read(true).write(true).open(&name).unwrap();
    command.stdin(terminal()).stdout(terminal()).stderr(terminal());
    let mut child = command.spawn().unwrap();
    // With the last handle of the terminal its reader sees the end.
    drop(command);
    let mut said = String::new();
    let mut approved = false;
    let code = Regex::new(r"\b[0-9A-F]{4}-[0-9A-F]{4}\b").unwrap();
    let mut master = File::from(master);
    let mut piece = [0; 4096];
    while let Some(length) = next(&mut master, &mut piece) {
        said.push_str(&String::from_utf8_lossy(&piece[..length]));
        if !approved && let Some(code) = code.find(&plain(&said)) {
            approved = service.approve_device(account, code.as_str());
        }
    }
    let said = plain(&said);
    assert!(child.wait().unwrap().success(), "{said}");
    assert!(approved, "{said}");
}

/// What was said next; none at its end.
fn next(terminal: &mut File, piece: &mut [u8]) -> Option<usize> {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let mut watched = [PollFd::new(terminal, PollFlags::IN)];
    let limit = Timespec { tv_sec: LOGIN_LIMIT, tv_nsec: 0 };
    let ready = poll(&mut watched, Some(&limit)).unwrap();
    assert_ne!(ready, 0, "the login says nothing more and does not end");
    // Linux says EIO when nobody has the other side any more.
    terminal.read(piece).ok().filter(|length| *length > 0)
}

/// Without colours and moves of the cursor.
fn plain(text: &str) -> String {
    let control = Regex::new(r"\x1b\[[0-9;?]*[a-zA-Z]").unwrap();
    control.replace_all(text, "").into_owned()
}

/// The host of the registry that npm is configured for.
pub(crate) fn registry() -> Option<String> {
    let asked = Command::new("npm").args(["config", "get", "registry"]).output().unwrap();
    let url = url::Url::parse(String::from_utf8_lossy(&asked.stdout).trim()).ok()?;
    url.host_str().map(str::to_owned)
}
