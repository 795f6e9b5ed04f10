//! `known-good.toml`: the pins that a team shares, made to be read, edited and
//! merged in git. What codexpin does not know in it, it leaves as it is.

mod error;
mod file;
mod merge;
mod place;

pub use error::PinFileError;
pub use file::PinFile;
pub(crate) use place::beside;

use camino::Utf8PathBuf;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::release::Version;

/// The name that is looked for, and written to, in the working directory.
pub const FILE_NAME: &str = "known-good.toml";
/// The directory beside it with the lock files of the tested trees.
pub const LOCK_DIRECTORY: &str = "known-good.lock";
/// The key with which a team asks for a codexpin that is new enough, as Cargo writes
/// a requirement: `requires-codexpin = ">=0.2"`.
const REQUIRES: &str = "requires-codexpin";
/// The format that this codexpin reads and writes.
const FORMAT: i64 = 1;

/// A known-good candidate with its evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pin {
    /// The core release.
    pub core: Version,
    /// The hash of the core tarball that was tested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub core_integrity: Option<String>,
    /// The plugin release; none where the registry had none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin: Option<Version>,
    /// The hash of the plugin tarball.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin_integrity: Option<String>,
    /// The exact release of `@openai/codex`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub codex_cli: Option<semver::Version>,
    /// The Node that it was tested on.
    pub node: String,
    /// The route that answered.
    pub route: String,
    /// Who answered the model requests: `live` or `loopback`.
    pub upstream: String,
    /// When it last passed.
    pub tested: Timestamp,
    /// How many checks it passed.
    pub passed: u32,
    /// Of how many.
    pub checks: u32,
    /// The tested dependency tree: npm lock files, beside the pin file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<LockFiles>,
    /// Packages whose install scripts npm did not run: what was tested is the
    /// release without them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scripts_not_run: Vec<String>,
    /// The first bad release after it, where a bisection found one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_bad: Option<FirstBad>,
}

/// Where the tested dependency tree is written down. Paths are relative to the
/// directory of the pin file, hashes are `sha512-...` of the files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockFiles {
    /// The core's `package-lock.json`.
    pub core: Utf8PathBuf,
    /// Its hash.
    pub core_integrity: String,
    /// The plugin's, where there is a plugin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin: Option<Utf8PathBuf>,
    /// Its hash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin_integrity: Option<String>,
}

/// The release that broke it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirstBad {
    /// The core release.
    pub core: Version,
    /// The failure's name in the catalogue.
    pub signature: String,
    /// The line that decided.
    pub evidence: String,
}
