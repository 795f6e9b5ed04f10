//! Asks the installed release's own doctor, where it can write nothing and reach nobody:
//! by itself it keeps locks and copies of databases in the user's home.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use tokio_util::sync::CancellationToken;

use crate::doctor::{Facts, LintReport, OwnLint};
use crate::env::{OPENCLAW_CONFIG_PATH, OPENCLAW_NO_AUTO_UPDATE, OPENCLAW_STATE_DIR};
use crate::installation::{LiveMachine, gateway_environment};
use crate::openclaw::Change;
use crate::process::enclosure::{Enclosure, EnclosureError, MountPlan, THIS_EXECUTABLE};
use crate::process::{Ending, ProcessOutput, Program};
use crate::visible;

/// How long it may take. 2026.9.5 takes 9 s of a processor.
const TIME_LIMIT: Duration = Duration::from_mins(2);

/// Whether the installed release has a doctor that only reads.
pub fn has_own_lint(facts: &Facts) -> bool {
    facts.node.is_some() && facts.release().is_some_and(|core| Change::DoctorLints.is_in(core))
}

/// What the installed release's own doctor says of the live state, read-only.
pub async fn own_lint(machine: &LiveMachine, facts: &Facts, stop: &CancellationToken) -> OwnLint {
    if !has_own_lint(facts) {
        return OwnLint::NotAsked;
    }
    match run(machine, facts, stop).await {
        Ok(report) => OwnLint::Read(report),
        Err(why) => OwnLint::NotRun(visible::line(&why).into_owned()),
    }
}

async fn run(
    machine: &LiveMachine,
    facts: &Facts,
    stop: &CancellationToken,
) -> Result<LintReport, String> {
    let tmp = tempfile::tempdir().map_err(|error| error.to_string())?;
    let tmp = Utf8Path::from_path(tmp.path()).ok_or("the temporary directory is no UTF-8")?;
    let read_only =
        MountPlan { tmp: tmp.to_owned(), read: needed(machine, facts), ..MountPlan::default() };
    let opened = Enclosure::open(&machine.processes, THIS_EXECUTABLE.into(), Some(read_only)).await;
    let enclosure = opened.map_err(|why| cannot_hold(&why))?;
    let shared = enclosure.shared_tmp().map(cannot_hold);
    let ended = match (shared, program(machine, facts, &enclosure)) {
        (Some(why), _) => Err(why),
        (None, None) => Err("no Node was found for it".to_owned()),
        (None, Some(program)) => {
            let ended = machine.processes.run(&program, stop).await;
            ended.map_err(|error| error.to_string())
        }
    };
    // What it said counts, however the enclosure ends.
    let _ = enclosure.close().await;
    read(&ended?)
}

/// What it reads, wherever that lies: all else of `/tmp` is the enclosure's own.
fn needed(machine: &LiveMachine, facts: &Facts) -> Vec<Utf8PathBuf> {
    let packages = facts.core.as_ref().and_then(|core| core.directory.parent());
    let node = facts.node.as_ref().map(|node| node.bin.as_path());
    let places = [Some(machine.home.as_path()), Some(&facts.state), Some(&facts.config)];
    places.into_iter().chain([packages, node]).flatten().map(Utf8Path::to_owned).collect()
}

fn cannot_hold(why: &EnclosureError) -> String {
    format!("here it could write to your files: {}", why.with_hint())
}

fn program(machine: &LiveMachine, facts: &Facts, enclosure: &Enclosure) -> Option<Program> {
    let (core, node) = (facts.core.as_ref()?, facts.node.as_ref()?);
    let entry = core.directory.join("openclaw.mjs");
    let words = [entry.as_str(), "doctor", "--lint", "--json"];
    Some(Program {
        executable: node.executable(),
        arguments: words.map(str::to_owned).into(),
        directory: "/".into(),
        environment: gateway_environment(&machine.environment, &machine.home)
            .with_path_first(&node.bin)
            .with("HOME", machine.home.as_str())
            .with(OPENCLAW_STATE_DIR, facts.state.as_str())
            .with(OPENCLAW_CONFIG_PATH, facts.config.as_str())
            .with(OPENCLAW_NO_AUTO_UPDATE, "1")
            // Where it copies the databases to that it looks at: the enclosure's own.
            .with("XDG_CACHE_HOME", "/tmp")
            .with("TMPDIR", "/tmp")
            .with("NO_COLOR", "1"),
        time_limit: TIME_LIMIT,
        log: None,
        enclosure: Some(enclosure.handle()),
        limits: None,
    })
}

/// 0 and 1 say whether it found something.
fn read(ended: &ProcessOutput) -> Result<LintReport, String> {
    let said = ended.stdout.text();
    match (ended.ending, LintReport::within(&said)) {
        (Ending::Exited(0 | 1), Some(report)) => Ok(report),
        (Ending::TimedOut, _) => Err(format!("no answer within {} s", TIME_LIMIT.as_secs())),
        (Ending::Exited(status), _) => {
            let stderr = ended.stderr.text();
            let line = stderr.lines().map(str::trim).find(|line| !line.is_empty());
            let line: String = line.unwrap_or("no report").chars().take(120).collect();
            Err(format!("it ended with status {status}: {line}"))
        }
        (ending, _) => Err(format!("it was stopped: {ending:?}")),
    }
}
