//! One step of an apply or an undo, as data: it is planned, shown, written to the
//! journal, taken, and taken back.

use std::fmt;

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

use super::carry::Carry;
use super::earlier_config::EarlierConfig;
use super::exchange::PartKind;
use super::hold::HoldChange;
use crate::failpoint::StepName;
use crate::release::Version;

/// What is asked of the installation at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Proof {
    /// The live entry point says that it is the pinned release.
    Version,
    /// The service comes up and stays up.
    Service,
    /// The release replies where it now lives, in a scratch home.
    Reply,
    /// The live agent replies, through its own Gateway, with its own login.
    LiveReply,
}

/// One change of an apply or undo. A plan is a list of them, taken in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "step")]
pub enum Step {
    /// The package is installed beside the live one. Back: it is removed.
    Stage {
        /// Core or plugin.
        part: PartKind,
        /// The release.
        to: Version,
        /// Whether the tested dependency tree comes with it.
        tested_tree: bool,
    },
    /// The service stops. Back: it starts, if it is to run.
    Stop {
        /// The unit file.
        unit: Utf8PathBuf,
    },
    /// Config, unit, manifests and state are copied into the backup. Back: what
    /// the release changed since is put back.
    Save,
    /// The staged tree and the live one change places. Back: once more.
    Exchange {
        /// Core or plugin.
        part: PartKind,
        /// Where the live one is.
        live: Utf8PathBuf,
        /// What is there.
        from: Version,
        /// What will be.
        to: Version,
    },
    /// The shell's link leads to the live entry point. Back: to where it led.
    Relink {
        /// The link.
        link: Utf8PathBuf,
        /// Where it leads now; none where it is no link, and then stays.
        leads_to: Option<Utf8PathBuf>,
    },
    /// A saved config is put in place. Back: [`Step::Save`] has the one before.
    PutConfig {
        /// The config.
        path: Utf8PathBuf,
        /// The saved one.
        saved: EarlierConfig,
    },
    /// A saved config is laid beside the live one, which somebody edited since.
    /// Back: it is removed.
    LayConfigBeside {
        /// The config.
        path: Utf8PathBuf,
        /// The saved one.
        saved: Utf8PathBuf,
        /// Where it is laid.
        beside: Utf8PathBuf,
    },
    /// Logins and files of the state directory go where the release looks for them.
    /// Back: to where they were, as they are then.
    CarryState {
        /// Whose they are to be.
        to: Version,
        /// What goes where.
        carry: Carry,
    },
    /// `OpenClaw` is kept from updating itself, or let go. Back: as it was before.
    Hold {
        /// What holds it before and after.
        change: Box<HoldChange>,
    },
    /// The service starts. Back: it stops.
    Start {
        /// The unit file.
        unit: Utf8PathBuf,
    },
    /// A proof is asked for. Nothing to take back.
    Prove {
        /// Which.
        proof: Proof,
    },
}

impl Step {
    /// Its name.
    pub fn name(&self) -> StepName {
        match self {
            Self::Stage { part: PartKind::Core, .. } => StepName::StageCore,
            Self::Stage { part: PartKind::Plugin, .. } => StepName::StagePlugin,
            Self::Stop { .. } => StepName::Stop,
            Self::Save => StepName::Save,
            Self::Exchange { part: PartKind::Core, .. } => StepName::ExchangeCore,
            Self::Exchange { part: PartKind::Plugin, .. } => StepName::ExchangePlugin,
            Self::Relink { .. } => StepName::Relink,
            Self::PutConfig { .. } => StepName::PutConfig,
            Self::LayConfigBeside { .. } => StepName::LayConfigBeside,
            Self::CarryState { .. } => StepName::CarryState,
            Self::Hold { .. } => StepName::Hold,
            Self::Start { .. } => StepName::Start,
            Self::Prove { proof: Proof::Version } => StepName::ProveVersion,
            Self::Prove { proof: Proof::Service } => StepName::ProveService,
            Self::Prove { proof: Proof::Reply } => StepName::ProveReply,
            Self::Prove { proof: Proof::LiveReply } => StepName::ProveLiveReply,
        }
    }

    /// Whether nothing that is live differs after it. A failure or a kill up to
    /// here takes everything back; from here on the apply goes forward, unless a
    /// step fails.
    pub fn is_preparation(&self) -> bool {
        matches!(self, Self::Stage { .. } | Self::Stop { .. } | Self::Save)
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |path: &Utf8PathBuf| path.file_name().unwrap_or(path.as_str()).to_owned();
        match self {
            Self::Stage { part, to, tested_tree } => {
                let tree = if *tested_tree {
                    "the tested dependency tree"
                } else {
                    "today's dependencies"
                };
                write!(f, "stage {part} {to} beside the live one, with {tree}")
            }
            Self::Stop { unit } => write!(f, "stop {}", name(unit)),
            Self::Save => f.write_str("save config, agent state, unit and package manifests"),
            Self::Exchange { part, from, to, live } => {
                write!(f, "exchange {part} {from} for {to} in {live}")
            }
            Self::Relink { link, .. } => write!(f, "lead {link} to the live entry point"),
            Self::PutConfig { path, saved } => write!(f, "put {} in place of {path}", saved.path),
            Self::LayConfigBeside { saved, beside, .. } => {
                write!(f, "lay {saved} beside the config, as {beside}")
            }
            Self::CarryState { to, carry } => write!(f, "{}", carry.sentence(*to)),
            Self::Hold { change } => f.write_str(&change.sentence()),
            Self::Start { unit } => write!(f, "start {}", name(unit)),
            Self::Prove { proof: Proof::Version } => f.write_str("prove `openclaw --version`"),
            Self::Prove { proof: Proof::Service } => {
                f.write_str("prove that the service comes up and stays up")
            }
            Self::Prove { proof: Proof::Reply } => {
                f.write_str("prove that the release replies, in a scratch home")
            }
            Self::Prove { proof: Proof::LiveReply } => {
                f.write_str("prove that the agent replies through its Gateway, with its own login")
            }
        }
    }
}
