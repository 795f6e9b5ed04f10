//! With what it was seen: releases, route, upstream, machine.

use super::Issue;
use crate::question::{Lender, Upstream};
use crate::release::PackageName;
use crate::release::pairing::Candidate;
use crate::report::bisect::how;
use crate::report::markdown::{code, table};

pub(super) fn section(issue: &Issue<'_>) -> String {
    let mut rows = Vec::new();
    let mut row = |name: &str, what: String| rows.push([name.to_owned(), what]);
    let (good, bad) = issue.session.ends();
    let ends = [("last good", good), ("first bad", bad)];
    let ends = ends.map(|(name, at)| at.map(|at| (name, issue.candidate(at))));
    let of_ends = |what: &dyn Fn(&Candidate) -> Option<String>| {
        let told = ends.iter().flatten().map(|(name, candidate)| {
            format!("{} ({name})", what(candidate).unwrap_or_else(|| "none".to_owned()))
        });
        told.collect::<Vec<_>>().join(", ")
    };
    row("OpenClaw", of_ends(&|candidate| Some(candidate.core.to_string())));
    let plugin = |candidate: &Candidate| candidate.plugin.as_ref().map(|p| p.version.to_string());
    row(&code(PackageName::PLUGIN.as_str()), of_ends(&plugin));
    if issue.session.request.line.iter().any(|candidate| candidate.plugin.is_some()) {
        let cli = |candidate: &Candidate| {
            Some(candidate.plugin.as_ref()?.codex_cli.as_ref()?.to_string())
        };
        row(&code("@openai/codex"), of_ends(&cli));
    }
    row("Route", issue.through());
    row("Harness", harnesses(issue));
    let turn = how(issue.question()).unwrap_or_else(|| "a text reply".to_owned());
    let fresh =
        if issue.question().carry_state { "the install is" } else { "install and state are" };
    row("Turn", format!("{turn}; {fresh} fresh"));
    row("Upstream", upstream(issue).to_owned());
    let nodes = issue.session.request.nodes.iter().flatten().map(|node| node.version.as_str());
    let nodes: std::collections::BTreeSet<_> = nodes.collect();
    row("Node", nodes.into_iter().collect::<Vec<_>>().join(", "));
    if let Some(npm) = &issue.machine.npm {
        row("npm", npm.clone());
    }
    row("System", format!("{}, {}", issue.machine.system, issue.machine.processor));
    let begun = issue.session.begun.strftime("%Y-%m-%d %H:%M UTC");
    row("Found with", format!("codexpin {}, {begun}", env!("CARGO_PKG_VERSION")));
    table(["", ""], &rows)
}

/// Which harness ran the turns that were answered.
fn harnesses(issue: &Issue<'_>) -> String {
    let replies = issue.session.checks.iter().flat_map(|checked| &checked.observations);
    let ran = replies.filter_map(|o| o.reply.as_ref()?.harness.as_deref());
    let ran: std::collections::BTreeSet<_> = ran.map(code).collect();
    if ran.is_empty() {
        "not told by any reply".to_owned()
    } else {
        ran.into_iter().collect::<Vec<_>>().join(", ")
    }
}

/// Who answered. Never whose account it was.
fn upstream(issue: &Issue<'_>) -> &'static str {
    match &issue.question().upstream {
        Upstream::Loopback => {
            "a stand-in on the same machine that speaks the Responses API: no account, no network"
        }
        Upstream::Live(lending) => match (lending.lender, lending.relay) {
            (Lender::ApiKey, false) => "OpenAI's service, with an API key",
            (Lender::ApiKey, true) => "OpenAI's service, with an API key put in by a proxy",
            (_, false) => "OpenAI's service, with a ChatGPT login (access token only)",
            (_, true) => "OpenAI's service, with a ChatGPT login put in by a proxy",
        },
        Upstream::Installation => "whatever the installation asks",
    }
}
