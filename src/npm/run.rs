//! Running npm, the only installer. codexpin never re-implements it.

use std::io;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use tokio_util::sync::CancellationToken;

pub use super::failure::{Meaning, NpmFailure};

use super::egress::Egress;
use super::registry_proxy::{NetworkAccess, RegistryFront, RegistryProxy};
use crate::env::{self, Environment};
use crate::explain::{Class, Explain};
use crate::host::HostPort;
use crate::node::choice::Node;
use crate::process::enclosure::{EnclosureHandle, MountPlan};
use crate::process::{
    self, Ending, Limit, Limits, ProcessError, ProcessOutput, Processes, Program,
};

/// How long one npm command may take: an install on a slow line included.
const TIME_LIMIT: Duration = Duration::from_mins(15);

/// What users pass to `npm install`, and what makes a lock file usable with
/// any registry: no tarball address in it.
const FLAGS: [&str; 5] =
    ["--no-audit", "--no-fund", "--omit=dev", "--omit-lockfile-registry-resolved", "--json"];

/// What npm reads from the shell besides its files: proxies, and its own settings.
const PROXIES: [&str; 6] =
    ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"];

/// npm's settings that codexpin makes itself, whatever the shell says. npm
/// refuses `allow-scripts` from a variable where it installs into a project.
const OWN: [&str; 6] =
    ["before", "min_release_age", "allow_scripts", "logs_max", "loglevel", "foreground_scripts"];

/// Where npm writes its logs, below the scratch home.
pub(crate) const LOGS: &str = "npm-logs";

/// The machine's npm, with the settings that hold for every run of it.
#[derive(Debug, Clone)]
pub struct Npm {
    executable: Utf8PathBuf,
    environment: Environment,
    /// The environment in an enclosure: nothing of the user's npm is in it.
    enclosed: Environment,
    project_config: Option<Utf8PathBuf>,
    processes: Processes,
    network: NetworkAccess,
    /// What installs may reach besides the registries.
    open_to: Vec<HostPort>,
    enclosure: Option<EnclosureHandle>,
    /// What it may take with all that it starts.
    limits: Option<Limits>,
    age_limit: Option<String>,
    /// What has to be there for npm to run: see [`needed`].
    needed: Vec<Utf8PathBuf>,
    /// npm's cache.
    cache: Utf8PathBuf,
    /// What installs of candidates may not see.
    hidden: Vec<Utf8PathBuf>,
    /// Whether installs may run where they cannot be enclosed.
    unenclosed: bool,
}

/// npm cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum NpmError {
    /// There is no npm on PATH.
    #[error("npm was not found on PATH")]
    Missing,
    /// It could not be run.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// It ran and failed.
    #[error("npm {command}: {failure}")]
    Failed {
        /// Its arguments, without the flags.
        command: String,
        /// What it said.
        failure: NpmFailure,
    },
    /// It was stopped, because it took more than it may.
    #[error("codexpin stopped the install: {0}")]
    Limited(Limit),
    /// It was stopped with codexpin.
    #[error("interrupted")]
    Stopped,
}

impl Explain for NpmError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Missing => {
                Some("install Node.js with npm; codexpin uses the npm that PATH finds".to_owned())
            }
            _ => None,
        }
    }

    fn class(&self) -> Class {
        match self {
            Self::Stopped => Class::Interrupted,
            _ => Class::Infrastructure,
        }
    }
}

/// Where the machine's npm keeps its settings and its global packages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NpmPlaces {
    /// The npm executable.
    pub executable: Utf8PathBuf,
    /// The global `npmrc`. It must be named: npm would look for it beside the
    /// Node that runs it, and that is not always the machine's.
    pub global_config: Option<Utf8PathBuf>,
    /// The user's `npmrc`: HOME is scratch while npm runs.
    pub user_config: Utf8PathBuf,
    /// The `.npmrc` of the project that codexpin was started in. npm only reads
    /// the one of the directory that it installs into.
    pub project_config: Option<Utf8PathBuf>,
    /// codexpin's own npm cache.
    pub cache: Utf8PathBuf,
}

impl Npm {
    /// Finds npm on PATH.
    pub fn locate(environment: &Environment) -> Result<Utf8PathBuf, NpmError> {
        process::find(Utf8Path::new("npm"), environment).ok_or(NpmError::Missing)
    }

    /// An npm that keeps to these places, with these variables of the user's
    /// shell let through (a `${NPM_TOKEN}` in an npmrc names one).
    pub fn new(
        places: &NpmPlaces,
        shell: &Environment,
        named_in_config: &[String],
        processes: Processes,
    ) -> Self {
        let wanted = |name: &str| {
            let lower = name.to_ascii_lowercase().replace('-', "_");
            let setting = lower.strip_prefix("npm_config_").is_some_and(|key| !OWN.contains(&key));
            setting || PROXIES.contains(&name) || named_in_config.iter().any(|n| n == name)
        };
        let own = |environment: Environment| {
            environment
                .with("npm_config_cache", places.cache.as_str())
                .with("npm_config_update_notifier", "false")
                // What is installed is asked for by exact version: neither `before`
                // nor `min-release-age` may hide it. `null` takes back both, in every
                // npm from 8 to 12; `--min-release-age=0` is unknown to older ones.
                .with("npm_config_before", "null")
                // Which scripts ran is read from the log.
                .with("npm_config_logs_max", "10")
                // What npm warns of is read from its output, where no script may write.
                .with("npm_config_loglevel", "warn")
                .with("npm_config_foreground_scripts", "false")
        };
        let mut environment = shell.inherited();
        for (name, value) in shell.all().iter().filter(|(name, _)| wanted(name)) {
            environment = environment.with(name, value);
        }
        let user_config = places.user_config.as_str();
        environment = own(environment).with("npm_config_userconfig", user_config);
        if let Some(global) = &places.global_config {
            environment = environment.with("npm_config_globalconfig", global.as_str());
        }
        Self {
            executable: places.executable.clone(),
            environment,
            enclosed: own(shell.inherited()),
            project_config: places.project_config.clone(),
            processes,
            network: NetworkAccess::Open { why: "npm was given no other way".to_owned() },
            open_to: Vec::new(),
            enclosure: None,
            limits: None,
            age_limit: None,
            needed: needed(places, shell),
            cache: places.cache.clone(),
            hidden: Vec::new(),
            unenclosed: false,
        }
    }

    /// The same npm, whose installs of candidates go this way.
    #[must_use]
    pub fn with_network(self, network: NetworkAccess) -> Self {
        Self { network, ..self }
    }

    /// The same npm, whose installs of candidates find these directories empty.
    #[must_use]
    pub fn hiding(self, hidden: Vec<Utf8PathBuf>) -> Self {
        Self { hidden, ..self }
    }

    /// The same npm, whose installs of candidates may reach these places, too.
    #[must_use]
    pub fn opened_to(self, open_to: Vec<HostPort>) -> Self {
        Self { open_to, ..self }
    }

    /// The same npm, whose installs of candidates run with the user's rights where they
    /// cannot be enclosed.
    #[must_use]
    pub fn unenclosed(self, unenclosed: bool) -> Self {
        Self { unenclosed, ..self }
    }

    /// The same npm with a cache of its own: what is in the other one is out of the reach of
    /// all that it starts.
    pub(crate) fn with_cache(self, cache: Utf8PathBuf) -> Self {
        let keep = |environment: Environment| environment.with("npm_config_cache", cache.as_str());
        let (environment, enclosed) = (keep(self.environment), keep(self.enclosed));
        Self { environment, enclosed, cache, ..self }
    }

    /// Where it keeps what it has fetched.
    pub(crate) fn cache(&self) -> &Utf8Path {
        &self.cache
    }

    /// The same npm, which may take so much with all that it starts.
    #[must_use]
    pub(crate) fn limited(self, limits: Limits) -> Self {
        Self { limits: Some(limits), ..self }
    }

    /// Where the registries of its configuration are.
    pub fn registries(&self) -> Vec<HostPort> {
        match &self.network {
            NetworkAccess::Registries { config, .. } => {
                let registries = config.registries().unwrap_or_default();
                registries.iter().filter_map(HostPort::of).collect()
            }
            NetworkAccess::Open { .. } => Vec::new(),
        }
    }

    /// The same npm, which sets aside the user's limit on a release's age; named
    /// with where it is.
    #[must_use]
    pub fn with_age_limit(self, age_limit: Option<String>) -> Self {
        Self { age_limit, ..self }
    }

    /// What the user should know of how this npm differs from theirs.
    pub fn notice(&self) -> Option<String> {
        let limit = self.age_limit.as_ref()?;
        Some(format!(
            "npm's {limit} is set aside here: what is installed is asked for by exact version"
        ))
    }

    /// The proxy for one install, or a record that says why there is none. Whatever runs
    /// behind it can write to `project`'s directory and npm's cache alone; `tmp` is a
    /// directory in it.
    pub(crate) async fn registry_proxy(
        &self,
        project: &Utf8Path,
        tmp: Utf8PathBuf,
        node: &Node,
    ) -> io::Result<Result<RegistryProxy, Egress>> {
        let opened = match &self.network {
            NetworkAccess::Registries { executable, config } => {
                let open_to = self.open_to.iter().cloned();
                let mut read = self.needed.clone();
                read.extend(node.places());
                // What is not there when the enclosure is made is written to nowhere.
                crate::fs::create_private_dir(&self.cache)?;
                let write = vec![project.to_owned(), self.cache.clone()];
                let mounts = MountPlan { tmp, hide: self.hidden.clone(), write, read };
                // Without it nothing is installed: in the open a script would find the tokens.
                let front = RegistryFront::new((**config).clone()).map_err(io::Error::other)?;
                let (processes, partial) = (&self.processes, self.unenclosed);
                RegistryProxy::open(processes, executable, mounts, partial, front, open_to).await
            }
            NetworkAccess::Open { why } => Err(why.clone()),
        };
        match opened {
            Err(why) if !self.unenclosed => {
                Err(io::Error::other(format!("an install cannot be enclosed: {why}")))
            }
            opened => Ok(opened.map_err(|why| Egress::none(&why))),
        }
    }

    /// The same npm with this proxy as all that it can reach. Its settings are in a file
    /// in `home`: what the user's own files and shell have in credentials is left out.
    pub(crate) fn behind(&self, proxy: &RegistryProxy, home: &Utf8Path) -> io::Result<Self> {
        let user_config = home.join(".npmrc");
        let text = proxy.npmrc(&OWN).map_err(io::Error::other)?;
        crate::fs::write_private(&user_config, text.as_bytes())?;
        let mut environment = self
            .enclosed
            .clone()
            .with("npm_config_userconfig", user_config.as_str())
            // There is none: all of it is in the other one.
            .with("npm_config_globalconfig", home.join("npmrc").as_str());
        for (name, value) in proxy.environment() {
            environment = environment.with(name, value);
        }
        let enclosure = Some(proxy.enclosure());
        Ok(Self { environment, project_config: None, enclosure, ..self.clone() })
    }

    /// The environment in which npm, and what it installs, runs: HOME and every
    /// `OpenClaw` path in scratch, because some releases migrate state in a
    /// lifecycle script.
    fn environment(&self, node: &Node, home: &Utf8Path) -> Environment {
        env::in_scratch_home(self.environment.clone(), home).with_path_first(&node.bin)
    }

    /// `npm install` with what users pass, in `project`. `packages` may be
    /// empty: then the project's own `package.json` and lock file say what.
    pub async fn install(
        &self,
        job: &NpmCommand<'_>,
        packages: &[String],
        extra: &[&str],
    ) -> Result<ProcessOutput, NpmError> {
        let prefix = format!("--prefix={}", job.project);
        let arguments = ["install", prefix.as_str()]
            .into_iter()
            .chain(packages.iter().map(String::as_str))
            .chain(FLAGS)
            .chain(extra.iter().copied());
        self.run_in_project(job, arguments.map(str::to_owned).collect()).await
    }

    /// Resolves what `npm install` would install, into the project's lock file, from the one
    /// that is there. Nothing of the packages runs.
    pub(crate) async fn resolve(&self, job: &NpmCommand<'_>) -> Result<(), NpmError> {
        self.install(job, &[], &["--package-lock-only"]).await.map(drop)
    }

    /// Fetches tarballs into npm's cache, those of packages such as `dep@1.0.0`.
    pub(crate) async fn fetch(
        &self,
        job: &NpmCommand<'_>,
        packages: &[String],
    ) -> Result<(), NpmError> {
        // A package's name may begin with a hyphen.
        let words = ["cache", "add", "--prefer-offline", "--"].map(str::to_owned).into_iter();
        self.run_in_project(job, words.chain(packages.iter().cloned()).collect()).await.map(drop)
    }

    /// Runs the install scripts of what is in the project's `node_modules`, and links its
    /// commands, as `npm install` does it at its end.
    pub(crate) async fn rebuild(&self, job: &NpmCommand<'_>) -> Result<(), NpmError> {
        let prefix = format!("--prefix={}", job.project);
        let arguments = ["rebuild", prefix.as_str()].into_iter().chain(FLAGS);
        self.run_in_project(job, arguments.map(str::to_owned).collect()).await.map(drop)
    }

    async fn run_in_project(
        &self,
        job: &NpmCommand<'_>,
        arguments: Vec<String>,
    ) -> Result<ProcessOutput, NpmError> {
        let _linked = LinkedConfig::to(job.project, self.project_config.as_deref())?;
        self.run(job, arguments).await
    }

    /// Runs a program that starts npm by itself, with the same settings.
    pub(crate) async fn run_beside(
        &self,
        node: &Node,
        home: &Utf8Path,
        executable: Utf8PathBuf,
        arguments: &[&str],
        stop: &CancellationToken,
    ) -> Result<ProcessOutput, NpmError> {
        let program = Program {
            executable,
            arguments: arguments.iter().map(|&word| word.to_owned()).collect(),
            directory: home.to_owned(),
            environment: self
                .environment(node, home)
                .with("npm_config_audit", "false")
                .with("npm_config_fund", "false")
                .with("npm_config_prefer_offline", "true")
                .with("npm_config_omit_lockfile_registry_resolved", "true"),
            time_limit: TIME_LIMIT,
            log: None,
            enclosure: self.enclosure.clone(),
            limits: self.limits.clone(),
        };
        Ok(self.processes.run(&program, stop).await?)
    }

    /// Runs one npm command to its end; a failing one is an error that says why.
    pub async fn run(
        &self,
        job: &NpmCommand<'_>,
        arguments: Vec<String>,
    ) -> Result<ProcessOutput, NpmError> {
        let program = Program {
            executable: self.executable.clone(),
            arguments,
            directory: job.project.to_owned(),
            environment: self
                .environment(job.node, job.home)
                .with("npm_config_logs_dir", job.home.join(LOGS).as_str()),
            time_limit: TIME_LIMIT,
            log: job.log.map(ToOwned::to_owned),
            enclosure: self.enclosure.clone(),
            limits: self.limits.clone(),
        };
        let output = self.processes.run(&program, job.stop).await?;
        let failure = match output.ending {
            Ending::Cancelled => return Err(NpmError::Stopped),
            Ending::Limited(limit) => return Err(NpmError::Limited(limit)),
            Ending::Exited(0) => NpmFailure::of_unpacking(&output.stderr.text()),
            ending => {
                let (stdout, stderr) = (output.stdout.text(), output.stderr.text());
                Some(NpmFailure::read(ending, &stdout, &stderr))
            }
        };
        match failure {
            None => Ok(output),
            Some(failure) => {
                let command = without_flags(&program.arguments);
                Err(NpmError::Failed { command, failure })
            }
        }
    }
}

/// What npm cannot run without, besides Node: what is on PATH, and its own package. A
/// version manager's `npm` starts what lies beside its directory.
fn needed(places: &NpmPlaces, shell: &Environment) -> Vec<Utf8PathBuf> {
    let home = Utf8Path::new(shell.get("HOME").unwrap_or("/"));
    let real = places.executable.canonicalize_utf8().ok();
    let beside = [Some(&places.executable), real.as_ref()].into_iter().flatten();
    let beside = beside.filter_map(|npm| npm.parent()?.parent());
    let beside = beside.filter(|directory| !home.starts_with(directory));
    shell.path().chain(beside).map(ToOwned::to_owned).collect()
}

/// The flags are always the same and would hide what was asked for.
fn without_flags(arguments: &[String]) -> String {
    let words = arguments.iter().map(String::as_str).filter(|word| !word.starts_with("--"));
    words.collect::<Vec<_>>().join(" ")
}

/// The project's `.npmrc`, linked into a scratch project while npm runs:
/// a token in it is never copied.
struct LinkedConfig(Option<Utf8PathBuf>);

impl LinkedConfig {
    fn to(project: &Utf8Path, config: Option<&Utf8Path>) -> Result<Self, NpmError> {
        let Some(config) = config else { return Ok(Self(None)) };
        let link = project.join(".npmrc");
        let linked =
            crate::fs::remove(&link).and_then(|()| fs_err::os::unix::fs::symlink(config, &link));
        linked.map_err(|source| {
            NpmError::Process(ProcessError::Start { program: "npm".into(), source })
        })?;
        Ok(Self(Some(link)))
    }
}

impl Drop for LinkedConfig {
    fn drop(&mut self) {
        if let Some(link) = &self.0 {
            // A link that stays points at a file of the user's own and holds nothing.
            let _ = crate::fs::remove(link);
        }
    }
}

/// Where and with what an npm command runs.
#[derive(Debug, Clone, Copy)]
pub struct NpmCommand<'a> {
    /// The directory with the `package.json`.
    pub project: &'a Utf8Path,
    /// The Node that runs npm and the lifecycle scripts.
    pub node: &'a Node,
    /// The scratch home.
    pub home: &'a Utf8Path,
    /// Where the output goes.
    pub log: Option<&'a Utf8Path>,
    /// Ends the command early.
    pub stop: &'a CancellationToken,
}
