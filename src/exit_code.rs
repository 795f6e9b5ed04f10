//! What codexpin's exit status means: the one list of them.

use std::process::{ExitCode as Status, Termination};

use crate::explain::Class;

/// The exit status of a command.
///
/// `check` speaks the language of `git bisect run`: 0 good, 1 bad, 125 skip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitCode {
    /// Done, found, or good.
    Success,
    /// `check`: the candidate is bad. `doctor`: a problem. Elsewhere: an error that
    /// names itself.
    Failure,
    /// The command line does not make sense.
    Usage,
    /// The search ended with a range and not with one release. `doctor`: warnings,
    /// and no problem.
    Inconclusive,
    /// Both ends answer, or they contradict what was asked.
    NoRegression,
    /// Applied, failed its proof, and rolled back.
    RolledBack,
    /// A rollback was refused, or it failed.
    RollbackFailed,
    /// Registry, network, disk or service: nothing about a release.
    Infrastructure,
    /// `check`: the candidate could not be judged.
    Skip,
    /// Interrupted, with everything saved.
    Interrupted,
}

impl ExitCode {
    /// The number that the shell sees.
    pub fn number(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Failure => 1,
            Self::Usage => 2,
            Self::Inconclusive => 3,
            Self::NoRegression => 4,
            Self::RolledBack => 5,
            Self::RollbackFailed => 6,
            Self::Infrastructure => 75,
            Self::Skip => 125,
            Self::Interrupted => 130,
        }
    }
}

impl Termination for ExitCode {
    fn report(self) -> Status {
        Status::from(self.number())
    }
}

/// The one place that knows which class of error has which exit status.
impl From<Class> for ExitCode {
    fn from(class: Class) -> Self {
        match class {
            Class::Usage => Self::Usage,
            Class::Failure => Self::Failure,
            Class::Infrastructure => Self::Infrastructure,
            Class::Skip => Self::Skip,
            Class::Rollback => Self::RollbackFailed,
            Class::Interrupted => Self::Interrupted,
        }
    }
}
