//! `openclaw.json`, as far as a rollback must look into it. JSON5; never edited.

use std::collections::BTreeSet;
use std::io;

use camino::Utf8Path;
use jiff::Timestamp;
use serde_json::Value;

use crate::release::Version;

/// The config, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config(Value);

impl Config {
    /// Reads it; none where there is no such file, empty where it does not parse.
    pub fn read(path: &Utf8Path) -> io::Result<Option<Self>> {
        match fs_err::read_to_string(path) {
            Ok(text) => Ok(Some(Self::parse(&text))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn parse(text: &str) -> Self {
        let value =
            jsonc_parser::parse_to_serde_value(text, &jsonc_parser::ParseOptions::default());
        Self(value.unwrap_or(Value::Null))
    }

    /// The release that wrote it last. A config of a newer release can stop an
    /// older one.
    pub fn last_touched(&self) -> Option<Version> {
        self.0["meta"]["lastTouchedVersion"].as_str()?.parse().ok()
    }

    /// When that was.
    pub fn last_touched_at(&self) -> Option<Timestamp> {
        self.0["meta"]["lastTouchedAt"].as_str()?.parse().ok()
    }

    /// `gateway.port`.
    pub fn port(&self) -> Option<u16> {
        self.0["gateway"]["port"].as_u64()?.try_into().ok()
    }

    /// The top-level settings, by name, that are not the same in both.
    /// Values are nobody's business: they may be secrets.
    pub fn differing_settings(&self, other: &Self) -> Vec<String> {
        let names = [self, other].into_iter().filter_map(|config| config.0.as_object());
        let names: BTreeSet<_> = names.flat_map(serde_json::Map::keys).collect();
        let differs = |name: &&String| *name != "meta" && self.0.get(name) != other.0.get(name);
        names.into_iter().filter(differs).cloned().collect()
    }

    /// Whether both say the same but for `meta`, which `OpenClaw` stamps by itself.
    pub fn same_but_for_stamp(&self, other: &Self) -> bool {
        let plain = |config: &Self| {
            let mut value = config.0.clone();
            if let Some(object) = value.as_object_mut() {
                object.remove("meta");
            }
            value
        };
        plain(self) == plain(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stamp_and_the_port_are_read_from_json5() {
        let text = "{ // mine\n gateway: {port: 4,}, 'meta': {lastTouchedVersion: '2026.7.1'} }";
        let config = Config::parse(text);
        assert_eq!(config.last_touched(), "2026.7.1".parse().ok());
        assert_eq!(config.port(), Some(4));
    }

    #[test]
    fn what_differs_is_told_by_name() {
        let one =
            Config::parse(r#"{"a":1,"b":{"token":"x"},"c":1,"meta":{"lastTouchedAt":"now"}}"#);
        let other = Config::parse(r#"{"a":1,"b":{"token":"y"},"d":null}"#);
        assert_eq!(one.differing_settings(&other), ["b", "c", "d"]);
        assert_eq!(one.differing_settings(&one), [""; 0]);
    }

    #[test]
    fn only_the_stamp_may_differ() {
        let one = Config::parse(r#"{"a":1,"meta":{"lastTouchedVersion":"2026.7.1"}}"#);
        assert!(one.same_but_for_stamp(&Config::parse(r#"{"a":1}"#)));
        assert!(!one.same_but_for_stamp(&Config::parse(r#"{"a":2}"#)));
    }
}
