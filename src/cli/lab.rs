//! The real lab for a line of candidates: npm, the Node for each of them, the
//! store and the question.

use std::sync::Arc;

use super::context::Context;
use super::question::Asked;
use crate::app::AppError;
use crate::event::Events;
use crate::explain::Class;
use crate::lab::RealLab;
use crate::node::Node;
use crate::prefix::Prefix;
use crate::question::Question;
use crate::release::pairing::Candidate;
use crate::report::progress::Progress;
use crate::report::terminal;
use crate::session::job::Job;
use crate::session::lab::{Lab as _, LabError};

/// Builds the lab. `nodes` are those of a session that goes on; otherwise one
/// is chosen for the whole line where one fits. With it comes why that is not the
/// machine's own, if it is not.
pub(super) async fn build(
    context: &Context,
    line: &[Candidate],
    nodes: Option<Vec<Option<Node>>>,
    asked: &Asked,
) -> Result<(RealLab, Option<String>), AppError> {
    let (runtimes, store) = context.workshop().await?;
    if let Some(notice) = store.npm().notice() {
        terminal::note(&notice);
    }
    let ranges: Vec<_> = line.iter().map(|c| (c.core, c.node.as_deref())).collect();
    let nodes = match nodes {
        Some(nodes) => {
            let nodes = line.iter().map(|candidate| candidate.core).zip(nodes);
            runtimes.provide_again(nodes, &context.stop).await?
        }
        None => runtimes.choose(&ranges, &context.stop).await?,
    };
    let why_node = runtimes.why_not_the_machines(&ranges);
    let lab = RealLab {
        store,
        nodes: Arc::new(nodes),
        config: asked.config.clone(),
        account: asked.account.clone(),
        command_ran: Arc::default(),
        surroundings: context.check_surroundings(),
    };
    Ok((lab, why_node))
}

/// Has one candidate installed, for a command that does not judge it.
pub(super) async fn install(context: &Context, candidate: &Candidate) -> Result<Prefix, AppError> {
    let question = Question::text_through(vec![]);
    let asked = Asked { question, config: None, account: None, watch: None };
    let job = Job::plain(candidate.clone(), asked.question.clone());
    let line = [candidate.clone()];
    let (lab, _) = build(context, &line, None, &asked).await?;
    let progress = Progress::start();
    let events = Events::to({
        let progress = progress.clone();
        move |event| progress.show(&event)
    });
    let installed = lab.install(&job, &events, &context.stop).await;
    progress.end();
    match installed {
        Err(LabError::Skip(reason)) => {
            Err(AppError::new(Class::Skip, format!("{} {reason}", candidate.core)))
        }
        installed => Ok(installed?),
    }
}
