//! Why there is no prefix for a candidate.

use crate::explain::{Class, Explain};
use crate::fs::LockError;
use crate::host::HostPort;
use crate::npm::run::NpmError;
use crate::release::{PackageName, Version};

/// A prefix could not be provided.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The install failed.
    #[error(transparent)]
    Install(#[from] InstallError),
    /// Another codexpin has it.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A file could not be read or written.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl Explain for StoreError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Install(error) => error.hint(),
            Self::Lock(error) => error.hint(),
            Self::Io(_) => None,
        }
    }

    fn class(&self) -> Class {
        match self {
            Self::Install(error) => error.class(),
            Self::Lock(_) | Self::Io(_) => Class::Infrastructure,
        }
    }
}

/// A candidate could not be installed.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// npm failed.
    #[error(transparent)]
    Npm(#[from] NpmError),
    /// npm was content, but the tree is not the candidate.
    #[error("npm installed {found}, not the {package}@{version} of the list of releases")]
    NotTheCandidate {
        /// The package.
        package: PackageName,
        /// What was asked for.
        version: Version,
        /// What is there.
        found: String,
    },
    /// OpenClaw's own installer did not take the plugin.
    #[error("openclaw plugins install {package}@{version}: {why}", package = PackageName::PLUGIN)]
    Plugin {
        /// The plugin's release.
        version: Version,
        /// What it said, in one line.
        why: String,
    },
    /// It failed, and had asked for something that codexpin refused.
    #[error(
        "its install may reach the registry alone, and codexpin refused it {}: {error}; if that is \
         to be reached, say `{}`",
        listed(hosts),
        options(hosts)
    )]
    Refused {
        /// What was refused.
        hosts: Vec<HostPort>,
        /// What failed.
        error: Box<InstallError>,
    },
    /// The package has nothing to run.
    #[error("the package has no command `openclaw`")]
    NoCommand,
    /// A file could not be read or written.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// How many of the places are named: a release may have asked for hundreds.
const NAMED: usize = 3;

fn listed(hosts: &[HostPort]) -> String {
    let mut names: Vec<_> = hosts.iter().take(NAMED).map(ToString::to_string).collect();
    if hosts.len() > NAMED {
        names.push(format!("{} more", hosts.len() - NAMED));
    }
    names.join(", ")
}

fn options(hosts: &[HostPort]) -> String {
    let options = hosts.iter().take(NAMED).map(|host| format!("--open-install {host}"));
    options.collect::<Vec<_>>().join(" ")
}

impl InstallError {
    /// Whether the release may be the cause, and not the machine alone.
    pub(super) fn is_of_the_release(&self) -> bool {
        match self {
            Self::Npm(NpmError::Failed { failure, .. }) => !failure.is_of_full_disk(),
            Self::Npm(_) => false,
            _ => true,
        }
    }
}

impl Explain for InstallError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Npm(error) => error.hint(),
            _ => None,
        }
    }

    fn class(&self) -> Class {
        match self {
            Self::Npm(error) => error.class(),
            _ => Class::Infrastructure,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_install_that_the_user_stopped_ends_as_interrupted() {
        let stopped = StoreError::from(InstallError::from(NpmError::Stopped));
        assert_eq!(stopped.class(), Class::Interrupted);
        let no_command = StoreError::from(InstallError::NoCommand);
        assert_eq!(no_command.class(), Class::Infrastructure);
    }
}
