//! A user's machine: a fresh home and state, and the one cache of all real tests.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

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

    /// Where scratch homes are.
    pub(crate) fn scratch(&self) -> PathBuf {
        self.cache.join("scratch")
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.directory.path().join("state")
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
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let ran = Self {
            code: output.status.code(),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        };
        let stdout: String = ran.stdout.chars().take(3000).collect();
        println!("$ codexpin {}\n{}{stdout}", arguments.join(" "), ran.stderr);
        println!("[exit {:?}]", ran.code);
        ran
    }

    /// The JSON object on stdout.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }
}

/// Prefixes, Node runtimes and npm's cache, shared by all tests and kept
/// between runs: each release is fetched once.
pub(crate) fn cache() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("real-cache")
}
