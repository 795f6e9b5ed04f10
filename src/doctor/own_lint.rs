//! What OpenClaw's own doctor found, told as its own words. They are of OpenClaw's health,
//! and do not say whether the agent answers: what it calls an error is a warning here, and
//! all else a note; only a config that the release refuses stops the next start.

use super::finding::{Finding, Level};
use super::{Facts, LintFinding, LintSeverity, OwnLint};
use crate::visible;

/// The check that says whether the release takes the config.
const CONFIG: &str = "core/doctor/final-config-validation";
/// Longest title. Characters.
const LONGEST: usize = 120;

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    match &facts.own_lint {
        OwnLint::Read(report) => report.findings.iter().map(finding).collect(),
        OwnLint::NotAsked | OwnLint::NotRun(_) => Vec::new(),
    }
}

pub(super) fn sound(facts: &Facts) -> Option<String> {
    match &facts.own_lint {
        OwnLint::Read(report) if report.findings.is_empty() => {
            Some(format!("its own `doctor --lint` found nothing in {} checks", report.checks_run))
        }
        _ => None,
    }
}

fn finding(found: &LintFinding) -> Finding {
    let level = match found.severity {
        LintSeverity::Error if found.check_id == CONFIG => Level::Problem,
        LintSeverity::Error => Level::Warning,
        LintSeverity::Warning | LintSeverity::Info => Level::Note,
    };
    let message = found.message.as_str();
    let (first, mut rest) = message.split_once(". ").unwrap_or((message, ""));
    let mut title: String = first.chars().take(LONGEST).collect();
    if title.len() < first.len() {
        title.push('…');
        rest = message;
    }
    let hint = found.fix_hint.as_deref().unwrap_or_default().replace('\n', " ");
    let said = ["OpenClaw's own doctor says so.", rest, &hint];
    let said: Vec<_> = said.into_iter().filter(|part| !part.is_empty()).collect();
    let told = Finding::new("openclaw-lint", level, visible::line(&title))
        .why(visible::line(&said.join(" ")))
        .of_check(visible::line(&found.check_id));
    match &found.path {
        Some(path) => told.key(visible::line(path)),
        None => told,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::{LintReport, examine};

    fn found(check: &str, severity: LintSeverity) -> LintFinding {
        LintFinding {
            check_id: check.to_owned(),
            severity,
            message: "it is\nso \u{1b}[31m. And on".to_owned(),
            path: Some("gateway.bind".to_owned()),
            fix_hint: Some("mend\nit".to_owned()),
        }
    }

    #[test]
    fn what_openclaw_finds_is_told_as_its_own_and_stops_nothing_but_for_a_refused_config() {
        use LintSeverity::{Error, Info, Warning};
        for (check, severity, level) in [
            (CONFIG, Error, Level::Problem),
            (CONFIG, Warning, Level::Note),
            ("core/doctor/security", Error, Level::Warning),
            ("core/doctor/security", Warning, Level::Note),
            ("core/doctor/security", Info, Level::Note),
        ] {
            let report = vec![found(check, severity)];
            let own_lint = OwnLint::Read(LintReport { checks_run: 35, findings: report });
            let facts = Facts { own_lint, ..Facts::default() };
            let told = findings(&facts).remove(0);
            assert_eq!((told.id, told.level), ("openclaw-lint", level), "{check} {severity:?}");
            assert_eq!(told.openclaw_check.as_deref(), Some(check));
            assert_eq!(told.title, r"it is\nso \x1b[31m");
            assert_eq!(told.why, "OpenClaw's own doctor says so. And on mend it");
        }
    }

    #[test]
    fn nothing_found_is_sound_and_not_run_is_not() {
        let sound = |own_lint| {
            let facts = Facts { own_lint, ..Facts::default() };
            let sound = examine(&facts).sound;
            sound.into_iter().find(|sound| sound.what == "OpenClaw").map(|sound| sound.is)
        };
        let nothing = OwnLint::Read(LintReport { checks_run: 35, findings: Vec::new() });
        let told = sound(nothing).unwrap();
        assert_eq!(told, "its own `doctor --lint` found nothing in 35 checks");
        assert_eq!(sound(OwnLint::NotRun("no room".to_owned())), None);
        assert_eq!(sound(OwnLint::NotAsked), None);
    }
}
