//! Scratch npm prefixes: one candidate each, installed by the real npm, kept
//! for the next time, and never the live installation.
//!
//! ```text
//! candidate ─▶ node ─▶ store ─▶ [ finished? reuse : install ─▶ tree ─▶ marker ] ─▶ Prefix
//!                                             packages ─┘  ⇅ registry proxy ─▶ egress
//! ```

mod error;
mod install;
mod packages;
mod plugin;
pub mod store;
mod tree;

pub use error::{InstallError, StoreError};
pub use packages::PackageUse;

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tree::ContentHashes;

use crate::host::HostPort;
use crate::node::choice::Node;
use crate::npm::{Egress, InstallScripts};
use crate::release::pairing::Candidate;

/// A finished prefix. While it is held, no codexpin removes it.
#[derive(Debug)]
pub struct Prefix {
    /// Its directory.
    pub directory: Utf8PathBuf,
    /// What is installed in it, and with which Node.
    pub manifest: PrefixManifest,
    /// Whether it was there already.
    pub reused: bool,
    _in_use: crate::fs::Lock,
}

/// What stands beside a prefix, in a file of its name with `.json`. It is written last: a
/// prefix without it is half made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrefixManifest {
    /// The format of this file.
    pub format: u32,
    /// What is installed.
    pub candidate: Candidate,
    /// The Node that it was installed with and runs on.
    pub node: Node,
    /// The core's entry point, relative to the directory.
    pub entry: Utf8PathBuf,
    /// The plugin's npm project, relative to the directory, where there is a plugin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin_project: Option<Utf8PathBuf>,
    /// Where it was made: OpenClaw's record of a plugin names the path of it, so that
    /// a prefix with a plugin is of no use anywhere else.
    #[serde(default)]
    pub made_in: Utf8PathBuf,
    /// When npm had finished.
    pub installed: Timestamp,
    /// How long npm took. Milliseconds.
    pub install_ms: u64,
    /// What installs could reach besides the registries, because the user said so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub open_to: Vec<HostPort>,
    /// The lock files as npm wrote them, before anything of the candidate was asked.
    pub locks: TreeLocks,
    /// What npm, the plugin's install and the lifecycle scripts tried to reach;
    /// none where the prefix is older than such records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub egress: Option<Egress>,
    /// Which of the core's install scripts ran; none where that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scripts: Option<InstallScripts>,
    /// Bytes on disk that no other prefix had when it was made.
    pub bytes: u64,
    /// Fingerprint of every file: a prefix that was written to is not used again.
    pub fingerprint: String,
    /// Hash of the content of every file.
    pub content: String,
}

/// What npm resolved a candidate to: the text of each `package-lock.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TreeLocks {
    /// The core's.
    pub core: String,
    /// The plugin's, where there is a plugin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin: Option<String>,
}

/// The format of the manifest: 3 hashes files one by one. A prefix with an older one is made
/// anew.
const FORMAT: u32 = 3;

impl Prefix {
    /// Whether it is still what was installed, to the last byte.
    pub async fn is_as_installed(&self) -> std::io::Result<bool> {
        let (directory, manifest) = (self.directory.clone(), &self.manifest);
        let (fingerprint, content) = (manifest.fingerprint.clone(), manifest.content.clone());
        let same = blocking(move || {
            if !directory.is_dir() || store::fingerprint(&directory)? != fingerprint {
                return Ok(false);
            }
            Ok(store::content(&directory, &mut ContentHashes::default())? == content)
        });
        match same.await {
            // Somebody removes it at this moment.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            same => same,
        }
    }

    /// Has it made anew by whoever needs it next. Those that use it now may go on.
    pub fn condemn(&self) -> std::io::Result<()> {
        crate::fs::remove(&marker(&self.directory))
    }

    /// The script that `openclaw` runs.
    pub fn entry(&self) -> Utf8PathBuf {
        self.directory.join(&self.manifest.entry)
    }

    /// The core's npm project.
    pub fn core(&self) -> Utf8PathBuf {
        core_project(&self.directory)
    }

    /// The plugin's npm project, where the candidate has a plugin.
    pub fn plugin(&self) -> Option<Utf8PathBuf> {
        self.manifest.plugin_project.as_ref().map(|project| self.directory.join(project))
    }

    /// The state directory in which `OpenClaw` has the plugin on record. To be
    /// copied, never to be used in place.
    pub fn plugin_state(&self) -> Option<Utf8PathBuf> {
        self.manifest.plugin_project.as_ref().map(|_| plugin::state(&self.directory))
    }

    /// Where the core package itself is.
    pub fn core_package(&self) -> Utf8PathBuf {
        self.core().join("node_modules/openclaw")
    }
}

/// What stands beside a prefix.
fn marker(directory: &Utf8Path) -> Utf8PathBuf {
    Utf8PathBuf::from(format!("{directory}.json"))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> std::io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(std::io::Error::other)?
}

/// The core has an npm project of its own, as a global install has; the plugin is
/// in the one that `OpenClaw` makes for it: neither can change what npm resolves
/// for the other.
fn core_project(directory: &Utf8Path) -> Utf8PathBuf {
    directory.join("core")
}

/// The home in which `OpenClaw` installed the plugin.
fn plugin_home(directory: &Utf8Path) -> Utf8PathBuf {
    directory.join("plugin")
}

/// The name of a candidate's prefix: what is in it, the Node it was made with, and what
/// its install could reach besides the registries.
fn name(candidate: &Candidate, node: &Node, open_to: &[HostPort]) -> String {
    let plugin = candidate.plugin.as_ref().map(|plugin| format!("+codex-{}", plugin.version));
    let mut name =
        format!("{}{}_node-{}", candidate.core, plugin.unwrap_or_default(), node.version);
    if !open_to.is_empty() {
        let mut hash = Sha256::new();
        for place in open_to {
            hash.update(format!("{place}\n"));
        }
        name.push_str("_open-");
        name.push_str(&format!("{:x}", hash.finalize())[..12]);
    }
    name
}
