//! An error as a person meets it: what happened to what, what to do, and which
//! exit code it has.

use crate::apply::ApplyError;
use crate::check::CheckError;
use crate::config::ConfigError;
use crate::exit_code::ExitCode;
use crate::fs::LockError;
use crate::login::LoginError;
use crate::node::runtime::NodeError;
use crate::npm::config::NpmConfigError;
use crate::npm::registry::RegistryError;
use crate::npm::{NpmDiscoveryError, NpmError};
use crate::paths::DirectoriesError;
use crate::pin::PinFileError;
use crate::prefix::store::StoreError;
use crate::process::ProcessError;
use crate::release::end::EndError;
use crate::release::line::LineError;
use crate::session::error::SessionError;
use crate::session::journal::JournalError;
use crate::session::lab::LabError;
use crate::upstream::loopback::LoopbackError;

/// A command that could not do its work.
#[derive(Debug)]
pub struct Failure {
    /// What happened, to what.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// The exit code.
    pub code: ExitCode,
}

impl Failure {
    pub(super) fn new(code: ExitCode, message: impl std::fmt::Display) -> Self {
        Self { message: message.to_string(), hint: None, code }
    }

    pub(super) fn usage(message: impl std::fmt::Display) -> Self {
        Self::new(ExitCode::Usage, message)
    }

    pub(super) fn interrupted() -> Self {
        Self::new(ExitCode::Interrupted, "interrupted")
    }

    #[must_use]
    pub(super) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(super) fn maybe_hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint;
        self
    }
}

/// Errors that are of one kind, with the hint that they bring along.
macro_rules! failures {
    ($($error:ty => $code:ident),+ $(,)?) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::new(ExitCode::$code, &error).maybe_hint(error.hint())
            }
        })+
    };
}

failures! {
    RegistryError => Infrastructure,
    NpmConfigError => Infrastructure,
    LineError => Usage,
    PinFileError => Failure,
}

impl From<EndError> for Failure {
    fn from(error: EndError) -> Self {
        Self::usage(&error).with_hint("`codexpin releases` lists what the registry has")
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::usage(&error).maybe_hint(error.hint())
    }
}

impl From<DirectoriesError> for Failure {
    fn from(error: DirectoriesError) -> Self {
        Self::new(ExitCode::Infrastructure, error)
    }
}

impl From<LockError> for Failure {
    fn from(error: LockError) -> Self {
        let failure = Self::new(ExitCode::Infrastructure, &error);
        match error {
            LockError::Held { .. } => failure.with_hint("wait until it has ended, or end it"),
            LockError::Io { .. } => failure,
        }
    }
}

impl From<LoopbackError> for Failure {
    fn from(error: LoopbackError) -> Self {
        Self::new(ExitCode::Infrastructure, error)
    }
}

impl From<ProcessError> for Failure {
    fn from(error: ProcessError) -> Self {
        Self::new(ExitCode::Failure, error)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::new(ExitCode::Infrastructure, error)
    }
}

impl From<NpmError> for Failure {
    fn from(error: NpmError) -> Self {
        match error {
            NpmError::Stopped => Self::interrupted(),
            NpmError::Missing => Self::new(ExitCode::Infrastructure, &error)
                .with_hint("install Node.js with npm; codexpin uses the npm that PATH finds"),
            error => Self::new(ExitCode::Infrastructure, error),
        }
    }
}

impl From<NpmDiscoveryError> for Failure {
    fn from(error: NpmDiscoveryError) -> Self {
        match error {
            NpmDiscoveryError::Npm(error) => error.into(),
            error => Self::new(ExitCode::Infrastructure, &error).maybe_hint(error.hint()),
        }
    }
}

impl From<NodeError> for Failure {
    fn from(error: NodeError) -> Self {
        match error {
            NodeError::Npm(error @ (NpmError::Stopped | NpmError::Missing)) => error.into(),
            NodeError::Npm(_) => Self::new(ExitCode::Infrastructure, &error).with_hint(
                "`codexpin releases` shows the Node that each release asks for; put one that fits first on PATH",
            ),
            NodeError::Lock(error) => error.into(),
            NodeError::Missing => Self::new(ExitCode::Infrastructure, &error)
                .with_hint("install Node.js with npm: npm itself needs one to run"),
            error => Self::new(ExitCode::Infrastructure, error),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Lock(error) => error.into(),
            error => Self::new(ExitCode::Infrastructure, error),
        }
    }
}

impl From<CheckError> for Failure {
    fn from(error: CheckError) -> Self {
        match error {
            CheckError::Stopped => Self::interrupted(),
            error => Self::new(ExitCode::Infrastructure, error),
        }
    }
}

impl From<LabError> for Failure {
    fn from(error: LabError) -> Self {
        match error {
            LabError::Stopped => Self::interrupted(),
            LabError::Skip(reason) => Self::new(ExitCode::Skip, reason),
            LabError::Infrastructure(error) => Self::new(ExitCode::Infrastructure, error),
        }
    }
}

impl From<JournalError> for Failure {
    fn from(error: JournalError) -> Self {
        match error {
            JournalError::Lock(error) => error.into(),
            JournalError::Missing { .. }
            | JournalError::NothingToResume { .. }
            | JournalError::NoSession { .. } => {
                Self::usage(&error).with_hint("begin one: `codexpin bisect GOOD BAD`")
            }
            JournalError::OtherUpstream { .. } => Self::new(ExitCode::Failure, &error).with_hint(
                "make that login usable again, or begin anew: `codexpin bisect GOOD BAD`",
            ),
            JournalError::OtherFormat { .. } => Self::new(ExitCode::Failure, &error).with_hint(
                "use the codexpin that wrote it, or begin anew: `codexpin bisect GOOD BAD`",
            ),
            JournalError::Io { .. } => {
                Self::new(ExitCode::Infrastructure, &error).with_hint(state_directory_hint())
            }
            JournalError::Damaged { .. } => Self::new(ExitCode::Infrastructure, &error)
                .with_hint("mend that line by hand, or begin anew: `codexpin bisect GOOD BAD`"),
        }
    }
}

impl From<LoginError> for Failure {
    fn from(error: LoginError) -> Self {
        let hint = error.hint().map(str::to_owned);
        Self::new(ExitCode::Failure, error).maybe_hint(hint)
    }
}

impl From<ApplyError> for Failure {
    fn from(error: ApplyError) -> Self {
        Self::new(error.exit_code(), &error).maybe_hint(error.hint())
    }
}

/// What to do where the state directory cannot be written to.
pub(super) fn state_directory_hint() -> String {
    format!("set {} to a directory that can be written to", crate::env::STATE_DIR)
}

impl From<SessionError> for Failure {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::Lab(error) => error.into(),
            SessionError::Journal(error) => error.into(),
            error @ (SessionError::Control { .. } | SessionError::Account { .. }) => {
                Self::new(ExitCode::Infrastructure, error)
            }
        }
    }
}
