//! `known-good.toml` of the working directory: whether what is installed is what
//! is pinned, or what a pin warns of.

use super::finding::Finding;
use super::{Facts, PinRead};

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let (path, current, bad) = match &facts.pin {
        PinRead::Missing => return Vec::new(),
        PinRead::Refused(path, why, hint) => {
            return vec![
                Finding::warning("pin-file-unreadable", "the pin file cannot be used")
                    .file(path)
                    .why(match hint {
                        Some(hint) => format!("{why}: {hint}"),
                        None => why.clone(),
                    }),
            ];
        }
        PinRead::Read { path, current, bad } => (path, current, bad),
    };
    let Some(core) = facts.release() else { return Vec::new() };
    let plugin = facts.plugin.as_ref().map(|plugin| plugin.version);
    let mut findings = Vec::new();
    // What was bad for one pin and is the pin now was tested in another way since.
    let is_pinned = current.as_ref().is_some_and(|(pinned, _)| *pinned == core);
    let known_bad = bad.iter().find(|(bad, ..)| *bad == core && !is_pinned);
    if let Some((_, signature, before)) = known_bad {
        findings.push(
            Finding::problem("known-bad", format!("{core} is known to be bad: {signature}"))
                .file(path)
                .key("first_bad")
                .why(format!("a bisection found it to be the first bad release after {before}"))
                .mend(format!("codexpin apply {before}")),
        );
    }
    let Some((pinned, pinned_plugin)) = current else { return findings };
    let other_plugin = match (pinned_plugin, plugin) {
        (Some(pinned), Some(there)) if *pinned != there => {
            Some(format!("the plugin is {there}, and the pin has {pinned}"))
        }
        (Some(pinned), None) => {
            Some(format!("the pin has the plugin {pinned}, and none is installed"))
        }
        _ => None,
    };
    if *pinned != core && findings.is_empty() {
        findings.push(
            Finding::warning(
                "not-the-pin",
                format!("{core} is installed, and the pin is {pinned}"),
            )
            .file(path)
            .key("current")
            .why("the pin is the release that is known to answer")
            .mend("codexpin apply"),
        );
    } else if let (true, Some(title)) = (*pinned == core, other_plugin) {
        findings.push(
            Finding::warning("not-the-pin", title)
                .file(path)
                .key("plugin")
                .why("what was tested is that plugin with this core")
                .mend("codexpin apply"),
        );
    }
    findings
}

pub(super) fn sound(facts: &Facts) -> Option<String> {
    match &facts.pin {
        PinRead::Read { path, current: Some((version, _)), .. } => {
            facts.release().map(|_| format!("{version}, as {path} says"))
        }
        _ => None,
    }
}
