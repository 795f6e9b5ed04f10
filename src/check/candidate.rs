//! The candidate's programs: how `openclaw` is started in a scratch home.

use camino::{Utf8Path, Utf8PathBuf};
use std::time::Duration;

use super::InstalledCandidate;
use super::home::ScratchHome;
use super::login::ScratchLoginKind;
use super::sandbox::SandboxPlan;
use crate::env::{self, Environment, in_scratch_home};
use crate::process::Program;
use crate::process::enclosure::Entrance;
use crate::question::Question;
use crate::secret::Secret;

/// A candidate with its scratch home and its upstream.
pub(super) struct ScratchCandidate<'a> {
    pub(super) installed: &'a InstalledCandidate,
    pub(super) home: &'a ScratchHome,
    /// Which of its agents is asked.
    pub(super) agent: &'a str,
    pub(super) logs: &'a Utf8Path,
    pub(super) environment: Environment,
    pub(super) enclosure: Option<Entrance>,
}

/// The environment of everything that a candidate runs. `upstream` is what leads
/// its requests there.
pub(super) fn environment(
    plan: &SandboxPlan<'_>,
    home: &ScratchHome,
    upstream: Vec<(&'static str, String)>,
    gateway_token: &Secret,
) -> Environment {
    let mut environment = in_scratch_home(plan.environment.environment.inherited(), home.path())
        .with_path_first(&plan.job.candidate.node.bin)
        .with(env::OPENCLAW_GATEWAY_TOKEN, gateway_token.reveal());
    for (name, value) in upstream {
        environment = environment.with(name, value);
    }
    let credentials = match plan.job.account {
        Some(account) => account.variables(),
        None => ScratchLoginKind::of(plan.route, None).environment().to_vec(),
    };
    for (name, value) in credentials {
        environment = environment.with(name, value);
    }
    environment
}

impl ScratchCandidate<'_> {
    /// `openclaw` with these words.
    pub(super) fn openclaw(&self, words: &[&str], name: &str, time_limit: Duration) -> Program {
        let words = std::iter::once(self.installed.entry.as_str()).chain(words.iter().copied());
        Program {
            executable: self.installed.node.executable(),
            arguments: words.map(str::to_owned).collect(),
            directory: self.home.workspace(),
            environment: self.environment.clone(),
            time_limit,
            log: Some(self.log(name)),
            enclosure: self.enclosure.clone(),
        }
    }

    /// Where a program's output goes, without an ending.
    pub(super) fn log(&self, name: &str) -> Utf8PathBuf {
        self.logs.join(format!("{name}.log"))
    }

    /// `openclaw agent`, as its documentation has it for a one-shot turn. How
    /// much it thinks is left to the release: none takes `off` for every model.
    pub(super) fn agent(&self, question: &Question, local: bool, limit: Duration) -> Program {
        let seconds = question.timeout_s.to_string();
        let message = format!("Reply exactly: {}", question.reply);
        let session = format!("codexpin-{}", self.home.id());
        let mut words = vec!["agent"];
        words.extend(local.then_some("--local"));
        words.extend(["--agent", self.agent, "--session-id", &session, "--message", &message]);
        words.extend(["--timeout", &seconds, "--json"]);
        self.openclaw(&words, "agent", limit)
    }

    /// A command of the user's own, with the candidate as `openclaw` on its PATH.
    pub(super) fn command(
        &self,
        command: &str,
        port: u16,
        time_limit: Duration,
    ) -> std::io::Result<Program> {
        let bin = self.home.path().join("bin");
        let openclaw = bin.join("openclaw");
        let (node, entry) = (self.installed.node.executable(), &self.installed.entry);
        crate::fs::write_private(
            &openclaw,
            format!("#!/bin/sh\nexec '{node}' '{entry}' \"$@\"\n").as_bytes(),
        )?;
        crate::fs::make_executable(&openclaw)?;
        let plugin = self.installed.plugin.map(|plugin| plugin.to_string()).unwrap_or_default();
        let environment = self
            .environment
            .clone()
            .with_path_first(&bin)
            .with(env::CORE_VERSION, self.installed.core.to_string())
            .with(env::PLUGIN_VERSION, plugin)
            .with(env::PREFIX, self.installed.prefix.as_str())
            .with(env::OPENCLAW, openclaw.as_str())
            .with(env::STATE_DIR, self.home.state().as_str())
            .with(env::PORT, port.to_string());
        Ok(Program {
            executable: "/bin/sh".into(),
            arguments: vec!["-c".to_owned(), command.to_owned()],
            directory: self.home.workspace(),
            environment,
            time_limit,
            log: Some(self.log("command")),
            enclosure: self.enclosure.clone(),
        })
    }
}
