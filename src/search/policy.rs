//! What to make of answers that may be noise. Every answer is kept; what a candidate
//! counts as is worked out from all of them.
//!
//! | answer | what is made of it |
//! |---|---|
//! | a failure that the line has not shown yet | the candidate is asked again, and that answer counts |
//! | the same at the bad end, which is expected to fail | it is asked again where another one fails in another way, or where nothing else fails |
//! | another failure than the bad end's, between the ends | a bad candidate as well; a skip where only the bad end's failure is looked for |
//! | a failure, where a service is shared | it counts once the last good candidate has answered again |
//! | the shared account, service or network failed | the search pauses; it counts for nothing |

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Ask, Contradiction, FailureKey, Mark, Pause, Reading, Reason};

/// How often a candidate has to answer before it is pinned, where answers may be wrong.
pub(super) const PASSES_BEFORE_PIN: u32 = 3;

/// How noise is met.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NoisePolicy {
    /// Only the failure of the bad end counts, and not every one.
    pub same_failure: bool,
    /// The candidates share an account and a service that may fail by themselves.
    pub shared_upstream: bool,
}

/// What the search makes of an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// It counts as it is.
    #[default]
    Search,
    /// A surprise: the recheck of the same candidate counts instead.
    Surprise,
    /// A failure that counts once its control has passed.
    Controlled,
    /// A failure other than that of the bad end, where only that one is looked for: it
    /// counts as a skip.
    Another,
    /// The account, the service or the network failed: it counts for nothing, and the
    /// search pauses.
    Pause,
    /// It shows whether account, service and network still do their part.
    Control,
}

/// Where a candidate stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CandidateState {
    /// Nothing that counts is known of it.
    Unknown,
    /// It counts as this.
    Settled(Mark),
    /// It has to be asked again.
    AwaitsRecheck(u32),
    /// Another candidate has to be asked, as a control.
    AwaitsControl(u32),
}

/// All answers, and what the policy makes of them.
#[derive(Debug, Clone)]
pub(super) struct Answers {
    pub(super) policy: NoisePolicy,
    pub(super) length: usize,
    pub(super) all: Vec<(Ask, Reading)>,
    /// Failures whose control was not made in time.
    pub(super) out_of_date: BTreeSet<u32>,
    /// Failures of candidates that count before anything is asked, and surprise nobody.
    pub(super) borne_out: BTreeSet<(usize, FailureKey)>,
    pause: Option<Pause>,
}

impl Answers {
    pub(super) fn new(length: usize, policy: NoisePolicy) -> Self {
        let (all, out_of_date, borne_out) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
        Self { policy, length, all, out_of_date, borne_out, pause: None }
    }

    pub(super) fn add(&mut self, ask: Ask, reading: Reading) {
        let id = ask.id;
        let pause = match (ask.reason, &reading) {
            (Reason::Control { .. }, Reading::Good) => None,
            (_, Reading::Shared) if self.policy.shared_upstream => Some(Pause::Shared { ask: id }),
            (Reason::Control { .. }, _) => Some(Pause::Control { ask: id }),
            _ => None,
        };
        self.pause = self.pause.or(pause);
        self.all.push((ask, reading));
    }

    pub(super) fn go_on(&mut self) {
        self.pause = None;
        for state in self.states() {
            if let CandidateState::AwaitsControl(ask) = state {
                self.out_of_date.insert(ask);
            }
        }
    }

    pub(super) fn pause(&self) -> Option<Pause> {
        self.pause
    }

    /// How often this candidate answered.
    pub(super) fn passes(&self, place: usize) -> u32 {
        let own =
            self.all.iter().filter(|(ask, seen)| ask.place == place && *seen == Reading::Good);
        u32::try_from(own.count()).unwrap_or(u32::MAX)
    }

    /// The number of the next ask, none of the running ones having it.
    pub(super) fn next_id(&self, running: &[Ask]) -> u32 {
        let known = self.all.iter().map(|(ask, _)| ask).chain(running);
        known.map(|ask| ask.id).max().unwrap_or(0).saturating_add(1)
    }

    /// What each candidate counts as.
    pub(super) fn states(&self) -> Vec<CandidateState> {
        let mut known = self.borne_out.clone();
        loop {
            let states: Vec<_> = (0..self.length).map(|at| self.state_of(at, &known)).collect();
            let before = known.len();
            known.extend(self.keys_of_settled(&states));
            // Repeat until nothing changes: a failure that is confirmed with one candidate is
            // no surprise with another, which may settle that one and its failure too.
            if known.len() == before {
                return states;
            }
        }
    }

    pub(super) fn key(&self, ask: u32) -> Option<&FailureKey> {
        match self.answer(ask) {
            Some((_, Reading::Bad(key))) => Some(key),
            _ => None,
        }
    }

    pub(super) fn purpose(&self, ask: u32) -> Purpose {
        let Some((asked, reading)) = self.answer(ask) else { return Purpose::Search };
        if matches!(asked.reason, Reason::Control { .. }) {
            return Purpose::Control;
        }
        if *reading == Reading::Shared && self.policy.shared_upstream {
            return Purpose::Pause;
        }
        if !matches!(reading, Reading::Bad(_)) {
            return Purpose::Search;
        }
        if self.was_rechecked(ask) {
            return Purpose::Surprise;
        }
        let state = self.states()[asked.place];
        let decides = self.decisive(asked.place).is_some_and(|(decisive, _)| decisive.id == ask);
        match state {
            CandidateState::AwaitsRecheck(of) if of == ask => Purpose::Surprise,
            CandidateState::Settled(Mark::Skip) if decides => Purpose::Another,
            _ if self.is_controlled(asked.place) => Purpose::Controlled,
            _ => Purpose::Search,
        }
    }

    pub(super) fn counts(&self, ask: u32) -> bool {
        let Some((asked, _)) = self.answer(ask) else { return false };
        self.decisive(asked.place).is_some_and(|(decisive, _)| decisive.id == ask)
            && matches!(self.states()[asked.place], CandidateState::Settled(_))
    }

    pub(super) fn contradictions(&self) -> Vec<Contradiction> {
        let of = |place: usize| {
            let own = self.all.iter().filter(|(ask, _)| ask.place == place);
            // An answer without a passing control may have been the service's fault.
            let own = own.filter(|(ask, _)| !self.was_out_of_order(ask));
            let ids = |wanted: fn(&Reading) -> bool| {
                own.clone().filter(|(_, reading)| wanted(reading)).map(|(ask, _)| ask.id).collect()
            };
            let good: Vec<u32> = ids(|reading| *reading == Reading::Good);
            let bad: Vec<u32> = ids(|reading| matches!(reading, Reading::Bad(_)));
            let both = !good.is_empty() && !bad.is_empty();
            both.then_some(Contradiction { place, good, bad })
        };
        (0..self.length).filter_map(of).collect()
    }

    pub(super) fn answer(&self, ask: u32) -> Option<&(Ask, Reading)> {
        self.all.iter().find(|(known, _)| known.id == ask)
    }

    /// The answer that decides about a candidate: the last one that is not void.
    fn decisive(&self, place: usize) -> Option<&(Ask, Reading)> {
        self.all.iter().rev().find(|(ask, reading)| {
            ask.place == place
                && !matches!(ask.reason, Reason::Control { .. })
                && (*reading != Reading::Shared || !self.policy.shared_upstream)
                && !self.was_rechecked(ask.id)
                && !self.was_out_of_order(ask)
        })
    }

    /// Whether the account, the service or the network may have been what failed:
    /// the control failed, or was not made in time.
    pub(super) fn was_out_of_order(&self, ask: &Ask) -> bool {
        self.out_of_date.contains(&ask.id) || self.control_of(ask.id) == Some(false)
    }

    fn state_of(&self, place: usize, known: &BTreeSet<(usize, FailureKey)>) -> CandidateState {
        let Some((ask, reading)) = self.decisive(place) else { return CandidateState::Unknown };
        let key = match reading {
            Reading::Good => return CandidateState::Settled(Mark::Good),
            Reading::Skip | Reading::Shared => return CandidateState::Settled(Mark::Skip),
            Reading::Bad(key) => key,
        };
        if self.is_surprise(place, key, known) {
            return CandidateState::AwaitsRecheck(ask.id);
        }
        if self.is_another(place, key, known) {
            return CandidateState::Settled(Mark::Skip);
        }
        if self.is_controlled(place) && self.control_of(ask.id).is_none() {
            return CandidateState::AwaitsControl(ask.id);
        }
        CandidateState::Settled(Mark::Bad)
    }

    /// The good end is not expected to fail. Between the ends a failure is expected to be
    /// one that was seen with another candidate, and so is the bad end's, once another
    /// candidate has shown its own.
    fn is_surprise(
        &self,
        place: usize,
        key: &FailureKey,
        known: &BTreeSet<(usize, FailureKey)>,
    ) -> bool {
        let mut others = known.iter().filter(|(other, _)| *other != place);
        let is_contradicted = others.clone().next().is_some();
        let elsewhere = others.any(|(_, seen)| seen == key);
        let is_expected = place == self.length - 1 && !is_contradicted;
        !is_expected && !self.was_asked_again(place) && (place == 0 || !elsewhere)
    }

    /// The answer that makes this candidate bad, where nothing else bears it out: it was
    /// not asked again, and no other candidate failed in this way.
    pub(super) fn single_failure(&self, place: usize) -> Option<u32> {
        let (ask, reading) = self.decisive(place)?;
        let Reading::Bad(_) = reading else { return None };
        let elsewhere =
            self.all.iter().any(|(other, seen)| other.place != place && seen == reading);
        (!elsewhere && !self.was_asked_again(place)).then_some(ask.id)
    }

    fn was_asked_again(&self, place: usize) -> bool {
        self.all.iter().any(|(ask, _)| {
            ask.place == place
                && (matches!(ask.reason, Reason::Recheck { .. }) || self.was_rechecked(ask.id))
        })
    }

    /// Whether a candidate fails in another way than the bad end, and stands for no end:
    /// one before which nothing answers is to answer itself.
    fn is_another(
        &self,
        place: usize,
        key: &FailureKey,
        known: &BTreeSet<(usize, FailureKey)>,
    ) -> bool {
        let last = self.length - 1;
        let sought = known.iter().find(|(at, _)| *at == last);
        self.policy.same_failure
            && place != last
            && self.control_for(place).is_some()
            && sought.is_some_and(|(_, sought)| sought != key)
    }

    /// Whether a failure of this candidate needs a control. There is none where nothing
    /// before it answers.
    pub(super) fn is_controlled(&self, place: usize) -> bool {
        self.policy.shared_upstream && self.control_for(place).is_some()
    }

    /// What may serve as a control for a failure of this candidate: the nearest before it
    /// that answers, and not by supposition.
    pub(super) fn control_for(&self, place: usize) -> Option<usize> {
        let answers = |before: &usize| {
            self.decisive(*before).is_some_and(|(_, reading)| *reading == Reading::Good)
        };
        (0..place).rfind(answers)
    }

    fn was_rechecked(&self, ask: u32) -> bool {
        self.all.iter().any(|(later, _)| later.reason == Reason::Recheck { of: ask })
    }

    /// Whether the control for a failure passed; none where it was not made.
    pub(super) fn control_of(&self, ask: u32) -> Option<bool> {
        let mut controls = self.all.iter().filter(|(c, _)| c.reason == Reason::Control { of: ask });
        controls.next_back().map(|(_, reading)| *reading == Reading::Good)
    }

    fn keys_of_settled(&self, states: &[CandidateState]) -> Vec<(usize, FailureKey)> {
        let settled = states.iter().enumerate().filter(|(_, state)| {
            matches!(
                state,
                CandidateState::Settled(Mark::Bad | Mark::Skip) | CandidateState::AwaitsControl(_)
            )
        });
        let keys = settled.filter_map(|(place, _)| match self.decisive(place)? {
            (_, Reading::Bad(key)) => Some((place, key.clone())),
            _ => None,
        });
        keys.collect()
    }
}
