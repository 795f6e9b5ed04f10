//! How a release is kept from updating itself: the switches of its config, and what it
//! takes them for where they are not set.

use super::edge::Change;
use crate::release::Version;

/// A setting that must be `false` for a release to stay as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UpdateSwitch {
    /// The setting.
    pub key: &'static str,
    /// What a release without it takes it for.
    pub unless_set: bool,
    since: Change,
}

/// Not among them: `nodeHost.autoUpdate.enabled`, which 2026.9.6 knows. Its nodes go by
/// `update.checkOnStart` and the variable as well (`auto-update` of 9.6,
/// docs/install/updating/automatic-updates.md), and 2026.9.5 refuses to start with the
/// key: whoever goes back by hand would meet a Gateway that stays down.
const SWITCHES: [UpdateSwitch; 2] = [
    UpdateSwitch { key: "update.auto.enabled", unless_set: false, since: Change::UpdatesItself },
    UpdateSwitch {
        key: "update.checkOnStart",
        unless_set: true,
        since: Change::ChecksOffStopsUpdates,
    },
];

/// Those that a release goes by.
pub fn switches(release: Version) -> impl Iterator<Item = UpdateSwitch> {
    SWITCHES.into_iter().filter(move |switch| switch.since.is_in(release))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_release_has_the_switches_that_it_goes_by() {
        let of = |release: &str| {
            let keys = switches(release.parse().unwrap()).map(|switch| switch.key);
            keys.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(of("2026.2.21"), "");
        assert_eq!(of("2026.7.1"), "update.auto.enabled");
        assert_eq!(of("2026.9.6"), "update.auto.enabled update.checkOnStart");
    }
}
