//! What every command starts from: environment, directories, signals, npm's
//! configuration and the registry.

use std::sync::{Arc, OnceLock};

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::app::AppError;
use crate::catalogue::Catalogue;
use crate::check::CheckEnvironment;
use crate::env::Environment;
use crate::exit_code::ExitCode;
use crate::explain::Class;
use crate::installation::{self, InstallationError, InstalledRelease};
use crate::node::runtime::{self, Runtimes};
use crate::npm::packument::Packument;
use crate::npm::registry::{Freshness, PackumentFetch, PackumentSource, Registry, RegistryLimits};
use crate::npm::{LocalNpm, Npm, NpmSearch};
use crate::paths::Directories;
use crate::prefix::store::{DEFAULT_LIMIT, PrefixStore};
use crate::process::Processes;
use crate::process::enclosure::THIS_EXECUTABLE;
use crate::redact::Person;
use crate::release::end::End;
use crate::release::pairing::{self, Candidate};
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
    signatures: Option<Utf8PathBuf>,
    catalogue: OnceLock<Catalogue>,
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
    /// With the user's signatures in this file, or in the default one.
    pub(super) fn of_this_process(signatures: Option<Utf8PathBuf>) -> Result<Self, AppError> {
        let environment = Environment::of_this_process();
        let directories = Directories::find(&environment)?;
        let cwd = std::env::current_dir()?;
        let cwd = Utf8PathBuf::from_path_buf(cwd).map_err(|path| {
            AppError::new(Class::Failure, format!("{} is not valid UTF-8", path.display()))
        })?;
        let stop = CancellationToken::new();
        let processes = Processes::new().of(person(&environment, &directories.home));
        crate::check::sweep(&scratch(&directories));
        let go_on = Arc::default();
        stop_on_signals(stop.clone(), processes.clone(), Arc::clone(&go_on));
        let catalogue = OnceLock::new();
        Ok(Self { environment, directories, processes, stop, cwd, go_on, signatures, catalogue })
    }

    /// The command that goes on with this one's work, to be shown where a second
    /// Ctrl-C leaves no time for anything else.
    pub(super) fn on_sudden_end(&self, command: &str) {
        // Set once: a process runs one command.
        let _ = self.go_on.set(command.to_owned());
    }

    /// What is known of failures: the built-in table and the user's.
    pub(super) fn catalogue(&self) -> Result<&Catalogue, AppError> {
        if let Some(catalogue) = self.catalogue.get() {
            return Ok(catalogue);
        }
        let named = self.signatures.as_ref();
        let path = named.map_or_else(|| self.directories.signatures(), |path| self.cwd.join(path));
        let catalogue = match fs_err::read_to_string(&path) {
            Ok(own) => Catalogue::with(&own).map_err(|error| {
                AppError::usage(format!("{path}: {error}")).with_hint(
                    "`codexpin signatures --table` prints the built-in table, as it is written",
                )
            })?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && named.is_none() => {
                Catalogue::built_in()
            }
            Err(error) => return Err(AppError::usage(format!("no signatures: {error}"))),
        };
        Ok(self.catalogue.get_or_init(|| catalogue))
    }

    /// Where scratch homes are made.
    pub(super) fn scratch(&self) -> Utf8PathBuf {
        scratch(&self.directories)
    }

    /// Where checks take place.
    pub(super) fn check_surroundings(&self) -> CheckEnvironment {
        let home = &self.directories.home;
        let (live, _) = installation::lives_in(&self.environment, home);
        let own = std::env::current_exe().ok().and_then(|own| Utf8PathBuf::from_path_buf(own).ok());
        let keep = own.into_iter().filter_map(|own| own.parent().map(Utf8Path::to_owned));
        CheckEnvironment {
            environment: self.environment.clone(),
            scratch: self.scratch(),
            processes: self.processes.clone(),
            executable: THIS_EXECUTABLE.into(),
            keep: keep.chain([self.cwd.clone()]).collect(),
            home: home.clone(),
            logins: vec![live, self.directories.state.clone()],
        }
    }

    /// Both packages' releases, asked for side by side.
    pub(super) async fn releases(&self, freshness: Freshness) -> Result<Releases, AppError> {
        let npm = self.local_npm().await?;
        let registry = Registry::new(
            npm.config.clone(),
            RegistryLimits::of(&npm.config),
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
    pub(super) async fn workshop(&self) -> Result<(Runtimes, PrefixStore), AppError> {
        let npm = self.npm().await?;
        // The Node that the live OpenClaw runs on is what candidates run on, too.
        let home = &self.directories.home;
        let environment = match installation::node_of_service(&self.environment, home) {
            Some(bin) => self.environment.clone().with_path_first(&bin),
            None => self.environment.clone(),
        };
        let machine = runtime::of_this_machine(&environment, &self.processes, &self.stop).await?;
        let limit = match self.environment.get(crate::env::CACHE_LIMIT) {
            Some(text) => super::size::bytes(text)
                .map_err(|why| AppError::usage(format!("{}: {why}", crate::env::CACHE_LIMIT)))?,
            None => DEFAULT_LIMIT,
        };
        let runtimes = Runtimes::new(self.directories.nodes(), npm.clone(), machine);
        Ok((runtimes, PrefixStore::new(self.directories.prefixes(), npm, limit)))
    }

    pub(super) async fn npm(&self) -> Result<Npm, AppError> {
        Ok(self.local_npm().await?.npm(&self.environment, &self.processes))
    }

    async fn local_npm(&self) -> Result<LocalNpm, AppError> {
        let npm = LocalNpm::find(&NpmSearch {
            environment: &self.environment,
            directories: &self.directories,
            cwd: &self.cwd,
            processes: &self.processes,
            stop: &self.stop,
        })
        .await?;
        for file in npm.config.unreadable() {
            terminal::warning(&format!(
                "npm's configuration {} is passed over: {}",
                file.path, file.source
            ));
        }
        Ok(npm)
    }

    /// The release that an end stands for. What is not plain from its text is told:
    /// which release a date became, and that PATH finds another one than is installed.
    pub(super) fn resolve(&self, end: &End, releases: &Releases) -> Result<Version, AppError> {
        let installed = match end {
            End::Installed => match self.installed() {
                Ok(installed) => Some(installed.version),
                Err(InstallationError::None { .. }) => None,
                Err(error) => return Err(error.into()),
            },
            _ => None,
        };
        let version = end.resolve(&releases.core, installed)?;
        if let Some(reading) = end.date_reading(&releases.core) {
            terminal::note(&reading.note());
            if let Some(warning) = reading.warning() {
                terminal::warning(&warning);
            }
        }
        Ok(version)
    }

    /// The installed release: the service's, else the one on PATH. Where they differ,
    /// that is told.
    pub(super) fn installed(&self) -> Result<InstalledRelease, InstallationError> {
        let installed = installation::find(&self.environment, &self.directories.home)?;
        if let Some(difference) = installed.difference() {
            terminal::note(&difference);
        }
        Ok(installed)
    }
}

fn scratch(directories: &Directories) -> Utf8PathBuf {
    directories.cache.join("scratch")
}

fn fetched(fetched: PackumentFetch) -> Packument {
    if let PackumentSource::Stale { since, why } = &fetched.source {
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

/// Who is at work here, so that no log and no report tells.
fn person(environment: &Environment, home: &Utf8Path) -> Person {
    let names = [environment.get("USER"), environment.get("LOGNAME"), home.file_name()];
    let machine = rustix::system::uname();
    Person::new(home, names.into_iter().flatten().next(), machine.nodename().to_str().ok())
}
