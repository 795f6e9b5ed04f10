//! A journal of format 3, in which a check had no id and said what it was for: read as
//! the answers that the search is told now.

use serde::Deserialize;

use super::record::CheckRecord;
use crate::observation::Observation;
use crate::release::Version;
use crate::search::{Ask, Purpose, Reason};
use crate::verdict::Verdict;

pub(super) const FORMAT: u32 = 3;

/// A check as format 3 has it.
#[derive(Debug, Deserialize)]
pub(super) struct Format3Check {
    place: usize,
    core: Version,
    verdict: Verdict,
    #[serde(default)]
    observations: Vec<Observation>,
    #[serde(default)]
    purpose: Purpose,
}

pub(super) fn is_check(line: &[u8]) -> bool {
    line.starts_with(br#"{"entry":"checked""#)
}

/// The same check with the ask that it answers, by those that came before it on a line
/// of this many candidates.
pub(super) fn converted(check: Format3Check, before: &[CheckRecord], length: usize) -> CheckRecord {
    let Format3Check { place, core, verdict, observations, purpose } = check;
    let last = before.last();
    // A control came right after the failure that it was for, and a second ask right
    // after the surprise.
    let reason = match last {
        Some(last) if purpose == Purpose::Control => Reason::Control { of: last.ask.id },
        Some(last) if last.purpose == Purpose::Surprise && last.place() == place => {
            Reason::Recheck { of: last.ask.id }
        }
        _ if place == 0 || place + 1 == length => Reason::End,
        _ => Reason::Search,
    };
    let id = last.map_or(1, |last| last.ask.id + 1);
    let ask = Ask { id, place, reason };
    CheckRecord { ask, core, verdict, observations, purpose, known_since: None, counts: false }
}
