//! What broke where, in a title and a few sentences.

use std::fmt::Write as _;

use super::Issue;
use crate::report::bisect::newest;
use crate::report::markdown::code;
use crate::report::{counted, place};
use crate::search::Outcome;

pub(super) fn title(issue: &Issue<'_>) -> String {
    let line = &issue.session.request.line;
    let (Some(first), Some(last)) = (line.first(), line.last()) else {
        return "An empty search".to_owned();
    };
    let (good, bad) = issue.session.ends();
    let failure = bad.and_then(|bad| issue.bad_check(bad)).map(|(_, failure)| failure);
    let what = failure.map_or("no reply", |failure| failure.title.as_str());
    let find_fix = issue.session.request.find_fix;
    match (&issue.session.outcome, good, bad) {
        (Some(Outcome::Found { .. }), Some(good), Some(bad)) if find_fix => {
            let (good, bad) = (issue.candidate(good).core, issue.candidate(bad).core);
            format!("{good} answers again ({bad}: {what})")
        }
        (Some(Outcome::Found { .. }), Some(good), Some(bad)) => {
            let (good, bad) = (issue.candidate(good).core, issue.candidate(bad).core);
            format!("{bad}: {what} ({good} answers)")
        }
        (Some(Outcome::NoRegression), ..) => {
            format!("{} and {} both answer", first.core, last.core)
        }
        (Some(Outcome::GoodEndIsBad), ..) => format!("{}: {what}", first.core),
        (Some(Outcome::EndsReversed), ..) => {
            format!("{}: {what} ({} answers)", first.core, last.core)
        }
        (_, Some(good), Some(bad)) => {
            let (good, bad) = (issue.candidate(good).core, issue.candidate(bad).core);
            format!("After {good}, not later than {bad}: {what}")
        }
        _ => format!("{} to {}: not yet known", first.core, last.core),
    }
}

pub(super) fn section(issue: &Issue<'_>) -> String {
    let mut text = String::new();
    let line = &issue.session.request.line;
    let asked = issue.session.checks.iter().filter(|c| !c.observations.is_empty()).count();
    let checks = counted(asked, "check", "checks");
    if issue.session.outcome.is_none() {
        let _ = writeln!(
            text,
            "**This search has not ended**: {checks} so far, on a line of {}. What follows may change.\n",
            counted(line.len(), "release", "releases")
        );
    }
    let through = issue.through();
    let (good, bad) = issue.session.ends();
    let find_fix = issue.session.request.find_fix;
    let _ = match (&issue.session.outcome, good, bad) {
        (Some(Outcome::Found { .. }), Some(good), Some(bad)) if find_fix => writeln!(
            text,
            "{} is the first release that answers again through {through}. {}, the one before it, does not.",
            issue.spec(good),
            issue.spec(bad)
        ),
        (Some(Outcome::Found { .. }), Some(good), Some(bad)) => writeln!(
            text,
            "{} is the first release that does not answer through {through}. {}, the one before it, does.",
            issue.spec(bad),
            issue.spec(good)
        ),
        (Some(Outcome::NoRegression), ..) => writeln!(
            text,
            "No regression: {} and {} both answer through {through}.",
            issue.spec(0),
            issue.spec(line.len() - 1)
        ),
        (Some(Outcome::GoodEndIsBad), ..) => writeln!(
            text,
            "{} does not answer through {through}; no {} release was tried.",
            issue.spec(0),
            if find_fix { "newer" } else { "older" }
        ),
        (Some(Outcome::EndsReversed), ..) => writeln!(
            text,
            "{} does not answer through {through}, and {} does. Nothing between them was tried.",
            issue.spec(0),
            issue.spec(line.len() - 1)
        ),
        (Some(Outcome::EndSkipped { end }), ..) => writeln!(
            text,
            "{} could not be judged, so nothing is known of the releases between the ends.",
            issue.spec(*end)
        ),
        (_, Some(good), Some(bad)) => writeln!(
            text,
            "Through {through}, {} answers and {} does not. {}",
            issue.spec(good),
            issue.spec(bad),
            match bad - good - 1 {
                0 => "Nothing lies between them.".to_owned(),
                n => format!(
                    "Of the {} between them nothing is known.",
                    counted(n, "release", "releases")
                ),
            }
        ),
        (_, Some(good), None) => {
            writeln!(text, "{} answers through {through}.", issue.spec(good))
        }
        (_, None, Some(bad)) => {
            writeln!(text, "{} does not answer through {through}.", issue.spec(bad))
        }
        (_, None, None) => writeln!(text, "Nothing could be judged yet."),
    };
    if let Some((_, failure)) = bad.and_then(|bad| issue.bad_check(bad)) {
        let _ = writeln!(text, "\n- Failure: {} ({})", failure.title, code(&failure.signature));
        let evidence = &failure.evidence;
        let _ = writeln!(text, "- Evidence: {} ({})", code(&evidence.text), place(evidence));
        let issues =
            issue.catalogue.signature(&failure.signature).map(|known| known.issues.as_slice());
        let issues: Vec<_> = issues.unwrap_or_default().iter().map(|n| format!("#{n}")).collect();
        if !issues.is_empty() {
            let _ = writeln!(text, "- Reported alike: {}", issues.join(", "));
        }
        if failure.of_route {
            let _ = writeln!(
                text,
                "- The same configuration is answered before: the release changed what it accepts"
            );
        }
    }
    if let Some(bad) = bad {
        let failure = issue.bad_check(bad).map(|(_, failure)| failure);
        for line in newest::lines(&issue.session.newest, issue.candidate(bad).core, failure) {
            let _ = writeln!(text, "- Newest releases: {line}");
        }
    }
    text
}
