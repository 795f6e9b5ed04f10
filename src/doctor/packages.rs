//! Core and Node: whether they belong together.

use super::Facts;
use super::finding::Finding;
use crate::node::choice::satisfies;

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let (Some(core), Some(node)) = (&facts.core, &facts.node) else {
        return Vec::from_iter(facts.core.as_ref().map(|core| {
            Finding::problem("no-node", "no Node was found that could run it")
                .file(core.directory.join("package.json"))
                .key("engines.node")
                .why(format!(
                    "{} wants Node {}",
                    core.version,
                    core.node.as_deref().unwrap_or("of any version")
                ))
                .mends(with_another_node(facts))
        }));
    };
    if satisfies(&node.version, core.node.as_deref()) {
        return Vec::new();
    }
    let wanted = core.node.as_deref().unwrap_or_default();
    vec![
        Finding::problem(
            "node-out-of-range",
            format!("{} does not run on Node {}", core.version, node.version),
        )
        .file(core.directory.join("package.json"))
        .key("engines.node")
        .why(format!(
            "it wants Node `{wanted}`, and the one in {} is {}: put a Node in that range first on \
             PATH{}",
            node.bin,
            node.version,
            if facts.unit.is_some() { ", then have the service use it" } else { "" }
        ))
        .mends(with_another_node(facts)),
    ]
}

/// The service has its Node in its unit; without one the shell's is used.
fn with_another_node(facts: &Facts) -> Vec<String> {
    match facts.unit {
        Some(_) => vec![facts.command("gateway install --force"), facts.command("gateway restart")],
        None => Vec::new(),
    }
}

pub(super) fn sound(facts: &Facts) -> Option<String> {
    let (core, node) = (facts.core.as_ref()?, facts.node.as_ref()?);
    Some(match &core.node {
        Some(range) => format!("core {} on Node {}, within {range}", core.version, node.version),
        None => format!("core {} on Node {}", core.version, node.version),
    })
}
