//! `codexpin doctor`: what is wrong with the live installation.

use super::output::{CommandOutput, JsonArgument};
use super::{PinFileArgument, exit};
use crate::app::AppError;
use crate::app::context::Context;
use crate::app::doctor::{DoctorRequest, doctor};
use crate::exit_code::ExitCode;
use crate::report::doctor::DoctorReport;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "It only reads: files, `node --version`, `systemctl --user show`, and what\n`openclaw doctor --lint --json` says (2026.5.18 and later), run where it can\nwrite nothing.\n\nExit codes: 0 sound, or notes only; 3 warnings, and no problem; 1 a problem."
)]
pub(super) struct Doctor {
    #[command(flatten)]
    file: PinFileArgument,
    /// Ask the registry, too: whether the installed release is deprecated or the
    /// latest, and whether its plugin is there.
    #[arg(long)]
    online: bool,
    /// Leave OpenClaw's own `doctor --lint` out: it takes ten seconds and more.
    #[arg(long)]
    no_lint: bool,
    #[command(flatten)]
    pub(super) output: JsonArgument,
}

impl Doctor {
    pub(super) async fn run(
        self,
        context: &Context,
        output: &CommandOutput,
    ) -> Result<ExitCode, AppError> {
        let request = DoctorRequest {
            pin_file: self.file.pin_file,
            online: self.online,
            own_lint: !self.no_lint,
        };
        let (facts, reading) = output.of(doctor(context, &request)).await?;
        let exit_code = exit::of_doctor(&reading);
        DoctorReport::new(&facts, reading).print(output.form);
        Ok(exit_code)
    }
}
