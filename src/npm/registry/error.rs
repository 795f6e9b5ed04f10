//! Why a registry did not give what was asked of it. None of this is ever
//! counted against a release.

use std::io;
use std::time::Duration;

use camino::Utf8PathBuf;
use jiff::Timestamp;

use crate::explain::{Class, Explain};
use crate::npm::config::NpmConfigError;

/// Why there is no packument. URLs are shown without credentials.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// npm's configuration cannot be followed.
    #[error(transparent)]
    Config(#[from] NpmConfigError),
    /// Neither a file nor npm itself names a registry.
    #[error("no registry is configured for {package}")]
    NoRegistry {
        /// The package that was wanted.
        package: String,
    },
    /// Certificates that cannot be used.
    #[error("the certificates of {origin} cannot be used: {why}")]
    Certificates {
        /// The setting, file or variable that names them.
        origin: String,
        /// What is wrong with them.
        why: String,
    },
    /// No HTTP client can be made.
    #[error("no HTTP client can be set up: {why}")]
    Client {
        /// What the library said.
        why: String,
    },
    /// No connection, or one that broke.
    #[error("cannot reach {url}: {why}")]
    Unreachable {
        /// What was asked for.
        url: String,
        /// The innermost cause.
        why: String,
    },
    /// Nothing came for too long.
    #[error("{url} took longer than {} s", limit.as_secs_f64())]
    TimedOut {
        /// What was asked for.
        url: String,
        /// The limit that was passed.
        limit: Duration,
    },
    /// 401 or 403.
    #[error("{url} refused the request ({status}){}", match key_used {
        Some(origin) => format!(", with the credentials of {origin}"),
        None => ", which had no credentials".to_owned(),
    })]
    Unauthorized {
        /// What was asked for.
        url: String,
        /// The HTTP status.
        status: u16,
        /// The setting that would hold a token for this registry.
        key: String,
        /// Where the credentials came from that were sent.
        key_used: Option<String>,
        /// Variables that the setting names and that are not set.
        unset: Vec<String>,
    },
    /// 404.
    #[error("{url} does not exist: this registry has no {package}")]
    NotFound {
        /// What was asked for.
        url: String,
        /// The package that was wanted.
        package: String,
    },
    /// 429.
    #[error("{url} asks for fewer requests{}", match retry_after {
        Some(at) => format!(": come back at {at}"),
        None => String::new(),
    })]
    RateLimited {
        /// What was asked for.
        url: String,
        /// When the registry wants to be asked again.
        retry_after: Option<Timestamp>,
        /// How long that is from now.
        wait: Option<Duration>,
    },
    /// Any other status than 200.
    #[error("{url} answered with status {status}")]
    Server {
        /// What was asked for.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// The answer ended early.
    #[error("the answer of {url} ended early, after {received} bytes")]
    Truncated {
        /// What was asked for.
        url: String,
        /// Bytes that came, unpacked.
        received: usize,
    },
    /// The answer never ended.
    #[error("the answer of {url} is larger than {limit} bytes")]
    TooLarge {
        /// What was asked for.
        url: String,
        /// The most that is read.
        limit: usize,
    },
    /// The answer is something else than a packument.
    #[error("{url} answered with something that is no package: {why}; it begins with `{shown}`")]
    NotJson {
        /// What was asked for.
        url: String,
        /// What the parser said.
        why: String,
        /// How the answer begins, on one line.
        shown: String,
    },
    /// The answer cannot be kept.
    #[error("cannot write the cache in {directory}: {source}")]
    Cache {
        /// The cache directory.
        directory: Utf8PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Explain for RegistryError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Config(error) => return error.hint(),
            Self::NoRegistry { .. } => {
                "set `registry` in .npmrc, or see what `npm config get registry` says".to_owned()
            }
            Self::Certificates { .. } => "it must hold certificates in PEM".to_owned(),
            Self::Unreachable { .. } | Self::TimedOut { .. } => {
                "see whether `npm ping` works; `npm config ls` shows the registry and the proxy \
                 in use"
                    .to_owned()
            }
            Self::Unauthorized { unset, .. } if !unset.is_empty() => {
                format!("set the variable {}", unset.join(", "))
            }
            Self::Unauthorized { key, .. } => format!("put a valid token in .npmrc: {key}=..."),
            Self::NotFound { .. } => "the registry may be a mirror that holds only some packages; \
                 some registries also answer 404 where a login is missing"
                .to_owned(),
            Self::RateLimited { retry_after: None, .. } => "try again later".to_owned(),
            Self::NotJson { .. } => {
                "a proxy or a login page may have answered in the registry's place".to_owned()
            }
            Self::Cache { .. } => "make the directory writable, or choose another one".to_owned(),
            Self::Client { .. }
            | Self::RateLimited { .. }
            | Self::Server { .. }
            | Self::Truncated { .. }
            | Self::TooLarge { .. } => return None,
        })
    }

    fn class(&self) -> Class {
        Class::Infrastructure
    }
}

impl RegistryError {
    /// Whether the same request may do better in a moment.
    pub(super) fn is_passing(&self, longest_wait: Duration) -> bool {
        match self {
            Self::Unreachable { .. } | Self::TimedOut { .. } | Self::Truncated { .. } => true,
            Self::RateLimited { wait, .. } => wait.is_none_or(|wait| wait <= longest_wait),
            Self::Server { status, .. } => *status == 408 || *status >= 500,
            _ => false,
        }
    }

    /// Whether an older copy may stand in: the registry could not be heard,
    /// which is something else than its saying no.
    pub(super) fn is_outage(&self) -> bool {
        matches!(self, Self::RateLimited { .. } | Self::NotJson { .. })
            || self.is_passing(Duration::MAX)
    }
}
