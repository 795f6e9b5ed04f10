//! A user's machine: a fresh home and state, and the one cache of all real tests.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex, OnceLock};

use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// A user with an empty home and an empty working directory.
pub(crate) struct User {
    directory: tempfile::TempDir,
    cache: PathBuf,
}

impl User {
    pub(crate) fn new() -> Self {
        Self::with_cache(tempfile::tempdir().unwrap(), cache())
    }

    /// With what the others have installed, and scratch homes that are all this user's.
    pub(crate) fn with_a_scratch_of_its_own() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let own = directory.path().join("cache");
        std::fs::create_dir_all(&own).unwrap();
        for shared in ["prefixes", "node", "npm", "registry"] {
            std::fs::create_dir_all(cache().join(shared)).unwrap();
            std::os::unix::fs::symlink(cache().join(shared), own.join(shared)).unwrap();
        }
        // What npm says of itself: not there before the first of all commands.
        let _ = std::fs::copy(cache().join("npm.json"), own.join("npm.json"));
        Self::with_cache(directory, own)
    }

    fn with_cache(directory: tempfile::TempDir, cache: PathBuf) -> Self {
        let user = Self { directory, cache };
        std::fs::create_dir_all(user.home()).unwrap();
        std::fs::create_dir_all(user.work()).unwrap();
        user
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.directory.path().join("home")
    }

    pub(crate) fn work(&self) -> PathBuf {
        self.directory.path().join("work")
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.directory.path().join("state")
    }

    /// The scratch homes that are there now.
    pub(crate) fn scratch_homes(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.cache.join("scratch")).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect()
    }

    /// Puts an agent into the home that nobody may touch.
    pub(crate) fn furnish(&self) {
        let (home, state) = (self.home(), self.home().join(".openclaw"));
        let agent = state.join("agents/main/agent");
        std::fs::create_dir_all(&agent).unwrap();
        for (file, text) in [
            (state.join("openclaw.json"), "{ gateway: { port: 18789 } }"),
            (agent.join("auth-profiles.json"), "{\"made\": \"up\"}"),
            (home.join(".npmrc"), "fund=false\n"),
        ] {
            std::fs::write(file, text).unwrap();
        }
    }

    /// Every file of the home with the hash of what is in it.
    pub(crate) fn hashes_of_home(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let entries = walkdir::WalkDir::new(self.home()).into_iter().map(Result::unwrap);
        let files = entries.filter(|entry| !entry.file_type().is_dir());
        let hash = |path: &Path| Sha256::digest(std::fs::read(path).unwrap_or_default()).to_vec();
        files.map(|file| (file.path().to_owned(), hash(file.path()))).collect()
    }

    /// `codexpin` with these arguments, to be run in the working directory.
    pub(crate) fn codexpin(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_codexpin"));
        command
            .args(arguments)
            .current_dir(self.work())
            .env("HOME", self.home())
            .env("CODEXPIN_CACHE_DIR", &self.cache)
            .env("CODEXPIN_STATE_DIR", self.state())
            .stdin(Stdio::null());
        command
    }

    /// Runs it to its end; what it said is in the test's output.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        let output = self.codexpin(arguments).output().unwrap();
        Ran::of(arguments, &output)
    }
}

/// What a command printed and how it ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    pub(crate) fn of(arguments: &[&str], output: &Output) -> Self {
        let ran = Self::without_telling(output);
        ran.show(arguments);
        ran
    }

    fn without_telling(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            code: output.status.code(),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }

    fn show(&self, arguments: &[&str]) {
        let stdout: String = self.stdout.chars().take(3000).collect();
        println!("$ codexpin {}\n{}{stdout}", arguments.join(" "), self.stderr);
        println!("[exit {:?}]", self.code);
    }

    /// The JSON object on stdout.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }
}

/// A check that was made for several tests.
pub(crate) struct SharedCheck {
    pub(crate) ran: Ran,
    /// The scratch homes that were there after it.
    pub(crate) scratch_homes: Vec<PathBuf>,
    /// Whether every file of the user's home is as it was.
    pub(crate) home_is_as_it_was: bool,
}

/// `codexpin` with these arguments, for all tests that look at what comes of it: run
/// once, by whichever needs it first, for a user with an agent and a scratch of their
/// own.
pub(crate) fn shared_check(arguments: &[&str]) -> Arc<SharedCheck> {
    shared_check_of(User::with_a_scratch_of_its_own, arguments)
}

/// The same for another user.
pub(crate) fn shared_check_of(user: fn() -> User, arguments: &[&str]) -> Arc<SharedCheck> {
    type Checks = BTreeMap<String, Arc<OnceLock<Arc<SharedCheck>>>>;
    static CHECKS: Mutex<Checks> = Mutex::new(BTreeMap::new());
    let name = arguments.join(" ");
    // Not held while the check runs: others make theirs at the same time.
    let check = Arc::clone(CHECKS.lock().unwrap().entry(name).or_default());
    let check = check.get_or_init(|| {
        let user = user();
        user.furnish();
        let home = user.hashes_of_home();
        let output = user.codexpin(arguments).output().unwrap();
        Arc::new(SharedCheck {
            ran: Ran::without_telling(&output),
            scratch_homes: user.scratch_homes(),
            home_is_as_it_was: user.hashes_of_home() == home,
        })
    });
    check.ran.show(arguments);
    Arc::clone(check)
}

/// Prefixes, Node runtimes and npm's cache, shared by all tests and kept
/// between runs: each release is fetched once.
pub(crate) fn cache() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("real-cache")
}
