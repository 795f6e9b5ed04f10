//! The package manager that installed `OpenClaw` globally: what an apply asks of it.

mod npm;

use std::future::Future;
use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use tokio_util::sync::CancellationToken;

use super::{Installation, PackageError};
use crate::explain::{Class, Explain};
use crate::node::Node;
use crate::npm::LockFile;
use crate::npm::run::{Meaning, NpmError};
use crate::release::{PackageName, Version};
pub use npm::NpmGlobal;

/// One exact release to be installed into a project of its own.
#[derive(Debug, Clone, Copy)]
pub struct PackageRequest<'a> {
    /// The project; what is in it goes.
    pub project: &'a Utf8Path,
    /// The package.
    pub package: &'a PackageName,
    /// Its release.
    pub version: Version,
    /// The hash that its tarball must have.
    pub integrity: Option<&'a str>,
    /// The tested dependency tree.
    pub lock: Option<&'a LockFile>,
    /// Whether its peers are installed with it. A plugin's peer, the core, is the
    /// live one and not a second copy.
    pub with_peers: bool,
    /// The Node that it will run on.
    pub node: &'a Node,
    /// Where the output goes.
    pub logs: &'a Utf8Path,
    /// Ends it.
    pub stop: &'a CancellationToken,
}

/// Installs packages, and gives them the shape that its global ones have.
pub trait PackageManager: Sync {
    /// Installs one exact release, and holds what came against the request.
    fn install(
        &self,
        request: &PackageRequest<'_>,
    ) -> impl Future<Output = Result<(), ManagerError>> + Send;

    /// Turns a project's tree into a global package's.
    fn lay_out_globally(
        &self,
        project: &Utf8Path,
        package: &PackageName,
    ) -> Result<(), ManagerError>;

    /// Makes the shell's `link` lead to the live entry point.
    fn relink(
        &self,
        installation: &Installation,
        link: &Utf8Path,
        entry: &Utf8Path,
        half_done: impl Fn(),
    ) -> Result<(), ManagerError>;

    /// Makes `link` lead to `target`, which may be relative to it.
    fn lead(
        &self,
        link: &Utf8Path,
        target: &Utf8Path,
        half_done: impl Fn(),
    ) -> Result<(), ManagerError>;
}

/// The package manager did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum ManagerError {
    /// npm failed.
    #[error(transparent)]
    Npm(#[from] NpmError),
    /// Something else was installed.
    #[error("npm installed {package}@{found} where {wanted} is pinned")]
    OtherVersion {
        /// The package.
        package: PackageName,
        /// What came.
        found: Version,
        /// What was asked for.
        wanted: Version,
    },
    /// A tarball of another package.
    #[error("npm installed a tarball that calls itself {found} where {package} is pinned")]
    OtherName {
        /// What was asked for.
        package: PackageName,
        /// What came.
        found: String,
    },
    /// The tarball is not the one that was tested.
    #[error(
        "{package}@{version} from this registry is not the tarball that was tested: its integrity hash differs"
    )]
    OtherIntegrity {
        /// The package.
        package: PackageName,
        /// The release.
        version: Version,
    },
    /// Two copies of a dependency want the same place.
    #[error("{path} is in openclaw's own node_modules and beside it")]
    Collision {
        /// The dependency.
        path: Utf8PathBuf,
    },
    /// A manifest cannot be read.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// Files cannot be written or moved.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Explain for ManagerError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Npm(NpmError::Missing) => "put npm on PATH".to_owned(),
            Self::Npm(_) | Self::Io(_) | Self::Package(_) => return None,
            Self::OtherVersion { .. } | Self::OtherName { .. } | Self::OtherIntegrity { .. } => {
                "this registry does not have what was tested: use the one that the pin was made with"
                    .to_owned()
            }
            Self::Collision { .. } => {
                "codexpin cannot lay this release out as a global package; install it by hand"
                    .to_owned()
            }
        })
    }

    /// The live installation was not touched: what npm says of the machine is that.
    fn class(&self) -> Class {
        match self {
            Self::Npm(NpmError::Stopped) => Class::Interrupted,
            Self::Npm(NpmError::Failed { failure, .. })
                if failure.meaning() == Meaning::Infrastructure =>
            {
                Class::Infrastructure
            }
            _ => Class::Rollback,
        }
    }
}
