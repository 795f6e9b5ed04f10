//! A session as an issue for those who make the releases, in Markdown: what
//! broke where, what shows it, and how to see it again. Safe to paste.

mod attempts;
mod environment;
mod failing;
mod reproduction;
mod rollback;
mod summary;

use std::fmt::Write as _;
use std::sync::LazyLock;

use regex::Regex;

use super::markdown::{code, list};
use super::{counted, terminal};
use crate::app::check::remedy_record::RemedyRecord;
use crate::app::issue::{Machine, Rollback};
use crate::catalogue::Catalogue;
use crate::observation::Observation;
use crate::question::Question;
use crate::redact::{self, Person};
use crate::release::PackageName;
use crate::release::pairing::Candidate;
use crate::session::record::CheckRecord;
use crate::session::summary::SessionSummary;
use crate::verdict::{Failure, Verdict};
use crate::visible;

/// What goes into an issue.
#[derive(Debug)]
pub struct Issue<'a> {
    /// The session.
    pub session: &'a SessionSummary,
    /// Where the report is written.
    pub machine: &'a Machine,
    /// What `codexpin apply` did about it, where it did anything.
    pub rollback: Option<Rollback>,
    /// What was tried to make the first bad release answer.
    pub remedies: Option<&'a RemedyRecord>,
    /// What is different between the last good and the first bad release, line by
    /// line, where that was looked at.
    pub changes: Option<Vec<String>>,
    /// What is known of failures.
    pub catalogue: &'a Catalogue,
    /// Whose names are left out.
    pub person: &'a Person,
}

impl Issue<'_> {
    /// Prints it.
    pub fn print(&self) {
        terminal::print_as_it_is(self.markdown().trim_end());
    }

    /// The whole text.
    pub fn markdown(&self) -> String {
        let mut text = format!("# {}\n", summary::title(self));
        let mut section = |title: &str, body: Option<String>| {
            if let Some(body) = body {
                let _ = write!(text, "\n## {title}\n\n{}\n", body.trim_end());
            }
        };
        section("Summary", Some(summary::section(self)));
        section("Environment", Some(environment::section(self)));
        section("Baseline", self.baseline());
        section("Failure", failing::section(self));
        section("What was tried", Some(attempts::section(self)));
        section(
            "What changed",
            self.changes.as_deref().map(|lines| list(&addressing_nobody(lines))),
        );
        section("Rollback", rollback::section(self));
        section("Expected", Some(self.expected()));
        section("How to reproduce", Some(reproduction::section(self)));
        // Piece by piece: a name at the end of a quotation has no value behind it.
        let pieces = text.split('`').map(|piece| redact::paste(piece, self.person));
        visible::text(&pieces.collect::<Vec<_>>().join("`")).into_owned()
    }

    fn question(&self) -> &Question {
        &self.session.request.question
    }

    fn candidate(&self, at: usize) -> &Candidate {
        &self.session.request.line[at]
    }

    /// `openclaw@2026.6.5`, with the plugin that was installed beside it.
    fn spec(&self, at: usize) -> String {
        let candidate = self.candidate(at);
        let core = code(&format!("openclaw@{}", candidate.core));
        match &candidate.plugin {
            Some(plugin) => {
                let plugin = code(&format!("{}@{}", PackageName::PLUGIN, plugin.version));
                format!("{core} with {plugin}")
            }
            None => core,
        }
    }

    /// The last check of a candidate that shows why it is bad.
    fn bad_check(&self, at: usize) -> Option<(&CheckRecord, &Failure)> {
        let of_it = self.session.checks.iter().rev().filter(|checked| checked.place() == at);
        let mut bad = of_it.filter_map(|checked| match &checked.verdict {
            Verdict::Bad { failure } => Some((checked, failure)),
            _ => None,
        });
        bad.next()
    }

    /// The routes, as code.
    fn through(&self) -> String {
        code(&self.question().routes_in_words())
    }

    fn baseline(&self) -> Option<String> {
        let (good, _) = self.session.ends();
        let good = good?;
        let checks: Vec<_> = self.session.checks.iter().filter(|c| c.place() == good).collect();
        let passed: Vec<_> = checks.iter().filter(|c| c.verdict == Verdict::Good).collect();
        let last = passed.last()?.observations.last()?;
        let mut text = format!(
            "{} passed {} of {}, last on {}: {}.",
            self.spec(good),
            passed.len(),
            counted(checks.len(), "check", "checks"),
            last.started.strftime("%Y-%m-%d %H:%M UTC"),
            answered(last)
        );
        if !self.question().routes.is_empty() && checks.iter().any(|c| c.observations.len() > 1) {
            text.push_str(" Every route was asked.");
        }
        Some(text)
    }

    fn expected(&self) -> String {
        match self.question().ask.command() {
            Some(_) => "The check command ends with exit status 0, as before.".to_owned(),
            None => format!(
                "One payload with the text {}, exit status 0, from the route and harness that were asked for, without a fallback.",
                code(&self.question().reply)
            ),
        }
    }
}

/// `@scope/name` in plain text would be a team to whoever shows the Markdown.
fn addressing_nobody(lines: &[String]) -> Vec<String> {
    static MENTION: LazyLock<Regex> = LazyLock::new(|| {
        #[expect(clippy::expect_used, reason = "the pattern is part of the program")]
        Regex::new(r"(^|[^`\w])(@[A-Za-z][\w-]*(?:/[\w.-]*\w)?)").expect("the pattern is valid")
    });
    lines.iter().map(|line| MENTION.replace_all(line, "$1`$2`").into_owned()).collect()
}

/// An answer in a few words.
fn answered(observation: &Observation) -> String {
    let seconds = super::duration(std::time::Duration::from_millis(observation.elapsed_ms));
    let mut parts = vec![format!("exit status 0 after {seconds}")];
    if let Some([text]) = observation.reply.as_ref().map(|reply| reply.texts.as_slice()) {
        parts.push(format!("the reply {}", code(text.trim())));
    }
    let turns = observation.requests.iter().filter(|request| request.is_answered_turn()).count();
    if turns > 0 {
        parts.push(counted(turns, "model request answered", "model requests answered"));
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests;
