//! The route that the config asks: whether the release knows it, and whether what
//! runs it is there.

use super::Facts;
use super::finding::Finding;
use super::plugin::install;
use crate::openclaw::Change;
use crate::openclaw::names::OPENAI_CODEX;
use crate::release::Version;
use crate::release::pairing::plugin_of;
use crate::route::Route;

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let Some(settings) = facts.settings() else { return Vec::new() };
    let mut findings = Vec::new();
    if let Some(why) = &settings.not_a_model {
        findings.push(
            Finding::warning("route-unreadable", "the model is not written provider/model")
                .file(&facts.config)
                .why(why)
                .mend(facts.command("models status")),
        );
    }
    let Some(route) = &settings.route else {
        if settings.not_a_model.is_none() {
            findings.push(
                Finding::note("route-unnamed", "the config names no model")
                    .file(&facts.config)
                    .key("agents.defaults.model.primary")
                    .why("the release takes its own default, and an upgrade can change it")
                    .mend(facts.command("models status")),
            );
        }
        return findings;
    };
    if let Some(release) = facts.release() {
        findings.extend(legacy(facts, route, release));
        findings.extend(harness(facts, route, release));
        findings.extend(ignored_harness(facts, release));
    }
    findings
}

pub(super) fn sound(facts: &Facts) -> Option<String> {
    facts.route().map(ToString::to_string)
}

/// Models that answer in another's place hide that it does not answer.
pub(super) fn fallbacks(facts: &Facts) -> Vec<Finding> {
    let settings = facts.settings();
    let lists = settings.map(|settings| settings.fallbacks.as_slice()).unwrap_or_default();
    let finding = |list: &super::Fallbacks| {
        Finding::note("fallbacks", format!("{} can answer in the model's place", list.models.join(", ")))
            .file(&facts.config)
            .key(&list.key)
            .why("where the route is broken a fallback answers, and nobody notices: `codexpin check` asks without them")
    };
    lists.iter().map(finding).collect()
}

/// What to say where there are no fallbacks.
pub(super) fn no_fallbacks(facts: &Facts) -> Option<String> {
    let settings = facts.settings()?;
    (settings.route.is_some() && settings.fallbacks.is_empty()).then(|| "none".to_owned())
}

fn legacy(facts: &Facts, route: &Route, release: Version) -> Option<Finding> {
    if route.provider != OPENAI_CODEX || !Change::ProviderRenamed.is_in(release) {
        return None;
    }
    let finding = Finding::problem(
        "route-legacy",
        format!("{release} does not know the route {}", route.model_id()),
    )
    .file(&facts.config);
    let finding = match &facts.settings().and_then(|settings| settings.route_key.clone()) {
        Some(key) => finding.key(key),
        None => finding,
    };
    Some(
        finding
            .why(format!(
                "since {} the provider is called openai, and every turn ends with `Unknown \
                 model: {}`. OpenClaw's own doctor moves route and login, and there is no way back \
                 but a backup; `codexpin apply` goes back to a release that knows it",
                Change::ProviderRenamed.stable(),
                route.model_id()
            ))
            .mend(facts.command("backup create --verify"))
            .mend(facts.command("doctor --fix")),
    )
}

/// The Codex harness is the plugin's.
fn harness(facts: &Facts, route: &Route, release: Version) -> Option<Finding> {
    let settings = facts.settings()?;
    let at = |finding: Finding, key: Option<&String>| match key {
        Some(key) => finding.file(&facts.config).key(key),
        None => finding.file(&facts.config),
    };
    let named = route.wants_codex();
    if !facts.runs_codex() {
        return None;
    }
    if facts.plugin.is_none() {
        let title = "the route runs in the Codex harness, and its plugin is not installed";
        let why = if named {
            "a turn fails: harness \"codex\" is not registered"
        } else {
            "the config names no harness, and with a ChatGPT login the release takes Codex: a turn \
             fails, harness \"codex\" is not registered"
        };
        let key = settings.harness_key.as_ref().or(settings.route_key.as_ref());
        let finding = Finding::problem("codex-plugin-missing", title).why(why);
        return Some(
            at(finding, key)
                .mend(install(facts, plugin_of(release)))
                .mend(facts.command("gateway restart")),
        );
    }
    let off = settings.codex.off.as_ref()?;
    Some(
        at(
            Finding::problem("codex-plugin-off", "the Codex plugin is installed and turned off"),
            Some(off),
        )
        .why("the route runs in its harness: a turn fails, harness \"codex\" is not registered")
        .mend(facts.command("plugins enable codex"))
        .mend(facts.command("gateway restart")),
    )
}

/// A harness for a whole agent was taken up to 2026.5.7.
fn ignored_harness(facts: &Facts, release: Version) -> Option<Finding> {
    let key = facts.settings()?.ignored_harness.as_ref()?;
    Some(
        Finding::warning("agent-runtime-ignored", format!("{release} does not look at {key}"))
            .file(&facts.config)
            .key(key)
            .why(format!(
                "since {} the harness stands with the model or its provider: which one runs the \
                 turn is the release's own choice now. OpenClaw's own doctor moves it",
                Change::HarnessOfModel.stable()
            ))
            .mend(facts.command("doctor --fix")),
    )
}
