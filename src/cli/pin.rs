//! `codexpin pin` and `codexpin pins`.

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;

use super::context::Context;
use super::question::QuestionArguments;
use super::{PinFileArgument, check};
use crate::app::AppError;
use crate::apply::file_integrity;
use crate::exit_code::ExitCode;
use crate::explain::Class;
use crate::fs::write_atomic;
use crate::lab::RealLab;
use crate::npm::registry::Freshness;
use crate::pin::{self, FirstBad, LockFiles, PinFile, PinFileError};
use crate::prefix::Prefix;
use crate::question::Upstream;
use crate::release::end::End;
use crate::release::line;
use crate::release::pairing::Candidate;
use crate::report::pins::{PinReport, PinsReport};
use crate::route::Route;
use crate::verdict::Verdict;

#[derive(Debug, clap::Args)]
pub(super) struct PinArguments {
    /// A version, a dist-tag, `installed` or a date.
    #[arg(default_value = "installed")]
    version: String,
    #[command(flatten)]
    question: QuestionArguments,
    #[command(flatten)]
    file: PinFileArgument,
}

#[derive(Debug, clap::Args)]
pub(super) struct Pins {
    #[command(flatten)]
    file: PinFileArgument,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

impl PinArguments {
    pub(super) async fn run(self, context: &Context) -> Result<ExitCode, AppError> {
        let mut asked = self.question.asked(context, self.question.one_check(), None).await?;
        let watch = asked.watch.take();
        let pin_file = context.cwd.join(&self.file.pin_file);
        PinFile::open_or_new(&pin_file)?.try_out()?;
        let end: End = self.version.parse()?;
        let releases = context.releases(Freshness::Cached).await?;
        let version = context.resolve(&end, &releases)?;
        let candidate = line::find(&releases.candidates(), version)?.clone();
        let report = check::check(context, candidate.clone(), asked, check::How::default()).await?;
        report.print(false, false);
        if let Some(watch) = watch {
            watch.end()?;
        }
        let routes = report.answering();
        let upstream = report.question.upstream.clone();
        let at = report.routes.first().map(|route| route.observation.started);
        match (&report.verdict, &report.prefix, at) {
            (Verdict::Good, Some(prefix), Some(at)) => {
                let tested = Tested { candidate, routes, upstream, at, passed: 1, checks: 1 };
                let pin = write(&pin_file, prefix, &tested, None)?;
                PinReport { pin: &pin, file: &pin_file }.print();
                Ok(ExitCode::Success)
            }
            (Verdict::Skip { .. }, ..) => Ok(ExitCode::Skip),
            _ => Ok(ExitCode::Failure),
        }
    }
}

impl Pins {
    pub(super) fn run(self, context: &Context) -> Result<ExitCode, AppError> {
        let file = PinFile::open(&context.cwd.join(&self.file.pin_file))?;
        PinsReport { pins: file.pins(), current: file.current_version(), file: file.path() }
            .print(self.json);
        Ok(ExitCode::Success)
    }
}

/// A candidate that passed, and how often.
#[derive(Debug)]
pub(super) struct Tested {
    pub candidate: Candidate,
    /// The routes through which it answered.
    pub routes: Vec<Route>,
    /// Who answered.
    pub upstream: Upstream,
    pub at: Timestamp,
    pub passed: u32,
    pub checks: u32,
}

/// Pins a candidate that a session found good; its prefix has the tree.
pub(super) async fn write_pin(
    context: &Context,
    file: &Utf8Path,
    lab: &RealLab,
    tested: Tested,
    first_bad: Option<FirstBad>,
) -> Result<pin::Pin, AppError> {
    let node = lab
        .nodes
        .of(tested.candidate.core)
        .map_err(|why| AppError::new(Class::Infrastructure, why))?;
    let prefix = lab.store.provide(&tested.candidate, node, &context.stop).await?;
    write(file, &prefix, &tested, first_bad)
}

fn write(
    path: &Utf8Path,
    prefix: &Prefix,
    tested: &Tested,
    first_bad: Option<FirstBad>,
) -> Result<pin::Pin, AppError> {
    let candidate = &tested.candidate;
    let mut file = PinFile::open_or_new(path)?;
    let known = file.pin(candidate.core).ok();
    let plugin = candidate.plugin.as_ref();
    let pin = pin::Pin {
        core: candidate.core,
        core_integrity: candidate.core_integrity.clone(),
        plugin: plugin.map(|plugin| plugin.version),
        plugin_integrity: plugin.and_then(|plugin| plugin.integrity.clone()),
        codex_cli: plugin.and_then(|plugin| plugin.codex_cli.clone()),
        node: prefix.manifest.node.version.clone(),
        route: tested.routes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        upstream: tested.upstream.word().to_owned(),
        tested: tested.at,
        passed: tested.passed,
        checks: tested.checks,
        scripts_not_run: prefix.manifest.scripts.clone().unwrap_or_default().not_run,
        lock: Some(locks(path, prefix)?),
        // A check of one release says nothing about which one broke it.
        first_bad: first_bad.or_else(|| known.and_then(|pin| pin.first_bad)),
    };
    file.set(&pin)?;
    file.save()?;
    Ok(pin)
}

/// Puts the tested trees' lock files beside the pin file.
fn locks(pin_file: &Utf8Path, prefix: &Prefix) -> Result<LockFiles, PinFileError> {
    let beside = pin_file.parent().unwrap_or(Utf8Path::new("."));
    let core = prefix.manifest.candidate.core;
    let travel = |project: &Utf8Path, name: String| -> Result<_, PinFileError> {
        let relative = Utf8PathBuf::from(pin::LOCK_DIRECTORY).join(name);
        let text = fs_err::read(project.join("package-lock.json"))?;
        write_atomic(&beside.join(&relative), &text)?;
        Ok((relative, file_integrity(&text)))
    };
    let (core_lock, core_integrity) = travel(&prefix.core(), format!("{core}.json"))?;
    let plugin = prefix.plugin().map(|project| travel(&project, format!("{core}.codex.json")));
    let (plugin, plugin_integrity) = plugin.transpose()?.unzip();
    Ok(LockFiles { core: core_lock, core_integrity, plugin, plugin_integrity })
}
