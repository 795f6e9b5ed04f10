//! Looking at the live installation, without changing it.

use camino::Utf8PathBuf;
use jiff::Timestamp;

use super::AppError;
use super::context::Context;
use crate::doctor::{self, DoctorReading, Facts, RegistryFacts};
use crate::npm::registry::Freshness;
use crate::release::Version;

/// What is to be looked at.
#[derive(Debug, Clone)]
pub struct DoctorRequest {
    /// The pin file that the installation is held against.
    pub pin_file: Utf8PathBuf,
    /// Whether to ask the registry, too.
    pub online: bool,
    /// Whether to ask the release's own doctor, where it has one that only reads.
    pub own_lint: bool,
}

/// Looks at the live installation: what is there, and what is wrong with it.
pub async fn doctor(
    context: &Context,
    request: &DoctorRequest,
) -> Result<(Facts, DoctorReading), AppError> {
    let backups = context.directories.backups();
    let pin_file = context.cwd.join(&request.pin_file);
    let machine = context.live_machine();
    let mut facts = doctor::survey(&machine, &backups, &pin_file, Timestamp::now()).await;
    if context.stop.is_cancelled() {
        return Err(AppError::interrupted());
    }
    if request.own_lint && doctor::has_own_lint(&facts) {
        context.events.note("asking OpenClaw's own doctor, which can take a minute: --no-lint");
        facts.own_lint = doctor::own_lint(&machine, &facts, &context.stop).await;
        if context.stop.is_cancelled() {
            return Err(AppError::interrupted());
        }
    }
    if request.online {
        facts.registry = Some(registry(context, &facts).await);
    }
    let reading = doctor::examine(&facts);
    Ok((facts, reading))
}

/// What the registry says of the installed release, or why it says nothing.
async fn registry(context: &Context, facts: &Facts) -> Result<RegistryFacts, String> {
    let releases =
        context.releases(Freshness::Refresh).await.map_err(|failure| failure.to_string())?;
    let latest = releases.core.dist_tags.get("latest");
    let core: Option<Version> = facts.core.as_ref().map(|core| core.version);
    let manifest = core.and_then(|core| releases.core.releases.get(&core));
    let candidates = releases.candidates();
    let candidate = candidates.iter().find(|candidate| Some(candidate.core) == core);
    Ok(RegistryFacts {
        latest: latest.and_then(|latest| latest.parse().ok()),
        has_core: manifest.is_some(),
        deprecated: manifest.and_then(|manifest| manifest.deprecated.clone()),
        plugin: candidate
            .and_then(|candidate| candidate.plugin.as_ref())
            .map(|plugin| plugin.version),
    })
}
