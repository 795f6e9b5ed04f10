//! What every use starts from: environment, directories, the stream of events, npm's
//! configuration and the registry.

use std::sync::{Arc, OnceLock};

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::AppError;
use crate::answers::AnswerStore;
use crate::catalogue::Catalogue;
use crate::check::CheckEnvironment;
use crate::env::{Environment, XDG_RUNTIME_DIR};
use crate::event::{Clock, Events};
use crate::explain::Class;
use crate::installation::{self, InstallationError, InstalledRelease, LiveMachine};
use crate::log::{Log, ShowLine};
use crate::node::runtime::{self, Runtimes};
use crate::npm::packument::Packument;
use crate::npm::registry::{Freshness, PackumentFetch, PackumentSource, Registry, RegistryLimits};
use crate::npm::{LocalNpm, Npm, NpmSearch};
use crate::paths::{self, Directories};
use crate::prefix::store::{DEFAULT_LIMIT, PrefixStore};
use crate::process::Processes;
use crate::process::enclosure::THIS_EXECUTABLE;
use crate::redact::Person;
use crate::release::end::End;
use crate::release::pairing::{self, Candidate};
use crate::release::{PackageName, Version};

/// What every use starts from. Nothing slow happens before it is asked for.
#[derive(Debug)]
pub struct Context {
    /// The environment variables.
    pub environment: Environment,
    /// Where codexpin keeps what it keeps.
    pub directories: Directories,
    /// Starts programs, and knows whom to mask.
    pub processes: Processes,
    /// Cancelled when everything is to stop.
    pub stop: CancellationToken,
    /// What relative paths begin at.
    pub cwd: Utf8PathBuf,
    /// Whoever is told what happens.
    pub events: Events,
    /// What codexpin itself does.
    pub log: Log,
    go_on: OnceLock<String>,
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

/// How a command is watched: who is told, and what is shown of the log.
pub struct Watching {
    /// Whoever is told what happens.
    pub events: Events,
    /// Gives the log its times.
    pub clock: Arc<dyn Clock>,
    /// Shows a line of the log, where the user wants to see it.
    pub show_log: Option<ShowLine>,
}

impl Context {
    /// This process's, with the user's signatures in this file, or in the default one.
    pub fn of_this_process(
        signatures: Option<Utf8PathBuf>,
        watching: Watching,
    ) -> Result<Self, AppError> {
        let cwd = std::env::current_dir()?;
        let cwd = Utf8PathBuf::from_path_buf(cwd).map_err(|path| {
            AppError::new(Class::Failure, format!("{} is not valid UTF-8", path.display()))
        })?;
        let environment = Environment::of_this_process();
        let directories = Directories::find(&environment)?;
        let context = Self::new(environment, directories, cwd, signatures, watching);
        crate::check::sweep(&context.scratch());
        Ok(context)
    }

    /// With this environment and these directories, in the directory `cwd`.
    pub fn new(
        environment: Environment,
        directories: Directories,
        cwd: Utf8PathBuf,
        signatures: Option<Utf8PathBuf>,
        watching: Watching,
    ) -> Self {
        let processes = Processes::new().of(person(&environment, &directories.home));
        let masked = processes.clone();
        let log = Log::new(move || masked.person(), watching.show_log);
        log.install(watching.clock);
        Self {
            environment,
            directories,
            processes,
            stop: CancellationToken::new(),
            cwd,
            events: watching.events,
            log,
            go_on: OnceLock::new(),
            signatures,
            catalogue: OnceLock::new(),
        }
    }

    /// The command that goes on with this one's work, for an end that leaves no time
    /// for anything else.
    pub(super) fn on_sudden_end(&self, command: &str) {
        // Set once: a process runs one command.
        let _ = self.go_on.set(command.to_owned());
    }

    /// What to type to go on after an end at once.
    pub fn goes_on_with(&self) -> Option<&str> {
        self.go_on.get().map(String::as_str)
    }

    /// The live installation's surroundings.
    pub(super) fn live_machine(&self) -> LiveMachine {
        LiveMachine {
            environment: self.environment.clone(),
            home: self.directories.home.clone(),
            processes: self.processes.clone(),
        }
    }

    /// A new directory for the output of one check.
    pub(super) fn check_logs(&self, core: Version) -> Result<Utf8PathBuf, AppError> {
        let name = format!("{}_{core}", Timestamp::now().strftime("%Y%m%d-%H%M%S"));
        let logs = self.directories.checks().join(name);
        crate::fs::create_private_dir(&logs).map_err(|error| {
            AppError::new(
                Class::Infrastructure,
                format!("the state directory cannot be used: {error}"),
            )
            .with_hint(format!(
                "set {} to a directory that can be written to",
                crate::env::STATE_DIR
            ))
        })?;
        Ok(logs)
    }

    /// Has the log of codexpin's own doings written into this directory.
    pub(super) fn log_into(&self, directory: &Utf8Path) {
        self.log.keep_in(directory, &self.events);
    }

    /// What is known of failures: the built-in table and the user's.
    pub fn catalogue(&self) -> Result<&Catalogue, AppError> {
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

    /// What checks saw before.
    pub(super) fn answers(&self) -> Result<AnswerStore, AppError> {
        Ok(AnswerStore::new(self.directories.answers(), self.catalogue()?.clone()))
    }

    /// Where scratch homes are made.
    pub(super) fn scratch(&self) -> Utf8PathBuf {
        self.directories.scratch()
    }

    /// Where checks take place.
    pub(super) fn check_surroundings(&self) -> CheckEnvironment {
        let home = &self.directories.home;
        let own = std::env::current_exe().ok().and_then(|own| Utf8PathBuf::from_path_buf(own).ok());
        let keep = own.into_iter().filter_map(|own| own.parent().map(Utf8Path::to_owned));
        CheckEnvironment {
            environment: self.environment.clone(),
            scratch: self.scratch(),
            processes: self.processes.clone(),
            executable: THIS_EXECUTABLE.into(),
            keep: keep.chain([self.cwd.clone()]).collect(),
            home: home.clone(),
            hidden: self.hidden(),
            registries: Vec::new(),
        }
    }

    /// What nothing that runs in an enclosure may see: the live state, whatever `HOME` is
    /// set to, all that codexpin keeps (of the prefixes the other ones), and the sockets
    /// of the user's services.
    fn hidden(&self) -> Vec<Utf8PathBuf> {
        let (live, _) = installation::lives_in(&self.environment, &self.directories.home);
        let runtime = self.environment.get(XDG_RUNTIME_DIR).map(Utf8PathBuf::from);
        let on_record = paths::home_on_record();
        let own = self.directories.own();
        [live].into_iter().chain(own).chain(runtime).chain(on_record).collect()
    }

    /// Both packages' releases, asked for side by side.
    pub(super) async fn releases(&self, freshness: Freshness) -> Result<Releases, AppError> {
        let registry = self.registry(&self.local_npm().await?)?;
        let (core, plugin) = tokio::join!(
            registry.packument(&PackageName::CORE, freshness),
            registry.packument_if_any(&PackageName::PLUGIN, freshness)
        );
        // What is wrong with both is told of the core.
        let core = self.fetched(core?);
        Ok(Releases { core, plugin: plugin?.map(|plugin| self.fetched(plugin)) })
    }

    fn registry(&self, npm: &LocalNpm) -> Result<Registry, AppError> {
        let limits = RegistryLimits::of(&npm.config);
        let cache = self.directories.registry();
        Ok(Registry::new(npm.config.clone(), limits, cache, Timestamp::now)?)
    }

    fn fetched(&self, fetched: PackumentFetch) -> Packument {
        if let PackumentSource::Stale { since, why } = &fetched.source {
            let name = &fetched.packument.name;
            self.events.warn(format!("the list of {name} is from {since}: {why}"));
        }
        fetched.packument
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
        Ok(self.npm_of(&self.local_npm().await?))
    }

    fn npm_of(&self, npm: &LocalNpm) -> Npm {
        let hidden = self.hidden().into_iter().chain([self.directories.home.clone()]);
        npm.npm(&self.environment, &self.processes).hiding(hidden.collect())
    }

    /// npm and the registry with the user's own settings. An `.npmrc` beside a pin file
    /// came with the pin, and could name a registry that has another `openclaw`.
    pub(super) async fn npm_outside_projects(&self) -> Result<(Npm, Registry), AppError> {
        let npm = self.npm_at(&self.directories.home).await?;
        Ok((self.npm_of(&npm), self.registry(&npm)?))
    }

    async fn local_npm(&self) -> Result<LocalNpm, AppError> {
        self.npm_at(&self.cwd).await
    }

    async fn npm_at(&self, cwd: &Utf8Path) -> Result<LocalNpm, AppError> {
        let npm = LocalNpm::find(&NpmSearch {
            environment: &self.environment,
            directories: &self.directories,
            cwd,
            processes: &self.processes,
            stop: &self.stop,
        })
        .await?;
        for file in npm.config.unreadable() {
            self.events
                .warn(format!("npm's configuration {} is passed over: {}", file.path, file.source));
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
            self.events.note(reading.note());
            if let Some(warning) = reading.warning() {
                self.events.warn(warning);
            }
        }
        Ok(version)
    }

    /// The installed release: the service's, else the one on PATH. Where they differ,
    /// that is told.
    pub(super) fn installed(&self) -> Result<InstalledRelease, InstallationError> {
        let installed = installation::find(&self.environment, &self.directories.home)?;
        if let Some(difference) = installed.difference() {
            self.events.note(difference);
        }
        Ok(installed)
    }
}

/// Who is at work here, so that no log and no report tells.
fn person(environment: &Environment, home: &Utf8Path) -> Person {
    let names = [environment.get("USER"), environment.get("LOGNAME"), home.file_name()];
    let machine = rustix::system::uname();
    Person::new(home, names.into_iter().flatten().next(), machine.nodename().to_str().ok())
}
