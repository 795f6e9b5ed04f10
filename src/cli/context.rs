//! What every command starts from: environment, directories, signals, npm's
//! configuration and the registry.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;
use regex::Regex;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::failure::Failure;
use crate::env::Environment;
use crate::exit_code::ExitCode;
use crate::fs::write_atomic;
use crate::paths::Directories;
use crate::prefix::npm::{Npm, NpmError, NpmPlaces};
use crate::prefix::runtimes::{self, Runtimes};
use crate::prefix::store::{DEFAULT_LIMIT, Store};
use crate::process::{Processes, Program};
use crate::release::npmrc::{NpmConfig, NpmSurroundings};
use crate::release::packument::Packument;
use crate::release::pairing::{self, Candidate};
use crate::release::registry::{Fetched, Freshness, Limits, Registry, Source};
use crate::release::{PackageName, Version};
use crate::report::terminal;

/// What every command starts from. Nothing slow happens before it is asked for.
#[derive(Debug)]
pub(super) struct Context {
    pub environment: Environment,
    pub directories: Directories,
    pub processes: Processes,
    pub stop: CancellationToken,
    pub cwd: Utf8PathBuf,
    go_on: Arc<OnceLock<String>>,
}

/// What the registry has of both packages.
#[derive(Debug)]
pub(super) struct Releases {
    pub core: Packument,
    pub plugin: Option<Packument>,
}

impl Releases {
    pub(super) fn candidates(&self) -> Vec<Candidate> {
        pairing::candidates(&self.core, self.plugin.as_ref())
    }
}

impl Context {
    pub(super) fn of_this_process() -> Result<Self, Failure> {
        let environment = Environment::of_this_process();
        let directories = Directories::find(&environment)?;
        let cwd = std::env::current_dir()?;
        let cwd = Utf8PathBuf::from_path_buf(cwd).map_err(|path| {
            Failure::new(ExitCode::Failure, format!("{} is not valid UTF-8", path.display()))
        })?;
        let stop = CancellationToken::new();
        let processes = Processes::new();
        crate::check::sweep(&scratch(&directories));
        let go_on = Arc::default();
        stop_on_signals(stop.clone(), processes.clone(), Arc::clone(&go_on));
        Ok(Self { environment, directories, processes, stop, cwd, go_on })
    }

    /// The command that goes on with this one's work, to be shown where a second
    /// Ctrl-C leaves no time for anything else.
    pub(super) fn on_sudden_end(&self, command: &str) {
        // Set once: a process runs one command.
        let _ = self.go_on.set(command.to_owned());
    }

    /// Where scratch homes are made.
    pub(super) fn scratch(&self) -> Utf8PathBuf {
        scratch(&self.directories)
    }

    /// Both packages' releases, asked for side by side.
    pub(super) async fn releases(&self, freshness: Freshness) -> Result<Releases, Failure> {
        let places = NpmOfThisMachine::find(self).await?;
        let registry = Registry::new(
            places.config.clone(),
            Limits::of(&places.config),
            self.directories.registry(),
            Timestamp::now,
        )?;
        let (core, plugin) = tokio::join!(
            registry.packument(&PackageName::CORE, freshness),
            registry.packument_if_any(&PackageName::PLUGIN, freshness)
        );
        // What is wrong with both is told of the core.
        let core = fetched(core?);
        Ok(Releases { core, plugin: plugin?.map(fetched) })
    }

    /// npm, the Node runtimes and the prefixes.
    pub(super) async fn workshop(&self) -> Result<(Runtimes, Store), Failure> {
        let npm = self.npm().await?;
        let machine =
            runtimes::of_this_machine(&self.environment, &self.processes, &self.stop).await?;
        let limit = match self.environment.get(crate::env::CACHE_LIMIT) {
            Some(text) => super::cache::bytes(text)
                .map_err(|why| Failure::usage(format!("{}: {why}", crate::env::CACHE_LIMIT)))?,
            None => DEFAULT_LIMIT,
        };
        let runtimes = Runtimes::new(self.directories.nodes(), npm.clone(), machine);
        Ok((runtimes, Store::new(self.directories.prefixes(), npm, limit)))
    }

    pub(super) async fn npm(&self) -> Result<Npm, Failure> {
        let machine = NpmOfThisMachine::find(self).await?;
        Ok(Npm::new(&machine.places, &self.environment, &machine.named, self.processes.clone()))
    }

    /// The release that `openclaw` on PATH runs, if any.
    pub(super) fn installed(&self) -> Option<Version> {
        #[derive(Deserialize)]
        struct Manifest {
            name: String,
            version: String,
        }
        let command = crate::process::find(Utf8Path::new("openclaw"), &self.environment)?;
        let entry = command.canonicalize_utf8().ok()?;
        entry.ancestors().skip(1).find_map(|directory| {
            let text = fs_err::read(directory.join("package.json")).ok()?;
            let manifest: Manifest = serde_json::from_slice(&text).ok()?;
            (manifest.name == PackageName::CORE.as_str()).then(|| manifest.version.parse().ok())?
        })
    }
}

fn scratch(directories: &Directories) -> Utf8PathBuf {
    directories.cache.join("scratch")
}

fn fetched(fetched: Fetched) -> Packument {
    if let Source::Stale { since, why } = &fetched.source {
        terminal::warning(&format!(
            "the list of {} is from {since}: {why}",
            fetched.packument.name
        ));
    }
    fetched.packument
}

/// The first signal asks everything to stop, the second ends everything at once.
fn stop_on_signals(stop: CancellationToken, processes: Processes, go_on: Arc<OnceLock<String>>) {
    tokio::spawn(async move {
        use tokio::signal::unix::{SignalKind, signal};
        let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
        let [Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)] = kinds.map(signal) else {
            return;
        };
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hangup.recv() => {}
            }
            if stop.is_cancelled() {
                processes.kill_all();
                terminal::end_bars();
                terminal::note(&match go_on.get() {
                    Some(command) => format!("ended at once; go on with {command}"),
                    None => "ended at once".to_owned(),
                });
                #[expect(clippy::exit, reason = "the second Ctrl-C: nothing may hold it up")]
                std::process::exit(i32::from(ExitCode::Interrupted.number()));
            }
            terminal::note("stopping (Ctrl-C again ends at once) ...");
            stop.cancel();
        }
    });
}

/// The npm that PATH finds, and how it is configured here.
struct NpmOfThisMachine {
    places: NpmPlaces,
    config: NpmConfig,
    /// Variables that an npmrc names, such as `NPM_TOKEN`.
    named: Vec<String>,
}

impl NpmOfThisMachine {
    async fn find(context: &Context) -> Result<Self, Failure> {
        let executable = Npm::locate(&context.environment)?;
        let surroundings = NpmSurroundings {
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
        let text = finished.stdout.text();
        let pairs = text.lines().filter_map(|line| line.split_once('='));
        Ok(pairs.map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned())).collect())
    }
}
