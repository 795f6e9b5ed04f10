//! How a session searches, by what the user says and what kind of check it is.

use crate::question::Question;
use crate::search::{AnswerKind, SearchPlan};
use crate::session::SessionLimits;

/// How a line is to be searched.
#[derive(Debug, Clone, Copy, Default)]
pub struct SearchRequest {
    /// Whether only the failure that the bad end shows counts, and not every one.
    pub same_failure: bool,
    /// Whether answers are to be taken for certain.
    pub deterministic: bool,
    /// How likely the result has to be right. None: as the kind of check asks for.
    pub confidence: Option<f64>,
    /// How often the last good release has to pass, and the first bad one to fail. None:
    /// as the kind of check asks for.
    pub repeat: Option<u32>,
    /// How long the session may go on.
    pub limits: SessionLimits,
}

/// How likely a result has to be right where nothing else is said.
const CONFIDENCE: f64 = 0.99;

/// How often the releases beside the boundary are asked where nothing else is said.
const REPEAT: u32 = 2;

impl SearchRequest {
    /// What to search by. The loopback answers every time the same; the service, or a
    /// command of the user's own, need not.
    pub(in crate::app) fn plan(self, question: &Question) -> SearchPlan {
        let may_flake = question.upstream.lending().is_some() || question.ask.command().is_some();
        let is_asked_for = self.confidence.is_some() || self.repeat.is_some();
        let answers = if self.deterministic || !(may_flake || is_asked_for) {
            AnswerKind::Deterministic
        } else {
            AnswerKind::Flaky {
                confidence: self.confidence.unwrap_or(CONFIDENCE),
                repeat: self.repeat.unwrap_or(REPEAT),
            }
        };
        SearchPlan { same_failure: self.same_failure, answers, seeks_good_end: false }
    }
}
