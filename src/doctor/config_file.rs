//! `openclaw.json`: whether it reads, and who wrote it last.

use camino::Utf8Path;

use super::finding::Finding;
use super::{ConfigRead, Facts};
use crate::openclaw::refuses_config_of;
use crate::process::quoted;

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    match &facts.settings {
        ConfigRead::Missing if facts.core.is_some() => findings.push(
            Finding::warning("config-missing", "there is no config")
                .file(&facts.config)
                .why("without one the Gateway does not start by itself, and no model is named")
                .mend(facts.command("onboard")),
        ),
        ConfigRead::Refused(what, hint) => findings.push(
            Finding::problem("config-unreadable", "OpenClaw cannot read its config")
                .file(&facts.config)
                .why(with(what, hint.as_deref()))
                .mend(facts.command("config validate")),
        ),
        // As a rule the variable is told with every setting that names it.
        ConfigRead::Unset(what, hint) if facts.missing.is_empty() => findings.push(
            Finding::warning(
                "config-variable-unset",
                "the config depends on a variable that is not set here",
            )
            .file(&facts.config)
            .why(with(what, hint.as_deref()))
            .mend(facts.command("config validate")),
        ),
        ConfigRead::Missing | ConfigRead::Unset(..) | ConfigRead::Read(_) => {}
    }
    findings.extend(newer(facts));
    findings
}

pub(super) fn sound(facts: &Facts) -> Option<String> {
    facts.settings()?;
    Some(match facts.written_by {
        Some(version) => format!("{} reads; {version} wrote it last", facts.config),
        None => format!("{} reads", facts.config),
    })
}

fn with(what: &str, hint: Option<&str>) -> String {
    match hint {
        Some(hint) => format!("{what}: {hint}"),
        None => what.to_owned(),
    }
}

/// A config of a newer release stops an older one. The stamp is never edited.
fn newer(facts: &Facts) -> Option<Finding> {
    let (core, written_by) = (facts.release()?, facts.written_by?);
    if !refuses_config_of(core, written_by) {
        return None;
    }
    let finding = Finding::problem(
        "config-from-newer",
        format!("the config was last written by {written_by}, and {core} is installed"),
    )
    .file(&facts.config)
    .key("meta.lastTouchedVersion")
    .why(format!(
        "{core} refuses to start its Gateway with a config of a newer release (exit status 78)"
    ));
    Some(match facts.saved_configs.first() {
        Some(saved) => finding
            .mend(copy(&facts.config, &format!("{}.of-{written_by}", facts.config)))
            .mend(copy(&saved.path, facts.config.as_str()))
            .mend(facts.command("gateway restart")),
        None => finding.mend(facts.install(&written_by.to_string())),
    })
}

fn copy(from: &Utf8Path, to: &str) -> String {
    format!("cp -p {} {}", quoted(from.as_str()), quoted(to))
}
