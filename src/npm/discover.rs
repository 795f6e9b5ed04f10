//! The machine's npm: where it is, how it is configured, and what only it knows.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use camino::{Utf8Path, Utf8PathBuf};
use regex::Regex;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::config::{NpmConfig, NpmConfigError, NpmEnvironment};
use super::registry_proxy::NetworkAccess;
use super::run::{Npm, NpmError, NpmPlaces};
use crate::env::Environment;
use crate::explain::{Class, Explain};
use crate::fs::write_atomic;
use crate::paths::Directories;
use crate::process::enclosure::THIS_EXECUTABLE;
use crate::process::{Processes, Program};

/// What it takes to find npm.
#[derive(Debug, Clone, Copy)]
pub struct NpmSearch<'a> {
    /// The user's shell.
    pub environment: &'a Environment,
    /// The user's home, and codexpin's cache.
    pub directories: &'a Directories,
    /// Where codexpin was started.
    pub cwd: &'a Utf8Path,
    /// What npm is run with.
    pub processes: &'a Processes,
    /// Ends it early.
    pub stop: &'a CancellationToken,
}

/// The machine's npm cannot be found, or not be used.
#[derive(Debug, thiserror::Error)]
pub enum NpmDiscoveryError {
    /// There is none, or it could not be run.
    #[error(transparent)]
    Npm(#[from] NpmError),
    /// Its configuration cannot be followed.
    #[error(transparent)]
    Config(#[from] NpmConfigError),
    /// It ran and failed.
    #[error("npm does not run: {ending}: {said}")]
    DoesNotRun {
        /// How it ended.
        ending: String,
        /// What it wrote.
        said: String,
    },
    /// What it said cannot be kept.
    #[error("the cache directory cannot be used: {0}")]
    Cache(std::io::Error),
}

impl Explain for NpmDiscoveryError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Npm(error) => error.hint(),
            Self::Config(error) => error.hint(),
            Self::DoesNotRun { .. } => {
                Some("see what `npm --version` says: npm needs Node.js on PATH".to_owned())
            }
            Self::Cache(_) => {
                let variable = crate::env::CACHE_DIR;
                Some(format!("set {variable} to a directory that can be written to"))
            }
        }
    }

    fn class(&self) -> Class {
        match self {
            Self::Npm(error) => error.class(),
            Self::Config(_) | Self::DoesNotRun { .. } | Self::Cache(_) => Class::Infrastructure,
        }
    }
}

/// The npm that PATH finds, and how it is configured here.
#[derive(Debug)]
pub struct LocalNpm {
    /// Where it is, and its settings and caches.
    pub places: NpmPlaces,
    /// What its settings say.
    pub config: NpmConfig,
    /// Variables that an npmrc names, such as `NPM_TOKEN`.
    named: Vec<String>,
}

impl LocalNpm {
    /// Finds it, and asks it what only it knows.
    pub async fn find(search: &NpmSearch<'_>) -> Result<Self, NpmDiscoveryError> {
        let executable = Npm::locate(search.environment)?;
        let environment = NpmEnvironment {
            env: search.environment.all().clone(),
            home: search.directories.home.clone(),
            cwd: search.cwd.to_owned(),
            npm: Some(executable.clone()),
        };
        let defaults = NpmDefaults::ask(search, &executable).await?;
        let mut config = NpmConfig::load(&environment);
        if config.registry()?.is_none()
            && let Some(url) = defaults.registry.as_deref().and_then(|text| Url::parse(text).ok())
        {
            config = config.with_default_registry(url);
        }
        let places = NpmPlaces {
            executable,
            global_config: config.global_file().map(ToOwned::to_owned).or(defaults.global_config),
            user_config: config.user_file().to_owned(),
            project_config: environment.project_npmrc(),
            cache: search.directories.npm_cache(),
        };
        let files = [
            Some(&places.user_config),
            places.global_config.as_ref(),
            places.project_config.as_ref(),
        ];
        let named = files.into_iter().flatten().flat_map(|file| variables_named(file)).collect();
        Ok(Self { places, config, named })
    }

    /// npm, as codexpin runs it here.
    pub fn npm(&self, shell: &Environment, processes: &Processes) -> Npm {
        let npm = Npm::new(&self.places, shell, &self.named, processes.clone());
        let limit = self.config.age_limit();
        npm.with_network(self.network())
            .with_age_limit(limit.map(|(setting, origin)| format!("`{setting}` in {origin}")))
    }

    /// What installs of candidates may reach.
    fn network(&self) -> NetworkAccess {
        // The request to the registry reports what is wrong with it.
        if self.config.registries().is_err() {
            return NetworkAccess::Open {
                why: "npm's configuration cannot be followed".to_owned(),
            };
        }
        NetworkAccess::Registries {
            executable: THIS_EXECUTABLE.into(),
            config: Box::new(self.config.clone()),
        }
    }
}

fn variables_named(file: &Utf8Path) -> Vec<String> {
    let text = fs_err::read_to_string(file).unwrap_or_default();
    let Ok(pattern) = Regex::new(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\??\}") else { return Vec::new() };
    pattern.captures_iter(&text).map(|captures| captures[1].to_owned()).collect()
}

/// What only npm itself can say: its default registry, and where its global
/// configuration is. Asked once for each npm, and kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct NpmDefaults {
    npm: Utf8PathBuf,
    changed: u64,
    registry: Option<String>,
    global_config: Option<Utf8PathBuf>,
}

impl NpmDefaults {
    async fn ask(search: &NpmSearch<'_>, npm: &Utf8Path) -> Result<Self, NpmDiscoveryError> {
        let file = search.directories.cache.join("npm.json");
        let changed = npm
            .metadata()
            .and_then(|metadata| metadata.modified())
            .unwrap_or(SystemTime::UNIX_EPOCH)
            .duration_since(UNIX_EPOCH)
            .map_or(0, |age| age.as_secs());
        let known =
            fs_err::read(&file).ok().and_then(|text| serde_json::from_slice::<Self>(&text).ok());
        if let Some(known) = known.filter(|known| known.npm == npm && known.changed == changed) {
            return Ok(known);
        }
        let answers = Self::run(search, npm).await?;
        let answer = |key: &str| {
            answers.get(key).filter(|value| !["", "undefined", "null"].contains(&value.as_str()))
        };
        let defaults = Self {
            npm: npm.to_owned(),
            changed,
            registry: answer("registry").cloned(),
            global_config: answer("globalconfig").map(Utf8PathBuf::from),
        };
        let text = serde_json::to_vec(&defaults)
            .map_err(|error| NpmDiscoveryError::Cache(std::io::Error::other(error)))?;
        write_atomic(&file, &text).map_err(NpmDiscoveryError::Cache)?;
        Ok(defaults)
    }

    /// Without any configuration of the user's: what npm does if left alone.
    /// Asked from `/`, because inside a workspace npm refuses to answer.
    async fn run(
        search: &NpmSearch<'_>,
        npm: &Utf8Path,
    ) -> Result<BTreeMap<String, String>, NpmDiscoveryError> {
        let program = Program {
            executable: npm.to_owned(),
            arguments: ["config", "get", "registry", "globalconfig"].map(str::to_owned).to_vec(),
            directory: "/".into(),
            environment: search
                .environment
                .inherited()
                .with("HOME", "/nonexistent")
                .with("npm_config_update_notifier", "false")
                .with("npm_config_logs_max", "0"),
            time_limit: Duration::from_mins(1),
            log: None,
            enclosure: None,
            limits: None,
        };
        let finished = search.processes.run(&program, search.stop).await.map_err(NpmError::from)?;
        if !finished.ending.success() {
            if search.stop.is_cancelled() {
                return Err(NpmError::Stopped.into());
            }
            return Err(NpmDiscoveryError::DoesNotRun {
                ending: finished.ending.to_string(),
                said: finished.stderr.text().trim().to_owned(),
            });
        }
        let text = finished.stdout.raw();
        let pairs = text.lines().filter_map(|line| line.split_once('='));
        Ok(pairs.map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned())).collect())
    }
}
