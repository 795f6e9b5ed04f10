//! Every check in its order, whatever came of it.

use std::fmt::Write as _;
use std::time::Duration;

use super::super::duration;
use super::super::markdown::{code, list, table};
use super::Issue;
use crate::app::check::remedy_record::RemedyRecord;
use crate::search::Purpose;
use crate::session::record::CheckRecord;
use crate::verdict::Verdict;

/// The section.
pub(super) fn section(issue: &Issue<'_>) -> String {
    if issue.session.checks.is_empty() {
        return "Nothing yet.".to_owned();
    }
    let checks = issue.session.checks.iter().chain(&issue.session.newest_checks);
    let rows: Vec<_> = checks.enumerate().map(|(at, check)| row(at, check)).collect();
    let mut text = table(["#", "release", "verdict", "what it showed", "time"], &rows);
    if let Some(tried) = issue.remedies.filter(|tried| !tried.remedies.is_empty()) {
        let _ = writeln!(text, "\n{}", remedies(tried));
        return text;
    }
    let remedy = issue.session.ends().1.and_then(|bad| issue.bad_check(bad)?.1.remedy.as_deref());
    if let Some(remedy) = remedy {
        let _ = writeln!(text, "\nNot tried in this search: {remedy}.");
    }
    text
}

/// What may make it answer, each tried by itself in a fresh home.
fn remedies(tried: &RemedyRecord) -> String {
    let core = code(&format!("openclaw@{}", tried.core));
    let lines: Vec<_> = tried
        .remedies
        .iter()
        .map(|remedy| {
            let came = match &remedy.verdict {
                Verdict::Good => "it answers".to_owned(),
                Verdict::Bad { failure } => {
                    format!("{}: {}", failure.signature, code(&failure.evidence.text))
                }
                Verdict::Skip { reason } => format!("not known: {}", code(&reason.to_string())),
            };
            format!("{}: {came}", remedy.words)
        })
        .collect();
    let day = tried.at.strftime("%Y-%m-%d");
    format!("{core} was also asked, each time in a fresh home ({day}):\n\n{}", list(&lines))
}

fn row(at: usize, checked: &CheckRecord) -> [String; 5] {
    let (verdict, showed) = match &checked.verdict {
        Verdict::Good => ("good", "it answers".to_owned()),
        Verdict::Bad { failure } => {
            ("bad", format!("{}: {}", failure.signature, code(&failure.evidence.text)))
        }
        Verdict::Skip { reason } => ("skip", code(&reason.to_string())),
    };
    let why = match checked.purpose {
        Purpose::Search | Purpose::Controlled => "",
        Purpose::Another => " (another failure: not counted)",
        Purpose::Surprise => " (a new failure: asked again)",
        Purpose::Control => " (control: does it still answer?)",
        Purpose::Pause => " (the search paused)",
    };
    let elapsed = checked.elapsed_ms();
    let elapsed = (elapsed > 0).then(|| duration(Duration::from_millis(elapsed)));
    [
        (at + 1).to_string(),
        checked.core.to_string(),
        verdict.to_owned(),
        format!("{showed}{why}"),
        elapsed.unwrap_or_default(),
    ]
}
