//! `codexpin login`.

use super::output::CommandOutput;
use crate::app::AppError;
use crate::app::context::Context;
use crate::app::login::{LoginRequest, forget, login};
use crate::exit_code::ExitCode;
use crate::report::login as report;

#[derive(Debug, clap::Args)]
pub(super) struct LoginArguments {
    /// The release whose `openclaw models auth login` is run: a version, a
    /// dist-tag, `installed` or a date.
    #[arg(default_value = "latest")]
    version: String,
    /// Log in with a browser on this machine, instead of a code that is typed into
    /// one anywhere.
    #[arg(long)]
    browser: bool,
    /// Remove codexpin's own login.
    #[arg(long)]
    forget: bool,
}

impl LoginArguments {
    pub(super) async fn run(
        self,
        context: &Context,
        output: &CommandOutput,
    ) -> Result<ExitCode, AppError> {
        if self.forget {
            report::forgotten(forget(context)?);
            return Ok(ExitCode::Success);
        }
        let request = LoginRequest { version: self.version, browser: self.browser };
        report::made(&output.of(login(context, &request)).await?);
        Ok(ExitCode::Success)
    }
}
