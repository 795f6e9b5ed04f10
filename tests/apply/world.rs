//! A scratch home with a real installation in it: a global npm package, a
//! managed plugin, state, and a Gateway under a real systemd user manager.

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use codexpin::apply::file_integrity;
use codexpin::failpoint::Failpoint;
use codexpin::pin::PinFile;
use serde_json::{Value, json};

use super::registry::Registry;
use super::user_manager::{UserManager, gateway_port, unique, wait_for};

pub(crate) const OLD: &str = "2026.6.1";
pub(crate) const NEW: &str = "2026.7.1";
/// The made-up refresh token of the one login.
const REFRESH: &str = "rt_made_up_and_used_once";
/// Its Gateway rewrites the config and does not start.
pub(crate) const BROKEN: &str = "2026.7.2";

pub(crate) struct World {
    pub(crate) root: Utf8PathBuf,
    pub(crate) port: u16,
    registry: Registry,
    manager: Option<UserManager>,
    _guard: tempfile::TempDir,
}

/// How a codexpin in a process of its own ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) signal: Option<i32>,
    pub(crate) answer: Value,
    pub(crate) steps: Vec<Value>,
}

impl Ran {
    pub(crate) fn outcome(&self) -> &str {
        self.answer["ok"]["outcome"].as_str().unwrap_or("none")
    }

    pub(crate) fn error(&self) -> &str {
        self.answer["error"].as_str().unwrap_or("no error")
    }
}

impl World {
    /// `NEW` is installed, with its plugin, and runs.
    pub(crate) fn new() -> Self {
        let guard = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(guard.path().canonicalize().unwrap()).unwrap();
        let port = gateway_port();
        let registry = Registry::start();
        let mut world = Self { root, port, registry, manager: None, _guard: guard };
        for directory in ["home/.openclaw/agents/main/agent", "home/.openclaw/state", "pins", "run"]
        {
            fs_err::create_dir_all(world.root.join(directory)).unwrap();
        }
        fs_err::set_permissions(world.root.join("run"), PermissionsExt::from_mode(0o700)).unwrap();
        world.install();
        world.manager = Some(UserManager::start(&world.environment()));
        world.start_service();
        world
    }

    pub(crate) fn integrity(&self, name: &str, version: &str) -> Value {
        self.registry.integrity(name, version)
    }

    pub(crate) fn package(&self) -> Utf8PathBuf {
        self.root.join("npm/lib/node_modules/openclaw")
    }

    pub(crate) fn state(&self) -> Utf8PathBuf {
        self.root.join("home/.openclaw")
    }

    pub(crate) fn config(&self) -> Utf8PathBuf {
        self.state().join("openclaw.json")
    }

    fn project(&self) -> Utf8PathBuf {
        self.state().join("npm/projects/openclaw-codex-0a1b2c")
    }

    fn environment(&self) -> BTreeMap<String, String> {
        let path = std::env::var("PATH").unwrap();
        let run = self.root.join("run");
        BTreeMap::from(
            [
                ("PATH", format!("{}:{path}", self.root.join("npm/bin"))),
                ("HOME", self.root.join("home").to_string()),
                ("XDG_RUNTIME_DIR", run.to_string()),
                ("DBUS_SESSION_BUS_ADDRESS", format!("unix:path={run}/bus")),
                ("npm_config_registry", self.registry.url.clone()),
                ("npm_config_cache", self.root.join("npm-cache").to_string()),
                ("npm_config_userconfig", self.root.join("home/.npmrc").to_string()),
                ("npm_config_update_notifier", "false".to_owned()),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        )
    }

    pub(crate) fn run(&self, directory: &Utf8Path, line: &str) -> String {
        let mut words = line.split(' ');
        let output = Command::new(words.next().unwrap())
            .args(words)
            .current_dir(directory)
            .env_clear()
            .envs(self.environment())
            .output()
            .unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn install(&self) {
        let quiet = "--no-audit --no-fund";
        let npm = self.root.join("npm");
        self.run(&self.root, &format!("npm install -g --prefix {npm} openclaw@{NEW} {quiet}"));
        let project = self.project();
        fs_err::create_dir_all(&project).unwrap();
        let manifest = json!({"private": true, "overrides": {"kept": "1.0.0"}, "openclaw": {"managedOverrides": ["kept"]}});
        fs_err::write(project.join("package.json"), manifest.to_string()).unwrap();
        let line =
            format!("npm install @openclaw/codex@{NEW} {quiet} --save-exact --legacy-peer-deps");
        self.run(&project, &line);
        let modules = project.join("node_modules/@openclaw/codex/node_modules");
        fs_err::create_dir_all(&modules).unwrap();
        std::os::unix::fs::symlink(self.package(), modules.join("openclaw")).unwrap();
        // An upgrade by itself writes no stamp; the next edit does.
        let config = format!("{{ // mine\n  meta: {{lastTouchedVersion: '{OLD}'}} }}\n");
        fs_err::write(self.config(), config).unwrap();
        self.log_in();
    }

    /// As `NEW` keeps a login, and what its upgrade took over.
    fn log_in(&self) {
        let database = rusqlite::Connection::open(self.login_database()).unwrap();
        database.pragma_update(None, "user_version", 1).unwrap();
        let sql = "create table auth_profile_store (store_key TEXT NOT NULL PRIMARY KEY,
                   store_json TEXT NOT NULL, updated_at INTEGER NOT NULL)";
        database.execute(sql, []).unwrap();
        let store = json!({"version": 1, "profiles": {"openai:default": {
            "type": "oauth", "provider": "openai", "access": "made-up", "refresh": REFRESH,
        }}});
        let sql = "insert into auth_profile_store values ('primary', ?1, 1)";
        database.execute(sql, [store.to_string()]).unwrap();
        fs_err::write(self.state().join("update-check.json.migrated"), "{}").unwrap();
    }

    /// As a release newer than `NEW` leaves them.
    pub(crate) fn migrate_databases(&self) {
        let database = rusqlite::Connection::open(self.login_database()).unwrap();
        database.pragma_update(None, "user_version", 2).unwrap();
    }

    fn login_database(&self) -> Utf8PathBuf {
        self.state().join("agents/main/agent/openclaw-agent.sqlite")
    }

    /// Where the login is, with its refresh token: `OLD` reads the file, `NEW` the database.
    pub(crate) fn login_is_where(&self) -> Vec<&'static str> {
        let file = self.state().join("agents/main/agent/auth-profiles.json");
        let database = rusqlite::Connection::open(self.login_database()).unwrap();
        let sql = "select store_json from auth_profile_store where store_key = 'primary'";
        let row: String = database.query_row(sql, [], |row| row.get(0)).unwrap();
        let holds = |text: &str| text.matches(REFRESH).count() == 1;
        let mut places = Vec::new();
        places.extend(fs_err::read_to_string(file).is_ok_and(|text| holds(&text)).then_some(OLD));
        places.extend(holds(&row).then_some(NEW));
        places
    }

    /// A unit of the kind that `openclaw gateway install` writes.
    fn start_service(&self) {
        let node = which("node");
        let entry = self.package().join("dist/index.js");
        let (home, port) = (self.root.join("home"), self.port);
        let unit = format!(
            "[Unit]\nDescription=OpenClaw Gateway\nStartLimitBurst=5\nStartLimitIntervalSec=60\n\n\
             [Service]\nExecStart={node} {entry} gateway --port {port}\nRestart=always\n\
             RestartSec=1\nKillMode=control-group\nEnvironment=HOME={home}\n\n\
             [Install]\nWantedBy=default.target\n"
        );
        let units = self.root.join("home/.config/systemd/user");
        fs_err::write(units.join("openclaw-gateway.service"), unit).unwrap();
        self.run(&self.root, "systemctl --user daemon-reload");
        self.run(&self.root, "systemctl --user start openclaw-gateway.service");
        wait_for("the Gateway", || self.serving().as_deref() == Some(NEW));
    }

    /// The Gateway of what is installed, started in no unit.
    pub(crate) fn gateway_by_hand(&self) -> Child {
        let entry = self.package().join("dist/index.js");
        let child = Command::new(which("node"))
            .args([entry.as_str(), "gateway", "--port", &self.port.to_string()])
            .current_dir(&self.root)
            .env_clear()
            .envs(self.environment())
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        wait_for("the Gateway started by hand", || self.serving().is_some());
        child
    }

    pub(crate) fn stop_service(&self) {
        self.run(&self.root, "systemctl --user stop openclaw-gateway.service");
    }

    /// Writes the config, or one of `OpenClaw`'s copies of it, as `version` does.
    pub(crate) fn stamp(&self, tail: &str, version: &str, setting: u32) -> String {
        let text = format!(
            r#"{{"gateway":{{"setting":{setting}}},"meta":{{"lastTouchedVersion":"{version}"}}}}"#
        );
        fs_err::write(format!("{}{tail}", self.config()), &text).unwrap();
        text
    }

    /// The release that the Gateway says it is.
    pub(crate) fn serving(&self) -> Option<String> {
        use std::io::{Read as _, Write as _};
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
        stream.write_all(b"GET /healthz HTTP/1.0\r\n\r\n").ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        let body: Value = serde_json::from_str(text.split_once("\r\n\r\n")?.1).ok()?;
        body["version"].as_str().map(str::to_owned)
    }

    pub(crate) fn service_pid(&self) -> String {
        self.run(&self.root, "systemctl --user show openclaw-gateway.service -p MainPID")
    }

    /// What the shell's `openclaw` says.
    pub(crate) fn version(&self) -> String {
        let said = self.run(&self.root, "openclaw --version");
        said.split(' ').nth(1).unwrap().to_owned()
    }

    pub(crate) fn plugin_version(&self) -> String {
        let manifest = self.project().join("node_modules/@openclaw/codex/package.json");
        let manifest: Value =
            serde_json::from_str(&fs_err::read_to_string(manifest).unwrap()).unwrap();
        manifest["version"].as_str().unwrap().to_owned()
    }

    /// Core, plugin, shell and Gateway are one release, which is this.
    pub(crate) fn assert_is(&self, version: &str, context: &str) {
        assert_eq!(self.version(), version, "{context}");
        assert_eq!(self.plugin_version(), version, "{context}");
        assert_eq!(self.serving().as_deref(), Some(version), "{context}");
        let host = self.project().join("node_modules/@openclaw/codex/node_modules/openclaw");
        assert_eq!(host.canonicalize_utf8().unwrap(), self.package(), "{context}");
        assert_eq!(self.login_is_where(), [version], "{context}: the login, once");
        assert!(self.package().join("node_modules/tiny-dep/package.json").exists(), "{context}");
        self.run(&self.root, &format!("npm ls -g --prefix {}", self.root.join("npm")));
    }

    /// Everything that is the user's: contents, modes, links. Not the times.
    pub(crate) fn fingerprint(&self) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        let mut open = vec![self.root.join("npm"), self.root.join("home")];
        while let Some(directory) = open.pop() {
            for entry in directory.read_dir_utf8().unwrap() {
                let path = entry.unwrap().into_path();
                let metadata = path.symlink_metadata().unwrap();
                let content = if metadata.is_symlink() {
                    path.read_link_utf8().unwrap().into_string()
                } else if metadata.is_dir() {
                    open.push(path.clone());
                    "directory".to_owned()
                } else if path == self.login_database() {
                    // Its rows, not its pages.
                    format!("{:?}", self.login_is_where())
                } else {
                    file_integrity(&fs_err::read(&path).unwrap())
                };
                let mode = metadata.mode();
                found.insert(path.into_string(), format!("{mode:o} {content}"));
            }
        }
        found
    }

    /// A pin for a release and its plugin, with lock files made by npm.
    pub(crate) fn pin(&self, version: &str) -> Value {
        let lock = |package: &str, name: &str| {
            let project = self.root.join("pins").join(format!("{version}-{name}"));
            fs_err::create_dir_all(&project).unwrap();
            fs_err::write(project.join("package.json"), "{}").unwrap();
            let flags = "--package-lock-only --save-exact --omit-lockfile-registry-resolved --legacy-peer-deps";
            self.run(&project, &format!("npm install {package}@{version} {flags}"));
            let text = fs_err::read_to_string(project.join("package-lock.json")).unwrap();
            let value: Value = serde_json::from_str(&text).unwrap();
            let entry = &value["packages"][format!("node_modules/{package}")];
            (entry["integrity"].clone(), file_integrity(text.as_bytes()))
        };
        let (core, core_lock) = lock("openclaw", "core");
        let (plugin, plugin_lock) = lock("@openclaw/codex", "plugin");
        json!({
            "core": version, "core_integrity": core, "plugin": version, "plugin_integrity": plugin,
            "node": "22.0.0", "route": "openai/gpt-5.5", "upstream": "loopback",
            "tested": "2026-11-21T08:00:00Z", "passed": 1, "checks": 1,
            "lock": {
                "core": format!("{version}-core/package-lock.json"), "core_integrity": core_lock,
                "plugin": format!("{version}-plugin/package-lock.json"), "plugin_integrity": plugin_lock,
            },
        })
    }

    /// Starts codexpin in a process of its own; `request` says what it does.
    pub(crate) fn start(&self, request: Value, kill_at: Option<Failpoint>) -> Running {
        let answer = self.root.join(format!("answer-{}", unique()));
        let mut request = request;
        request["root"] = self.root.as_str().into();
        request["answer"] = answer.as_str().into();
        // A file that may take no more bytes is an error to codexpin and not its end.
        let mut command = Command::new("sh");
        command
            .args(["-c", "trap '' XFSZ; exec \"$@\"", "sh"])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "driver::driver", "--ignored"])
            .env_clear()
            .envs(self.environment())
            .env("CODEXPIN_TEST_REQUEST", request.to_string())
            .stdout(Stdio::null());
        if let Some(point) = kill_at {
            command.env(codexpin::env::CHECKPOINT, point.to_string());
        }
        Running { child: command.spawn().unwrap(), answer }
    }

    pub(crate) fn codexpin(&self, request: Value) -> Ran {
        self.start(request, None).wait()
    }

    /// Pins a release in the directory where the built `codexpin` is run.
    pub(crate) fn write_pin(&self, version: &str) {
        let pin = serde_json::from_value(self.pin(version)).unwrap();
        let path = self.root.join("pins/known-good.toml");
        PinFile::change(&path, |file| file.set(&pin)).unwrap();
    }

    /// Runs the built `codexpin`, where nobody answers questions.
    pub(crate) fn command(&self, words: &str) -> Output {
        self.command_with(words, &[])
    }

    /// The same; it is killed at this point.
    pub(crate) fn command_killed_at(&self, words: &str, point: Failpoint) {
        use std::os::unix::process::ExitStatusExt as _;
        let killed = self.command_with(words, &[(codexpin::env::CHECKPOINT, &point.to_string())]);
        assert_eq!(killed.status.signal(), Some(9), "{point}: {killed:?}");
    }

    /// The same where a directory is a file system of its own, of 1 MB.
    pub(crate) fn command_with_little_room_in(&self, directory: &Utf8Path, words: &str) -> Output {
        fs_err::create_dir_all(directory).unwrap();
        let script = format!("mount -t tmpfs -o size=1m none {directory} && exec \"$0\" {words}");
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--mount", "sh", "-c", &script]);
        self.surround(command.arg(env!("CARGO_BIN_EXE_codexpin")), &[]).output().unwrap()
    }

    fn command_with(&self, words: &str, more: &[(&str, &str)]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_codexpin"));
        self.surround(command.args(words.split(' ')), more).output().unwrap()
    }

    fn surround<'a>(&self, command: &'a mut Command, more: &[(&str, &str)]) -> &'a mut Command {
        command
            .current_dir(self.root.join("pins"))
            .env_clear()
            .envs(self.environment())
            .env("CODEXPIN_STATE_DIR", self.root.join("codexpin"))
            .env("CODEXPIN_CACHE_DIR", self.root.join("cache"))
            .envs(more.iter().copied())
            .stdin(Stdio::null())
    }
}

pub(crate) struct Running {
    child: Child,
    answer: Utf8PathBuf,
}

impl Running {
    pub(crate) fn wait(mut self) -> Ran {
        use std::os::unix::process::ExitStatusExt as _;
        let signal = self.child.wait().unwrap().signal();
        let text = fs_err::read_to_string(&self.answer).unwrap_or_default();
        let answer = serde_json::from_str(&text).unwrap_or(Value::Null);
        let steps = fs_err::read_to_string(format!("{}.steps", self.answer)).unwrap_or_default();
        let steps = steps.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        Ran { signal, answer, steps }
    }
}

fn which(name: &str) -> String {
    let path = std::env::var("PATH").unwrap();
    let mut places = path.split(':').map(|directory| Utf8Path::new(directory).join(name));
    places.find(|file| file.is_file()).expect("node is on PATH").into_string()
}
