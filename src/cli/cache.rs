//! `codexpin cache`.

use super::output::{CommandOutput, JsonArgument};
use crate::app::context::Context;
use crate::app::{AppError, cache};
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
        #[command(flatten)]
        output: JsonArgument,
    },
    /// Remove the prefixes not used for longest until the rest fits.
    Prune {
        /// How much may stay, such as 5GB or 0.
        #[arg(long, value_name = "SIZE", value_parser = crate::app::size::bytes, default_value = "15GB")]
        limit: u64,
    },
    /// Print the cache directory.
    Path,
}

impl Cache {
    pub(super) fn output(&self) -> JsonArgument {
        match self.action {
            Action::Ls { output } => output,
            Action::Prune { .. } | Action::Path => JsonArgument::default(),
        }
    }

    pub(super) async fn run(
        self,
        context: &Context,
        output: &CommandOutput,
    ) -> Result<ExitCode, AppError> {
        match self.action {
            Action::Path => terminal::print_as_it_is(context.directories.cache.as_str()),
            Action::Ls { .. } => {
                let (prefixes, packages) = cache::list(context).await?;
                let directory = context.directories.prefixes();
                CacheReport { prefixes, packages, directory }.print(output.form);
            }
            Action::Prune { limit } => {
                let (removed, kept) = cache::prune(context, limit).await?;
                PruneReport { removed, kept }.print();
            }
        }
        Ok(ExitCode::Success)
    }
}
