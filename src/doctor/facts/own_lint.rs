//! What the installed release's own doctor says: `openclaw doctor --lint --json`.

use serde::Deserialize;

/// The report of the release's own doctor.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum OwnLint {
    /// It was not to be asked, or the release has none.
    #[default]
    NotAsked,
    /// It was asked and has no report, for this reason.
    NotRun(String),
    /// Its report.
    Read(LintReport),
}

/// The report, as far as it is told on (openclaw 2026.9.5, `docs/cli/doctor/lint.md`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LintReport {
    /// How many things it looked at.
    #[serde(default)]
    pub checks_run: u64,
    /// What it found.
    pub findings: Vec<LintFinding>,
}

/// One thing that the release's own doctor found. All of it is foreign text.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LintFinding {
    /// Its name, such as `core/doctor/security`.
    pub check_id: String,
    /// How much it matters to OpenClaw.
    #[serde(default)]
    pub severity: LintSeverity,
    /// What it is.
    pub message: String,
    /// A setting, a file, or something else that it is about.
    #[serde(default)]
    pub path: Option<String>,
    /// What OpenClaw would do.
    #[serde(default)]
    pub fix_hint: Option<String>,
}

/// OpenClaw's own levels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LintSeverity {
    /// An update would stop at it.
    Error,
    /// Advice.
    #[default]
    Warning,
    /// Only to know. And any word that is not known here.
    #[serde(other)]
    Info,
}

impl LintReport {
    /// The report in what the command printed; some releases print notes before it
    /// (#135710).
    pub fn within(printed: &str) -> Option<Self> {
        let at_begin = |at: &usize| *at == 0 || printed[..*at].ends_with('\n');
        let begins = memchr::memchr_iter(b'{', printed.as_bytes()).filter(at_begin);
        begins.take(20).find_map(|at| {
            let mut reports = serde_json::Deserializer::from_str(&printed[at..]).into_iter();
            reports.next()?.ok()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_is_found_behind_notes_and_what_is_no_report_is_none() {
        let report = r#"{"ok":false,"checksRun":6,"checksSkipped":0,"findings":[
            {"checkId":"core/doctor/gateway-config","severity":"error","message":"m","path":"gateway.mode","line":3},
            {"checkId":"x","severity":"grave","message":"n"}]}"#;
        let noted = format!("Doctor notes\n{{ not JSON\n{report}\nbye\n");
        for printed in [report, noted.as_str()] {
            let read = LintReport::within(printed).unwrap();
            assert_eq!((read.checks_run, read.findings.len()), (6, 2));
            assert_eq!(read.findings[0].severity, LintSeverity::Error);
            assert_eq!(read.findings[1].severity, LintSeverity::Info);
        }
        for none in ["", "openclaw", r#"{"ok":false,"error":{"message":"no"}}"#, "{\"findings\":["]
        {
            assert_eq!(LintReport::within(none), None, "{none}");
        }
    }
}
