//! All that decides what a check sees.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::question::{AskBy, Question, Variation};
use crate::release::Version;
use crate::release::pairing::Candidate;

/// Counts up when a check asks in another way, or in other surroundings: what was seen
/// before that is asked again.
const CHECK: u32 = 1;

/// All that decides what a check sees. Two checks of one key differ by chance alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AnswerKey {
    check: u32,
    candidate: Candidate,
    /// Hash of every installed file: core, plugin, Codex CLI and the rest of the tree.
    content: String,
    node: String,
    platform: String,
    question: Question,
    /// Hash of the config that is carried over.
    config: Option<String>,
    /// The account that is asked, as a hash.
    account: Option<String>,
}

/// What a candidate is asked with, besides the question.
#[derive(Debug, Clone, Default)]
pub struct AskedWith {
    /// Hash of every installed file.
    pub content: String,
    /// The version of its Node.
    pub node: String,
    /// Hash of the config that is carried over, where one is.
    pub config: Option<String>,
    /// The account that is asked, as a hash, where one is.
    pub account: Option<String>,
}

impl AnswerKey {
    /// None where more decides the answer than can be named: a command of the user's own,
    /// a state that others left, a fault or a remedy that is tried.
    pub fn of(
        candidate: &Candidate,
        question: &Question,
        variation: &Variation,
        asked: AskedWith,
    ) -> Option<Self> {
        let is_plain = *variation == Variation::default() && !question.carry_state;
        if !is_plain || matches!(question.ask, AskBy::Command(_)) {
            return None;
        }
        Some(Self {
            check: CHECK,
            candidate: candidate.clone(),
            content: asked.content,
            node: asked.node,
            platform: format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH),
            question: question.clone(),
            config: asked.config,
            account: asked.account,
        })
    }

    /// The core release.
    pub fn core(&self) -> Version {
        self.candidate.core
    }

    /// What is asked.
    pub fn question(&self) -> &Question {
        &self.question
    }

    pub(super) fn is_of_this_codexpin(&self) -> bool {
        self.check == CHECK
    }

    /// A name for a file.
    pub(super) fn hash(&self) -> String {
        let text = serde_json::to_vec(self).unwrap_or_default();
        format!("{:x}", Sha256::digest(text))
    }
}
