//! `codexpin report`.

use crate::app::context::Context;
use crate::app::{AppError, issue};
use crate::exit_code::ExitCode;
use crate::report::changes::lines;
use crate::report::issue::Issue;

#[derive(Debug, clap::Args)]
pub(super) struct Report {
    /// The session, finished or not. [default: the newest]
    session: Option<String>,
}

impl Report {
    pub(super) async fn run(self, context: &Context) -> Result<ExitCode, AppError> {
        let facts = issue::facts(context, self.session.as_deref()).await?;
        Issue {
            session: &facts.session,
            machine: &facts.machine,
            rollback: facts.rollback,
            remedies: facts.remedies.as_ref(),
            changes: facts.changes.as_ref().map(lines),
            catalogue: context.catalogue()?,
            person: &context.processes.person(),
        }
        .print();
        Ok(ExitCode::Success)
    }
}
