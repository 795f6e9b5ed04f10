//! A session as an issue for those who make the releases, in Markdown: what
//! broke where, what shows it, and how to see it again. Safe to paste.

mod attempts;
mod failing;
mod reproduction;

use std::fmt::Write as _;

use jiff::Timestamp;

use super::bisect::how;
use super::markdown::{code, list, table};
use super::{counted, place, terminal};
use crate::apply::Versions;
use crate::bisect::Outcome;
use crate::catalogue::Catalogue;
use crate::observation::Observation;
use crate::question::{Lender, Question, Upstream};
use crate::redact::{self, Person};
use crate::release::PackageName;
use crate::release::pairing::Candidate;
use crate::session::journal::Checked;
use crate::session::story::Story;
use crate::verdict::{Failure, Verdict};

/// What goes into an issue.
#[derive(Debug)]
pub struct Issue<'a> {
    /// The session.
    pub story: &'a Story,
    /// Where the report is written.
    pub machine: &'a Machine,
    /// What `codexpin apply` did about it, where it did anything.
    pub rollback: Option<Rollback>,
    /// What is different between the last good and the first bad release, line by
    /// line, where that was looked at.
    pub changes: Option<Vec<String>>,
    /// What is known of failures.
    pub catalogue: &'a Catalogue,
    /// Whose names are left out.
    pub person: &'a Person,
}

/// A machine, as far as a release could care.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// The system, such as `Debian GNU/Linux 13`.
    pub system: String,
    /// The processor, such as `x86_64`.
    pub processor: String,
    /// npm's version; none where it does not tell.
    pub npm: Option<String>,
}

/// A rollback that was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rollback {
    /// When.
    pub at: Timestamp,
    /// What was installed.
    pub from: Versions,
    /// What was to be.
    pub to: Versions,
    /// How it ended.
    pub end: RollbackEnd,
}

/// How a rollback ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RollbackEnd {
    /// It is installed, and proved itself.
    Proved,
    /// It failed its proof, for this reason, and was put back.
    PutBack(Option<String>),
    /// It was interrupted.
    Unfinished,
}

impl Issue<'_> {
    /// Prints it.
    pub fn print(&self) {
        terminal::print_as_it_is(self.markdown().trim_end());
    }

    /// The whole text.
    pub fn markdown(&self) -> String {
        let mut text = format!("# {}\n", self.title());
        let mut section = |title: &str, body: Option<String>| {
            if let Some(body) = body {
                let _ = write!(text, "\n## {title}\n\n{}\n", body.trim_end());
            }
        };
        section("Summary", Some(self.summary()));
        section("Environment", Some(self.environment()));
        section("Baseline", self.baseline());
        section("Failure", failing::section(self));
        section("What was tried", Some(attempts::section(self)));
        section("What changed", self.changes.as_deref().map(list));
        section("Rollback", self.rollback());
        section("Expected", Some(self.expected()));
        section("How to reproduce", Some(reproduction::section(self)));
        // Piece by piece: a name at the end of a quotation has no value behind it.
        let pieces = text.split('`').map(|piece| redact::paste(piece, self.person));
        pieces.collect::<Vec<_>>().join("`")
    }

    fn question(&self) -> &Question {
        &self.story.request.question
    }

    fn candidate(&self, at: usize) -> &Candidate {
        &self.story.request.line[at]
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
    fn bad_check(&self, at: usize) -> Option<(&Checked, &Failure)> {
        let of_it = self.story.checked.iter().rev().filter(|checked| checked.place == at);
        let mut bad = of_it.filter_map(|checked| match &checked.verdict {
            Verdict::Bad { failure } => Some((checked, failure)),
            _ => None,
        });
        bad.next()
    }

    fn title(&self) -> String {
        let line = &self.story.request.line;
        let (Some(first), Some(last)) = (line.first(), line.last()) else {
            return "An empty search".to_owned();
        };
        let (good, bad) = self.story.ends();
        let failure = bad.and_then(|bad| self.bad_check(bad)).map(|(_, failure)| failure);
        let what = failure.map_or("no reply", |failure| failure.title.as_str());
        match (&self.story.outcome, good, bad) {
            (Some(Outcome::Found { .. }), Some(good), Some(bad)) => {
                let (good, bad) = (self.candidate(good).core, self.candidate(bad).core);
                format!("{bad}: {what} ({good} answers)")
            }
            (Some(Outcome::NoRegression), ..) => {
                format!("{} and {} both answer", first.core, last.core)
            }
            (Some(Outcome::GoodEndIsBad), ..) => format!("{}: {what}", first.core),
            (_, Some(good), Some(bad)) => {
                let (good, bad) = (self.candidate(good).core, self.candidate(bad).core);
                format!("After {good}, not later than {bad}: {what}")
            }
            _ => format!("{} to {}: not yet known", first.core, last.core),
        }
    }

    fn summary(&self) -> String {
        let mut text = String::new();
        let line = &self.story.request.line;
        let asked = self.story.checked.iter().filter(|c| !c.observations.is_empty()).count();
        let checks = counted(asked, "check", "checks");
        if self.story.outcome.is_none() {
            let _ = writeln!(
                text,
                "**This search has not ended**: {checks} so far, on a line of {}. What follows may change.\n",
                counted(line.len(), "release", "releases")
            );
        }
        let through = self.through();
        let (good, bad) = self.story.ends();
        let _ = match (&self.story.outcome, good, bad) {
            (Some(Outcome::Found { .. }), Some(good), Some(bad)) => writeln!(
                text,
                "{} is the first release that does not answer through {through}. {}, the one before it, does.",
                self.spec(bad),
                self.spec(good)
            ),
            (Some(Outcome::NoRegression), ..) => writeln!(
                text,
                "No regression: {} and {} both answer through {through}.",
                self.spec(0),
                self.spec(line.len() - 1)
            ),
            (Some(Outcome::GoodEndIsBad), ..) => writeln!(
                text,
                "{} does not answer through {through}; no older release was tried.",
                self.spec(0)
            ),
            (Some(Outcome::EndSkipped { end }), ..) => writeln!(
                text,
                "{} could not be judged, so nothing is known of the releases between the ends.",
                self.spec(*end)
            ),
            (_, Some(good), Some(bad)) => writeln!(
                text,
                "Through {through}, {} answers and {} does not. {}",
                self.spec(good),
                self.spec(bad),
                match bad - good - 1 {
                    0 => "Nothing lies between them.".to_owned(),
                    n => format!(
                        "Of the {} between them nothing is known.",
                        counted(n, "release", "releases")
                    ),
                }
            ),
            (_, Some(good), None) => {
                writeln!(text, "{} answers through {through}.", self.spec(good))
            }
            (_, None, Some(bad)) => {
                writeln!(text, "{} does not answer through {through}.", self.spec(bad))
            }
            (_, None, None) => writeln!(text, "Nothing could be judged yet."),
        };
        if let Some((_, failure)) = bad.and_then(|bad| self.bad_check(bad)) {
            let _ = writeln!(text, "\n- Failure: {} ({})", failure.title, code(&failure.signature));
            let evidence = &failure.evidence;
            let _ = writeln!(text, "- Evidence: {} ({})", code(&evidence.text), place(evidence));
            let issues =
                self.catalogue.signature(&failure.signature).map(|known| known.issues.as_slice());
            let issues: Vec<_> =
                issues.unwrap_or_default().iter().map(|n| format!("#{n}")).collect();
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
        text
    }

    /// The routes, as code.
    fn through(&self) -> String {
        code(&self.question().routes_in_words())
    }

    fn environment(&self) -> String {
        let mut rows = Vec::new();
        let mut row = |name: &str, what: String| rows.push([name.to_owned(), what]);
        let (good, bad) = self.story.ends();
        let ends = [("last good", good), ("first bad", bad)];
        let ends = ends.map(|(name, at)| at.map(|at| (name, self.candidate(at))));
        let of_ends = |what: &dyn Fn(&Candidate) -> Option<String>| {
            let told = ends.iter().flatten().map(|(name, candidate)| {
                format!("{} ({name})", what(candidate).unwrap_or_else(|| "none".to_owned()))
            });
            told.collect::<Vec<_>>().join(", ")
        };
        row("OpenClaw", of_ends(&|candidate| Some(candidate.core.to_string())));
        let plugin =
            |candidate: &Candidate| candidate.plugin.as_ref().map(|p| p.version.to_string());
        row(&code(PackageName::PLUGIN.as_str()), of_ends(&plugin));
        if self.story.request.line.iter().any(|candidate| candidate.plugin.is_some()) {
            let cli = |candidate: &Candidate| candidate.plugin.as_ref()?.codex_cli.clone();
            row(&code("@openai/codex"), of_ends(&cli));
        }
        row("Route", self.through());
        row("Harness", self.harnesses());
        let turn = how(self.question()).unwrap_or_else(|| "a text reply".to_owned());
        let fresh =
            if self.question().carry_state { "the install is" } else { "install and state are" };
        row("Turn", format!("{turn}; {fresh} fresh"));
        row("Upstream", self.upstream().to_owned());
        let nodes = self.story.request.nodes.iter().flatten().map(|node| node.version.as_str());
        let nodes: std::collections::BTreeSet<_> = nodes.collect();
        row("Node", nodes.into_iter().collect::<Vec<_>>().join(", "));
        if let Some(npm) = &self.machine.npm {
            row("npm", npm.clone());
        }
        row("System", format!("{}, {}", self.machine.system, self.machine.processor));
        let begun = self.story.begun.strftime("%Y-%m-%d %H:%M UTC");
        row("Found with", format!("codexpin {}, {begun}", env!("CARGO_PKG_VERSION")));
        table(["", ""], &rows)
    }

    /// Which harness ran the turns that were answered.
    fn harnesses(&self) -> String {
        let replies = self.story.checked.iter().flat_map(|checked| &checked.observations);
        let ran = replies.filter_map(|o| o.reply.as_ref()?.harness.as_deref());
        let ran: std::collections::BTreeSet<_> = ran.map(code).collect();
        if ran.is_empty() {
            "not told by any reply".to_owned()
        } else {
            ran.into_iter().collect::<Vec<_>>().join(", ")
        }
    }

    /// Who answered. Never whose account it was.
    fn upstream(&self) -> &'static str {
        match &self.question().upstream {
            Upstream::Loopback => {
                "a stand-in on the same machine that speaks the Responses API: no account, no network"
            }
            Upstream::Live(lending) => match (lending.lender, lending.relay) {
                (Lender::ApiKey, false) => "OpenAI's service, with an API key",
                (Lender::ApiKey, true) => "OpenAI's service, with an API key put in by a proxy",
                (_, false) => "OpenAI's service, with a ChatGPT login (access token only)",
                (_, true) => "OpenAI's service, with a ChatGPT login put in by a proxy",
            },
            Upstream::Installation => "whatever the installation asks",
        }
    }

    fn baseline(&self) -> Option<String> {
        let (good, _) = self.story.ends();
        let good = good?;
        let checks: Vec<_> = self.story.checked.iter().filter(|c| c.place == good).collect();
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

    fn rollback(&self) -> Option<String> {
        let (good, bad) = self.story.ends();
        let (good, _) = (good?, bad?);
        let Some(rollback) = &self.rollback else {
            return Some(format!(
                "Not tried on a live installation. {} answers where the later release does not.",
                self.spec(good)
            ));
        };
        let versions = |versions: Versions| match versions.plugin {
            Some(plugin) => format!("{} with plugin {plugin}", versions.core),
            None => versions.core.to_string(),
        };
        let Rollback { at, from, to, end } = rollback;
        let what = format!(
            "`codexpin apply` took the installation from {} to {} on {}",
            versions(*from),
            versions(*to),
            at.strftime("%Y-%m-%d %H:%M UTC")
        );
        Some(match end {
            RollbackEnd::Proved => format!("{what}. It starts and answers again."),
            RollbackEnd::PutBack(why) => {
                let why = why.as_deref().map(|why| format!(" ({})", code(why)));
                format!("{what}. It failed its proof{}, and was put back.", why.unwrap_or_default())
            }
            RollbackEnd::Unfinished => format!("{what}, and was interrupted."),
        })
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
