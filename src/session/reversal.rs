//! A search whose ends turned out to be the other way round, as the contrary search: where
//! it was mended instead of where it broke, or where it broke instead of where it was mended.

use camino::Utf8Path;
use jiff::Timestamp;

use super::journal::{Journal, JournalError, SessionRequest};
use super::record::CheckRecord;
use crate::search::Ask;

/// Begins the contrary search with all that was seen: nothing is asked again.
pub fn begin_contrary(
    sessions: &Utf8Path,
    request: &SessionRequest,
    checks: &[CheckRecord],
    now: Timestamp,
) -> Result<Journal, JournalError> {
    let contrary = SessionRequest {
        line: request.line.iter().rev().cloned().collect(),
        nodes: request.nodes.iter().rev().cloned().collect(),
        find_fix: !request.find_fix,
        newest: Vec::new(),
        ..request.clone()
    };
    let last = request.line.len() - 1;
    let mut journal = Journal::begin(sessions, contrary, now)?;
    for check in checks {
        let ask = Ask { place: last - check.ask.place, ..check.ask.clone() };
        journal.record(&CheckRecord { ask, ..check.clone() })?;
    }
    Ok(journal)
}
