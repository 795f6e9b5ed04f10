//! How a session searches. It is kept with the session: its answers mean the same
//! whenever it goes on.

use serde::{Deserialize, Serialize};

use super::{Bayes, Halving, NoisePolicy, Strategy};

/// How a line is searched.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SearchPlan {
    /// Only the failure of the bad end counts, and not every one.
    pub same_failure: bool,
    /// Whether an answer may be wrong.
    pub answers: AnswerKind,
    /// Whether the good end is not given, and is looked for from the bad end back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub seeks_good_end: bool,
}

/// Whether an answer may be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AnswerKind {
    /// A candidate always answers the same. It is asked again only where it surprises.
    Deterministic,
    /// A good candidate may fail, and a bad one may pass.
    Flaky {
        /// How likely the result has to be right.
        confidence: f64,
        /// How often the last good candidate has to pass, and the first bad one to fail.
        repeat: u32,
    },
}

impl SearchPlan {
    /// How sessions searched before they said so.
    pub const BEFORE_PLANS: Self =
        Self { same_failure: true, answers: AnswerKind::Deterministic, seeks_good_end: false };

    /// The strategy for a line of this many candidates. `shared_upstream`: they share an
    /// account and a service that may fail by themselves. `by_command`: the user's own
    /// command says what a candidate does.
    pub fn strategy(
        self,
        length: usize,
        shared_upstream: bool,
        by_command: bool,
    ) -> Box<dyn Strategy> {
        let policy = NoisePolicy { same_failure: self.same_failure, shared_upstream };
        let seeks = self.seeks_good_end;
        match self.answers {
            AnswerKind::Deterministic => {
                Box::new(Halving::over(length, policy).seeking_good_end(seeks))
            }
            AnswerKind::Flaky { confidence, repeat } => {
                let search = Bayes::over(length, policy, confidence, repeat);
                Box::new(search.seeking_good_end(seeks).beginning_at_good_end(by_command))
            }
        }
    }
}
