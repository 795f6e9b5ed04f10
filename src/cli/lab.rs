//! The real lab for a line of candidates: npm, the Node for each of them, the
//! store and the question.

use std::sync::Arc;

use super::context::Context;
use super::failure::Failure;
use super::question::Asked;
use crate::event::Events;
use crate::exit_code::ExitCode;
use crate::node::choice::{Node, satisfies};
use crate::node::runtime::{NodeError, Runtimes};
use crate::prefix::Prefix;
use crate::question::Question;
use crate::release::pairing::Candidate;
use crate::report::progress::Progress;
use crate::session::lab::{Carried, Lab as _, LabError, Nodes, RealLab};

/// Builds the lab. `nodes` are those of a session that goes on; otherwise one
/// is chosen for the whole line where one fits. With it comes why that is not the
/// machine's own, if it is not.
pub(super) async fn build(
    context: &Context,
    line: &[Candidate],
    nodes: Option<Vec<Option<Node>>>,
    asked: Asked,
    carried: Option<Carried>,
) -> Result<(RealLab, Option<String>), Failure> {
    let (runtimes, store) = context.workshop().await?;
    let nodes = match nodes {
        Some(nodes) => provide_again(&runtimes, line, nodes, context).await?,
        None => choose(&runtimes, line, context).await?,
    };
    let why_node = why_not_the_machines(runtimes.machine(), line);
    let lab = RealLab {
        store,
        nodes: Arc::new(nodes),
        question: asked.question,
        config: asked.config,
        settings: None,
        carried,
        account: asked.account,
        fault: None,
        command_ran: Arc::default(),
        surroundings: context.check_surroundings(),
    };
    Ok((lab, why_node))
}

/// Has one candidate installed, for a command that does not judge it.
pub(super) async fn install(context: &Context, candidate: &Candidate) -> Result<Prefix, Failure> {
    let question = Question::text_through(vec![]);
    let asked = Asked { question, config: None, account: None, watch: None };
    let line = [candidate.clone()];
    let (lab, _) = build(context, &line, None, asked, None).await?;
    let progress = Progress::start();
    let events = Events::to({
        let progress = progress.clone();
        move |event| progress.show(&event)
    });
    let installed = lab.install(candidate, events, context.stop.clone()).await;
    progress.end();
    match installed {
        Err(LabError::Skip(reason)) => {
            Err(Failure::new(ExitCode::Skip, format!("{} {reason}", candidate.core)))
        }
        installed => Ok(installed?),
    }
}

async fn choose(
    runtimes: &Runtimes,
    line: &[Candidate],
    context: &Context,
) -> Result<Nodes, Failure> {
    let ranges: Vec<&str> = line.iter().filter_map(|candidate| candidate.node.as_deref()).collect();
    match runtimes.provide(&ranges, &context.stop).await {
        Ok(node) => return Ok(Nodes::new(line.iter().map(|c| (c.core, Ok(node.clone()))))),
        Err(NodeError::NoneFits { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let mut chosen = Vec::new();
    for candidate in line {
        let range: Vec<&str> = candidate.node.as_deref().into_iter().collect();
        let node = match runtimes.provide(&range, &context.stop).await {
            Ok(node) => Ok(node),
            Err(NodeError::NoneFits { range }) => {
                Err(format!("no published Node satisfies `{range}`"))
            }
            Err(error) => return Err(error.into()),
        };
        chosen.push((candidate.core, node));
    }
    Ok(Nodes::new(chosen))
}

/// The Nodes that the session began with; one that was removed since is
/// provided again in the same version.
async fn provide_again(
    runtimes: &Runtimes,
    line: &[Candidate],
    nodes: Vec<Option<Node>>,
    context: &Context,
) -> Result<Nodes, Failure> {
    let mut chosen = Vec::new();
    for (candidate, node) in line.iter().zip(nodes) {
        let node = match node {
            None => Err("no published Node satisfies it".to_owned()),
            Some(node) if node.executable().exists() => Ok(node),
            Some(node) => Ok(runtimes.provide(&[&node.version], &context.stop).await?),
        };
        chosen.push((candidate.core, node));
    }
    Ok(Nodes::new(chosen))
}

/// Why the line does not run on the machine's own Node, in a few words.
fn why_not_the_machines(machine: &Node, line: &[Candidate]) -> Option<String> {
    let refusing = line.iter().find(|c| !satisfies(&machine.version, c.node.as_deref()))?;
    let range = refusing.node.as_deref()?;
    Some(format!("{} asks for {range}; this machine has {}", refusing.core, machine.version))
}
