//! The history of a line that was asked from end to end.

mod strip;

use std::fmt::Write as _;

use camino::Utf8Path;
use serde::Serialize;

use super::history::{self, BoundaryKind, HistoryBoundary, HistoryWord};
use super::paint::Paint as _;
use super::{OutputForm, counted, duration, options, print_if_json, terminal};
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
            checks: conclusion.checks.len(),
            installs: conclusion.installs,
            elapsed_ms: conclusion.elapsed.as_millis(),
            journal: &report.directory,
            line: releases(report),
            boundaries: history::boundaries(&request.line, &conclusion.checks),
            checked: &conclusion.checks,
        }
    }
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
    }
    if !boundaries.is_empty() {
        text.push('\n');
    }
    for command in next(report, &boundaries) {
        let _ = writeln!(text, "next  {command}");
    }
    let conclusion = &report.conclusion;
    let _ = writeln!(
        text,
        "{}, {}, {}",
        counted(conclusion.checks.len(), "check", "checks"),
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
    let (word, failure) = match kind {
        BoundaryKind::Breaks { failure } => ("breaks", failure.as_str()),
        BoundaryKind::Mended => ("mended", ""),
        BoundaryKind::FailsOtherwise { failure } => ("changes", failure.as_str()),
    };
    let place = match between {
        0 => format!("in {after}, after {before}"),
        n => format!("after {before}, in {after} at the latest ({n} between not known)"),
    };
    let failure = if failure.is_empty() { String::new() } else { format!("  {failure}") };
    format!("{word:<8} {place}{failure}")
}

/// What to type to go on: with this scan, or to the exact release of the newest break.
fn next(report: &BisectReport, boundaries: &[HistoryBoundary]) -> Vec<String> {
    if report.conclusion.limit.is_some() {
        let why = match report.conclusion.limit {
            Some(LimitReached::Time(_)) => "its time was over",
            _ => "no more checks were allowed",
        };
        return vec![format!("codexpin resume {}    go on: {why}", report.session)];
    }
    let breaks = |boundary: &&HistoryBoundary| matches!(boundary.kind, BoundaryKind::Breaks { .. });
    let Some(boundary) = boundaries.iter().rfind(breaks) else { return Vec::new() };
    let HistoryBoundary { before, after, between, .. } = boundary;
    let options = options::here(&report.request.question);
    let is_asked = |release: &ScannedRelease| release.word != HistoryWord::NotAsked;
    let inside = |release: &ScannedRelease| *before < release.core && release.core < *after;
    if *between > 0 && releases(report).iter().any(|r| inside(r) && !is_asked(r)) {
        return vec![format!("codexpin bisect {before} {after}{options}")];
    }
    vec![format!("codexpin pin {before}{options}")]
}

#[cfg(test)]
mod tests;
