//! `openclaw.json`: whether it reads, and who wrote it last.

use super::finding::Finding;
use super::{ConfigRead, Facts};
use crate::openclaw::refuses_config_of;

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
        ConfigRead::Unset(what, hint) => findings.push(
            Finding::warning(
                "config-variable-unset",
                "the config depends on a variable that is not set here",
            )
            .file(&facts.config)
            .why(format!(
                "{}; the Gateway may still have it from a .env file, which is not read here",
                with(what, hint.as_deref())
            ))
            .mend(facts.command("config validate")),
        ),
        ConfigRead::Missing | ConfigRead::Read(_) => {}
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
            .mend(format!("cp -p {} {}.of-{written_by}", facts.config, facts.config))
            .mend(format!("cp -p {} {}", saved.path, facts.config))
            .mend(facts.command("gateway restart")),
        None => finding.mend(facts.install(&written_by.to_string())),
    })
}
