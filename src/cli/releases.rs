//! `codexpin releases`.

use super::output::{CommandOutput, JsonArgument};
use crate::app::AppError;
use crate::app::context::Context;
use crate::app::releases::{ReleasesRequest, releases};
use crate::exit_code::ExitCode;
use crate::release::Channel;
use crate::report;

#[derive(Debug, clap::Args)]
pub(super) struct ReleasesArguments {
    /// A range, such as 2026.5.12..2026.6.1, 2026.6.1.. or one release.
    range: Option<String>,
    /// Which releases to list.
    #[arg(long, value_enum, default_value_t = Channels::Stable)]
    channel: Channels,
    /// Ask the registry even where the last answer is still fresh.
    #[arg(long)]
    refresh: bool,
    #[command(flatten)]
    pub(super) output: JsonArgument,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Channels {
    /// Releases and their corrections.
    Stable,
    /// Betas and alphas.
    Beta,
    /// The extended-stable lines.
    Extended,
    /// Every release.
    All,
}

impl ReleasesArguments {
    pub(super) async fn run(
        self,
        context: &Context,
        output: &CommandOutput,
    ) -> Result<ExitCode, AppError> {
        let request = ReleasesRequest {
            range: self.range,
            channel: match self.channel {
                Channels::Stable => Some(Channel::Stable),
                Channels::Beta => Some(Channel::Beta),
                Channels::Extended => Some(Channel::Extended),
                Channels::All => None,
            },
            refresh: self.refresh,
        };
        let table = releases(context, &request).await?;
        report::releases::print(&table, output.form);
        Ok(ExitCode::Success)
    }
}
