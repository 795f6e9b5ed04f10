//! The machine's npm: where it is, how it is configured, and what only it knows.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use camino::{Utf8Path, Utf8PathBuf};
use regex::Regex;
use serde::{Deserialize, Serialize};
use url::Url;

use super::context::Context;
use super::failure::Failure;
use crate::exit_code::ExitCode;
use crate::fs::write_atomic;
use crate::npm::config::{NpmConfig, NpmEnvironment};
use crate::npm::registry_proxy::NetworkAccess;
use crate::npm::run::{Npm, NpmError, NpmPlaces};
use crate::process::Program;
use crate::process::enclosure::THIS_EXECUTABLE;
use crate::report::terminal;

/// The npm that PATH finds, and how it is configured here.
pub(super) struct NpmOfThisMachine {
    pub places: NpmPlaces,
    pub config: NpmConfig,
    /// Variables that an npmrc names, such as `NPM_TOKEN`.
    pub named: Vec<String>,
}

impl NpmOfThisMachine {
    pub(super) async fn find(context: &Context) -> Result<Self, Failure> {
        let executable = Npm::locate(&context.environment)?;
        let surroundings = NpmEnvironment {
            env: context.environment.all().clone(),
            home: context.directories.home.clone(),
            cwd: context.cwd.clone(),
            npm: Some(executable.clone()),
        };
        let facts = NpmFacts::ask(context, &executable).await?;
        let mut config = NpmConfig::load(&surroundings);
        for file in config.unreadable() {
            terminal::warning(&format!(
                "npm's configuration {} is passed over: {}",
                file.path, file.source
            ));
        }
        if config.registry()?.is_none()
            && let Some(url) = facts.registry.as_deref().and_then(|text| Url::parse(text).ok())
        {
            config = config.with_default_registry(url);
        }
        let places = NpmPlaces {
            executable,
            global_config: config.global_file().map(ToOwned::to_owned).or(facts.global_config),
            user_config: config.user_file().to_owned(),
            project_config: surroundings.project_npmrc(),
            cache: context.directories.npm_cache(),
        };
        let files = [
            Some(&places.user_config),
            places.global_config.as_ref(),
            places.project_config.as_ref(),
        ];
        let named = files.into_iter().flatten().flat_map(|file| variables_named(file)).collect();
        Ok(Self { places, config, named })
    }

    /// Which way installs of candidates go: a proxy of the user's own may be
    /// the only way there is, and is left alone.
    pub(super) fn network(&self) -> NetworkAccess {
        let Ok(registries) = self.config.registries() else {
            // Whoever asks the registry tells what is wrong with it.
            return NetworkAccess::Open {
                why: "npm's configuration cannot be followed".to_owned(),
            };
        };
        let own = |url| self.config.proxy_for(url).is_ok_and(|proxy| proxy.is_none());
        if registries.iter().all(own) {
            NetworkAccess::Registries { executable: THIS_EXECUTABLE.into(), registries }
        } else {
            NetworkAccess::Open { why: "npm goes through a proxy of your own".to_owned() }
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
struct NpmFacts {
    npm: Utf8PathBuf,
    changed: u64,
    registry: Option<String>,
    global_config: Option<Utf8PathBuf>,
}

impl NpmFacts {
    async fn ask(context: &Context, npm: &Utf8Path) -> Result<Self, Failure> {
        let file = context.directories.cache.join("npm.json");
        let changed = npm
            .metadata()
            .and_then(|metadata| metadata.modified())
            .unwrap_or(SystemTime::UNIX_EPOCH)
            .duration_since(UNIX_EPOCH)
            .map_or(0, |age| age.as_secs());
        let kept =
            fs_err::read(&file).ok().and_then(|text| serde_json::from_slice::<Self>(&text).ok());
        if let Some(kept) = kept.filter(|kept| kept.npm == npm && kept.changed == changed) {
            return Ok(kept);
        }
        let answers = Self::run(context, npm).await?;
        let answer = |key: &str| {
            answers.get(key).filter(|value| !["", "undefined", "null"].contains(&value.as_str()))
        };
        let facts = Self {
            npm: npm.to_owned(),
            changed,
            registry: answer("registry").cloned(),
            global_config: answer("globalconfig").map(Utf8PathBuf::from),
        };
        let text = serde_json::to_vec(&facts).map_err(std::io::Error::other)?;
        write_atomic(&file, &text).map_err(|error| {
            Failure::new(
                ExitCode::Infrastructure,
                format!("the cache directory cannot be used: {error}"),
            )
            .with_hint(format!(
                "set {} to a directory that can be written to",
                crate::env::CACHE_DIR
            ))
        })?;
        Ok(facts)
    }

    /// Without any configuration of the user's: what npm would do if left alone.
    /// Asked from `/`, because inside a workspace npm refuses to answer.
    async fn run(context: &Context, npm: &Utf8Path) -> Result<BTreeMap<String, String>, Failure> {
        let program = Program {
            executable: npm.to_owned(),
            arguments: ["config", "get", "registry", "globalconfig"].map(str::to_owned).to_vec(),
            directory: "/".into(),
            environment: context
                .environment
                .inherited()
                .with("HOME", "/nonexistent")
                .with("npm_config_update_notifier", "false")
                .with("npm_config_logs_max", "0"),
            time_limit: Duration::from_mins(1),
            log: None,
            enclosure: None,
        };
        let finished =
            context.processes.run(&program, &context.stop).await.map_err(NpmError::from)?;
        if !finished.ending.success() {
            if context.stop.is_cancelled() {
                return Err(Failure::interrupted());
            }
            return Err(Failure::new(
                ExitCode::Infrastructure,
                format!("npm does not run: {}: {}", finished.ending, finished.stderr.text().trim()),
            )
            .with_hint("see what `npm --version` says: npm needs Node.js on PATH"));
        }
        let text = finished.stdout.raw();
        let pairs = text.lines().filter_map(|line| line.split_once('='));
        Ok(pairs.map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned())).collect())
    }
}
