//! Pinning a release that answers.

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;

use super::check::{CheckExtras, CheckReport};
use super::context::Context;
use super::question::QuestionRequest;
use super::{AppError, check};
use crate::apply::file_integrity;
use crate::explain::Class;
use crate::lab::RealLab;
use crate::npm::registry::Freshness;
use crate::pin::{FirstBad, LockFiles, Pin, PinFile, PinFileError};
use crate::prefix::{Prefix, TreeLocks};
use crate::question::Upstream;
use crate::release::Version;
use crate::release::end::End;
use crate::release::line;
use crate::release::pairing::Candidate;
use crate::route::Route;
use crate::verdict::Verdict;

/// A release to check and pin.
#[derive(Debug, Clone)]
pub struct PinRequest {
    /// A version, a dist-tag, `installed` or a date.
    pub version: String,
    /// What it is asked.
    pub question: QuestionRequest,
    /// Where it is pinned.
    pub pin_file: Utf8PathBuf,
}

/// What became of it.
#[derive(Debug)]
pub struct PinReport {
    /// What the check showed.
    pub check: CheckReport,
    /// The pin, or why it could not be written. None where the release is not good.
    pub pinned: Option<Result<Pin, AppError>>,
    /// The pin file.
    pub file: Utf8PathBuf,
}

/// Checks a release, and makes it the current pin where it is good.
pub async fn pin(context: &Context, request: PinRequest) -> Result<PinReport, AppError> {
    let PinRequest { version, question, pin_file } = request;
    let asked = question.prepare(context, question.one_check(), None).await?;
    let file = context.cwd.join(&pin_file);
    PinFile::open_or_new(&file)?.try_out()?;
    let end: End = version.parse()?;
    let releases = context.releases(Freshness::Cached).await?;
    let version = context.resolve(&end, &releases)?;
    let candidate = line::find(&releases.candidates(), version)?.clone();
    let check = check::ask(context, candidate.clone(), asked, CheckExtras::default()).await?;
    let at = check.routes.first().map(|route| route.observation.started);
    let pinned = match (&check.verdict, &check.prefix, at) {
        (Verdict::Good, Some(prefix), Some(at)) => {
            let upstream = check.question.upstream.clone();
            let routes = check.answering();
            let tested = TestedCandidate { candidate, routes, upstream, at, passed: 1, checks: 1 };
            Some(write(&file, prefix, &tested, None))
        }
        _ => None,
    };
    Ok(PinReport { check, pinned, file })
}

/// The pins of a pin file.
pub fn pins(context: &Context, pin_file: &Utf8Path) -> Result<PinFile, AppError> {
    Ok(PinFile::open(&context.cwd.join(pin_file))?)
}

/// What the pins say against a release, where one names it as the first bad one. A file
/// that is not there says nothing.
pub(super) fn known_bad(file: &Utf8Path, core: Version) -> Result<Option<FirstBad>, AppError> {
    match PinFile::open(file) {
        Ok(file) => {
            let named = file.pins().into_iter().filter_map(|pin| pin.first_bad);
            Ok(named.into_iter().find(|bad| bad.core == core))
        }
        Err(PinFileError::Missing { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// A candidate that passed, and how often.
#[derive(Debug)]
pub(super) struct TestedCandidate {
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
    tested: TestedCandidate,
    first_bad: Option<FirstBad>,
) -> Result<Pin, AppError> {
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
    tested: &TestedCandidate,
    first_bad: Option<FirstBad>,
) -> Result<Pin, AppError> {
    Ok(PinFile::change(path, |file| {
        let pin = pin_of(file, prefix, tested, first_bad)?;
        file.set(&pin)?;
        Ok(pin)
    })?)
}

fn pin_of(
    file: &PinFile,
    prefix: &Prefix,
    tested: &TestedCandidate,
    first_bad: Option<FirstBad>,
) -> Result<Pin, PinFileError> {
    let candidate = &tested.candidate;
    let known = file.pin(candidate.core).ok();
    let plugin = candidate.plugin.as_ref();
    Ok(Pin {
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
        lock: Some(locks(file, prefix)?),
        // A check of one release says nothing about which one broke it.
        first_bad: first_bad.or_else(|| known.and_then(|pin| pin.first_bad)),
    })
}

/// Puts the tested trees' lock files beside the pin file: as npm wrote them, and not as
/// they are now that the candidate ran.
fn locks(file: &PinFile, prefix: &Prefix) -> Result<LockFiles, PinFileError> {
    let core = prefix.manifest.candidate.core;
    let TreeLocks { core: core_text, plugin: plugin_text } = &prefix.manifest.locks;
    let travel = |text: &String, name: String| -> Result<_, PinFileError> {
        Ok((file.save_lock(&name, text)?, file_integrity(text.as_bytes())))
    };
    let (core_lock, core_integrity) = travel(core_text, format!("{core}.json"))?;
    let plugin = plugin_text.as_ref().map(|text| travel(text, format!("{core}.codex.json")));
    let (plugin, plugin_integrity) = plugin.transpose()?.unzip();
    Ok(LockFiles { core: core_lock, core_integrity, plugin, plugin_integrity })
}
