//! A session's ending as JSON.

use camino::Utf8Path;
use serde::Serialize;

use super::SessionEnding;
use crate::changes::Changes;
use crate::observation::bill::BillMove;
use crate::question::Question;
use crate::release::Version;
use crate::report::history::{self, HistorySpan};
use crate::search::{Contradiction, Mark, Outcome};
use crate::session::newest::NewestRelease;
use crate::session::record::CheckRecord;

#[derive(Serialize)]
pub(super) struct SessionJson<'a> {
    session: &'a str,
    #[serde(flatten)]
    outcome: OutcomeJson,
    question: &'a Question,
    upstream: &'static str,
    checks: usize,
    /// How many of them earlier sessions made.
    known: usize,
    installs: usize,
    elapsed_ms: u128,
    pinned: Option<Version>,
    pin_file: Option<&'a Utf8Path>,
    changes: Option<&'a Changes>,
    /// Whether it is mended in the newest releases.
    newest: &'a [NewestRelease],
    journal: &'a Utf8Path,
    /// What is known along the line, oldest first.
    history: Vec<HistorySpan>,
    /// Candidates whose turns are paid for in another way than those of the good end.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    billing: Vec<CandidateBilling>,
    /// Candidates that answered both ways, by the ids of their checks.
    contradictions: &'a [Contradiction],
    checked: &'a [CheckRecord],
}

#[derive(Serialize)]
struct CandidateBilling {
    core: Version,
    #[serde(flatten)]
    billing: BillMove,
}

#[derive(Serialize)]
struct OutcomeJson {
    outcome: &'static str,
    /// None where a fix was looked for.
    last_good: Option<Version>,
    first_bad: Option<Version>,
    /// What takes their place where a fix was looked for.
    #[serde(flatten)]
    fix: Option<FixJson>,
    /// Candidates between the two that could not be judged.
    skipped: Vec<Version>,
    /// How likely that is right, from 0 to 1; null where answers were taken for certain.
    confidence: Option<f64>,
    /// Where it broke before and was mended: a release that failed, and one after it that
    /// answered again.
    earlier_stretch: Option<[Version; 2]>,
    /// The releases that stood for the ends of the line.
    ends: [Version; 2],
}

#[derive(Serialize)]
struct FixJson {
    /// The last release that does not answer.
    last_bad: Option<Version>,
    /// The first one that answers again.
    first_good: Option<Version>,
}

impl SessionEnding<'_> {
    pub(super) fn json(&self) -> SessionJson<'_> {
        let conclusion = self.conclusion;
        let outcome = match &conclusion.outcome {
            Outcome::Found { last_good, first_bad } => {
                self.ends("found", Some(*last_good), Some(*first_bad))
            }
            Outcome::Range { last_good, first_bad } => {
                self.ends("range", Some(*last_good), Some(*first_bad))
            }
            Outcome::NoRegression => self.ends("no-regression", Some(conclusion.ends.1), None),
            // Whether an older release answers is not known: the good end is not the first bad one.
            Outcome::GoodEndIsBad => self.ends("good-end-is-bad", None, None),
            Outcome::Scanned => self.ends("scanned", None, None),
            Outcome::EndsReversed => self.ends("ends-reversed", None, None),
            Outcome::EndSkipped { .. } => self.ends("end-skipped", None, None),
            Outcome::Inconclusive { last_good, first_bad } => {
                self.ends("inconclusive", *last_good, *first_bad)
            }
        };
        SessionJson {
            session: self.session,
            outcome,
            question: &self.request.question,
            upstream: self.request.question.upstream.word(),
            checks: self.asked(),
            known: conclusion.known(),
            installs: conclusion.installs,
            elapsed_ms: conclusion.elapsed.as_millis(),
            pinned: self.pinned.map(|(core, _)| core),
            pin_file: self.pinned.map(|(_, file)| file),
            changes: self.changes,
            newest: self.newest,
            journal: self.directory,
            history: history::spans(&self.request.line, &conclusion.checks),
            billing: self
                .billing()
                .into_iter()
                .map(|(core, billing)| CandidateBilling { core, billing })
                .collect(),
            contradictions: &conclusion.contradictions,
            checked: &conclusion.checks,
        }
    }

    fn ends(&self, outcome: &'static str, good: Option<usize>, bad: Option<usize>) -> OutcomeJson {
        let between = match (good, bad) {
            (Some(good), Some(bad)) => good + 1..bad,
            _ => 0..0,
        };
        let is_skipped = |place: &usize| {
            let of_it = self.conclusion.checks.iter().filter(|check| check.place() == *place);
            of_it.clone().any(|check| check.counts && check.mark() == Mark::Skip)
        };
        let (good_end, bad_end) = self.conclusion.ends;
        let core = |place: Option<usize>| place.map(|place| self.core(place));
        let find_fix = self.request.find_fix;
        OutcomeJson {
            outcome,
            confidence: self.conclusion.confidence,
            earlier_stretch: self
                .conclusion
                .earlier_stretch
                .map(|(bad, good)| [self.core(bad), self.core(good)]),
            ends: [self.core(good_end), self.core(bad_end)],
            last_good: core(good).filter(|_| !find_fix),
            first_bad: core(bad).filter(|_| !find_fix),
            fix: find_fix.then(|| FixJson { last_bad: core(bad), first_good: core(good) }),
            skipped: between.filter(is_skipped).map(|place| self.core(place)).collect(),
        }
    }
}
