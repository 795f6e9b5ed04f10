//! One check: a candidate in a fresh scratch home is asked for a reply, through
//! each route in turn, and what happens is observed.
//!
//! ```text
//! home ─▶ sandbox ─▶ turn: [ doctor ] ─▶ [ gateway ] ─▶ agent ─▶ reply ─▶ observation
//!   home files      ⇅ upstream
//! ```
//!
//! A `home` is a directory with the `home_files` that a candidate finds: config,
//! plugin and the login of an `account`. The `sandbox` is that home, the enclosure
//! around it and the upstream; programs start in it. A `turn` runs them, the `reply`
//! is read from what the agent printed, and an `observation` is made of it all.
//! Beside it, [`routes`] asks a release for its list of models, and [`installation`]
//! asks the live one.

pub mod account;
mod home;
mod home_files;
pub mod installation;
mod observation;
mod reply;
pub mod routes;
mod sandbox;
mod turn;

use camino::{Utf8Path, Utf8PathBuf};
use tokio_util::sync::CancellationToken;

pub use home::sweep;

use crate::config::{ConfigError, Loaded};
use crate::env::Environment;
use crate::explain::{Class, Explain};
use crate::host::HostPort;
use crate::node::choice::Node;
use crate::observation::Observation;
use crate::process::{ProcessError, Processes};
use crate::question::{Question, Variation};
use crate::release::Version;
use crate::upstream::live::LiveError;
use crate::upstream::loopback::LoopbackError;
use crate::upstream::pace::PaceError;
use account::LentAccount;
use turn::CheckTurn;

/// An installed candidate, as far as asking it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstalledCandidate {
    /// The core release.
    pub core: Version,
    /// The plugin release that is installed with it.
    pub plugin: Option<Version>,
    /// The state directory in which `OpenClaw` has the plugin on record.
    pub plugin_state: Option<Utf8PathBuf>,
    /// The prefix that it is installed in.
    pub prefix: Utf8PathBuf,
    /// The script that `openclaw` runs.
    pub entry: Utf8PathBuf,
    /// What it runs on.
    pub node: Node,
}

/// Where checks take place.
#[derive(Debug, Clone)]
pub struct CheckEnvironment {
    /// The shell's environment; candidates see only its allow-list.
    pub environment: Environment,
    /// Under which scratch homes are made.
    pub scratch: Utf8PathBuf,
    /// Starts the agent.
    pub processes: Processes,
    /// Codexpin's own executable, which starts programs in an enclosure.
    pub executable: Utf8PathBuf,
    /// The user's home. A candidate finds it empty; a command of the user's own does not.
    pub home: Utf8PathBuf,
    /// What all find empty: where logins are, and what candidates must not touch. What a
    /// check needs below it stays.
    pub hidden: Vec<Utf8PathBuf>,
    /// The registries of npm's configuration: some releases fetch packages in their first
    /// turn. No candidate with a lent login reaches them.
    pub registries: Vec<HostPort>,
    /// Directories that a command of the user's own may need, even if they are
    /// in `/tmp`: where codexpin is, and where it was started.
    pub keep: Vec<Utf8PathBuf>,
}

/// What is asked of which candidate, and with what.
#[derive(Debug, Clone, Copy)]
pub struct CheckJob<'a> {
    /// Who is asked.
    pub candidate: &'a InstalledCandidate,
    /// What is asked.
    pub question: &'a Question,
    /// How it differs from the plain check.
    pub variation: &'a Variation,
    /// The config that the question names, where it names one.
    pub config: Option<&'a Loaded>,
    /// The login that is lent, where the service itself answers. Without one the
    /// loopback does.
    pub account: Option<&'a LentAccount>,
    /// Where the whole output of every program goes, one file each.
    pub logs: &'a Utf8Path,
}

impl<'a> CheckJob<'a> {
    /// A minimal config, with the loopback.
    pub fn plain(
        candidate: &'a InstalledCandidate,
        question: &'a Question,
        variation: &'a Variation,
        logs: &'a Utf8Path,
    ) -> Self {
        Self { candidate, question, variation, config: None, account: None, logs }
    }
}

/// A check could not be made. Nothing about the candidate.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The upstream could not be started.
    #[error(transparent)]
    Upstream(#[from] LoopbackError),
    /// The way to the service could not be opened.
    #[error(transparent)]
    Live(#[from] LiveError),
    /// The account may not be asked now, or no more.
    #[error(transparent)]
    Pace(#[from] PaceError),
    /// A process could not be started.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// The scratch home could not be made.
    #[error("cannot make a scratch home: {0}")]
    Home(#[from] std::io::Error),
    /// The config cannot be carried over.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The user's own check command asked for an end, or could not be run at all.
    #[error("the check command `{command}` {why}")]
    Command {
        /// The command.
        command: String,
        /// What it did.
        why: String,
    },
    /// The system refused what keeps a candidate from the user's files, and nobody said that
    /// it may run without.
    #[error("the candidate was not run, since it could not be enclosed: {0}")]
    NotEnclosed(String),
    /// codexpin was asked to stop.
    #[error("interrupted")]
    Stopped,
}

impl Explain for CheckError {
    fn class(&self) -> Class {
        match self {
            Self::Stopped => Class::Interrupted,
            _ => Class::Infrastructure,
        }
    }
}

/// Asks an installed candidate through every route of the question: one
/// observation a route.
pub async fn check(
    job: CheckJob<'_>,
    environment: &CheckEnvironment,
    stop: &CancellationToken,
) -> Result<Vec<Observation>, CheckError> {
    let mut observations = Vec::new();
    for (place, route) in job.question.routes.iter().enumerate() {
        let turn = CheckTurn { job, route, place, environment, stop };
        observations.push(turn.run().await?);
    }
    Ok(observations)
}
