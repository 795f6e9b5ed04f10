//! How deep a turn goes before the reply.

use std::fmt;
use std::str::FromStr;

use crate::route::Route;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What a turn consists of, written `text`, `tool`, `multitool` or `multitool=N`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probe {
    /// A reply and nothing else.
    Text,
    /// One tool call, then the reply.
    Tool,
    /// This many tool calls one after the other, then the reply.
    Multitool(u16),
}

impl Probe {
    /// How many calls `multitool` makes: some releases stalled only after about
    /// twenty (openclaw issue 88312).
    pub const MANY: u16 = 20;
    /// The Codex app-server has tools of its own, code mode, in which programs call
    /// tools, and those that OpenClaw lends to it.
    const KINDS_OF_CODEX: u16 = 3;
    /// The most that may be asked for.
    pub const MOST: u16 = 500;

    /// How many tools have to run before the reply: with `tool`, one of each kind
    /// that the route has.
    pub fn tool_calls(self, route: &Route) -> u16 {
        match self {
            Self::Text => 0,
            Self::Tool if route.wants_codex() => Self::KINDS_OF_CODEX,
            Self::Tool => 1,
            Self::Multitool(calls) => calls,
        }
    }
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text => f.write_str("text"),
            Self::Tool => f.write_str("tool"),
            Self::Multitool(Self::MANY) => f.write_str("multitool"),
            Self::Multitool(calls) => write!(f, "multitool={calls}"),
        }
    }
}

/// The text is no probe.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a probe: expected text, tool, multitool, or multitool=N with N from 1 to {most}",
    most = Probe::MOST
)]
pub struct ParseProbeError(String);

impl FromStr for Probe {
    type Err = ParseProbeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=') {
            None if text == "text" => Ok(Self::Text),
            None if text == "tool" => Ok(Self::Tool),
            None if text == "multitool" => Ok(Self::Multitool(Self::MANY)),
            Some(("multitool", calls)) => {
                let calls = calls.parse().ok().filter(|calls| (1..=Self::MOST).contains(calls));
                calls.map(Self::Multitool).ok_or_else(|| ParseProbeError(text.to_owned()))
            }
            _ => Err(ParseProbeError(text.to_owned())),
        }
    }
}

impl Serialize for Probe {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Probe {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_reads_back_as_it_is_written() {
        for text in ["text", "tool", "multitool", "multitool=3"] {
            assert_eq!(text.parse::<Probe>().unwrap().to_string(), text);
        }
        assert_eq!("multitool=20".parse(), Ok(Probe::Multitool(20)));
    }

    #[test]
    fn what_is_no_probe_is_refused_by_name() {
        for text in ["", "tools", "multitool=", "multitool=0", "multitool=501", "text=2", "tool=1"]
        {
            let error = text.parse::<Probe>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("`{text}` is not a probe")), "{error}");
        }
    }
}
