//! The databases: whether the installed release opens them.

use camino::Utf8Path;

use super::finding::Finding;
use super::{Core, Facts};
use crate::openclaw::Change;
use crate::openclaw::names::schemas;

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let Some(core) = &facts.core else { return Vec::new() };
    let known = core.schemas.or_else(|| schemas(core.version));
    let mut findings = Vec::new();
    for database in &facts.databases {
        let schema = match &database.schema {
            Ok(schema) => *schema,
            Err(why) => {
                findings.push(
                    Finding::problem("database-unreadable", "a database cannot be read")
                        .file(&database.path)
                        .why(why)
                        .mend(facts.command("doctor")),
                );
                continue;
            }
        };
        let Some(supported) =
            known.map(|(state, agent)| if database.of_agent { agent } else { state })
        else {
            continue;
        };
        if schema > supported {
            findings.push(
                Finding::problem(
                    "state-from-newer",
                    format!("the state is of a newer release than {}", core.version),
                )
                .file(&database.path)
                .key("user_version")
                .why(format!(
                    "it has schema {schema} and {} opens schema {supported} at most. There is no way \
                     back but a backup from before the upgrade: install a release that knows it, or \
                     restore one",
                    core.version
                ))
                .mend(facts.install("latest")),
            );
        }
    }
    findings.extend(older(facts, core));
    findings
}

/// Agents whose databases a release leaves alone until its own doctor has moved them:
/// it refuses their turns until then (#152935).
fn older(facts: &Facts, core: &Core) -> Option<Finding> {
    let (_, supported) = core.schemas.or_else(|| schemas(core.version))?;
    if !Change::OlderAgentsWaitForDoctor.is_in(core.version) {
        return None;
    }
    let waiting = facts.databases.iter().filter_map(|database| {
        let schema = *database.schema.as_ref().ok().filter(|_| database.of_agent)?;
        (1..supported).contains(&schema).then_some((database, schema))
    });
    let waiting: Vec<_> = waiting.collect();
    let (first, schema) = waiting.first()?;
    let agents: Vec<_> =
        waiting.iter().filter_map(|(database, _)| agent_of(&database.path)).collect();
    let title = match waiting.len() {
        1 => {
            format!("{} refuses an agent whose state is older: {}", core.version, agents.join(", "))
        }
        n => format!(
            "{} refuses {n} agents whose state is older: {}",
            core.version,
            agents.join(", ")
        ),
    };
    Some(
        Finding::problem("state-from-older", title)
            .file(&first.path)
            .key("user_version")
            .why(format!(
                "it has schema {schema} and {} works with {supported}: no turn of theirs is started \
                 until OpenClaw's own doctor has moved it, and it does so only while the Gateway is \
                 stopped. That is one-way: back it up first",
                core.version
            ))
            .mends(facts.offline_doctor()),
    )
}

/// The agent whose database it is: `agents/ID/agent/FILE`.
fn agent_of(path: &Utf8Path) -> Option<&str> {
    path.ancestors().nth(2)?.file_name()
}

pub(super) fn sound(facts: &Facts) -> Option<String> {
    let core = facts.core.as_ref()?;
    if facts.databases.is_empty() {
        return facts.state_exists.then(|| format!("{}, no databases", facts.state));
    }
    let count = match facts.databases.len() {
        1 => "1 database".to_owned(),
        n => format!("{n} databases"),
    };
    Some(match core.schemas.or_else(|| schemas(core.version)) {
        Some(_) => format!("{}, {count} that {} opens", facts.state, core.version),
        None => format!("{}, {count}; {} opens none of them", facts.state, core.version),
    })
}
