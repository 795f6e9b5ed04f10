//! A machine of a test's own: home, cache, state, working directory, registry.

use std::collections::BTreeMap;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, LazyLock, Mutex};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::registry::{NotedProcess, PATIENCE, Registry};
use crate::terminal::Terminal;

/// A machine on which nobody else runs codexpin.
pub(crate) struct Machine {
    _guard: tempfile::TempDir,
    root: Utf8PathBuf,
    environment: BTreeMap<String, String>,
    pub registry: Registry,
}

impl Machine {
    /// With a registry of releases that all answer.
    pub(crate) fn new() -> Self {
        Self::with(Registry::with_releases())
    }

    pub(crate) fn with(registry: Registry) -> Self {
        let machine = Self::with_an_unknown_npm(registry);
        fs_err::create_dir_all(machine.cache()).unwrap();
        fs_err::write(machine.cache().join("npm.json"), npm_of_this_machine()).unwrap();
        machine
    }

    fn with_an_unknown_npm(registry: Registry) -> Self {
        let guard = tempfile::Builder::new().prefix("codexpin-it-").tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(guard.path().canonicalize().unwrap()).unwrap();
        let environment = [
            ("PATH", std::env::var("PATH").unwrap()),
            ("HOME", root.join("home").to_string()),
            ("CODEXPIN_CACHE_DIR", root.join("cache").to_string()),
            ("CODEXPIN_STATE_DIR", root.join("state").to_string()),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value)).into();
        let machine = Self { _guard: guard, root, environment, registry };
        for directory in [machine.home(), machine.work()] {
            fs_err::create_dir_all(directory).unwrap();
        }
        let npmrc = format!("registry={}\nfetch-retry-mintimeout=10\n", machine.registry.origin());
        fs_err::write(machine.npmrc(), npmrc).unwrap();
        machine
    }

    pub(crate) fn root(&self) -> &Utf8Path {
        &self.root
    }

    pub(crate) fn home(&self) -> Utf8PathBuf {
        self.root.join("home")
    }

    pub(crate) fn npmrc(&self) -> Utf8PathBuf {
        self.home().join(".npmrc")
    }

    pub(crate) fn cache(&self) -> Utf8PathBuf {
        self.root.join("cache")
    }

    pub(crate) fn state(&self) -> Utf8PathBuf {
        self.root.join("state")
    }

    pub(crate) fn work(&self) -> Utf8PathBuf {
        self.root.join("work")
    }

    pub(crate) fn pin_file(&self) -> Utf8PathBuf {
        self.work().join("known-good.toml")
    }

    /// The names of the prefixes, half-made ones included.
    pub(crate) fn prefixes(&self) -> Vec<String> {
        let prefixes = self.cache().join("prefixes");
        let names = entries(&prefixes).into_iter().filter(|name| !name.starts_with('.'));
        names.filter(|name| prefixes.join(name).is_dir()).collect()
    }

    /// The directory of this release's prefix.
    pub(crate) fn prefix(&self, core: &str) -> Utf8PathBuf {
        let wanted = |name: &String| name.split(['_', '+']).next() == Some(core);
        let name = self.prefixes().into_iter().find(wanted);
        let name = name.unwrap_or_else(|| panic!("no prefix of {core} in {:?}", self.prefixes()));
        self.cache().join("prefixes").join(name)
    }

    /// What is on record of this release's prefix.
    pub(crate) fn manifest(&self, core: &str) -> Utf8PathBuf {
        format!("{}.json", self.prefix(core)).into()
    }

    /// The one session of this machine.
    pub(crate) fn session(&self) -> Utf8PathBuf {
        let sessions = self.state().join("sessions");
        let names = entries(&sessions);
        assert_eq!(names.len(), 1, "{names:?}");
        sessions.join(&names[0])
    }

    pub(crate) fn set(&mut self, name: &str, value: impl Into<String>) {
        self.environment.insert(name.to_owned(), value.into());
    }

    pub(crate) fn unset(&mut self, name: &str) {
        self.environment.remove(name);
    }

    pub(crate) fn add_to_npmrc(&self, lines: &str) {
        let text = fs_err::read_to_string(self.npmrc()).unwrap() + lines;
        fs_err::write(self.npmrc(), text).unwrap();
    }

    /// Puts a program of the user's before all others on PATH.
    pub(crate) fn provide(&mut self, program: &str, script: &str) {
        let bin = self.root.join("provided");
        fs_err::create_dir_all(&bin).unwrap();
        fs_err::write(bin.join(program), format!("#!/bin/sh\n{script}\n")).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs_err::set_permissions(bin.join(program), mode).unwrap();
        self.set("PATH", format!("{bin}:{}", std::env::var("PATH").unwrap()));
    }

    /// A PATH on which only these programs are.
    pub(crate) fn only_with(&mut self, programs: &[&str]) {
        let bin = self.root.join("bin");
        fs_err::create_dir_all(&bin).unwrap();
        for program in programs {
            let real = which(program);
            fs_err::os::unix::fs::symlink(real, bin.join(program)).unwrap();
        }
        self.set("PATH", bin);
    }

    /// Runs `codexpin` with these words to its end.
    pub(crate) fn run(&self, words: &str) -> Run {
        self.start(words).finish()
    }

    /// Runs `codexpin ... --json`, which has to print one object of format 1.
    pub(crate) fn run_json(&self, words: &str) -> (Run, Value) {
        let run = self.run(&format!("{words} --json"));
        let value: Value = serde_json::from_str(&run.stdout)
            .unwrap_or_else(|error| panic!("{error} in {}\n{}", run.stdout, run.stderr));
        assert_eq!(value["format"], 1);
        (run, value)
    }

    pub(crate) fn start(&self, words: &str) -> Running {
        let words: Vec<_> = words.split_whitespace().collect();
        self.start_with(&words, &[])
    }

    /// Starts `codexpin` with further variables.
    pub(crate) fn start_with(&self, words: &[&str], more: &[(&str, &str)]) -> Running {
        let mut command = Command::new(env!("CARGO_BIN_EXE_codexpin"));
        command.args(words);
        self.spawn(command, more)
    }

    /// Runs a script by bash to its end, with `codexpin` as a command in it.
    pub(crate) fn bash(&self, script: &str) -> Run {
        let mut command = Command::new("bash");
        let own = Utf8Path::new(env!("CARGO_BIN_EXE_codexpin")).parent().unwrap();
        command.args(["-c", &format!("PATH={own}:$PATH; {script}")]);
        self.spawn(command, &[]).finish()
    }

    /// Starts `codexpin` with these words at a terminal.
    pub(crate) fn at_a_terminal(&self, words: &str) -> Terminal {
        let mut command = Command::new(env!("CARGO_BIN_EXE_codexpin"));
        command.args(words.split_whitespace());
        self.place(&mut command);
        Terminal::of(command)
    }

    fn spawn(&self, mut command: Command, more: &[(&str, &str)]) -> Running {
        self.place(&mut command);
        let child = command
            .envs(more.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        Running::of(child.unwrap())
    }

    /// Gives a program this machine's directory and environment.
    fn place(&self, command: &mut Command) {
        command
            .current_dir(self.work())
            .env_clear()
            .envs(&self.environment)
            .envs(self.environment.get("PATH").map(|path| ("PATH", self.within_reach(path))));
    }

    /// A PATH with the directory by which the stand-in tells this test what it does.
    fn within_reach(&self, path: &str) -> String {
        format!("{path}:{}", self.registry.directory())
    }

    /// What was printed, with everything replaced that differs from run to run.
    pub(crate) fn shown(&self, run: &Run) -> String {
        let mut text = String::new();
        for (name, output) in [("stdout", &run.stdout), ("stderr", &run.stderr)] {
            if !output.is_empty() {
                text.extend(["--- ", name, "\n", output]);
            }
        }
        format!("exit {}\n{}", run.code, self.filtered(&text)).trim_end().to_owned()
    }

    /// The same without stderr: what is installed ahead differs in its order.
    pub(crate) fn shown_stdout(&self, run: &Run) -> String {
        format!("exit {}\n{}", run.code, self.filtered(&run.stdout)).trim_end().to_owned()
    }

    pub(crate) fn filtered(&self, text: &str) -> String {
        let mut text = text
            .replace(self.root.as_str(), "[MACHINE]")
            .replace(&self.registry.host(), "[REGISTRY]")
            .replace(&machines_node(), "[NODE]");
        for (pattern, shown) in [
            (r"\d+ min \d+ s\b", "[TIME]"),
            (r"\b\d+(\.\d+)? s\b", "[TIME]"),
            (r"\b\d{8}-\d{6}_", "[WHEN]_"),
            (r"\b\d{4}-\d\d-\d\d \d\d:\d\d UTC", "[WHEN]"),
            (r"\b\d{4}-\d\d-\d\dT[0-9:.]+Z", "[WHEN]"),
            (r"\b\d+(\.\d+)? [kMG]?B\b", "[SIZE]"),
            (r"\bprocess \d+", "process [PID]"),
            (r"127\.0\.0\.1:\d+", "127.0.0.1:[PORT]"),
            (r"\bhome-\w{6}\b", "home-[ID]"),
            (r"\.codexpin-\w{6}\b", ".codexpin-[ID]"),
            (r"codexpin-loopback-\w{6}", "codexpin-loopback-[ID]"),
            (r"sha512-[A-Za-z0-9+/=]+", "sha512-[HASH]"),
            (r"\d+ installs?\b", "[N] installs"),
        ] {
            text = regex::Regex::new(pattern).unwrap().replace_all(&text, shown).into_owned();
        }
        text
    }
}

/// What the npm here says of itself. codexpin asks it once for each cache, and it says the
/// same to all tests.
fn npm_of_this_machine() -> &'static [u8] {
    static SAID: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let machine = Machine::with_an_unknown_npm(Registry::with_releases());
        machine.run("releases").exits(0);
        fs_err::read(machine.cache().join("npm.json")).unwrap()
    });
    &SAID
}

/// What a run of codexpin left behind.
#[derive(Debug)]
pub(crate) struct Run {
    /// The exit status; that of a signal as a shell gives it.
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
    /// The number that its process had.
    pub pid: u32,
}

impl Run {
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }
}

/// A codexpin that runs.
pub(crate) struct Running {
    child: Child,
    stdout: Arc<Output>,
    stderr: Arc<Output>,
}

#[derive(Default)]
struct Output {
    so_far: Mutex<(String, bool)>,
    changed: Condvar,
}

impl Output {
    fn of(stream: Option<impl Read + Send + 'static>) -> Arc<Self> {
        let output = Arc::new(Self::default());
        let (filled, mut stream) = (Arc::clone(&output), stream.unwrap());
        std::thread::spawn(move || {
            let mut buffer = vec![0; 1 << 16];
            loop {
                let n = stream.read(&mut buffer).unwrap_or_default();
                let mut so_far = filled.so_far.lock().unwrap();
                so_far.0 += &String::from_utf8_lossy(&buffer[..n]);
                so_far.1 = n == 0;
                drop(so_far);
                filled.changed.notify_all();
                if n == 0 {
                    return;
                }
            }
        });
        output
    }

    fn wait(&self, what: &str, ready: impl Fn(&(String, bool)) -> bool) -> String {
        self.wait_for(PATIENCE, what, ready)
    }

    fn wait_for(
        &self,
        patience: Duration,
        what: &str,
        ready: impl Fn(&(String, bool)) -> bool,
    ) -> String {
        let so_far = self.so_far.lock().unwrap();
        let waited = self.changed.wait_timeout_while(so_far, patience, |so_far| !ready(so_far));
        let (so_far, late) = waited.unwrap();
        assert!(!late.timed_out(), "waited for {what} in vain; so far:\n{}", so_far.0);
        so_far.0.clone()
    }
}

impl Running {
    fn of(mut child: Child) -> Self {
        let stdout = Output::of(child.stdout.take());
        let stderr = Output::of(child.stderr.take());
        Self { child, stdout, stderr }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.pid()).unwrap()), signal).unwrap();
    }

    pub(crate) fn wait_for_stderr(&self, text: &str) {
        self.stderr.wait(text, |so_far| so_far.0.contains(text));
    }

    pub(crate) fn wait_for_stdout(&self, text: &str) -> String {
        self.stdout.wait(text, |so_far| so_far.0.contains(text))
    }

    /// Waits for its end. No output of codexpin has an escape byte here, where
    /// nobody looks at a terminal.
    pub(crate) fn finish(self) -> Run {
        self.finish_within(PATIENCE)
    }

    /// The same, where the end may be long in coming.
    pub(crate) fn finish_within(self, patience: Duration) -> Run {
        let run = self.finish_in_colour(patience);
        let Run { stdout, stderr, .. } = &run;
        assert!(!stdout.contains('\u{1b}') && !stderr.contains('\u{1b}'), "{stdout}{stderr}");
        run
    }

    /// The same where colours are asked for.
    pub(crate) fn finish_in_colour(mut self, patience: Duration) -> Run {
        use std::os::unix::process::ExitStatusExt as _;
        let stdout = self.stdout.wait_for(patience, "the end", |so_far| so_far.1);
        let stderr = self.stderr.wait_for(patience, "the end", |so_far| so_far.1);
        let pid = self.pid();
        let status = self.child.wait().unwrap();
        let code = status.code().or(status.signal().map(|signal| 128 + signal)).unwrap();
        Run { code, stdout, stderr, pid }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // A test that failed leaves nothing running; one that ended has reaped it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The machine's Node, as npm's packages would be run by.
pub(crate) fn machines_node() -> String {
    static VERSION: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| {
        let output = Command::new("node").arg("--version").output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().trim_start_matches('v').to_owned()
    });
    VERSION.clone()
}

pub(crate) fn which(program: &str) -> Utf8PathBuf {
    let path = std::env::var("PATH").unwrap();
    let found = path.split(':').map(|directory| Utf8Path::new(directory).join(program));
    let found = found.into_iter().find(|file| file.is_file());
    found.unwrap_or_else(|| panic!("{program} is not on PATH"))
}

/// Whether a process runs that the stand-in told of, wherever that is.
pub(crate) fn is_running(noted: &NotedProcess) -> bool {
    let number = format!("{}", noted.pid);
    processes().any(|pid| {
        let namespace = std::fs::read_link(format!("/proc/{pid}/ns/pid")).unwrap_or_default();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
        namespace.to_str() == Some(&noted.namespace)
            && numbers.and_then(|all| all.split_whitespace().last()) == Some(&number)
            && runs(pid)
    })
}

/// The numbers of all processes.
fn processes() -> impl Iterator<Item = u32> {
    entries(Utf8Path::new("/proc")).into_iter().filter_map(|name| name.parse().ok())
}

/// A zombie has ended; its number remains until somebody reaps it.
pub(crate) fn runs(pid: u32) -> bool {
    fs_err::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('Z')))
}

/// The processes that codexpin, running as `owner`, has started and that run still.
pub(crate) fn started_by(owner: u32) -> Vec<u32> {
    let mark = format!("CODEXPIN_RUN={owner}-");
    let of_owner = |pid: &u32| {
        let environment = fs_err::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|entry| entry.starts_with(mark.as_bytes()))
    };
    processes().filter(|pid| of_owner(pid) && runs(*pid)).collect()
}

/// The names in a directory, in order; none where there is no directory.
pub(crate) fn entries(directory: &Utf8Path) -> Vec<String> {
    let Ok(entries) = fs_err::read_dir(directory) else { return Vec::new() };
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Every file below a directory with its content and its permissions.
pub(crate) fn tree(directory: &Utf8Path) -> BTreeMap<Utf8PathBuf, (u32, Vec<u8>)> {
    use std::os::unix::fs::PermissionsExt as _;
    let mut files = BTreeMap::new();
    for entry in walkdir::WalkDir::new(directory) {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode();
        let content = if entry.file_type().is_file() {
            fs_err::read(entry.path()).unwrap()
        } else {
            Vec::new()
        };
        files.insert(Utf8PathBuf::from_path_buf(entry.path().to_owned()).unwrap(), (mode, content));
    }
    files
}
