//! The endings of a session that found no boundary: what both ends showed, and what that
//! means for what was looked for.

use std::fmt::Write as _;

use super::SessionEnding;
use crate::report::paint::Paint as _;
use crate::report::{failure_lines, options};
use crate::search::Mark;
use crate::session::record::CheckRecord;
use crate::verdict::{SkipReason, Verdict};

impl SessionEnding<'_> {
    pub(super) fn no_regression(&self, text: &mut String) {
        let (good, bad) = self.conclusion.ends;
        let (good, bad) = (self.core(good), self.core(bad));
        let headline = if self.request.search.seeks_good_end {
            format!("no regression: {bad} answers")
        } else if self.request.find_fix {
            format!("nothing to mend: both {bad} and {good} answer")
        } else {
            format!("no regression: both {good} and {bad} answer")
        };
        let _ = writeln!(text, "\n{}\n", headline.bold());
        self.moved_ends(text);
        self.certainty(text);
        self.differs_from_a_users(text);
        if self.request.find_fix {
            let _ = writeln!(
                text,
                "next  name an older end that does not answer, or another route:\n      --route provider/model"
            );
            return;
        }
        let _ =
            writeln!(text, "next  name a newer bad end, or another route: --route provider/model");
        let _ = writeln!(
            text,
            "      If your agent is silent on {bad} all the same, the release alone does not explain it:"
        );
        let _ = writeln!(
            text,
            "      look at the login, the quota and openclaw.json (`openclaw doctor`)."
        );
    }

    pub(super) fn good_end_is_bad(&self, text: &mut String) {
        let (place, bad_end) = self.conclusion.ends;
        let (good, bad) = (self.core(place), self.core(bad_end));
        let headline = if self.request.search.seeks_good_end {
            format!("no release answers, from {bad} back to {good}, as far as they were asked")
        } else if self.request.find_fix {
            format!("not mended: {good} does not answer{}", self.either(bad_end))
        } else {
            format!("the good end {good} does not answer{}", self.either(bad_end))
        };
        let _ = writeln!(text, "\n{}\n", headline.bold());
        self.moved_ends(text);
        self.certainty(text);
        self.why(text, place);
        if let Some(remedy) = self.remedy(place) {
            let _ = writeln!(text, "      {remedy}");
        }
        self.differs_from_a_users(text);
        let next = if self.request.search.seeks_good_end {
            format!(
                "if an older one answers, name it: codexpin bisect GOOD {bad};\n      or another route: --route provider/model"
            )
        } else if self.request.find_fix {
            "name a newer good end, or another route: --route provider/model".to_owned()
        } else {
            "name an older good end, or another route: --route provider/model".to_owned()
        };
        let _ = writeln!(text, "next  {next}");
    }

    /// The contrary of what was looked for, with the command that looks for that.
    pub(super) fn ends_reversed(&self, text: &mut String) {
        let (failing, answering) = (self.core(0), self.core(self.request.line.len() - 1));
        let headline = format!("the other way round: {failing} does not answer, {answering} does");
        let _ = writeln!(text, "\n{}\n", headline.bold());
        self.certainty(text);
        self.why(text, 0);
        self.differs_from_a_users(text);
        let options = options::here(&self.request.question);
        let (command, finds) = if self.request.find_fix {
            (format!("{answering} {failing}"), "does not answer")
        } else {
            (format!("{failing} {answering} --find-fix"), "answers again")
        };
        let _ = writeln!(
            text,
            "next  the first release between them that {finds}:\n      codexpin bisect {command}{options}"
        );
    }

    pub(super) fn end_skipped(&self, text: &mut String, end: usize) {
        let name = if end == 0 { "good" } else { "bad" };
        let headline = format!(
            "neither the {name} end {} could be judged, nor any release that could stand for it",
            self.core(end)
        );
        let _ = writeln!(text, "\n{}\n", headline.bold());
        let Some(CheckRecord { verdict: Verdict::Skip { reason }, .. }) =
            self.conclusion.check_of(end)
        else {
            return;
        };
        let _ = writeln!(text, "why   {reason}");
        if let Some(failure) = reason.failure() {
            let _ = writeln!(text, "      {}", failure_lines(failure)[1]);
        }
        if matches!(reason, SkipReason::Incomplete { .. } | SkipReason::Missing { .. }) {
            self.differs_from_a_users(text);
        }
        let _ = writeln!(
            text,
            "\nnext  name another {name} end, or another route: --route provider/model"
        );
        if let Some(remedy) = reason.failure().and_then(|failure| failure.remedy.as_deref()) {
            let _ = writeln!(text, "      {remedy}");
        }
    }

    /// Where the other end fails as well, the word for that.
    fn either(&self, other: usize) -> &'static str {
        let check = self.conclusion.check_of(other);
        if check.is_some_and(|c| c.counts && c.mark() == Mark::Bad) { " either" } else { "" }
    }

    /// What was tested is not what a user with the plugin has: say so, of those that
    /// were really asked without it.
    fn differs_from_a_users(&self, text: &mut String) {
        let asked = self.conclusion.checks.iter().filter(|check| !check.observations.is_empty());
        let mut asked: Vec<_> = asked.map(CheckRecord::place).collect();
        asked.sort_unstable();
        asked.dedup();
        let without = |place: &usize| self.request.line[*place].plugin.is_none();
        let core_only: Vec<_> = asked.iter().copied().filter(without).collect();
        if core_only.is_empty() {
            return;
        }
        let which = if core_only.len() == asked.len() {
            "these releases, so they were tested as core\n      only".to_owned()
        } else {
            let cores: Vec<_> =
                core_only.iter().map(|place| self.core(*place).to_string()).collect();
            format!("{}: tested as core\n      only", cores.join(", "))
        };
        let _ = writeln!(
            text,
            "      This registry has no @openclaw/codex for {which}, through the embedded runtime. An installation with the plugin runs its turns in the\n      \
             Codex app-server, and can fail where these do not, or answer where these do not."
        );
    }
}
