//! `codexpin pin` and `codexpin pins`.

use super::output::{CommandOutput, JsonArgument};
use super::question::QuestionArguments;
use super::{PinFileArgument, exit};
use crate::app::AppError;
use crate::app::context::Context;
use crate::app::pin::{PinRequest, pin, pins};
use crate::exit_code::ExitCode;
use crate::report;
use crate::report::pins::PinsReport;

#[derive(Debug, clap::Args)]
pub(super) struct PinArguments {
    /// A version, a dist-tag, `installed` or a date.
    #[arg(default_value = "installed")]
    version: String,
    #[command(flatten)]
    question: QuestionArguments,
    #[command(flatten)]
    file: PinFileArgument,
}

#[derive(Debug, clap::Args)]
pub(super) struct Pins {
    #[command(flatten)]
    file: PinFileArgument,
    #[command(flatten)]
    pub(super) output: JsonArgument,
}

impl PinArguments {
    pub(super) async fn run(
        self,
        context: &Context,
        output: &CommandOutput,
    ) -> Result<ExitCode, AppError> {
        let request = PinRequest {
            version: self.version,
            question: self.question.request(),
            pin_file: self.file.pin_file,
        };
        let report = output.of(pin(context, request)).await?;
        report::check::print(&report.check, output.form, false);
        if let Some(pinned) = report.pinned {
            report::pins::pinned(&pinned?, &report.file);
        }
        Ok(exit::of_verdict(&report.check.verdict))
    }
}

impl Pins {
    pub(super) fn run(
        self,
        context: &Context,
        output: &CommandOutput,
    ) -> Result<ExitCode, AppError> {
        let file = pins(context, &self.file.pin_file)?;
        PinsReport { pins: file.pins(), current: file.current_version(), file: file.path() }
            .print(output.form);
        Ok(ExitCode::Success)
    }
}
