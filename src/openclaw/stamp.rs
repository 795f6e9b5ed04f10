//! Which release wrote a config, and who starts with it.

use crate::release::{Channel, Version};

/// Whether `release` refuses to start its Gateway with a config that `written_by`
/// wrote last. A correction is no newer than its release here; a beta is
/// (`shouldWarnOnTouchedVersion` in 2026.5.18 to 9.6).
pub fn refuses_config_of(release: Version, written_by: Version) -> bool {
    let same = release.base() == written_by.base() && written_by.channel() != Channel::Beta;
    written_by > release && !same
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_config_of_a_correction_is_not_refused_and_one_of_a_beta_is() {
        for (release, written_by, expected) in [
            ("2026.6.11", "2026.7.1", true),
            ("2026.6.11", "2026.6.33", true),
            ("2026.7.1", "2026.6.33", false),
            ("2026.7.1", "2026.7.1", false),
            ("2026.7.1", "2026.7.1-2", false),
            ("2026.7.1-beta.1", "2026.7.1", false),
            ("2026.7.1-beta.1", "2026.7.1-beta.2", true),
        ] {
            let refused = refuses_config_of(release.parse().unwrap(), written_by.parse().unwrap());
            assert_eq!(refused, expected, "{release} with a config of {written_by}");
        }
    }
}
