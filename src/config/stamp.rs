//! What a rollback must know of a config: the release that wrote it, where the
//! Gateway listens, and whether two configs say the same.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::Map;

use super::Loaded;
use crate::release::Version;

impl Loaded {
    /// The release that wrote it last. A config of a newer release can stop an
    /// older one.
    pub fn last_touched(&self) -> Option<Version> {
        self.tree["meta"]["lastTouchedVersion"].as_str()?.parse().ok()
    }

    /// When that was. 2026.7.2-beta.4 and later write no time here but into their state
    /// database (`recordConfigWriteMetadata`; 2026.7.2-beta.3 still writes it here), and
    /// their `doctor` takes an older release's out.
    pub fn last_touched_at(&self) -> Option<Timestamp> {
        self.tree["meta"]["lastTouchedAt"].as_str()?.parse().ok()
    }

    /// Whether it sets what a Gateway needs: an empty file, or one of something else,
    /// does not.
    pub fn has_settings(&self) -> bool {
        ["gateway", "agents"].iter().any(|name| self.tree[name].is_object())
    }

    /// `gateway.port`.
    pub fn port(&self) -> Option<u16> {
        self.tree["gateway"]["port"].as_u64()?.try_into().ok()
    }

    /// The top-level settings, by name, that are not the same in both.
    /// Values are nobody's business: they may be secrets.
    pub fn differing_settings(&self, other: &Self) -> Vec<String> {
        let names = [self, other].into_iter().filter_map(|config| config.tree.as_object());
        let names: BTreeSet<_> = names.flat_map(Map::keys).collect();
        let differs =
            |name: &&String| *name != "meta" && self.tree.get(name) != other.tree.get(name);
        names.into_iter().filter(differs).cloned().collect()
    }

    /// Whether both say the same but for `meta`, which `OpenClaw` stamps by itself.
    pub fn same_but_for_stamp(&self, other: &Self) -> bool {
        let plain = |config: &Self| {
            let mut tree = config.tree.clone();
            if let Some(object) = tree.as_object_mut() {
                object.remove("meta");
            }
            tree
        };
        plain(self) == plain(other)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn of(tree: Value) -> Loaded {
        Loaded { file: "openclaw.json".into(), tree }
    }

    #[test]
    fn the_stamp_and_the_port_are_read() {
        let config = of(json!({
            "gateway": {"port": 4},
            "meta": {"lastTouchedVersion": "2026.7.1", "lastTouchedAt": "2026-11-21T08:00:00Z"},
        }));
        assert_eq!(config.last_touched(), "2026.7.1".parse().ok());
        assert_eq!(config.last_touched_at(), "2026-11-21T08:00:00Z".parse().ok());
        assert_eq!(config.port(), Some(4));
    }

    #[test]
    fn what_differs_is_told_by_name() {
        let one =
            of(json!({"a": 1, "b": {"token": "x"}, "c": 1, "meta": {"lastTouchedAt": "now"}}));
        let other = of(json!({"a": 1, "b": {"token": "y"}, "d": null}));
        assert_eq!(one.differing_settings(&other), ["b", "c", "d"]);
        assert_eq!(one.differing_settings(&one), [""; 0]);
    }

    #[test]
    fn only_the_stamp_may_differ() {
        let one = of(json!({"a": 1, "meta": {"lastTouchedVersion": "2026.7.1"}}));
        assert!(one.same_but_for_stamp(&of(json!({"a": 1}))));
        assert!(!one.same_but_for_stamp(&of(json!({"a": 2}))));
    }
}
