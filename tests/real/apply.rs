//! A real installation with its Gateway under a real user manager, rolled back
//! to a release that was bisected, and taken back.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock, Weak};

use crate::support::{Ran, User};
use crate::user_manager::{UserManager, gateway_port, wait_for};

const BROKEN: &str = "2026.6.1";
const GOOD: &str = "2026.5.28";
/// In every secret of this user.
const CANARY: &str = "cAnArY7";

/// A user with `BROKEN` installed as a global npm package, and a Gateway service whose
/// account is served by the loopback upstream.
struct Machine {
    // Ended before the directory that it runs in is removed.
    manager: Option<UserManager>,
    upstream: Option<Child>,
    user: User,
    port: u16,
    node: PathBuf,
    bisected: OnceLock<Ran>,
}

impl Machine {
    /// One for all tests that want it at the same time, each for itself while it has
    /// it, and each to leave it with `BROKEN` and its Gateway serving.
    fn shared() -> Arc<Mutex<Self>> {
        static MACHINE: Mutex<Weak<Mutex<Machine>>> = Mutex::new(Weak::new());
        let mut known = MACHINE.lock().unwrap();
        known.upgrade().unwrap_or_else(|| {
            let made = Arc::new(Mutex::new(Self::new(User::new())));
            *known = Arc::downgrade(&made);
            made
        })
    }

    fn new(user: User) -> Self {
        let port = gateway_port();
        // The Node that codexpin provided for the pinned release.
        let report = user.run(&["check", GOOD, "--exec", "true", "--json"]).json();
        let version = report["node"].as_str().unwrap();
        let node = crate::support::cache().join("node").join(version).join("node_modules");
        let node = std::fs::read_dir(node)
            .unwrap()
            .map(|entry| entry.unwrap().path().join("bin"))
            .find(|bin| bin.join("node").exists())
            .expect("codexpin has provided a Node");
        let mut machine =
            Self { manager: None, upstream: None, user, port, node, bisected: OnceLock::new() };
        std::fs::create_dir_all(machine.runtime()).unwrap();
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        std::fs::set_permissions(machine.runtime(), private).unwrap();
        let install = format!("install -g openclaw@{BROKEN} --no-audit --no-fund");
        machine.run("npm", &install.split(' ').collect::<Vec<_>>());
        machine.manager = Some(UserManager::start(&machine.environment()));
        let account = machine.serve_the_account();
        machine.start_gateway(&account);
        machine
    }

    /// Starts what answers for the user's account; the variables that lead there.
    fn serve_the_account(&mut self) -> Vec<String> {
        let mut upstream = self.user.codexpin(&["loopback"]);
        let mut upstream = upstream.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(upstream.stdout.take().unwrap()).lines().map(Result::unwrap);
        let variables = lines.map_while(|line| line.strip_prefix("export ").map(str::to_owned));
        // The last of them: what is printed after it stays in the pipe.
        let last = "CODEX_CA_CERTIFICATE";
        let mut account = Vec::new();
        for variable in variables {
            let is_last = variable.starts_with(last);
            account.push(variable);
            if is_last {
                break;
            }
        }
        self.upstream = Some(upstream);
        account
    }

    fn runtime(&self) -> PathBuf {
        self.user.home().join("run")
    }

    fn prefix(&self) -> PathBuf {
        self.user.home().join("npm")
    }

    fn environment(&self) -> BTreeMap<String, String> {
        let text = |path: PathBuf| path.into_os_string().into_string().unwrap();
        let path = std::env::var("PATH").unwrap();
        let bin = text(self.prefix().join("bin"));
        let node = text(self.node.clone());
        let run = text(self.runtime());
        let mut environment: BTreeMap<String, String> = std::env::vars()
            .filter(|(name, _)| name.starts_with("SSL_CERT") || name == "NODE_EXTRA_CA_CERTS")
            .collect();
        environment.extend(
            [
                ("PATH", format!("{bin}:{node}:{path}")),
                ("HOME", text(self.user.home())),
                ("XDG_RUNTIME_DIR", run.clone()),
                ("DBUS_SESSION_BUS_ADDRESS", format!("unix:path={run}/bus")),
                ("npm_config_prefix", text(self.prefix())),
                ("npm_config_cache", text(crate::support::cache().join("npm"))),
                ("OPENCLAW_NO_AUTO_UPDATE", "1".to_owned()),
                ("OPENCLAW_SKIP_CHANNELS", "1".to_owned()),
                ("OPENAI_API_KEY", format!("sk-{CANARY}0environment")),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        );
        environment
    }

    fn run(&self, program: &str, arguments: &[&str]) -> String {
        let output = Command::new(program)
            .args(arguments)
            .current_dir(self.user.work())
            .env_clear()
            .envs(self.environment())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program} {arguments:?}: {text}{said}");
        text
    }

    /// As `openclaw gateway install` does it: its own unit, its own start.
    fn start_gateway(&self, account: &[String]) {
        let state = self.user.home().join(".openclaw");
        let agent = state.join("agents/main/agent");
        std::fs::create_dir_all(&agent).unwrap();
        let mail = format!("{CANARY}.person@example.com");
        let login = serde_json::json!({ "version": 1, "profiles": {
            format!("openai-codex:{mail}"): {
                "type": "oauth", "provider": "openai-codex", "email": mail,
                "access": access_token(),
                "refresh": format!("rt_{CANARY}_refresh"), "expires": 4_000_000_000_000_u64,
                "accountId": format!("0a1b2c3d-4e5f-6071-8293-{CANARY}d4e5"),
            },
        } });
        std::fs::write(agent.join("auth-profiles.json"), login.to_string()).unwrap();
        let config = serde_json::json!({
            "agents": {"defaults": {"model": {"primary": "openai-codex/gpt-5.5", "fallbacks": []},
                                    "skipBootstrap": true}},
            "gateway": {"mode": "local", "bind": "loopback", "port": self.port,
                        "auth": {"mode": "token", "token": format!("{CANARY}-gateway")}},
        });
        // A person's own, and as `openclaw update` copies it before it changes anything.
        std::fs::write(state.join("openclaw.json"), config.to_string()).unwrap();
        std::fs::write(state.join("openclaw.json.pre-update"), config.to_string()).unwrap();
        let drop_in = self.user.home().join(".config/systemd/user/openclaw-gateway.service.d");
        std::fs::create_dir_all(&drop_in).unwrap();
        let lines = account.iter().map(|line| format!("Environment=\"{line}\"\n"));
        let text = format!("[Service]\n{}", lines.collect::<String>());
        std::fs::write(drop_in.join("account.conf"), text).unwrap();
        let port = self.port.to_string();
        self.run("openclaw", &["gateway", "install", "--port", &port, "--force"]);
        // What `openclaw update` does after the packages: the login and the config become
        // those of the new release.
        self.run("openclaw", &["doctor", "--fix", "--non-interactive"]);
        self.run("systemctl", &["--user", "restart", "openclaw-gateway.service"]);
        wait_for("the Gateway", || self.is_serving());
    }

    /// The provider under which the login is stored, and that it is stored once.
    fn login_of(&self) -> String {
        let state = self.user.home().join(".openclaw");
        let file = state.join("agents/main/agent/auth-profiles.json");
        let store: serde_json::Value =
            serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        let profiles = store["profiles"].as_object().unwrap();
        assert_eq!(profiles.len(), 1, "one login");
        profiles.values().next().unwrap()["provider"].as_str().unwrap().to_owned()
    }

    fn is_serving(&self) -> bool {
        let Ok(mut stream) = std::net::TcpStream::connect(("127.0.0.1", self.port)) else {
            return false;
        };
        let mut text = String::new();
        let asked = stream.write_all(b"GET /healthz HTTP/1.0\r\n\r\n");
        asked.is_ok() && stream.read_to_string(&mut text).is_ok() && text.contains("\"ok\":true")
    }

    fn codexpin(&self, arguments: &[&str]) -> Ran {
        let output = self.user.codexpin(arguments).envs(self.environment()).output().unwrap();
        Ran::of(arguments, &output)
    }

    /// The bisection that made the pin.
    fn bisected(&self) -> &Ran {
        let words = ["bisect", GOOD, BROKEN, "--upstream", "loopback", "--no-forward"];
        self.bisected.get_or_init(|| self.codexpin(&words))
    }

    fn version(&self) -> String {
        self.run("openclaw", &["--version"])
    }

    fn service(&self) -> String {
        self.run("systemctl", &["--user", "is-active", "openclaw-gateway.service"])
    }

    /// No file that codexpin keeps has a canary, but for the backup: that is the
    /// user's own state, to be put back as it was.
    fn keeps_no_canary(&self) {
        let mut logs = 0;
        for directory in [self.user.state(), self.user.work()] {
            let files = walkdir::WalkDir::new(directory).into_iter().map(Result::unwrap);
            for file in files.filter(|entry| entry.file_type().is_file()) {
                let path = file.path().to_str().unwrap();
                let found = has_canary(&std::fs::read(path).unwrap());
                assert!(!found || path.contains("/backups/"), "{path}");
                logs += usize::from(path.ends_with(".stderr"));
            }
        }
        assert!(logs >= 3, "there are logs to look at");
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if let Some(mut upstream) = self.upstream.take() {
            let _ = upstream.kill();
            let _ = upstream.wait();
        }
    }
}

/// Of the shape that the service's have, and good for long.
fn access_token() -> String {
    use base64::Engine as _;
    let part = |value: serde_json::Value| {
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(value.to_string())
    };
    let claims = serde_json::json!({
        "exp": 4_000_000_000_u64, "sub": CANARY,
        "https://api.openai.com/auth": {
            "chatgpt_account_id": format!("0a1b2c3d-4e5f-6071-8293-{CANARY}d4e5"),
            "chatgpt_plan_type": "pro",
        },
    });
    format!(
        "{}.{}.{CANARY}signed",
        part(serde_json::json!({"alg": "RS256", "typ": "JWT"})),
        part(claims)
    )
}

fn has_canary(bytes: &[u8]) -> bool {
    bytes.windows(CANARY.len()).any(|window| window.eq_ignore_ascii_case(CANARY.as_bytes()))
}

#[test]
fn a_machine_is_rolled_back_to_the_pin_with_its_gateway_and_taken_back_and_no_secret_is_told() {
    let machine = Machine::shared();
    let machine = machine.lock().unwrap();
    assert!(machine.version().contains(BROKEN));
    let bisected = machine.bisected();
    assert_eq!(bisected.code, Some(0));
    let mut told = vec![("bisect".to_owned(), bisected.stdout.clone() + &bisected.stderr)];
    let mut codexpin = |words: &str| {
        let ran = machine.codexpin(&words.split(' ').collect::<Vec<_>>());
        told.push((words.to_owned(), ran.stdout.clone() + &ran.stderr));
        ran
    };

    assert!(codexpin("report").stdout.contains(BROKEN));
    assert!([Some(1), Some(3)].contains(&codexpin("doctor").code));
    assert!([Some(0), Some(1), Some(3)].contains(&codexpin("diagnose").code));

    assert_ne!(codexpin("check live").code, Some(0), "the agent is silent after the upgrade");
    assert_eq!(machine.login_of(), "openai");
    let plan = codexpin("apply --dry-run");
    assert_eq!(plan.code, Some(0));
    assert!(plan.stdout.contains("with today's tokens"));
    assert!(plan.stdout.contains(&format!("{BROKEN} -> {GOOD}")));
    assert!(machine.version().contains(BROKEN), "a dry run changes nothing");

    let applied = codexpin("apply --yes");
    assert_eq!(applied.code, Some(0));
    assert!(machine.version().contains(GOOD));
    assert_eq!(machine.service().trim(), "active");
    assert!(machine.is_serving());
    assert_eq!(codexpin("check live").code, Some(0), "the agent answers again");
    assert_eq!(machine.login_of(), "openai-codex");
    assert!(codexpin("apply --yes").stdout.contains("already as pinned"));
    codexpin("doctor");

    let undone = codexpin("undo --yes");
    assert_eq!(undone.code, Some(0));
    assert!(machine.version().contains(BROKEN));
    assert!(machine.is_serving());
    assert_eq!(machine.login_of(), "openai");

    for (words, text) in &told {
        assert!(!has_canary(text.as_bytes()), "codexpin {words}: {text}");
    }
    machine.keeps_no_canary();
}

#[test]
fn a_pin_that_does_not_answer_is_put_back() {
    let machine = Machine::shared();
    let machine = machine.lock().unwrap();
    assert_eq!(machine.bisected().code, Some(0));
    // The same release, pinned for a route that it never had.
    let pins = std::fs::read_to_string(machine.user.work().join("known-good.toml")).unwrap();
    let never = pins.replace("openai-codex/gpt-5.5", "openai-codex/no-such-model");
    assert_ne!(never, pins);
    // A directory of its own: a pin comes with its lock file beside it.
    let elsewhere = machine.user.work().join("elsewhere");
    std::fs::create_dir_all(elsewhere.join("known-good.lock")).unwrap();
    let lock = format!("known-good.lock/{GOOD}.json");
    std::fs::copy(machine.user.work().join(&lock), elsewhere.join(&lock)).unwrap();
    std::fs::write(elsewhere.join("known-good.toml"), never).unwrap();
    let file = elsewhere.join("known-good.toml");
    let applied = machine.codexpin(&["apply", "--yes", "--pin-file", file.to_str().unwrap()]);
    assert_eq!(applied.code, Some(5));
    assert!(applied.stdout.contains("put back"));
    assert!(machine.version().contains(BROKEN));
    assert!(machine.is_serving());
}
