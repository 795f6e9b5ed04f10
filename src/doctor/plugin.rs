//! The plugin and the Codex CLI in it: whether they belong to the core.

use super::Facts;
use super::finding::Finding;
use crate::release::pairing::{pairs, plugin_of};

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let Some(plugin) = &facts.plugin else { return Vec::new() };
    let manifest = plugin.directory.join("package.json");
    let mut findings = Vec::new();
    if let Some(core) = facts.release().filter(|core| !pairs(*core, plugin.version)) {
        let title = format!("the plugin is {} and the core is {core}", plugin.version);
        let finding = if plugin.version > core {
            Finding::problem("plugin-newer-than-core", title).why(
                "a plugin asks for a core that is at least as new as itself: this one is not \
                 loaded (`requires plugin API`), and no turn runs in the Codex harness",
            )
        } else {
            Finding::warning("plugin-older-than-core", title).why(
                "core and plugin are made for each other release by release: of two releases they \
                 fail with missing exports or an unregistered harness",
            )
        };
        findings.push(
            finding
                .file(&manifest)
                .key("version")
                .mend(install(facts, plugin_of(core)))
                .mend(facts.command("gateway restart")),
        );
    }
    let again = || install(facts, plugin.version);
    match (&plugin.codex, &plugin.wants_codex) {
        (None, Some(wanted)) => findings.push(
            Finding::problem("codex-cli-missing", "the plugin has no Codex CLI")
                .file(&manifest)
                .key("dependencies.@openai/codex")
                .why(format!(
                    "it starts the app-server of @openai/codex {wanted}, which is not installed \
                     beside it"
                ))
                .mend(again()),
        ),
        (Some(codex), Some(wanted)) if codex.version != *wanted && is_exact(wanted) => findings
            .push(
                Finding::warning(
                    "codex-cli-other",
                    format!("the Codex CLI is {} and the plugin wants {wanted}", codex.version),
                )
                .file(&manifest)
                .key("dependencies.@openai/codex")
                .why("a plugin is tested with that one only; with another one turns can hang")
                .mend(again()),
            ),
        _ => {}
    }
    let missing = plugin.codex.as_ref().and_then(|codex| codex.missing_binary.as_deref());
    if let Some(package) = missing {
        findings.push(
            Finding::problem("codex-binary-missing", format!("{package} is not installed"))
                .file(&manifest)
                .why(
                    "it holds the Codex binary for this platform, and npm leaves it out without a \
                     word where it is told to install no optional packages",
                )
                .mend(again()),
        );
    }
    findings
}

pub(super) fn sound(facts: &Facts) -> Option<String> {
    let Some(plugin) = &facts.plugin else {
        return facts.core.as_ref().map(|_| "none installed".to_owned());
    };
    Some(match &plugin.codex {
        Some(codex) => format!("{}, with Codex CLI {}", plugin.version, codex.version),
        None => plugin.version.to_string(),
    })
}

/// The command that installs a plugin release over what is there.
pub(super) fn install(facts: &Facts, version: crate::release::Version) -> String {
    facts.command(&format!("plugins install @openclaw/codex@{version} --force"))
}

fn is_exact(wanted: &str) -> bool {
    wanted.starts_with(|c: char| c.is_ascii_digit()) && !wanted.contains([' ', '|', '*', 'x'])
}
