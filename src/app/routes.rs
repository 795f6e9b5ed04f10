//! Which routes a release knows.

use super::context::Context;
use super::{AppError, lab};
use crate::check::routes::{self, ProviderRoutes};
use crate::lab::subject;
use crate::npm::registry::Freshness;
use crate::release::end::End;
use crate::release::line;
use crate::release::pairing::Candidate;
use crate::session::lab::LabError;

/// Asks the release that is named, a version, a dist-tag, `installed` or a date, which
/// routes it knows.
pub async fn routes(
    context: &Context,
    version: &str,
) -> Result<(Candidate, Vec<ProviderRoutes>), AppError> {
    let end: End = version.parse()?;
    let releases = context.releases(Freshness::Cached).await?;
    let version = context.resolve(&end, &releases)?;
    let candidate = line::find(&releases.candidates(), version)?.clone();
    let prefix = lab::install(context, &candidate).await?;
    let logs = context.check_logs(version)?;
    context.log_into(&logs);
    let surroundings = context.check_surroundings();
    let listed = routes::list(&subject(&prefix), &surroundings, &logs, &context.stop).await;
    Ok((candidate, listed.map_err(LabError::from)?.to_vec()))
}
