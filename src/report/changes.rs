//! What changed, in about a dozen lines.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::changes::{Changelog, ChangelogEntry, Changes, DependencyChanges, Pair};
use crate::release::PackageName;

/// How many entries of the changelog are shown.
const ENTRIES: usize = 5;
/// How many characters of an entry are shown.
const ENTRY_WIDTH: usize = 200;
/// How many characters of a list of dependencies are shown.
const WIDTH: usize = 110;
/// Dependencies with these in their names are shown first.
const NEAR: [&str; 2] = ["codex", "openai"];
/// How many issue numbers of an entry are shown.
const ISSUES: usize = 6;

/// What changed, for a person: the lines without indentation or colour. All of
/// it is in `changes.json`.
pub fn lines(changes: &Changes) -> Vec<String> {
    let mut lines = Vec::new();
    if changes.identical == Some(true) {
        let (good, bad) = (changes.last_good, changes.first_bad);
        lines.push("nothing but the version: the same code on the same dependencies".to_owned());
        lines.push("the result is suspect: a flake or the service, not the release".to_owned());
        lines.push(format!("check again: codexpin check {bad}, codexpin check {good}"));
        return lines;
    }
    lines.extend(changes.dependencies.as_ref().map(|found| dependencies(found, "")));
    lines.extend(plugin(changes));
    if changes.node_range.differs() {
        lines.push(format!("asks for Node {}", arrow(&changes.node_range, "any")));
    }
    if changes.node.differs() {
        lines.push(format!("asked on Node {}: a second variable", arrow(&changes.node, "?")));
    }
    lines.extend(schemas(&changes.schema_versions));
    if let (Some(good), Some(bad)) = (&changes.build.last_good, &changes.build.first_bad) {
        let address = changes.compare.iter().map(|address| format!("  {address}"));
        let address: String = address.collect();
        lines.push(format!("commit {}..{}{address}", good.short(), bad.short()));
    }
    if let Some(changelog) = &changes.changelog {
        says(changelog, &mut lines);
    }
    lines.extend(changes.unknown.iter().map(|what| format!("not known: {what}")));
    lines
}

/// The lines as they stand in a session's report.
pub(super) fn block(changes: &Changes) -> String {
    let mut text = String::new();
    for (at, line) in lines(changes).iter().enumerate() {
        let name = if at == 0 { "changed" } else { "" };
        let _ = writeln!(text, "{name:<8} {line}");
    }
    text
}

fn texts<T: ToString>(pair: &Pair<T>) -> Pair<String> {
    let text = |side: &Option<T>| side.as_ref().map(ToString::to_string);
    Pair { last_good: text(&pair.last_good), first_bad: text(&pair.first_bad) }
}

fn arrow(pair: &Pair<String>, none: &str) -> String {
    let side = |side: &Option<String>| side.clone().unwrap_or_else(|| none.to_owned());
    format!("{} -> {}", side(&pair.last_good), side(&pair.first_bad))
}

fn dependencies(found: &DependencyChanges, of: &str) -> String {
    if found.is_empty() {
        return format!("no dependency{of} ({} in both)", found.first_bad);
    }
    if found.count() == 0 {
        let moved = found.moved.len();
        return format!("no dependency{of}, but {moved} at another place under node_modules");
    }
    let counts = [
        (found.added.len(), "added"),
        (found.removed.len(), "removed"),
        (found.changed.len(), "changed"),
    ];
    let counts: Vec<_> =
        counts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
    let word = if found.count() == 1 { "dependency" } else { "dependencies" };
    format!("{} {word}{of} ({}): {}", found.count(), counts.join(", "), listed(found))
}

/// The packages, as many as fit: new majors first, then OpenAI's, then those that
/// the release itself asks for.
fn listed(found: &DependencyChanges) -> String {
    let rank = |major: bool, name: &str, direct: bool| {
        (!major, !NEAR.iter().any(|near| name.contains(near)), !direct)
    };
    let changed = found.changed.iter().map(|d| {
        let (from, to) = (and(&d.from), and(&d.to));
        let what =
            if from == to { format!("{to} (another tarball)") } else { format!("{from} -> {to}") };
        (rank(d.is_major(), &d.name, d.direct), format!("{} {what}", d.name))
    });
    let one = |d: &crate::changes::Dependency, what: &str| {
        (rank(false, &d.name, d.direct), format!("{} {} {what}", d.name, and(&d.versions)))
    };
    let added = found.added.iter().map(|d| one(d, "added"));
    let removed = found.removed.iter().map(|d| one(d, "removed"));
    let mut all: Vec<_> = changed.chain(added).chain(removed).collect();
    // Stable: within each kind, by name.
    all.sort_by_key(|(rank, _)| *rank);
    let mut text = String::new();
    for (at, (_, what)) in all.iter().enumerate() {
        if at > 0 && text.chars().count() + what.chars().count() > WIDTH {
            let _ = write!(text, ", and {} more", all.len() - at);
            break;
        }
        let comma = if at > 0 { ", " } else { "" };
        let _ = write!(text, "{comma}{what}");
    }
    text
}

/// `1.0.0 and 2.0.0`.
fn and(versions: &[semver::Version]) -> String {
    versions.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ")
}

/// The plugin, the Codex CLI and what else is unpacked beside them.
fn plugin(changes: &Changes) -> Vec<String> {
    let (plugin, codex) = (&changes.plugin, &changes.codex_cli);
    let mut lines = Vec::new();
    let parts = [(PackageName::PLUGIN.as_str(), texts(plugin)), ("@openai/codex", texts(codex))];
    let parts: Vec<_> = parts
        .iter()
        .filter_map(|(name, pair)| match pair {
            Pair { last_good: None, first_bad: None } => None,
            Pair { last_good: Some(same), .. } if !pair.differs() => {
                Some(format!("{name} {same} in both"))
            }
            pair => Some(format!("{name} {}", arrow(pair, "none"))),
        })
        .collect();
    if !parts.is_empty() {
        lines.push(parts.join(", "));
    }
    if let Some(found) = changes.plugin_dependencies.as_ref().filter(|found| !found.is_empty()) {
        lines.push(dependencies(found, " of the plugin"));
    }
    lines
}

fn schemas(versions: &Pair<BTreeMap<String, u64>>) -> Option<String> {
    if !versions.differs() {
        return None;
    }
    let of = |side: &Option<BTreeMap<String, u64>>, name: &str| {
        let version = side.as_ref().and_then(|versions| versions.get(name));
        version.map_or_else(|| "not declared".to_owned(), ToString::to_string)
    };
    let both = [&versions.last_good, &versions.first_bad];
    let names: std::collections::BTreeSet<_> =
        both.into_iter().flatten().flat_map(BTreeMap::keys).collect();
    let parts: Vec<_> = names
        .into_iter()
        .map(|name| (name, of(&versions.last_good, name), of(&versions.first_bad, name)))
        .filter(|(_, good, bad)| good != bad)
        .map(|(name, good, bad)| format!("{name} {good} -> {bad}"))
        .collect();
    Some(format!("schema {}", parts.join(", ")))
}

fn says(changelog: &Changelog, lines: &mut Vec<String>) {
    let Changelog { releases, silent_about, entries, touching } = changelog;
    if !releases.is_empty() {
        let shown = touching.len().min(ENTRIES);
        let of = format!("of {entries} in its CHANGELOG.md");
        lines.push(match (touching.len(), shown) {
            (0, _) => format!("no entry {of} names Codex or the route"),
            (1, _) => format!("1 entry {of} names Codex or the route:"),
            (all, shown) if all == shown => {
                format!("{all} entries {of} name Codex or the route:")
            }
            (all, shown) => {
                format!("{all} entries {of} name Codex or the route; the first {shown}:")
            }
        });
        lines.extend(
            touching.iter().take(ENTRIES).map(|t| format!("- {}", entry(t, releases.len() > 1))),
        );
    }
    if !silent_about.is_empty() {
        let releases: Vec<_> = silent_about.iter().map(ToString::to_string).collect();
        lines.push(format!(
            "not known: what changed in {}; its CHANGELOG.md does not say",
            releases.join(", ")
        ));
    }
}

/// `Agents/Codex: keep going (#11, #12)`, with its release where there are several.
fn entry(entry: &ChangelogEntry, several: bool) -> String {
    let mut text = String::new();
    if several {
        let _ = write!(text, "{} ", entry.release);
    }
    match entry.text.char_indices().nth(ENTRY_WIDTH) {
        None => text.push_str(entry.text.trim_end_matches('.')),
        Some((end, _)) => {
            let words = entry.text[..end].rsplit_once(' ');
            let _ = write!(text, "{} ...", words.map_or(&entry.text[..end], |(whole, _)| whole));
        }
    }
    let issues = &entry.issues;
    if !issues.is_empty() {
        let mut shown: Vec<_> = issues.iter().take(ISSUES).map(|n| format!("#{n}")).collect();
        if issues.len() > ISSUES {
            shown.push("...".to_owned());
        }
        let _ = write!(text, " ({})", shown.join(", "));
    }
    text
}

#[cfg(test)]
mod tests;
