//! Every check in its order, whatever came of it.

use std::fmt::Write as _;
use std::time::Duration;

use super::super::duration;
use super::super::markdown::{code, table};
use super::Issue;
use crate::question::Purpose;
use crate::session::journal::Checked;
use crate::verdict::Verdict;

/// The section.
pub(super) fn section(issue: &Issue<'_>) -> String {
    if issue.story.checked.is_empty() {
        return "Nothing yet.".to_owned();
    }
    let rows: Vec<_> = issue.story.checked.iter().enumerate().map(|(at, c)| row(at, c)).collect();
    let mut text = table(["#", "release", "verdict", "what it showed", "time"], &rows);
    let remedy = issue.story.ends().1.and_then(|bad| issue.bad_check(bad)?.1.remedy.as_deref());
    if let Some(remedy) = remedy {
        let _ = writeln!(text, "\nNot tried in this search: {remedy}.");
    }
    text
}

fn row(at: usize, checked: &Checked) -> [String; 5] {
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
    let elapsed: u64 = checked.observations.iter().map(|observation| observation.elapsed_ms).sum();
    let elapsed = (elapsed > 0).then(|| duration(Duration::from_millis(elapsed)));
    [
        (at + 1).to_string(),
        checked.core.to_string(),
        verdict.to_owned(),
        format!("{showed}{why}"),
        elapsed.unwrap_or_default(),
    ]
}
