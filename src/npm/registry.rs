//! The registry client: packuments from where npm would get them, kept on disk
//! and asked for again only when they are old.

mod cache;
mod error;
mod published;
mod request;
mod tls;

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};
use camino::Utf8PathBuf;
use jiff::Timestamp;
use url::Url;

pub use error::RegistryError;

use self::cache::{CacheEntry, Validity};
use self::request::{RegistryAnswer, RegistryRequest};
use super::packument::Packument;
use crate::npm::config::NpmConfig;
use crate::release::PackageName;

/// How long to wait for a registry, how often, and for how much.
#[derive(Debug, Clone)]
pub struct RegistryLimits {
    /// For a connection.
    pub connect: Duration,
    /// For the next byte.
    pub stall: Duration,
    /// For a packument, with all attempts.
    pub overall: Duration,
    /// Attempts after the first.
    pub retries: usize,
    /// Before the second attempt; each further one waits twice as long.
    pub first_delay: Duration,
    /// The longest `Retry-After` that is waited out.
    pub longest_wait: Duration,
    /// The largest answer that is read, in bytes.
    pub largest_body: usize,
}

impl RegistryLimits {
    /// The usual limits, with npm's `fetch-retries` and `fetch-timeout`.
    pub fn of(config: &NpmConfig) -> Self {
        Self {
            connect: Duration::from_secs(15),
            stall: Duration::from_secs(30),
            overall: config.fetch_timeout(),
            retries: config.fetch_retries(),
            first_delay: Duration::from_secs(1),
            longest_wait: Duration::from_mins(1),
            largest_body: 200_000_000,
        }
    }
}

/// Whether a copy on disk will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// As long as the registry said that it holds.
    Cached,
    /// No: ask the registry, if only whether it changed.
    Refresh,
}

/// A packument and where it came from.
#[derive(Debug)]
pub struct PackumentFetch {
    /// What the registry says about the package.
    pub packument: Packument,
    /// When and how it said so.
    pub source: PackumentSource,
}

/// Where a packument came from.
#[derive(Debug)]
pub enum PackumentSource {
    /// The registry, just now.
    Network,
    /// The disk; it is still fresh.
    Cache,
    /// The disk; the registry said just now that nothing has changed.
    Revalidated,
    /// The disk, because the registry could not be heard. Worth a warning.
    Stale {
        /// When the registry last said so.
        since: Timestamp,
        /// Why it could not be asked again.
        why: Box<RegistryError>,
    },
}

/// A client for the registries that npm's configuration names.
#[derive(Debug)]
pub struct Registry {
    config: NpmConfig,
    limits: RegistryLimits,
    client: reqwest::Client,
    cache: Utf8PathBuf,
    clock: fn() -> Timestamp,
}

impl Registry {
    /// Sets up a client. `cache` is a directory for its files alone; it is made when needed.
    pub fn new(
        config: NpmConfig,
        limits: RegistryLimits,
        cache: Utf8PathBuf,
        clock: fn() -> Timestamp,
    ) -> Result<Self, RegistryError> {
        let client = client(&config, &limits)?.build().map_err(|error| client_error(&error))?;
        Ok(Self { config, limits, client, cache, clock })
    }

    /// What the package's registry says about it.
    ///
    /// Where the registry cannot be heard and an older copy is on disk, that
    /// copy is the answer, marked as [`PackumentSource::Stale`].
    pub async fn packument(
        &self,
        name: &PackageName,
        freshness: Freshness,
    ) -> Result<PackumentFetch, RegistryError> {
        let registry = self.config.registry_for(name)?;
        let registry = registry
            .ok_or_else(|| RegistryError::NoRegistry { package: name.as_str().to_owned() })?;
        let url = package_url(&registry, name);
        let shown = without_credentials(&url);
        let file = cache::file(&self.cache, &shown, name.as_str());
        let known = cache::read(&file, &shown);
        let known = match known {
            Some(copy) if freshness == Freshness::Cached && copy.is_fresh((self.clock)()) => {
                return Ok(PackumentFetch {
                    packument: copy.packument,
                    source: PackumentSource::Cache,
                });
            }
            known => known,
        };
        self.config.proxy_for(&url)?;
        let authorization = self.config.credentials_for(&url);
        let request = RegistryRequest {
            client: &self.client,
            limits: &self.limits,
            clock: self.clock,
            package: name.as_str(),
            // npm's settings come before credentials in the URL itself.
            url: if authorization.is_some() { &shown } else { &url },
            shown: &shown,
            registry: &registry,
            authorization: authorization.as_ref(),
            known: known.as_ref(),
        };
        let answer = self.ask(&shown, || request.send()).await;
        let now = (self.clock)();
        let (copy, source) = match (answer, known) {
            (Ok(RegistryAnswer::Packument(packument, validity)), _) => {
                (CacheEntry::new(&shown, now, validity, packument), PackumentSource::Network)
            }
            (Ok(RegistryAnswer::NotModified(validity)), Some(copy)) => {
                (copy.renewed(now, validity), PackumentSource::Revalidated)
            }
            (Ok(RegistryAnswer::NotModified(_)), None) => {
                // Nothing was held against it that could be unchanged.
                return Err(RegistryError::Server { url: shown.to_string(), status: 304 });
            }
            (Err(why), Some(copy)) if why.is_outage() => {
                let source = PackumentSource::Stale { since: copy.fetched_at, why: Box::new(why) };
                return Ok(PackumentFetch { packument: copy.packument, source });
            }
            (Err(error), _) => return Err(error),
        };
        cache::write(&file, &copy)?;
        Ok(PackumentFetch { packument: copy.packument, source })
    }

    /// The same for a package that a registry may well not have. That it has
    /// not is kept like an answer, so that it is not asked for again each time.
    pub async fn packument_if_any(
        &self,
        name: &PackageName,
        freshness: Freshness,
    ) -> Result<Option<PackumentFetch>, RegistryError> {
        match self.packument(name, freshness).await {
            Ok(fetched) => Ok(Some(fetched).filter(|f| !f.packument.releases.is_empty())),
            Err(RegistryError::NotFound { .. }) => {
                self.keep_absence(name)?;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn keep_absence(&self, name: &PackageName) -> Result<(), RegistryError> {
        let Some(registry) = self.config.registry_for(name)? else { return Ok(()) };
        let shown = without_credentials(&package_url(&registry, name));
        let file = cache::file(&self.cache, &shown, name.as_str());
        let nothing = Packument {
            name: name.as_str().to_owned(),
            dist_tags: BTreeMap::new(),
            releases: BTreeMap::new(),
        };
        cache::write(&file, &CacheEntry::new(&shown, (self.clock)(), Validity::usual(), nothing))
    }

    /// Asks until there is an answer, or no hope of one.
    async fn ask<T, F>(&self, shown: &Url, send: impl FnMut() -> F) -> Result<T, RegistryError>
    where
        F: Future<Output = Result<T, RegistryError>>,
    {
        let limits = &self.limits;
        let delays = ExponentialBuilder::new()
            .with_min_delay(limits.first_delay)
            .with_max_delay(limits.longest_wait)
            .with_max_times(limits.retries)
            .with_jitter();
        let attempts = send
            .retry(delays)
            .when(|error| error.is_passing(limits.longest_wait))
            .adjust(|error, delay| match error {
                // No delay means that this was the last attempt.
                RegistryError::RateLimited { wait: Some(wait), .. } => delay.and(Some(*wait)),
                _ => delay,
            });
        tokio::time::timeout(limits.overall, attempts).await.unwrap_or_else(|_| {
            Err(RegistryError::TimedOut { url: shown.to_string(), limit: limits.overall })
        })
    }
}

/// What asks a registry as npm is configured to: through which proxy, and with which
/// certificates.
pub(super) fn client(
    config: &NpmConfig,
    limits: &RegistryLimits,
) -> Result<reqwest::ClientBuilder, RegistryError> {
    let proxies = config.clone();
    Ok(reqwest::Client::builder()
        .tls_backend_preconfigured(tls::client_config(config)?)
        .user_agent(concat!("codexpin/", env!("CARGO_PKG_VERSION")))
        .no_proxy()
        // A proxy that is no URL was found before the request that would need it.
        .proxy(reqwest::Proxy::custom(move |url| proxies.proxy_for(url).ok().flatten()))
        .connect_timeout(limits.connect)
        .read_timeout(limits.stall))
}

pub(super) fn client_error(error: &reqwest::Error) -> RegistryError {
    RegistryError::Client { why: error.to_string() }
}

/// `REGISTRY/@scope%2fname`, as npm asks for it.
fn package_url(registry: &Url, name: &PackageName) -> Url {
    below(registry, &name.as_str().replace('/', "%2f"))
}

fn below(registry: &Url, path: &str) -> Url {
    let mut url = registry.clone();
    let base = registry.path().trim_end_matches('/');
    url.set_path(&format!("{base}/{path}"));
    url.set_query(None);
    url.set_fragment(None);
    url
}

pub(super) fn without_credentials(url: &Url) -> Url {
    let mut url = url.clone();
    // These fail only for URLs that have no host, and so no credentials.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_asked_for_below_the_registrys_path_with_its_slash_encoded() {
        for (registry, package, expected) in [
            ("https://h.example.test", PackageName::CORE, "https://h.example.test/openclaw"),
            (
                "https://h.example.test/npm/team",
                PackageName::PLUGIN,
                "https://h.example.test/npm/team/@openclaw%2fcodex",
            ),
            (
                "https://h.example.test:8443/npm/?x#y",
                PackageName::PLUGIN,
                "https://h.example.test:8443/npm/@openclaw%2fcodex",
            ),
        ] {
            let url = package_url(&registry.parse().unwrap(), &package);
            assert_eq!(url.as_str(), expected);
        }
    }

    #[test]
    fn credentials_in_a_url_are_never_shown() {
        let url = "https://user:word@h.example.test/npm/".parse().unwrap();
        assert_eq!(without_credentials(&url).as_str(), "https://h.example.test/npm/");
    }
}
