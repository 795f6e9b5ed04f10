//! What all connections of one loopback have in common.

use std::sync::Arc;
use std::time::Duration;

use super::history::History;
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
}
