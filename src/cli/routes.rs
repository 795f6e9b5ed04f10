//! `codexpin routes`.

use super::output::{CommandOutput, JsonArgument};
use crate::app::AppError;
use crate::app::context::Context;
use crate::app::routes::routes;
use crate::exit_code::ExitCode;
use crate::report::routes::RoutesReport;

#[derive(Debug, clap::Args)]
pub(super) struct Routes {
    /// A version, a dist-tag, `installed` or a date.
    #[arg(default_value = "latest")]
    version: String,
    #[command(flatten)]
    pub(super) output: JsonArgument,
}

impl Routes {
    pub(super) async fn run(
        self,
        context: &Context,
        output: &CommandOutput,
    ) -> Result<ExitCode, AppError> {
        let (candidate, listed) = output.of(routes(context, &self.version)).await?;
        RoutesReport { candidate: &candidate, listed: &listed }.print(output.form);
        Ok(ExitCode::Success)
    }
}
