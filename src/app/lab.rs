//! The real lab for a line of candidates: npm, the Node for each of them, the
//! store and the question.

use std::sync::Arc;

use super::context::Context;
use super::{AppError, enclosure};
use crate::check::CheckEnvironment;
use crate::check::account::LentAccount;
use crate::config::Loaded;
use crate::explain::Class;
use crate::lab::RealLab;
use crate::node::{Node, Nodes};
use crate::prefix::Prefix;
use crate::question::Question;
use crate::release::pairing::Candidate;
use crate::session::job::Job;
use crate::session::lab::{Lab as _, LabError};

/// Builds the lab. `nodes` are those of a session that goes on; otherwise one
/// is chosen for the whole line where one fits. Candidates are asked with the config
/// and the lent account that are given. With the lab comes why the Node is not the
/// machine's own, if it is not.
pub(super) async fn build(
    context: &Context,
    line: &[Candidate],
    nodes: Option<Vec<Option<Node>>>,
    question: &Question,
    asked_with: (Option<Arc<Loaded>>, Option<Arc<LentAccount>>),
) -> Result<(RealLab, Option<String>), AppError> {
    enclosure::require(context, question, asked_with.1.is_some()).await?;
    let (runtimes, store) = context.workshop().await?;
    if let Some(notice) = store.npm().notice() {
        context.events.note(notice);
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
    let (config, account) = asked_with;
    let registries = store.npm().registries();
    let mut lab = RealLab {
        store,
        nodes: Arc::new(nodes),
        config,
        account,
        known: None,
        command_ran: Arc::default(),
        surroundings: CheckEnvironment { registries, ..context.check_surroundings() },
    };
    lab.install_as_allowed_by(question);
    Ok((lab, why_node))
}

/// The same lab with a Node for each of these candidates, too: one that is in use where it
/// fits, so that it is no second variable.
pub(super) async fn extended(
    context: &Context,
    lab: &RealLab,
    candidates: &[Candidate],
) -> Result<RealLab, AppError> {
    let (runtimes, _) = context.workshop().await?;
    let mut nodes = (*lab.nodes).clone();
    for candidate in candidates {
        let range = candidate.node.as_deref();
        nodes = match nodes.fitting(range).cloned() {
            Some(node) => nodes.with(Nodes::new([(candidate.core, Ok(node))])),
            None => nodes.with(runtimes.choose(&[(candidate.core, range)], &context.stop).await?),
        };
    }
    Ok(RealLab { nodes: Arc::new(nodes), ..lab.clone() })
}

/// Has one candidate installed, for a command that does not judge it.
pub(super) async fn install(context: &Context, candidate: &Candidate) -> Result<Prefix, AppError> {
    let question = Question { unenclosed: true, ..Question::text_through(vec![]) };
    let line = [candidate.clone()];
    let (lab, _) = build(context, &line, None, &question, (None, None)).await?;
    let job = Job::plain(candidate.clone(), question);
    match lab.install(&job, &context.events, &context.stop).await {
        Err(LabError::Skip(reason)) => {
            Err(AppError::new(Class::Skip, format!("{} {reason}", candidate.core)))
        }
        installed => Ok(installed?),
    }
}
