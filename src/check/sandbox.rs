//! The sandbox of one candidate: a scratch home with its files, the enclosure around
//! it, the upstream that it reaches from there, and how its programs are started.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};

use super::account::ScratchLoginKind;
use super::home::{self, ScratchHome};
use super::home_files::{HomeFiles, HomeSummary};
use super::{CheckEnvironment, CheckError, CheckJob, InstalledCandidate};
use crate::env::{self, Environment, in_scratch_home};
use crate::host::HostPort;
use crate::observation::{Isolation, RequestRecord};
use crate::process::enclosure::{Enclosure, EnclosureError, MountPlan};
use crate::process::{Limits, Program};
use crate::question::Question;
use crate::route::Route;
use crate::secret::Secret;
use crate::upstream::live::{Live, LiveOptions};
use crate::upstream::loopback::{Loopback, LoopbackOptions, Script};

/// A sandbox to be opened.
pub(super) struct SandboxPlan<'a> {
    pub(super) job: CheckJob<'a>,
    pub(super) route: &'a Route,
    /// The route's place among those of the question, from 0.
    pub(super) place: usize,
    pub(super) environment: &'a CheckEnvironment,
    /// Where the whole output of the programs in it goes.
    pub(super) logs: &'a Utf8Path,
    /// Whether the candidate's own doctor runs first.
    pub(super) doctor: bool,
    /// How many tools the model has run before it replies.
    pub(super) tool_calls: u16,
    /// A command of the user's own that is to run in it.
    pub(super) command: Option<&'a str>,
}

/// A sandbox with everything in its place.
pub(super) struct CheckSandbox<'a> {
    plan: SandboxPlan<'a>,
    home: ScratchHome,
    enclosure: Option<Enclosure>,
    isolation: Isolation,
    upstream: SandboxUpstream,
    began: Instant,
    files: HomeSummary,
    environment: Environment,
    /// The Gateway's port: free, and named in the config.
    pub(super) port: u16,
}

/// What is known of a sandbox after it is closed.
pub(super) struct SandboxRecord {
    pub(super) isolation: Isolation,
    pub(super) config_changes: Vec<String>,
    pub(super) requests: Vec<RequestRecord>,
}

impl<'a> SandboxPlan<'a> {
    /// Makes the home, encloses it, starts the upstream and writes what the
    /// candidate is to find.
    pub(super) async fn open(self) -> Result<CheckSandbox<'a>, CheckError> {
        crate::fs::create_private_dir(self.logs)?;
        // The enclosure mounts directories of the home: the home comes before it.
        let home = ScratchHome::make(&self.environment.scratch)?;
        let script = home.hide_probe_files(self.tool_calls)?;
        let (mut enclosure, isolation) = self.enclose(&home).await?;
        // The upstream listens in the enclosure, and the files name its address and its
        // CA certificate: it comes between the two.
        let listener = enclosure.as_mut().and_then(Enclosure::listener);
        let upstream = SandboxUpstream::start(&self, script, listener).await?;
        let began = Instant::now();
        let ca = home.path().join("upstream-ca.pem");
        upstream.write_ca(&ca)?;
        if !self.registries().is_empty() {
            trust_registries(&self.environment.environment, &ca)?;
        }
        let port = free_port()?;
        let token = Secret::new(home::nonce());
        let files = HomeFiles {
            job: self.job,
            route: self.route,
            place: self.place,
            doctor: self.doctor,
            home: &home,
            port,
            token: &token,
            base_url: &upstream.base_url(),
        }
        .write()?;
        let environment = self.environment_in(&home, upstream.environment(&ca), &token);
        Ok(CheckSandbox {
            plan: self,
            home,
            enclosure,
            isolation,
            upstream,
            began,
            files,
            environment,
            port,
        })
    }

    /// The environment of everything that runs in the sandbox. `upstream` is what leads
    /// a candidate's requests there.
    fn environment_in(
        &self,
        home: &ScratchHome,
        upstream: Vec<(&'static str, String)>,
        gateway_token: &Secret,
    ) -> Environment {
        let mut environment =
            in_scratch_home(self.environment.environment.inherited(), home.path())
                .with_path_first(&self.job.candidate.node.bin)
                .with(env::OPENCLAW_GATEWAY_TOKEN, gateway_token.reveal());
        for (name, value) in upstream {
            environment = environment.with(name, value);
        }
        let credentials = match self.job.account {
            Some(account) => account.variables(),
            None => ScratchLoginKind::of(self.route, None).environment().to_vec(),
        };
        for (name, value) in credentials {
            environment = environment.with(name, value);
        }
        environment
    }

    /// What this machine lacks for it was told before anything ran. What fails only now, a
    /// candidate may have brought about.
    async fn enclose(
        &self,
        home: &ScratchHome,
    ) -> Result<(Option<Enclosure>, Isolation), CheckError> {
        let CheckEnvironment { processes, executable, .. } = self.environment;
        let (enclosure, isolation) =
            match Enclosure::open(processes, executable, Some(self.mounts(home))).await {
                Ok(enclosure) => {
                    let shared_tmp = enclosure.shared_tmp().map(EnclosureError::with_hint);
                    (Some(enclosure), Isolation::Namespace { shared_tmp })
                }
                Err(why) => (None, Isolation::ProxySettings { why: why.with_hint() }),
            };
        Ok((enclosure, accepted(isolation, self.job.question.unenclosed)?))
    }

    /// Where a candidate may fetch packages. Not with a lent login, nor where a command of
    /// the user's own runs, which finds their home: a registry takes packages, too.
    fn registries(&self) -> Vec<HostPort> {
        let has_secrets = self.job.account.is_some() || self.command.is_some();
        if has_secrets { Vec::new() } else { self.environment.registries.clone() }
    }

    /// A candidate writes to its scratch home alone, and finds the user's home empty. A
    /// command of the user's own finds everything in its place, but for what belongs to
    /// the candidate and what is on PATH, which it runs.
    fn mounts(&self, home: &ScratchHome) -> MountPlan {
        let CheckEnvironment { environment, hidden, keep, .. } = self.environment;
        let mut plan = MountPlan {
            tmp: home.private_tmp(),
            hide: hidden.clone(),
            write: vec![home.path().to_owned()],
            read: programs(self.job.candidate, environment),
        };
        match self.command {
            None => plan.hide.push(self.environment.home.clone()),
            Some(command) => {
                plan.hide.retain(|hidden| !self.environment.home.starts_with(hidden));
                plan.write.push("/".into());
                plan.write.extend(keep.iter().cloned());
                plan.write.extend(named_in(command));
            }
        }
        if self.job.account.is_some() {
            plan.read.extend(trusted(environment));
        }
        plan
    }
}

impl CheckSandbox<'_> {
    /// The home that its programs write to.
    pub(super) fn home(&self) -> &ScratchHome {
        &self.home
    }

    /// `openclaw` with these words.
    pub(super) fn openclaw(&self, words: &[&str], name: &str, time_limit: Duration) -> Program {
        let InstalledCandidate { node, entry, .. } = self.plan.job.candidate;
        let words = std::iter::once(entry.as_str()).chain(words.iter().copied());
        Program {
            executable: node.executable(),
            arguments: words.map(str::to_owned).collect(),
            ..self.program(name, time_limit)
        }
    }

    /// `openclaw agent`, as its documentation has it for a one-shot turn. How
    /// much it thinks is left to the release: none takes `off` for every model.
    pub(super) fn agent(&self, question: &Question, local: bool, limit: Duration) -> Program {
        let seconds = question.timeout_s.to_string();
        let message = format!("Reply exactly: {}", question.reply);
        let session = format!("codexpin-{}", self.home.id());
        let mut words = vec!["agent"];
        words.extend(local.then_some("--local"));
        let agent = self.files.agent.as_str();
        words.extend(["--agent", agent, "--session-id", &session, "--message", &message]);
        words.extend(["--timeout", &seconds, "--json"]);
        self.openclaw(&words, "agent", limit)
    }

    /// A command of the user's own, with the candidate as `openclaw` on its PATH.
    pub(super) fn command(&self, command: &str, time_limit: Duration) -> std::io::Result<Program> {
        let InstalledCandidate { core, plugin, prefix, entry, node, .. } = self.plan.job.candidate;
        let bin = self.home.path().join("bin");
        let openclaw = bin.join("openclaw");
        let node = node.executable();
        let script = format!("#!/bin/sh\nexec '{node}' '{entry}' \"$@\"\n");
        crate::fs::write_private(&openclaw, script.as_bytes())?;
        crate::fs::make_executable(&openclaw)?;
        let plugin = plugin.map(|plugin| plugin.to_string()).unwrap_or_default();
        let program = self.program("command", time_limit);
        let environment = program
            .environment
            .with_path_first(&bin)
            .with(env::CORE_VERSION, core.to_string())
            .with(env::PLUGIN_VERSION, plugin)
            .with(env::PREFIX, prefix.as_str())
            .with(env::OPENCLAW, openclaw.as_str())
            .with(env::STATE_DIR, self.home.state().as_str())
            .with(env::PORT, self.port.to_string());
        Ok(Program {
            executable: "/bin/sh".into(),
            arguments: vec!["-c".to_owned(), command.to_owned()],
            environment,
            ..program
        })
    }

    /// What all programs in the sandbox have in common. `name` is that of their log.
    fn program(&self, name: &str, time_limit: Duration) -> Program {
        Program {
            executable: Utf8PathBuf::new(),
            arguments: Vec::new(),
            directory: self.home.workspace(),
            environment: self.environment.clone(),
            time_limit,
            log: Some(self.plan.logs.join(format!("{name}.log"))),
            enclosure: self.enclosure.as_ref().map(Enclosure::handle),
            limits: Some(Limits::of_candidate(vec![self.home.path().to_owned()])),
        }
    }

    /// When the upstream was asked for a turn, since it began.
    pub(super) fn first_turn_request(&self) -> Option<Duration> {
        let records = match &self.upstream {
            SandboxUpstream::Loopback(loopback) => loopback.records(),
            SandboxUpstream::Live(live) => live.records(),
        };
        records.iter().find(|request| request.is_for_a_turn()).map(|request| request.elapsed)
    }

    /// Since the upstream began.
    pub(super) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Ends the upstream and the enclosure. The home stays until it is dropped.
    pub(super) async fn close(self) -> Result<(ScratchHome, SandboxRecord), CheckError> {
        // Before the enclosure: the upstream listens in it.
        let requests = self.upstream.shutdown().await;
        if let Some(enclosure) = self.enclosure {
            enclosure.close().await?;
        }
        let (isolation, config_changes) = (self.isolation, self.files.changes);
        Ok((self.home, SandboxRecord { isolation, config_changes, requests }))
    }
}

/// Who answers the model requests: the loopback, or the service itself with a login
/// that is lent.
enum SandboxUpstream {
    Loopback(Loopback),
    Live(Live),
}

impl SandboxUpstream {
    /// Starts the live upstream where a login is lent, otherwise the loopback.
    /// `listener` is where the candidate's requests come out of its enclosure.
    async fn start(
        plan: &SandboxPlan<'_>,
        script: Script,
        listener: Option<TcpListener>,
    ) -> Result<Self, CheckError> {
        let most_requests = plan.job.question.most_requests(plan.route);
        let Some(account) = plan.job.account else {
            let fault = plan.job.variation.fault;
            let registries = plan.registries();
            let options = LoopbackOptions {
                listener,
                script,
                fault,
                registries,
                most_requests,
                ..LoopbackOptions::default()
            };
            return Ok(Self::Loopback(Loopback::start(options).await?));
        };
        let environment = plan.environment.environment.clone();
        let options = LiveOptions { listener, mode: account.mode(), environment, most_requests };
        Ok(Self::Live(Live::start(options).await?))
    }

    /// The address that replaces those of a config's own providers: the loopback
    /// answers them, a live upstream does not.
    fn base_url(&self) -> String {
        match self {
            Self::Loopback(loopback) => loopback.base_url(),
            Self::Live(live) => format!("http://{}/v1", live.address()),
        }
    }

    /// What a child's environment needs.
    fn environment(&self, ca: &Utf8Path) -> Vec<(&'static str, String)> {
        match self {
            Self::Loopback(loopback) => loopback.environment(ca),
            Self::Live(live) => live.environment(ca),
        }
    }

    fn write_ca(&self, ca: &Utf8Path) -> Result<(), CheckError> {
        match self {
            Self::Loopback(loopback) => Ok(loopback.write_ca(ca)?),
            Self::Live(live) => Ok(live.write_ca(ca)?),
        }
    }

    /// Stops, and returns the requests that came.
    async fn shutdown(self) -> Vec<RequestRecord> {
        match self {
            Self::Loopback(loopback) => loopback.shutdown().await,
            Self::Live(live) => live.shutdown().await,
        }
    }
}

/// A port that nobody listens on now.
fn free_port() -> std::io::Result<u16> {
    Ok(std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// The isolation, if it is whole, or need not be.
fn accepted(isolation: Isolation, unenclosed: bool) -> Result<Isolation, CheckError> {
    match isolation {
        Isolation::Namespace { shared_tmp: Some(why) } | Isolation::ProxySettings { why }
            if !unenclosed =>
        {
            Err(CheckError::NotEnclosed(why))
        }
        isolation => Ok(isolation),
    }
}

/// What has to be there to run a candidate: its prefix, its Node, and what is on PATH.
fn programs(candidate: &InstalledCandidate, environment: &Environment) -> Vec<Utf8PathBuf> {
    let mut programs = vec![candidate.prefix.clone()];
    programs.extend(candidate.node.places());
    programs.extend(environment.path().map(Utf8Path::to_owned));
    programs
}

/// The files of the user's own certificate authorities: a candidate that speaks TLS
/// with the service itself has to read them.
fn trusted(environment: &Environment) -> impl Iterator<Item = Utf8PathBuf> + '_ {
    env::TRUSTED_AUTHORITIES
        .into_iter()
        .filter_map(|name| environment.get(name))
        .map(Utf8PathBuf::from)
}

/// Adds the user's own authorities to those that a candidate trusts: a registry may have
/// its certificate from one of them.
fn trust_registries(environment: &Environment, ca: &Utf8Path) -> std::io::Result<()> {
    let own = environment.get(env::NODE_EXTRA_CA_CERTS);
    let Some(own) = own.and_then(|file| fs_err::read(file).ok()) else { return Ok(()) };
    let mut all = fs_err::OpenOptions::new().append(true).open(ca)?;
    std::io::Write::write_all(&mut all, &[b"\n", own.as_slice()].concat())
}

/// The absolute paths in a shell command that exist: each with the directory
/// that it is in, where that is not a shared one itself.
fn named_in(command: &str) -> Vec<Utf8PathBuf> {
    let ends = |c: char| c.is_whitespace() || "'\"=;&|<>()`".contains(c);
    let files = command.split(ends).filter(|word| word.starts_with('/')).map(Utf8Path::new);
    files
        .filter(|file| file.exists())
        .flat_map(|file| file.parent().into_iter().chain([file]))
        .map(ToOwned::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_runs_in_half_an_enclosure_unless_it_may() {
        let why = || "made up".to_owned();
        let half = Isolation::Namespace { shared_tmp: Some(why()) };
        for isolation in [half, Isolation::ProxySettings { why: why() }] {
            let refused = accepted(isolation.clone(), false).unwrap_err();
            assert!(matches!(refused, CheckError::NotEnclosed(_)), "{refused}");
            assert_eq!(accepted(isolation.clone(), true).unwrap(), isolation);
        }
        let whole = Isolation::Namespace { shared_tmp: None };
        assert_eq!(accepted(whole.clone(), false).unwrap(), whole);
    }

    #[test]
    fn the_files_that_a_command_names_are_found_in_it() {
        let directory = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(directory.path()).unwrap();
        let (script, input) = (root.join("try.sh"), root.join("input"));
        fs_err::write(&script, "").unwrap();
        fs_err::write(&input, "").unwrap();
        let command = format!("FROM={input} '{script}' --fast <{root}/missing; echo /no/such");
        let found = named_in(&command);
        assert_eq!(found, [root.to_owned(), input, root.to_owned(), script]);
    }
}
