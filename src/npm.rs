//! npm: how it is run, what its configuration means, what its registry has, and
//! what an install may reach.

pub(crate) mod commands;
pub mod config;
pub mod discover;
pub mod egress;
mod failure;
pub(crate) mod integrity;
pub mod lock_audit;
pub mod lockfile;
pub mod packument;
pub(crate) mod project;
mod published;
pub mod registry;
pub mod registry_proxy;
pub mod run;
pub mod scripts;
pub(crate) mod tarball;

pub use config::{NpmConfig, NpmConfigError, NpmEnvironment};
pub use discover::{LocalNpm, NpmDiscoveryError, NpmSearch};
pub use egress::Egress;
pub use failure::{Meaning, NpmFailure};
pub use lock_audit::LockAuditError;
pub use lockfile::{LockFile, LockFileError};
pub use packument::Packument;
pub use published::PublishedPackage;
pub use registry::{Registry, RegistryError};
pub use registry_proxy::NetworkAccess;
pub use run::{Npm, NpmCommand, NpmError, NpmPlaces};
pub use scripts::InstallScripts;
