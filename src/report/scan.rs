//! The history of a line that was asked from end to end.

mod strip;

use std::fmt::Write as _;

use camino::Utf8Path;
use serde::Serialize;

use super::bisect::known_before;
use super::history::{self, BoundaryKind, HistoryBoundary, HistoryWord};
use super::paint::Paint as _;
use super::{OutputForm, brief, counted, duration, options, print_if_json, terminal};
use crate::app::bisect::BisectReport;
use crate::question::Question;
use crate::release::Version;
use crate::search::{Mark, Outcome};
use crate::session::LimitReached;
use crate::session::record::CheckRecord;
use crate::verdict::Verdict;
use strip::Strip;

/// Prints a scan: a strip for a person at a terminal, a line a release elsewhere, or JSON.
pub fn print(report: &BisectReport, form: OutputForm) {
    if !print_if_json(form, &ScanJson::of(report)) {
        terminal::print(text(report, terminal::is_stdout_watched()).trim_end());
    }
}

/// One release of the line.
#[derive(Debug, Serialize)]
struct ScannedRelease {
    core: Version,
    #[serde(flatten)]
    word: HistoryWord,
    /// Whether it answered now and then, and failed now and then.
    flakes: bool,
}

#[derive(Serialize)]
struct ScanJson<'a> {
    session: &'a str,
    /// `scanned`, or `incomplete` where a limit ended it.
    outcome: &'static str,
    question: &'a Question,
    upstream: &'static str,
    checks: usize,
    /// How many of them earlier sessions made.
    known: usize,
    installs: usize,
    elapsed_ms: u128,
    journal: &'a Utf8Path,
    /// Every release of the line, oldest first.
    line: Vec<ScannedRelease>,
    boundaries: Vec<HistoryBoundary>,
    checked: &'a [CheckRecord],
}

impl<'a> ScanJson<'a> {
    fn of(report: &'a BisectReport) -> Self {
        let BisectReport { request, conclusion, .. } = report;
        Self {
            session: &report.session,
            outcome: if is_whole(report) { "scanned" } else { "incomplete" },
            question: &request.question,
            upstream: request.question.upstream.word(),
            checks: asked(report),
            known: conclusion.known(),
            installs: conclusion.installs,
            elapsed_ms: conclusion.elapsed.as_millis(),
            journal: &report.directory,
            line: releases(report),
            boundaries: history::boundaries(&request.line, &conclusion.checks),
            checked: &conclusion.checks,
        }
    }
}

/// How many times a candidate was asked.
fn asked(report: &BisectReport) -> usize {
    report.conclusion.checks.iter().filter(|check| !check.observations.is_empty()).count()
}

fn is_whole(report: &BisectReport) -> bool {
    report.conclusion.outcome == Outcome::Scanned
}

fn releases(report: &BisectReport) -> Vec<ScannedRelease> {
    let checks = &report.conclusion.checks;
    let shows = |place: usize, mark: Mark| {
        checks.iter().any(|check| check.place() == place && check.mark() == mark)
    };
    let release = |place: usize| ScannedRelease {
        core: report.request.line[place].core,
        word: history::word_at(place, checks),
        flakes: shows(place, Mark::Good) && shows(place, Mark::Bad),
    };
    (0..report.request.line.len()).map(release).collect()
}

fn text(report: &BisectReport, is_watched: bool) -> String {
    let releases = releases(report);
    let mut text = format!("\n{}\n\n", headline(&releases).bold());
    if is_watched {
        let _ = writeln!(text, "{}", Strip::of(&releases));
    } else {
        for (place, release) in releases.iter().enumerate() {
            let _ = writeln!(text, "{}", line(report, place, release));
        }
        text.push('\n');
    }
    let boundaries = history::boundaries(&report.request.line, &report.conclusion.checks);
    for boundary in &boundaries {
        let _ = writeln!(text, "{}", boundary_line(boundary));
        if let Some(failure) = failure_after(report, boundary) {
            let _ = writeln!(text, "         {failure}");
        }
    }
    if !boundaries.is_empty() {
        text.push('\n');
    }
    if let Some(command) = next(report, &boundaries) {
        let _ = writeln!(text, "next  {command}\n");
    }
    let conclusion = &report.conclusion;
    let _ = writeln!(
        text,
        "{}, {}{}, {}",
        counted(asked(report), "check", "checks"),
        known_before(conclusion),
        counted(conclusion.installs, "install", "installs"),
        duration(conclusion.elapsed),
    );
    let _ = writeln!(text, "logs  {}", report.directory);
    text
}

/// How many releases show what.
fn headline(releases: &[ScannedRelease]) -> String {
    let count = |wanted: fn(&HistoryWord) -> bool| {
        releases.iter().filter(|release| wanted(&release.word)).count()
    };
    let answer = count(|word| *word == HistoryWord::Answers);
    let fail = count(|word| matches!(word, HistoryWord::Fails { .. }));
    let unjudged = count(|word| *word == HistoryWord::NotJudged);
    let unasked = count(|word| *word == HistoryWord::NotAsked);
    let mut parts =
        vec![format!("{answer} of {} answer", counted(releases.len(), "release", "releases"))];
    let fails = if fail == 1 { "does not" } else { "do not" };
    for (number, what) in [(fail, fails), (unjudged, "could not be judged"), (unasked, "not asked")]
    {
        if number > 0 {
            parts.push(format!("{number} {what}"));
        }
    }
    parts.join(", ")
}

/// A release for a program that reads lines: its version, a word, and why.
fn line(report: &BisectReport, place: usize, release: &ScannedRelease) -> String {
    let check = report.conclusion.check_of(place);
    let (word, why) = match (&release.word, check.map(|check| &check.verdict)) {
        (HistoryWord::Answers, _) => ("good", String::new()),
        (HistoryWord::Fails { failure, .. }, _) => ("bad", failure.clone()),
        (HistoryWord::NotJudged, Some(Verdict::Skip { reason })) => ("skip", reason.to_string()),
        (HistoryWord::NotJudged, _) => ("skip", String::new()),
        (HistoryWord::NotAsked, _) => ("-", "not asked".to_owned()),
    };
    let flakes = if release.flakes { "now and then " } else { "" };
    format!("{:<18} {word:<5} {flakes}{why}", release.core).trim_end().to_owned()
}

fn boundary_line(boundary: &HistoryBoundary) -> String {
    let HistoryBoundary { kind, before, after, between } = boundary;
    let word = match kind {
        BoundaryKind::Breaks { .. } => "breaks",
        BoundaryKind::Mended => "mended",
        BoundaryKind::FailsOtherwise { .. } => "changes",
    };
    match between {
        0 => format!("{word:<8} in {after}, after {before}"),
        n => format!("{word:<8} after {before}, in {after} at the latest ({n} between not known)"),
    }
}

/// The failure that a boundary leads to, with the line that shows it.
fn failure_after(report: &BisectReport, boundary: &HistoryBoundary) -> Option<String> {
    let (BoundaryKind::Breaks { failure } | BoundaryKind::FailsOtherwise { failure }) =
        &boundary.kind
    else {
        return None;
    };
    let mut of_it = report.conclusion.checks.iter().filter(|check| check.core == boundary.after);
    let shown = of_it.find_map(|check| check.verdict.failure());
    let evidence = shown.map(|shown| brief(&shown.evidence.text)).unwrap_or_default();
    Some(format!("{failure}: {evidence}"))
}

/// What to type to go on: with this scan, or with the newest break where it lasts.
fn next(report: &BisectReport, boundaries: &[HistoryBoundary]) -> Option<String> {
    match report.conclusion.limit {
        Some(LimitReached::Time(_)) => {
            return Some(format!("codexpin resume {}    its time was over", report.session));
        }
        Some(LimitReached::Checks(_)) => {
            return Some(format!("codexpin resume {}    all checks were made", report.session));
        }
        None => {}
    }
    let lasts = |boundary: &&HistoryBoundary| boundary.kind != BoundaryKind::Mended;
    boundaries.last().filter(lasts)?;
    let breaks = |boundary: &&HistoryBoundary| matches!(boundary.kind, BoundaryKind::Breaks { .. });
    let HistoryBoundary { before, after, .. } = boundaries.iter().rfind(breaks)?;
    let options = options::here(&report.request.question);
    let is_open = |release: &ScannedRelease| {
        (*before..*after).contains(&release.core) && release.word == HistoryWord::NotAsked
    };
    if releases(report).iter().any(is_open) {
        return Some(format!(
            "the first bad release between them:\n      codexpin bisect {before} {after}{options}"
        ));
    }
    Some(format!("pin the last good one before it:\n      codexpin pin {before}{options}"))
}

#[cfg(test)]
mod tests;
