//! `codexpin cache`.

use super::context::Context;
use crate::app::AppError;
use crate::exit_code::ExitCode;
use crate::report::cache::{CacheReport, PruneReport};
use crate::report::terminal;

#[derive(Debug, clap::Args)]
pub(super) struct Cache {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List the scratch prefixes, the one not used for longest first.
    Ls {
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Remove the prefixes not used for longest until the rest fits.
    Prune {
        /// How much may stay, such as 5GB or 0.
        #[arg(long, value_name = "SIZE", value_parser = super::size::bytes, default_value = "15GB")]
        limit: u64,
    },
    /// Print the cache directory.
    Path,
}

impl Cache {
    pub(super) async fn run(self, context: &Context) -> Result<ExitCode, AppError> {
        match self.action {
            Action::Path => terminal::print_as_it_is(context.directories.cache.as_str()),
            Action::Ls { json } => {
                let (_, store) = context.workshop().await?;
                CacheReport {
                    prefixes: store.list().await?,
                    directory: context.directories.prefixes(),
                }
                .print(json);
            }
            Action::Prune { limit } => {
                let (_, store) = context.workshop().await?;
                let removed = store.prune(limit).await?;
                let kept = store.list().await?;
                PruneReport { removed, kept }.print();
            }
        }
        Ok(ExitCode::Success)
    }
}
