//! What all connections of one loopback have in common.

use std::sync::Arc;
use std::time::Duration;

use super::answer::LoopbackAnswer;
use super::decision::decide;
use super::history::History;
use super::refusal;
use super::request::{RequestBody, RequestFacts};
use super::script::Script;
use crate::host::HostPort;
use crate::question::Fault;
use crate::upstream::ledger::Ledger;

pub(super) struct LoopbackState {
    /// The pause between two events of a streamed reply.
    pub(super) pace: Duration,
    pub(super) script: Arc<Script>,
    pub(super) fault: Option<Fault>,
    /// Where a `CONNECT` leads to the host itself.
    pub(super) registries: Vec<HostPort>,
    pub(super) history: History,
    pub(super) ledger: Ledger,
    /// How many requests for a turn are answered.
    pub(super) most_requests: Option<usize>,
}

impl LoopbackState {
    /// The answer to a request; none that costs anything once too many were asked.
    pub(super) fn answer(&self, facts: &RequestFacts) -> LoopbackAnswer {
        let asks = matches!(facts.body, RequestBody::Turn(_));
        if asks && self.ledger.is_spent(self.most_requests) {
            return refusal::limited();
        }
        decide(facts)
    }
}
