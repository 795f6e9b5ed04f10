//! How a check differs from the plain one.

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Fault;

/// How one check differs from the plain one of the same question: a fresh state,
/// no settings besides the config's, a loopback without a fault.
///
/// Plain data, so that it can travel with the candidate and the question. The
/// config that is carried over is named by the question.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Variation {
    /// The state that the candidate meets, and what becomes of the state that it leaves.
    pub state: StateCarry,
    /// Merged into the config, where a remedy is tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settings: Option<Value>,
    /// What goes wrong with the loopback, on purpose.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
}

/// Which state a candidate meets. A directory holds one state for each route.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StateCarry {
    /// A fresh one, which is removed after the check.
    #[default]
    Fresh,
    /// A fresh one, which is saved in this directory after the check.
    SaveTo(Utf8PathBuf),
    /// The one that another release saved in this directory.
    RestoreFrom(Utf8PathBuf),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variation_reads_back_as_it_is_written() {
        let all = Variation {
            state: StateCarry::RestoreFrom("/cache/carried".into()),
            settings: Some(serde_json::json!({ "agents": { "defaults": {} } })),
            fault: Some(Fault::RateLimit),
        };
        for variation in [Variation::default(), all] {
            let json = serde_json::to_string(&variation).unwrap();
            assert_eq!(serde_json::from_str::<Variation>(&json).unwrap(), variation, "{json}");
        }
        assert_eq!(serde_json::from_str::<Variation>("{}").unwrap(), Variation::default());
    }

    #[test]
    fn every_fault_is_written_by_its_name() {
        for fault in Fault::ALL {
            let json = serde_json::to_string(&fault).unwrap();
            assert_eq!(json, format!("{:?}", fault.name()));
            assert_eq!(serde_json::from_str::<Fault>(&json).unwrap(), fault);
        }
        assert!(serde_json::from_str::<Fault>("\"no-such-fault\"").is_err());
    }
}
