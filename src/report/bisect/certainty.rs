//! How sure a session's answer is, and what it says where it is not sure enough.

use std::fmt::Write as _;

use crate::report::paint::Paint as _;

use super::SessionEnding;
use crate::report::{counted, duration};
use crate::search::{Mark, Outcome};
use crate::session::LimitReached;
use crate::verdict::Verdict;

impl SessionEnding<'_> {
    /// How likely the answer is right, and what it rests on; nothing where answers were
    /// taken for certain.
    pub(super) fn certainty(&self, text: &mut String) {
        let Some(confidence) = self.conclusion.confidence else { return };
        let word = match confidence {
            0.99.. => "nearly certain",
            0.95.. => "very likely",
            0.8.. => "likely",
            _ => "uncertain",
        };
        let mut rests_on = Vec::new();
        if let Outcome::Found { last_good, first_bad } | Outcome::Range { last_good, first_bad } =
            self.conclusion.outcome
        {
            for place in [last_good, first_bad] {
                let (passes, fails) = (self.times(place, Mark::Good), self.times(place, Mark::Bad));
                let said = if place == last_good { passes } else { fails };
                let word = if place == last_good { "answered" } else { "failed" };
                rests_on.push(format!("{} {word} {said} of {}", self.core(place), passes + fails));
            }
        }
        let rests_on = rests_on.join(", ");
        let colon = if rests_on.is_empty() { "" } else { ": " };
        let _ = writeln!(text, "sure  {}, {word}{colon}{rests_on}", percent(confidence));
        if let Some((bad, good)) = self.conclusion.earlier_stretch {
            let _ = writeln!(
                text,
                "      before that it broke and was mended: {} failed, {} answered again",
                self.core(bad),
                self.core(good)
            );
        }
    }

    /// How often a candidate showed this, whatever was made of it.
    pub(super) fn times(&self, place: usize, mark: Mark) -> usize {
        let own = self.conclusion.checks.iter().filter(|check| check.place() == place);
        own.filter(|check| check.mark() == mark).count()
    }

    pub(super) fn inconclusive(
        &self,
        text: &mut String,
        last_good: Option<usize>,
        first_bad: Option<usize>,
    ) {
        let headline = match (last_good, first_bad) {
            (Some(good), Some(bad)) if self.request.find_fix => format!(
                "not sure yet: the first release that answers again comes after {} and not after {}",
                self.core(bad),
                self.core(good)
            ),
            (Some(good), None) if self.request.find_fix => {
                format!("not sure yet: if it was ever broken, {} answers again", self.core(good))
            }
            (None, Some(bad)) if self.request.find_fix => {
                format!("not sure yet: {} does not answer", self.core(bad))
            }
            (Some(good), Some(bad)) => format!(
                "not sure yet: the first bad release comes after {} and not after {}",
                self.core(good),
                self.core(bad)
            ),
            (Some(good), None) => {
                format!("not sure yet: if a release is bad, it comes after {}", self.core(good))
            }
            (None, Some(bad)) => {
                format!("not sure yet: the first bad release is {} or an older one", self.core(bad))
            }
            (None, None) => "not sure yet: nothing can be said of any release".to_owned(),
        };
        let _ = writeln!(text, "\n{}\n", headline.bold());
        self.certainty(text);
        let why = match self.conclusion.limit {
            Some(LimitReached::Checks(most)) => {
                format!("it ended after {}, as --max-checks says", counted(most, "check", "checks"))
            }
            Some(LimitReached::Time(most)) => {
                format!("it ended after {}, as --max-time says", duration(most))
            }
            None => {
                "one more check would not say more: the answers contradict each other".to_owned()
            }
        };
        let _ = writeln!(text, "why   {why}");
        self.history(text);
        if self.conclusion.limit.is_some() {
            let _ = writeln!(text, "\nnext  codexpin resume {}    go on", self.session);
        }
    }

    /// Which releases stood for ends that could not be judged.
    pub(super) fn moved_ends(&self, text: &mut String) {
        let given = (0, self.request.line.len() - 1);
        let (good, bad) = self.conclusion.ends;
        for (name, given, now) in [("good", given.0, good), ("bad", given.1, bad)] {
            if given == now {
                continue;
            }
            let why = self.conclusion.check_of(given).map(|check| &check.verdict);
            let why = match why {
                Some(Verdict::Skip { reason }) => format!(" ({reason})"),
                _ => String::new(),
            };
            let _ = writeln!(
                text,
                "ends  the {name} end {} could not be judged{why}: {} stood for it",
                self.core(given),
                self.core(now)
            );
        }
    }
}

/// Never 100: no answer is that sure.
fn percent(chance: f64) -> String {
    let tenths = (chance * 1000.0).floor().min(999.0) / 10.0;
    format!("{tenths:.1} %")
}
