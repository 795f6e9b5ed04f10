//! `codexpin routes`.

use super::check::logs;
use super::context::Context;
use super::lab;
use crate::app::AppError;
use crate::check::routes;
use crate::exit_code::ExitCode;
use crate::lab::subject;
use crate::npm::registry::Freshness;
use crate::release::end::End;
use crate::release::line;
use crate::report::routes::RoutesReport;
use crate::session::lab::LabError;

#[derive(Debug, clap::Args)]
pub(super) struct Routes {
    /// A version, a dist-tag, `installed` or a date.
    #[arg(default_value = "latest")]
    version: String,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

impl Routes {
    pub(super) async fn run(self, context: &Context) -> Result<ExitCode, AppError> {
        let end: End = self.version.parse()?;
        let releases = context.releases(Freshness::Cached).await?;
        let version = context.resolve(&end, &releases)?;
        let candidate = line::find(&releases.candidates(), version)?.clone();
        let prefix = lab::install(context, &candidate).await?;
        let logs = logs(context, version)?;
        let listed =
            routes::list(&subject(&prefix), &context.check_surroundings(), &logs, &context.stop)
                .await
                .map_err(LabError::from)?;
        RoutesReport { candidate: &candidate, listed: &listed }.print(self.json);
        Ok(ExitCode::Success)
    }
}
