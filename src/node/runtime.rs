//! Providing Node: the machine's own, or one from npm's platform packages.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::choice::{self, Node, Nodes};
use crate::env::Environment;
use crate::explain::{Class, Explain};
use crate::fs::{Lock, LockError, write_atomic};
use crate::npm::run::{Npm, NpmCommand, NpmError};
use crate::process::{self, Ending, Processes, Program};
use crate::release::Version;

/// How long a list of published Node versions serves. Hours.
const LIST_HOURS: i64 = 24;

/// No Node for a candidate.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The machine has none, and npm itself needs one.
    #[error("node was not found on PATH")]
    Missing,
    /// The machine's Node does not say its version.
    #[error("{path} does not run: {reason}")]
    Broken {
        /// The executable.
        path: Utf8PathBuf,
        /// What happened.
        reason: String,
    },
    /// Codexpin was interrupted while it was asked.
    #[error("interrupted")]
    Stopped,
    /// No published Node fits.
    #[error("no published Node satisfies `{range}`")]
    NoneFits {
        /// What is asked for.
        range: String,
    },
    /// npm could not list or install one.
    #[error("cannot provide Node: {0}")]
    Npm(#[from] NpmError),
    /// Another codexpin could not be waited for.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A file of the runtime could not be read or written.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl Explain for NodeError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Npm(error @ (NpmError::Stopped | NpmError::Missing)) => error.hint(),
            Self::Npm(_) => Some(
                "`codexpin releases` shows the Node that each release asks for; put one that fits \
                 first on PATH"
                    .to_owned(),
            ),
            Self::Lock(error) => error.hint(),
            Self::Missing => {
                Some("install Node.js with npm: npm itself needs one to run".to_owned())
            }
            Self::Broken { .. } | Self::Stopped | Self::NoneFits { .. } | Self::Io(_) => None,
        }
    }

    fn class(&self) -> Class {
        match self {
            Self::Npm(error) => error.class(),
            Self::Stopped => Class::Interrupted,
            _ => Class::Infrastructure,
        }
    }
}

/// The Node runtimes of this machine: its own and those that codexpin keeps.
#[derive(Debug)]
pub struct Runtimes {
    directory: Utf8PathBuf,
    npm: Npm,
    machine: Node,
}

/// Finds the machine's Node on PATH and asks its version.
pub async fn of_this_machine(
    environment: &Environment,
    processes: &Processes,
    stop: &CancellationToken,
) -> Result<Node, NodeError> {
    let path = process::find(Utf8Path::new("node"), environment).ok_or(NodeError::Missing)?;
    let program = Program {
        executable: path.clone(),
        arguments: vec!["--version".to_owned()],
        directory: "/".into(),
        environment: environment.inherited(),
        time_limit: Duration::from_secs(20),
        log: None,
        enclosure: None,
        limits: None,
    };
    let broken = |reason: String| NodeError::Broken { path: path.clone(), reason };
    let finished = processes.run(&program, stop).await.map_err(|e| broken(e.to_string()))?;
    if finished.ending == Ending::Cancelled {
        return Err(NodeError::Stopped);
    }
    let text = finished.stdout.text();
    let version = text.trim().strip_prefix('v').filter(|_| finished.ending.success());
    let version = version.ok_or_else(|| broken(format!("{}: {}", finished.ending, text.trim())))?;
    let bin = path.parent().unwrap_or(&path).to_owned();
    Ok(Node { version: version.to_owned(), bin })
}

impl Runtimes {
    /// Runtimes kept in `directory`, installed by `npm`.
    pub fn new(directory: Utf8PathBuf, npm: Npm, machine: Node) -> Self {
        Self { directory, npm, machine }
    }

    /// The machine's own Node.
    pub fn machine(&self) -> &Node {
        &self.machine
    }

    /// One Node for all of these ranges: the machine's where it fits, so that
    /// nothing is installed without need.
    pub async fn provide(
        &self,
        ranges: &[&str],
        stop: &CancellationToken,
    ) -> Result<Node, NodeError> {
        if ranges.iter().all(|range| choice::satisfies(&self.machine.version, Some(range))) {
            return Ok(self.machine.clone());
        }
        let published = self.published(stop).await?;
        let version = choice::choose(&published, ranges)
            .ok_or_else(|| NodeError::NoneFits { range: ranges.join("` and `") })?;
        self.install(version, stop).await
    }

    /// The Node for each candidate of a line, by its `engines.node`: one for the
    /// whole line where one fits.
    pub async fn choose(
        &self,
        line: &[(Version, Option<&str>)],
        stop: &CancellationToken,
    ) -> Result<Nodes, NodeError> {
        let ranges: Vec<&str> = line.iter().filter_map(|(_, range)| *range).collect();
        match self.provide(&ranges, stop).await {
            Ok(node) => {
                return Ok(Nodes::new(line.iter().map(|(core, _)| (*core, Ok(node.clone())))));
            }
            Err(NodeError::NoneFits { .. }) => {}
            Err(error) => return Err(error),
        }
        let mut chosen = Vec::new();
        for (core, range) in line {
            let node = match self.provide(range.as_slice(), stop).await {
                Ok(node) => Ok(node),
                // Only this candidate cannot be asked.
                Err(error @ NodeError::NoneFits { .. }) => Err(error.to_string()),
                Err(error) => return Err(error),
            };
            chosen.push((*core, node));
        }
        Ok(Nodes::new(chosen))
    }

    /// The Nodes that a session began with; one that was removed since is
    /// provided again in the same version.
    pub async fn provide_again(
        &self,
        line: impl IntoIterator<Item = (Version, Option<Node>)>,
        stop: &CancellationToken,
    ) -> Result<Nodes, NodeError> {
        let mut chosen = Vec::new();
        for (core, node) in line {
            let node = match node {
                None => Err("no published Node satisfies it".to_owned()),
                Some(node) if node.executable().exists() => Ok(node),
                Some(node) => Ok(self.provide(&[&node.version], stop).await?),
            };
            chosen.push((core, node));
        }
        Ok(Nodes::new(chosen))
    }

    /// Why a line does not run on the machine's own Node, in a few words; none
    /// where it can.
    pub fn why_not_the_machines(&self, line: &[(Version, Option<&str>)]) -> Option<String> {
        let machine = &self.machine.version;
        let refusing = line.iter().find(|(_, range)| !choice::satisfies(machine, *range));
        let (core, range) = *refusing?;
        Some(format!("{core} asks for {}; this machine has {machine}", range?))
    }

    /// The published versions of this platform's Node, from npm, or as they
    /// were less than a day ago.
    async fn published(&self, stop: &CancellationToken) -> Result<Vec<String>, NodeError> {
        #[derive(Serialize, Deserialize)]
        struct Listed {
            at: jiff::Timestamp,
            versions: Vec<String>,
        }
        let package = super::platform_package();
        let file = self.directory.join(format!("{package}.json"));
        let now = jiff::Timestamp::now();
        let kept =
            fs::read(&file).ok().and_then(|text| serde_json::from_slice::<Listed>(&text).ok());
        if let Some(kept) = kept.filter(|kept| now.duration_since(kept.at).as_hours() < LIST_HOURS)
        {
            return Ok(kept.versions);
        }
        let scratch = self.scratch()?;
        let job = self.job(&scratch, &scratch, stop);
        let arguments = ["view", &package, "versions", "--json"].map(str::to_owned);
        let finished = self.npm.run(&job, arguments.to_vec()).await?;
        let versions: Vec<String> = serde_json::from_str(finished.stdout.raw().trim())
            .map_err(|error| NodeError::Io(std::io::Error::other(error)))?;
        let listed = Listed { at: now, versions };
        write_atomic(&file, &serde_json::to_vec(&listed).map_err(std::io::Error::other)?)?;
        Ok(listed.versions)
    }

    async fn install(&self, version: &str, stop: &CancellationToken) -> Result<Node, NodeError> {
        let package = super::platform_package();
        let directory = self.directory.join(version);
        let bin = directory.join("node_modules").join(&package).join("bin");
        let provided = Node { version: version.to_owned(), bin };
        let marker = directory.join("complete");
        if marker.exists() {
            return Ok(provided);
        }
        let _alone = Lock::wait(&self.directory.join(format!("{version}.lock"))).await?;
        if marker.exists() {
            return Ok(provided);
        }
        crate::fs::remove(&directory)?;
        fs::create_dir_all(&directory)?;
        fs::write(directory.join("package.json"), "{\"private\":true}\n")?;
        let scratch = self.scratch()?;
        let job = self.job(&directory, &scratch, stop);
        self.npm.install(&job, &[format!("{package}@{version}")], &["--save-exact"]).await?;
        write_atomic(&marker, b"")?;
        Ok(provided)
    }

    fn scratch(&self) -> Result<Utf8PathBuf, NodeError> {
        let scratch = self.directory.join("scratch");
        fs::create_dir_all(scratch.join("tmp"))?;
        Ok(scratch)
    }

    fn job<'a>(
        &'a self,
        project: &'a Utf8Path,
        home: &'a Utf8Path,
        stop: &'a CancellationToken,
    ) -> NpmCommand<'a> {
        NpmCommand { project, node: &self.machine, home, log: None, stop }
    }
}
