//! What is kept on disk.

use super::AppError;
use super::context::Context;
use crate::prefix::PackageUse;
use crate::prefix::store::PrefixListing;

/// The scratch prefixes, the one not used for longest first, and the packages that they
/// share.
pub async fn list(context: &Context) -> Result<(Vec<PrefixListing>, PackageUse), AppError> {
    let (_, store) = context.workshop().await?;
    Ok((store.list().await?, store.packages().await?))
}

/// Removes the prefixes not used for longest until the rest fits into `limit` bytes.
/// What was removed, and what is left.
pub async fn prune(
    context: &Context,
    limit: u64,
) -> Result<(Vec<PrefixListing>, Vec<PrefixListing>), AppError> {
    let (_, store) = context.workshop().await?;
    let removed = store.prune(limit).await?;
    Ok((removed, store.list().await?))
}
