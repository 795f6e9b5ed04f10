//! All that a lab has to know to install and ask one candidate: plain data, so that
//! it can be sent to another machine.

use serde::{Deserialize, Serialize};

use crate::question::{Question, Variation};
use crate::release::pairing::Candidate;

/// One candidate to be asked one question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// What is installed.
    pub candidate: Candidate,
    /// What it is asked. A config is named in it; the lab has the config itself.
    pub question: Question,
    /// What differs from a check as usual.
    #[serde(default)]
    pub variation: Variation,
}

impl Job {
    /// A check as usual.
    pub fn plain(candidate: Candidate, question: Question) -> Self {
        Self { candidate, question, variation: Variation::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::question::{Fault, StateCarry};

    #[test]
    fn a_job_arrives_as_it_was_sent() {
        let candidate = Candidate {
            core: "2026.5.18".parse().unwrap(),
            core_integrity: Some("sha512-made-up".to_owned()),
            node: Some(">=22".to_owned()),
            plugin: None,
        };
        let question = Question::text_through(vec!["openai-codex/gpt-5.5".parse().unwrap()]);
        let variation = Variation {
            state: StateCarry::RestoreFrom("/scratch/state".into()),
            settings: Some(serde_json::json!({ "models": { "providers": {} } })),
            fault: Some(Fault::UsageLimit),
        };
        let job = Job { variation, ..Job::plain(candidate, question) };
        let sent = serde_json::to_string(&job).unwrap();
        assert_eq!(serde_json::from_str::<Job>(&sent).unwrap(), job);
    }
}
