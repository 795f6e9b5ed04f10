//! `OpenClaw`'s own updater: whether it would undo a pin, and whether what `codexpin hold`
//! did against it still stands.

use super::finding::Finding;
use super::{Facts, HoldRead, PinRead};
use crate::openclaw::Change;

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let hold = match &facts.hold {
        HoldRead::NotHeld => Vec::new(),
        HoldRead::Refused(why, hint) => {
            vec![Finding::warning("hold-unreadable", "the record of the hold cannot be used").why(
                match hint {
                    Some(hint) => format!("{why}: {hint}"),
                    None => why.clone(),
                },
            )]
        }
        HoldRead::Held { .. } => [moved(facts), gone(facts)].into_iter().flatten().collect(),
    };
    hold.into_iter().chain(auto_update(facts)).collect()
}

/// Something else than the Gateway's own updater: that one is off.
fn moved(facts: &Facts) -> Option<Finding> {
    let HoldRead::Held { hold, .. } = &facts.hold else { return None };
    let (held, core) = (hold.versions, facts.release()?);
    let plugin = facts.plugin.as_ref().map(|plugin| plugin.version);
    let title = if held.core != core {
        format!("{core} is installed, although {} is held", held.core)
    } else if held.plugin != plugin {
        let named = |plugin: Option<_>| match plugin {
            Some(plugin) => format!("plugin {plugin}"),
            None => "no plugin".to_owned(),
        };
        format!("{} is installed, although {} is held", named(plugin), named(held.plugin))
    } else {
        return None;
    };
    let finding = Finding::warning("moved-though-held", title).why(
        "the Gateway's own updater is off: an `openclaw update` by hand, an agent that was told \
         to, npm or the Mac app did it. `codexpin hold` holds what is installed now",
    );
    let is_pinned = matches!(
        &facts.pin,
        PinRead::Read { current: Some((pinned, _)), .. } if *pinned == held.core
    );
    Some(finding.mend(if is_pinned { "codexpin apply" } else { "codexpin hold" }))
}

fn gone(facts: &Facts) -> Option<Finding> {
    let HoldRead::Held { gone, .. } = &facts.hold else { return None };
    (!gone.is_empty()).then(|| {
        Finding::warning("hold-gone", "what held this release was changed")
            .why(gone.join("; "))
            .mend("codexpin hold")
    })
}

fn auto_update(facts: &Facts) -> Option<Finding> {
    if updates_itself(facts) != Some(true) {
        return None;
    }
    let channel = facts.settings()?.updates.channel.as_deref().unwrap_or("stable");
    let pinned = match &facts.pin {
        PinRead::Read { current: Some((version, _)), .. } => {
            format!("the pin to {version} would not hold")
        }
        _ => "a release that is put in by hand or by `codexpin apply` does not stay".to_owned(),
    };
    let finding = Finding::warning("auto-update", "OpenClaw updates itself")
        .file(&facts.config)
        .key("update.auto.enabled")
        .why(format!(
            "on the channel {channel} the Gateway installs a newer release by itself: {pinned}"
        ));
    Some(if facts.not_for_apply.is_none() {
        finding.mend("codexpin hold")
    } else {
        finding
            .mend(facts.command("config set update.auto.enabled false"))
            .mend(facts.command("gateway restart"))
    })
}

/// Whether the Gateway installs newer releases by itself; none where its config is not
/// known.
pub fn updates_itself(facts: &Facts) -> Option<bool> {
    let updates = &facts.settings()?.updates;
    let off = facts.unit.as_ref().is_some_and(|unit| unit.no_auto_update)
        || (updates.checks_off
            && facts.release().is_some_and(|release| Change::ChecksOffStopsUpdates.is_in(release)));
    Some(updates.auto && !off && updates.channel.as_deref() != Some("extended-stable"))
}

pub(super) fn sound(facts: &Facts) -> Option<String> {
    facts.settings()?;
    Some(match &facts.hold {
        HoldRead::Held { .. } => "OpenClaw does not update itself: it is held".to_owned(),
        _ => "OpenClaw does not update itself".to_owned(),
    })
}
