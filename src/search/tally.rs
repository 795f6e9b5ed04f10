//! The answers as evidence that may be wrong: all of them count, and none decides.

use super::policy::Answers;
use super::{Ask, FailureKey, Purpose, Reading, Reason};

/// How often a candidate answered, and how often it failed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) passes: u32,
    pub(super) fails: u32,
    /// Whether nothing more can be learnt by asking it.
    pub(super) untestable: bool,
}

impl Tally {
    /// Whether nothing is known of it, and something might be.
    pub(super) fn is_unasked(self) -> bool {
        !self.untestable && self.passes + self.fails == 0
    }
}

/// So many times a candidate that was judged before cannot be, and it is let alone.
const SKIPS_OF_A_JUDGED_ONE: u32 = 3;

impl Answers {
    /// How often each candidate answered and failed. A failure that waits for its control,
    /// or whose control failed, is not among them.
    pub(super) fn tallies(&self) -> Vec<Tally> {
        let mut tallies = vec![Tally::default(); self.length];
        let mut skips = vec![0; self.length];
        let sought = self.sought();
        for (ask, reading) in &self.all {
            match reading {
                Reading::Good => tallies[ask.place].passes += 1,
                Reading::Bad(key) if is_left_out(ask.place, key, sought) => skips[ask.place] += 1,
                Reading::Bad(_) if self.is_evidence(ask) => tallies[ask.place].fails += 1,
                Reading::Bad(_) => {}
                Reading::Shared if self.policy.shared_upstream => {}
                Reading::Skip | Reading::Shared => skips[ask.place] += 1,
            }
        }
        for (tally, skips) in tallies.iter_mut().zip(skips) {
            let wanted = if tally.passes + tally.fails == 0 { 1 } else { SKIPS_OF_A_JUDGED_ONE };
            tally.untestable = skips >= wanted;
        }
        tallies
    }

    /// A failure that waits for its control: its ask, and the candidate that may serve as
    /// one, the nearest before it that answered.
    pub(super) fn awaited_control(&self) -> Option<(u32, usize)> {
        let waits = |(ask, reading): &&(Ask, Reading)| {
            matches!(reading, Reading::Bad(_))
                && !matches!(ask.reason, Reason::Control { .. })
                && self.is_controlled(ask.place)
                && self.control_of(ask.id).is_none()
                && !self.out_of_date.contains(&ask.id)
        };
        let (ask, _) = self.all.iter().find(waits)?;
        Some((ask.id, self.control_for(ask.place)?))
    }

    /// What is made of an answer.
    pub(super) fn purpose_as_evidence(&self, ask: u32) -> Purpose {
        let Some((asked, reading)) = self.answer(ask) else { return Purpose::Search };
        match reading {
            _ if matches!(asked.reason, Reason::Control { .. }) => Purpose::Control,
            Reading::Shared if self.policy.shared_upstream => Purpose::Pause,
            Reading::Bad(key) if is_left_out(asked.place, key, self.sought()) => Purpose::Another,
            Reading::Bad(_) if self.is_controlled(asked.place) => Purpose::Controlled,
            _ => Purpose::Search,
        }
    }

    /// Whether an answer speaks for what its candidate is taken for; the last one, where
    /// none does.
    pub(super) fn speaks(&self, ask: u32, is_bad: impl Fn(usize) -> bool) -> bool {
        let Some((asked, _)) = self.answer(ask) else { return false };
        let bad = is_bad(asked.place);
        let speaking = |(ask, reading): &&(Ask, Reading)| match reading {
            Reading::Good => !bad,
            Reading::Bad(_) => bad && self.is_evidence(ask),
            Reading::Skip | Reading::Shared => false,
        };
        let mut own = self.all.iter().filter(|(other, _)| other.place == asked.place);
        if own.clone().any(|answer| speaking(&answer)) {
            return own.filter(speaking).any(|(other, _)| other.id == ask);
        }
        own.next_back().is_some_and(|(last, _)| last.id == ask)
    }

    /// The failure that is looked for, where others do not count: the one that the bad end
    /// shows most often.
    fn sought(&self) -> Option<&FailureKey> {
        let own = self.all.iter().filter(|(ask, _)| ask.place == self.length - 1);
        let keys = own.filter_map(|(_, reading)| match reading {
            Reading::Bad(key) => Some(key),
            _ => None,
        });
        let times = |key: &&FailureKey| keys.clone().filter(|other| other == key).count();
        keys.clone().max_by_key(times).filter(|_| self.policy.same_failure)
    }

    /// Whether a failure may be the candidate's own.
    fn is_evidence(&self, ask: &Ask) -> bool {
        !matches!(ask.reason, Reason::Control { .. })
            && !self.was_out_of_order(ask)
            && (!self.is_controlled(ask.place) || self.control_of(ask.id) == Some(true))
    }
}

fn is_left_out(place: usize, key: &FailureKey, sought: Option<&FailureKey>) -> bool {
    place != 0 && sought.is_some_and(|sought| sought != key)
}
