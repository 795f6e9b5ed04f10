//! A session: its first lines and its ending.

mod certainty;
mod json;
pub(super) mod newest;
mod no_boundary;
mod opening;

use std::fmt::Write as _;

use camino::Utf8Path;

use super::paint::Paint as _;
use super::{
    OutputForm, changes, counted, duration, failure_lines, history, print_if_json, terminal,
};
use crate::app::bisect::BisectReport;
use crate::changes::Changes;
use crate::observation::Observation;
use crate::observation::bill::{self, BillMove};
use crate::release::Version;
use crate::route::Route;
use crate::search::{AnswerKind, Contradiction, Outcome, Purpose};
use crate::session::Conclusion;
use crate::session::journal::SessionRequest;
use crate::session::newest::NewestRelease;
use crate::session::record::CheckRecord;
use crate::verdict::Verdict;

pub(super) use opening::{how, opening};

/// Prints how a session ended, for a person or as JSON.
pub fn print(report: &BisectReport, form: OutputForm) {
    let ending = SessionEnding::of(report);
    if !print_if_json(form, &ending.json()) {
        terminal::print(ending.text().trim_end());
    }
}

/// How many of the checks were made by earlier sessions, to stand between two numbers;
/// nothing where none was.
pub(super) fn known_before(conclusion: &Conclusion) -> String {
    match conclusion.known() {
        0 => String::new(),
        known => format!("{known} of them made before (--fresh makes all anew), "),
    }
}

/// How a session ended.
#[derive(Debug)]
struct SessionEnding<'a> {
    session: &'a str,
    directory: &'a Utf8Path,
    request: &'a SessionRequest,
    conclusion: &'a Conclusion,
    changes: Option<&'a Changes>,
    newest: &'a [NewestRelease],
    /// What was pinned, and in which file.
    pinned: Option<(Version, &'a Utf8Path)>,
}

impl<'a> SessionEnding<'a> {
    fn of(report: &'a BisectReport) -> Self {
        let pin = report.pinned.as_ref().and_then(|pinned| pinned.as_ref().ok());
        Self {
            session: &report.session,
            directory: &report.directory,
            request: &report.request,
            conclusion: &report.conclusion,
            changes: report.changes.as_ref(),
            newest: &report.newest,
            pinned: pin.map(|pin| (pin.core, report.request.pin_file.as_path())),
        }
    }
}

impl SessionEnding<'_> {
    fn core(&self, place: usize) -> Version {
        self.request.line[place].core
    }

    /// How many times a candidate was asked.
    fn asked(&self) -> usize {
        self.conclusion.checks.iter().filter(|checked| !checked.observations.is_empty()).count()
    }

    fn text(&self) -> String {
        let mut text = String::new();
        match &self.conclusion.outcome {
            Outcome::Found { last_good, first_bad } => {
                self.found(&mut text, *last_good, *first_bad);
            }
            Outcome::Range { last_good, first_bad } => {
                self.range(&mut text, *last_good, *first_bad);
            }
            Outcome::NoRegression => self.no_regression(&mut text),
            Outcome::GoodEndIsBad => self.good_end_is_bad(&mut text),
            Outcome::EndsReversed => self.ends_reversed(&mut text),
            // It has a report of its own: see `report::scan`.
            Outcome::Scanned => {}
            Outcome::EndSkipped { end } => self.end_skipped(&mut text, *end),
            Outcome::Inconclusive { last_good, first_bad } => {
                self.inconclusive(&mut text, *last_good, *first_bad);
            }
        }
        for told in &self.conclusion.contradictions {
            let _ = writeln!(text, "\n{}", self.contradiction(told));
        }
        for (core, billing) in self.billing() {
            let _ = writeln!(text, "\n{}", format!("bill  {core}: {billing}").yellow());
        }
        let _ = writeln!(
            text,
            "\n{} of {}, {}{}, {}",
            counted(self.asked(), "check", "checks"),
            counted(self.request.line.len(), "candidate", "candidates"),
            known_before(self.conclusion),
            counted(self.conclusion.installs, "install", "installs"),
            duration(self.conclusion.elapsed),
        );
        let _ = writeln!(text, "logs  {}", self.directory);
        text
    }

    /// Candidates whose turns are paid for in another way than those of the good end.
    fn billing(&self) -> Vec<(Version, BillMove)> {
        let checks = &self.conclusion.checks;
        let good = |route: &Route| {
            let good = checks.iter().filter(|check| check.verdict == Verdict::Good);
            let first = good.min_by_key(|check| check.core)?;
            first.observations.iter().find(|observation| observation.route == *route)
        };
        let of_check = |check: &CheckRecord| {
            let moved =
                |observation: &Observation| bill::moved(good(&observation.route), observation);
            let moved = check.observations.iter().find_map(moved)?;
            Some((check.core, moved))
        };
        let mut moves: Vec<_> = checks.iter().filter_map(of_check).collect();
        moves.sort_by_key(|(core, _)| *core);
        moves.dedup();
        moves
    }

    fn found(&self, text: &mut String, last_good: usize, first_bad: usize) {
        let (good, bad) = (self.core(last_good), self.core(first_bad));
        let headline = if self.request.find_fix {
            format!("{good} is the first release that answers again; {bad} is the last bad one")
        } else {
            format!("{bad} is the first bad release; {good} is the last good one")
        };
        let _ = writeln!(text, "\n{}", headline.bold());
        self.whether_mended(text, bad);
        text.push('\n');
        self.moved_ends(text);
        self.certainty(text);
        self.why(text, first_bad);
        self.history(text);
        self.pinned_and_next(text, good, bad);
    }

    fn range(&self, text: &mut String, last_good: usize, first_bad: usize) {
        let (good, bad) = (self.core(last_good), self.core(first_bad));
        let headline = if self.request.find_fix {
            format!("the first release that answers again comes after {bad} and not after {good}")
        } else {
            format!("the first bad release comes after {good} and not after {bad}")
        };
        let _ = writeln!(text, "\n{}", headline.bold());
        self.whether_mended(text, bad);
        let _ = writeln!(text, "\nbetween them, nothing could be judged:");
        for place in last_good + 1..first_bad {
            let why = match self.conclusion.check_of(place).map(|checked| &checked.verdict) {
                Some(Verdict::Skip { reason }) => reason.to_string(),
                Some(Verdict::Bad { failure }) => format!(
                    "fails in another way than {bad}: {} ({})",
                    failure.title,
                    failure.key()
                ),
                _ => continue,
            };
            let _ = writeln!(text, "  {:<16} {why}", self.core(place));
        }
        text.push('\n');
        self.moved_ends(text);
        self.certainty(text);
        self.why(text, first_bad);
        self.history(text);
        self.pinned_and_next(text, good, bad);
    }

    fn why(&self, text: &mut String, place: usize) {
        let failure = self.conclusion.check_of(place).and_then(|checked| checked.verdict.failure());
        let Some(failure) = failure else { return };
        let [title, evidence] = failure_lines(failure);
        let _ = writeln!(text, "why   {title}");
        let _ = writeln!(text, "      {evidence}");
        // Nothing is known of what comes before the good end.
        if failure.of_route && place > 0 && !self.request.find_fix {
            let _ = writeln!(
                text,
                "      The same configuration is answered before it: the release changed what it accepts."
            );
            if let Some(remedy) = self.remedy(place) {
                let _ = writeln!(text, "      {remedy}");
            }
        }
    }

    fn remedy(&self, place: usize) -> Option<&str> {
        self.conclusion.check_of(place)?.verdict.failure()?.remedy.as_deref()
    }

    /// The failures that the line shows besides that of the first bad candidate.
    fn history(&self, text: &mut String) {
        let history = history::lines(&self.request.line, &self.conclusion.checks);
        if !history.is_empty() {
            let _ = write!(text, "\n{history}");
        }
    }

    /// What counts failures that were left out.
    fn any_failure(&self) -> Option<String> {
        let another = |checked: &&CheckRecord| checked.purpose == Purpose::Another;
        let first = self.conclusion.checks.iter().find(another)?;
        let ends = [self.core(0), self.core(self.request.line.len() - 1)];
        let failure = first.verdict.failure()?.key();
        Some(format!("codexpin bisect {} {}    count {failure} as well", ends[0], ends[1]))
    }

    fn pinned_and_next(&self, text: &mut String, good: Version, bad: Version) {
        if let Some(changes) = self.changes {
            let _ = write!(text, "\n{}", changes::block(changes));
        }
        if let Some((core, file)) = self.pinned {
            let what = if self.request.find_fix { ", which answers again," } else { "" };
            let _ = writeln!(text, "\npinned {core}{what} in {file}");
        } else if !self.conclusion.pinnable {
            let _ =
                writeln!(text, "\nnot pinned: {good} answers now and then, and fails now and then");
        }
        let what = if self.request.find_fix {
            "bring this machine to"
        } else {
            "roll this machine back to"
        };
        let _ = writeln!(text, "\nnext  codexpin apply             {what} {good}");
        self.forward(text);
        let _ = writeln!(text, "      codexpin check {bad:<11} see it fail again");
        let _ = writeln!(
            text,
            "      codexpin check {bad:<11} --try-remedies    whether something makes it answer"
        );
        let _ = writeln!(text, "      codexpin report            Markdown for an upstream issue");
        if let Some(command) = self.any_failure() {
            let _ = writeln!(text, "      {command}");
        }
    }

    /// A candidate that answered both ways: what counts, and how to find out more.
    fn contradiction(&self, told: &Contradiction) -> String {
        let core = self.core(told.place);
        let times = |ids: &[u32]| match ids.len() {
            1 => "once".to_owned(),
            n => counted(n, "time", "times"),
        };
        let what = match self.request.search.answers {
            AnswerKind::Deterministic => "contradicts itself",
            AnswerKind::Flaky { .. } => "flakes",
        };
        let counts = match self.request.search.answers {
            AnswerKind::Deterministic => "; the last answer counts",
            AnswerKind::Flaky { .. } => "",
        };
        format!(
            "{core} {what}: it answered {} and failed {}{counts}",
            times(&told.good),
            times(&told.bad)
        )
    }
}

#[cfg(test)]
mod tests;
