//! What the registry says about the installed release, where it was asked.

use super::Facts;
use super::finding::Finding;
use crate::release::pairing::plugin_of;

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let registry = match &facts.registry {
        None => return Vec::new(),
        Some(Err(why)) => {
            return vec![
                Finding::warning("registry-unheard", "the registry could not be asked")
                    .why(why)
                    .mend("codexpin releases --refresh"),
            ];
        }
        Some(Ok(registry)) => registry,
    };
    let Some(core) = &facts.core else { return Vec::new() };
    let manifest = core.directory.join("package.json");
    let version = core.version;
    let mut findings = Vec::new();
    if let Some(word) = &registry.deprecated {
        findings.push(
            Finding::warning("deprecated", format!("{version} is deprecated"))
                .file(&manifest)
                .why(format!("its publisher says: {word}"))
                .mend("codexpin releases"),
        );
    }
    if !registry.has_core {
        findings.push(
            Finding::warning("not-in-registry", format!("the registry does not have {version}"))
                .file(&manifest)
                .why("it can be neither installed again nor checked from here")
                .mend("codexpin releases"),
        );
    } else if facts.plugin.is_none() && registry.plugin.is_none() {
        findings.push(
            Finding::note(
                "plugin-not-in-registry",
                format!("the registry has no plugin for {version}"),
            )
            .file(&manifest)
            .why(format!(
                "@openclaw/codex@{} would be the one; a route in the Codex harness needs it",
                plugin_of(version)
            )),
        );
    }
    if let Some(latest) = registry.latest.filter(|latest| *latest > version) {
        findings.push(
            Finding::note(
                "not-latest",
                format!("{latest} is the latest release, and {version} is installed"),
            )
            .file(&manifest)
            .why("nothing is wrong with that; whether the newer one answers, a check shows")
            .mend(format!("codexpin check {latest}")),
        );
    }
    findings
}

pub(super) fn sound(facts: &Facts) -> Option<String> {
    let registry = facts.registry.as_ref()?.as_ref().ok()?;
    let core = facts.release()?;
    Some(match registry.latest {
        Some(latest) if latest == core => format!("{core} is the latest, and not deprecated"),
        _ => format!("{core} is not deprecated"),
    })
}
