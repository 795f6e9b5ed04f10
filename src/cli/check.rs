//! `codexpin check`.

use camino::Utf8PathBuf;
use jiff::Timestamp;

use super::context::Context;
use super::failure::{Failure, state_directory_hint};
use super::{QuestionArguments, lab};
use crate::event::{Event, Events};
use crate::exit_code::ExitCode;
use crate::release::end::End;
use crate::release::line;
use crate::release::pairing::Candidate;
use crate::release::registry::Freshness;
use crate::report::check::CheckReport;
use crate::report::progress::Progress;
use crate::session::lab::{Lab as _, LabError};
use crate::verdict::{self, Verdict};

#[derive(Debug, clap::Args)]
pub(super) struct Check {
    /// A version, a dist-tag, `installed` or a date.
    #[arg(default_value = "latest")]
    version: String,
    #[command(flatten)]
    question: QuestionArguments,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

impl Check {
    pub(super) async fn run(self, context: &Context) -> Result<ExitCode, Failure> {
        let question = self.question.question()?;
        let end: End = self.version.parse()?;
        let releases = context.releases(Freshness::Cached).await?;
        let version = end.resolve(&releases.core, context.installed())?;
        let candidate = line::find(&releases.candidates(), version)?.clone();
        let report = check(context, candidate, question).await?;
        report.print(self.json);
        Ok(match report.verdict {
            Verdict::Good => ExitCode::Success,
            Verdict::Bad { .. } => ExitCode::Failure,
            Verdict::Skip { .. } => ExitCode::Skip,
        })
    }
}

/// Installs one candidate and asks it.
pub(super) async fn check(
    context: &Context,
    candidate: Candidate,
    question: crate::check::Question,
) -> Result<CheckReport, Failure> {
    let core = candidate.core;
    let line = [candidate.clone()];
    let (lab, _) = lab::build(context, &line, None, question.clone()).await?;
    let progress = Progress::start();
    let events = Events::to({
        let progress = progress.clone();
        move |event| progress.show(&event)
    });
    let logs = logs(context, core)?;
    let installed = lab.install(&candidate, events.clone(), context.stop.clone()).await;
    let (verdict, observation, prefix) = match installed {
        Ok(prefix) => {
            events.tell(Event::CheckStarted { core });
            let observation = lab.check(&prefix, &logs.join("agent.log"), &context.stop).await?;
            (verdict::judge(&observation), Some(observation), Some(prefix))
        }
        Err(LabError::Skip(reason)) => (Verdict::Skip { reason }, None, None),
        Err(error) => return Err(error.into()),
    };
    progress.end();
    Ok(CheckReport {
        candidate,
        route: question.route,
        node: lab.nodes.of(core).ok().map(|node| node.version.clone()),
        verdict,
        observation,
        prefix,
    })
}

/// A directory of its own for this check's output.
fn logs(context: &Context, core: crate::release::Version) -> Result<Utf8PathBuf, Failure> {
    let name = format!("{}_{core}", Timestamp::now().strftime("%Y%m%d-%H%M%S"));
    let logs = context.directories.checks().join(name);
    crate::fs::create_private_dir(&logs).map_err(|error| {
        Failure::new(
            ExitCode::Infrastructure,
            format!("the state directory cannot be used: {error}"),
        )
        .with_hint(state_directory_hint())
    })?;
    Ok(logs)
}
