//! Plugins other than Codex, and generations of them: whether they belong to the core.

use std::collections::BTreeMap;

use super::finding::{Finding, Level};
use super::{Facts, ManagedPackage};
use crate::release::pairing::{pairs, plugin_of};
use crate::release::{PackageName, Version};

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let mut generations: BTreeMap<&str, Vec<&ManagedPackage>> = BTreeMap::new();
    for package in &facts.managed {
        generations.entry(package.name.as_str()).or_default().push(package);
    }
    let mut findings = Vec::new();
    for packages in generations.values() {
        findings.extend(several(facts, packages));
        findings.extend(facts.release().and_then(|core| of_another(facts, core, packages)));
    }
    findings
}

pub(super) fn sound(facts: &Facts) -> Option<String> {
    let core = facts.release()?;
    match others(facts).count() {
        0 => None,
        1 => Some(format!("1 besides Codex, of {core}")),
        n => Some(format!("{n} besides Codex, of {core}")),
    }
}

fn others(facts: &Facts) -> impl Iterator<Item = &ManagedPackage> {
    facts.managed.iter().filter(|package| package.name != PackageName::PLUGIN.as_str())
}

fn is_off(facts: &Facts, package: &ManagedPackage) -> bool {
    facts.settings().is_some_and(|settings| settings.off.iter().any(|off| off == package.plugin()))
}

/// A plugin of another release than the core. That of Codex is looked at by itself.
fn of_another(facts: &Facts, core: Version, packages: &[&ManagedPackage]) -> Option<Finding> {
    let package = packages.last()?;
    let belongs = packages.iter().any(|package| pairs(core, package.version));
    if belongs || package.name == PackageName::PLUGIN.as_str() || is_off(facts, package) {
        return None;
    }
    let (name, version) = (&package.name, package.version);
    let newer = version > core;
    // Of the same month they have been seen to load; across months the Gateway stopped.
    let level = if newer || !version.same_month(core) { Level::Problem } else { Level::Warning };
    let why = if newer {
        "it asks for a core that is at least as new as itself, and is not loaded (`requires plugin API`)"
    } else {
        "plugins are made for one core release: an older one stops the Gateway, or its channel goes \
         deaf (#95825, #130290, #135776, #138232)"
    };
    Some(
        Finding::new(
            "managed-plugin-other",
            level,
            format!("{name} is {version} and the core is {core}"),
        )
        .file(package.directory.join("package.json"))
        .key("version")
        .why(format!("{why}. A bisection does not load it, and finds nothing"))
        .mend(facts.command(&format!("plugins install {name}@{} --force", plugin_of(core))))
        .mend(facts.command("gateway restart")),
    )
}

/// More than one project with the same plugin, of different releases: an update that was
/// cut short leaves them (#123900).
fn several(facts: &Facts, packages: &[&ManagedPackage]) -> Option<Finding> {
    let (first, last) = (packages.first()?, packages.last()?);
    if packages.iter().all(|package| package.version == first.version) {
        return None;
    }
    let versions: Vec<_> = packages.iter().map(|package| package.version.to_string()).collect();
    Some(
        Finding::warning(
            "plugin-generations",
            format!("{} lies there {} times: {}", first.name, packages.len(), versions.join(", ")),
        )
        .file(&last.project)
        .why(
            "which of them is loaded stands in OpenClaw's own record, which is not read here; an \
             update that was cut short leaves several",
        )
        .mend(facts.command("plugins list"))
        .mend(facts.command(&format!("plugins update {}", first.plugin()))),
    )
}
