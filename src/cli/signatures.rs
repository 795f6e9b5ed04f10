//! `codexpin signatures`.

use super::output::{CommandOutput, JsonArgument};
use crate::app::AppError;
use crate::app::context::Context;
use crate::catalogue::{KNOWN, Signature};
use crate::exit_code::ExitCode;
use crate::report::{self, terminal};

#[derive(Debug, clap::Args)]
pub(super) struct Signatures {
    /// Only this one, with all that is known of it.
    id: Option<String>,
    /// Print the built-in table as it is written, to begin one of your own with.
    #[arg(long, conflicts_with_all = ["id", "json"], hide_short_help = true)]
    table: bool,
    #[command(flatten)]
    pub(super) output: JsonArgument,
}

impl Signatures {
    pub(super) fn run(
        &self,
        context: &Context,
        output: &CommandOutput,
    ) -> Result<ExitCode, AppError> {
        if self.table {
            terminal::print(KNOWN.trim_end());
            return Ok(ExitCode::Success);
        }
        let catalogue = context.catalogue()?;
        let wanted: Vec<&Signature> = match &self.id {
            None => catalogue.signatures().iter().collect(),
            Some(id) => vec![catalogue.signature(id).ok_or_else(|| {
                let ids = catalogue.signatures().iter().map(|signature| signature.id.as_str());
                let nearest = ids.max_by(|a, b| {
                    strsim::jaro_winkler(a, id).total_cmp(&strsim::jaro_winkler(b, id))
                });
                let meant = nearest.map(|nearest| format!("do you mean {nearest}?"));
                AppError::usage(format!("no signature is named {id:?}")).maybe_hint(meant)
            })?],
        };
        report::signatures::print(&wanted, self.id.is_some(), output.form);
        Ok(ExitCode::Success)
    }
}
