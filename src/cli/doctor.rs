//! `codexpin doctor`: what is wrong with the live installation.

use jiff::Timestamp;

use super::PinFileArgument;
use super::context::Context;
use crate::app::AppError;
use crate::doctor::{self, Facts, RegistryFacts};
use crate::exit_code::ExitCode;
use crate::installation::LiveMachine;
use crate::npm::registry::Freshness;
use crate::release::Version;
use crate::report::doctor::DoctorReport;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "It only reads: files, `node --version` and `systemctl --user show`.\n\nExit codes: 0 sound, or notes only; 3 warnings, and no problem; 1 a problem."
)]
pub(super) struct Doctor {
    #[command(flatten)]
    file: PinFileArgument,
    /// Ask the registry, too: whether the installed release is deprecated or the
    /// latest, and whether its plugin is there.
    #[arg(long)]
    online: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

impl Doctor {
    pub(super) async fn run(self, context: &Context) -> Result<ExitCode, AppError> {
        let surroundings = LiveMachine {
            environment: context.environment.clone(),
            home: context.directories.home.clone(),
            processes: context.processes.clone(),
        };
        let backups = context.directories.backups();
        let pin_file = context.cwd.join(&self.file.pin_file);
        let mut facts = doctor::survey(&surroundings, &backups, &pin_file, Timestamp::now()).await;
        if context.stop.is_cancelled() {
            return Err(AppError::interrupted());
        }
        if self.online {
            facts.registry = Some(registry(context, &facts).await);
        }
        let report = DoctorReport::new(&facts, doctor::examine(&facts));
        report.print(self.json);
        Ok(report.exit_code())
    }
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
