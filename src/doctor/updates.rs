//! `OpenClaw`'s own updater: whether it would undo a pin.

use super::Facts;
use super::finding::Finding;
use crate::openclaw::Change;

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let Some(updates) = facts.settings().map(|settings| &settings.updates) else {
        return Vec::new();
    };
    let held = facts.unit.as_ref().is_some_and(|unit| unit.no_auto_update)
        || (updates.checks_off
            && facts.release().is_some_and(|release| Change::ChecksOffStopsUpdates.is_in(release)));
    let channel = updates.channel.as_deref().unwrap_or("stable");
    if !updates.auto || held || channel == "extended-stable" {
        return Vec::new();
    }
    let pinned = match &facts.pin {
        super::PinRead::Read { current: Some((version, _)), .. } => {
            format!("the pin to {version} would not hold")
        }
        _ => "a release that is put in by hand or by `codexpin apply` does not stay".to_owned(),
    };
    vec![
        Finding::warning("auto-update", "OpenClaw updates itself")
            .file(&facts.config)
            .key("update.auto.enabled")
            .why(format!(
                "on the channel {channel} the Gateway installs a newer release by itself: {pinned}"
            ))
            .mend(facts.command("config set update.auto.enabled false"))
            .mend(facts.command("gateway restart")),
    ]
}

pub(super) fn sound(facts: &Facts) -> Option<String> {
    facts.settings().map(|_| "OpenClaw does not update itself".to_owned())
}
