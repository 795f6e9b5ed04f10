//! The databases: whether the installed release opens them.

use super::Facts;
use super::finding::Finding;
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
        } else if database.of_agent
            && (1..supported).contains(&schema)
            && Change::OlderAgentsWaitForDoctor.is_in(core.version)
        {
            findings.push(
                Finding::warning(
                    "state-from-older",
                    format!("an agent's state waits to be moved to {}", core.version),
                )
                .file(&database.path)
                .key("user_version")
                .why(format!(
                    "it has schema {schema} and {} works with {supported}, and leaves it alone until \
                     its doctor has moved it. That is one-way: back it up first",
                    core.version
                ))
                .mend(facts.command("backup create --verify"))
                .mend(facts.command("doctor --fix")),
            );
        }
    }
    findings
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
