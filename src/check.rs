//! One check: a candidate in a fresh scratch home is asked for a reply, through
//! each route in turn, and what happens is observed.
//!
//! ```text
//! prefix ─▶ scratch home ─▶ [ doctor ] ─▶ [ gateway ] ─▶ openclaw agent ─▶ Observation
//!             setup: config, login, plugin                   ⇅ upstream
//! ```

pub mod account;
mod candidate;
mod gateway;
mod home;
pub mod installation;
mod login;
mod minimal;
mod probe;
mod reply;
mod room;
pub mod routes;
mod setup;
mod state;
mod turn;
mod upstream;

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

pub use home::sweep;

use crate::config::{ConfigError, Loaded};
use crate::env::Environment;
use crate::node::choice::Node;
use crate::observation::Observation;
use crate::process::{ProcessError, Processes};
use crate::question::Question;
use crate::release::Version;
use crate::upstream::live::LiveError;
use crate::upstream::loopback::{Fault, LoopbackError};
use crate::upstream::pace::PaceError;
use account::Account;
use turn::Turn;

/// An installed candidate, as far as asking it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
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
pub struct Surroundings {
    /// The shell's environment; candidates see only its allow-list.
    pub environment: Environment,
    /// Under which scratch homes are made.
    pub scratch: Utf8PathBuf,
    /// Starts the agent.
    pub processes: Processes,
    /// Codexpin's own executable, which is the way into an enclosure.
    pub executable: Utf8PathBuf,
    /// The user's home. A candidate finds it empty; a command of the user's own does not.
    pub home: Utf8PathBuf,
    /// Where logins are: the live state's and codexpin's own. Empty for all.
    pub logins: Vec<Utf8PathBuf>,
    /// Directories that a command of the user's own may need, even if they are
    /// in `/tmp`: where codexpin is, and where it was started.
    pub keep: Vec<Utf8PathBuf>,
}

/// What a check begins with and leaves behind.
#[derive(Debug, Clone, Copy)]
pub struct Course<'a> {
    /// Where the whole output of every program goes, one file each.
    pub logs: &'a Utf8Path,
    /// The config that is carried over, where one is.
    pub config: Option<&'a Loaded>,
    /// The state that another release left, one directory a route, where the
    /// candidate is to meet that.
    pub meets: Option<&'a Utf8Path>,
    /// Where the state that this candidate leaves is kept, one directory a route.
    pub leaves: Option<&'a Utf8Path>,
    /// What is written into the config besides, where a remedy is tried.
    pub settings: Option<&'a Value>,
    /// The login that is lent, where the service itself answers. Without one the
    /// loopback does.
    pub account: Option<&'a Account>,
    /// What goes wrong with the loopback, on purpose.
    pub fault: Option<Fault>,
}

impl<'a> Course<'a> {
    /// A minimal config and a fresh state, with the loopback.
    pub fn plain(logs: &'a Utf8Path) -> Self {
        Self {
            logs,
            config: None,
            settings: None,
            meets: None,
            leaves: None,
            account: None,
            fault: None,
        }
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
    /// codexpin was asked to stop.
    #[error("interrupted")]
    Stopped,
}

/// Asks an installed candidate through every route of the question: one
/// observation a route.
pub async fn check(
    subject: &Subject,
    question: &Question,
    surroundings: &Surroundings,
    course: Course<'_>,
    stop: &CancellationToken,
) -> Result<Vec<Observation>, CheckError> {
    let mut observations = Vec::new();
    for (place, route) in question.routes.iter().enumerate() {
        let turn = Turn { subject, question, route, place, surroundings, course, stop };
        observations.push(turn.run().await?);
    }
    Ok(observations)
}
