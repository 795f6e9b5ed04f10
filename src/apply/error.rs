//! Why an apply or an undo could not be done, and what to do about it.

use camino::Utf8PathBuf;

use super::backup::BackupError;
use super::carry::CarryError;
use super::exchange::{ExchangeError, Part};
use super::hold::HoldError;
use super::journal::ApplyJournalError;
use super::plan::PlanError;
use super::space::SpaceError;
use super::stage::StageError;
use super::target::ApplyTargetError;
use crate::config::ConfigError;
use crate::explain::{Class, Explain};
use crate::fs::LockError;
use crate::installation::{InstallationError, ManagerError, OtherListener, ServiceError};
use crate::process::quoted;
use crate::release::Version;
use crate::sqlite::SqliteError;

/// It could not be done. But for `Stuck`, the live installation is as it was.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// Another codexpin is at this installation.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The installation cannot be handled.
    #[error(transparent)]
    Installation(#[from] InstallationError),
    /// The pin does not fit the installation.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// What is pinned is not to be installed from here.
    #[error(transparent)]
    Target(#[from] ApplyTargetError),
    /// There is too little room.
    #[error(transparent)]
    Space(#[from] SpaceError),
    /// The packages could not be made ready.
    #[error(transparent)]
    Stage(#[from] StageError),
    /// The service could not be asked, stopped or started.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// A config that is needed cannot be read.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Databases of the state could not be read.
    #[error(transparent)]
    State(#[from] SqliteError),
    /// Logins or files could not be moved to where the release looks for them.
    #[error(transparent)]
    Carry(#[from] CarryError),
    /// `OpenClaw` could not be kept from updating itself, or let go.
    #[error(transparent)]
    Hold(#[from] HoldError),
    /// Files could not be saved or put back.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// The journal could not be written.
    #[error(transparent)]
    Journal(#[from] ApplyJournalError),
    /// A tree could not be exchanged.
    #[error(transparent)]
    Exchange(#[from] ExchangeError),
    /// The shell's link could not be made.
    #[error(transparent)]
    Manager(#[from] ManagerError),
    /// An earlier apply was killed and must be finished first.
    #[error("an earlier apply was not finished: {backup}")]
    Unfinished {
        /// Its backup.
        backup: Utf8PathBuf,
    },
    /// A Gateway runs, or another program in its place, that codexpin does not stop and
    /// start.
    #[error(
        "port {port}, the Gateway's, is held by {} (process {}{}), which is not of the systemd user unit that codexpin stops and starts",
        .other.name,
        .other.pid,
        .other.unit.as_ref().map(|unit| format!(", {unit}")).unwrap_or_default()
    )]
    OtherGateway {
        /// Its port.
        port: u16,
        /// What holds it.
        other: OtherListener,
    },
    /// The installation is not the one that the plan was made for.
    #[error("openclaw changed from {planned} to {found} since the plan was made")]
    Changed {
        /// What the plan says.
        planned: Version,
        /// What is there.
        found: Version,
    },
    /// The service was started or stopped since.
    #[error("the service was {} since the plan was made", if *.starts { "stopped" } else { "started" })]
    ServiceChanged {
        /// Whether the plan starts it.
        starts: bool,
    },
    /// `OpenClaw` has moved its copies of the config along.
    #[error("{path} is no longer the config that the plan names")]
    EarlierConfigMoved {
        /// The copy.
        path: Utf8PathBuf,
    },
    /// There is nothing to go back to.
    #[error("{}", match .backup {
        Some(name) => format!("there is no backup {name} that can be undone"),
        None => "there is nothing to undo".to_owned(),
    })]
    NothingToUndo {
        /// The backup that was asked for.
        backup: Option<String>,
    },
    /// Putting back failed: this says where everything is.
    #[error("{why}; and putting it back failed: {error}")]
    Stuck {
        /// Why it was put back.
        why: String,
        /// What failed then.
        error: String,
        /// Copies of config, unit and state.
        backup: Utf8PathBuf,
        /// Where the package trees are.
        parts: Vec<Part>,
    },
    /// Interrupted before the swap.
    #[error("interrupted; nothing was changed")]
    Stopped,
}

impl Explain for ApplyError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Installation(error) => error.hint(),
            Self::Plan(error) => error.hint(),
            Self::Target(error) => error.hint(),
            Self::Stage(error) => error.hint(),
            Self::Config(error) if error.is_broken() => error.hint(),
            Self::Service(error) => error.hint(),
            Self::Hold(error) => error.hint(),
            Self::Space(error) => error.hint(),
            Self::Unfinished { .. }
            | Self::Changed { .. }
            | Self::ServiceChanged { .. }
            | Self::EarlierConfigMoved { .. } => Some("run the command again".to_owned()),
            Self::Journal(error) => error.hint(),
            Self::OtherGateway { other, .. } => Some(format!(
                "nothing was touched. A Gateway whose files are exchanged while it runs breaks: stop it ({}), run this again, then start it",
                match &other.unit {
                    // Whoever made the unit chose its name, and the line is there to be pasted.
                    Some(unit) => format!(
                        "`sudo systemctl stop -- {}`, or where it was started",
                        quoted(unit)
                    ),
                    None => "where it was started".to_owned(),
                }
            )),
            Self::NothingToUndo { .. } => Some(
                "one generation is kept; `codexpin apply VERSION` installs another release"
                    .to_owned(),
            ),
            Self::Stuck { backup, parts, .. } => {
                let places = parts.iter().map(|Part { live, other, .. }| {
                    format!("; the package as it was is {live} or {other}")
                });
                let again = "run it again to try once more; copies of config and state are in";
                Some(format!("{again} {backup}{}", places.collect::<String>()))
            }
            Self::Config(_)
            | Self::Lock(_)
            | Self::State(_)
            | Self::Carry(_)
            | Self::Backup(_)
            | Self::Exchange(_)
            | Self::Manager(_)
            | Self::Stopped => None,
        }
    }

    fn class(&self) -> Class {
        match self {
            Self::Stopped => Class::Interrupted,
            Self::Target(error) => error.class(),
            Self::Stage(error) => error.class(),
            Self::Service(_) => Class::Infrastructure,
            Self::Hold(error) => error.class(),
            _ => Class::Rollback,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_foreign_unit_is_one_word_of_the_command_that_is_told() {
        let unit = Some("-f $(reboot).service".to_owned());
        let other = OtherListener { pid: 7, name: "node".to_owned(), unit };
        let hint = ApplyError::OtherGateway { port: 18789, other }.hint().unwrap_or_default();
        assert!(hint.contains("systemctl stop -- '-f $(reboot).service'"), "{hint}");
    }
}
