//! A session: its first lines and its ending.

use std::fmt::Write as _;

use camino::Utf8Path;
use serde::Serialize;

use super::paint::Paint as _;
use super::{
    OutputForm, changes, counted, duration, failure_lines, history, print_if_json, terminal,
};
use crate::app::bisect::BisectReport;
use crate::changes::Changes;
use crate::event::SessionOpening;
use crate::observation::Observation;
use crate::observation::bill::{self, BillMove};
use crate::question::{AskBy, Probe, Question, Through, Upgrade, Upstream};
use crate::release::Version;
use crate::release::pairing::Candidate;
use crate::route::Route;
use crate::search::{Contradiction, Mark, Outcome, Purpose};
use crate::session::Conclusion;
use crate::session::journal::SessionRequest;
use crate::session::record::CheckRecord;
use crate::verdict::{SkipReason, Verdict};

/// The first lines of a session, to stderr: they are no result.
pub(super) fn opening(opening: &SessionOpening) {
    terminal::say(opening_text(opening).trim_end());
}

fn opening_text(opening: &SessionOpening) -> String {
    let mut text = String::new();
    let mut row = |name: &str, what: String| {
        let _ = writeln!(text, "{} {what}", format!("{name:<9}").dimmed());
    };
    if let (Some(good), Some(bad)) = (opening.line.first(), opening.line.last()) {
        let candidates = counted(opening.line.len(), "candidate", "candidates");
        row("line", format!("{} (good?) .. {} (bad?), {candidates}", good.core, bad.core));
    }
    row("route", opening.question.routes_in_words());
    if let Some(how) = how(&opening.question) {
        row("check", how);
    }
    row(
        "upstream",
        match &opening.question.upstream {
            Upstream::Live(lending) => format!("live: {lending}"),
            Upstream::Loopback | Upstream::Installation => {
                "loopback: no account, no tokens spent, no network but the registry".to_owned()
            }
        },
    );
    if let Some(lending) = opening.question.upstream.lending() {
        let about = turns(opening.line.len()) * opening.question.routes.len();
        let about = counted(about, "turn", "turns");
        let most = opening.max_turns.map(|most| format!(", at most {most}")).unwrap_or_default();
        row("", format!("about {about}{most}"));
        row("", "a failure counts once the last good release has answered again".to_owned());
        if lending.relay {
            row(
                "",
                "candidates hold a made-up login; TLS fingerprint and timing are codexpin's"
                    .to_owned(),
            );
        }
    }
    row("plugin", plugins(&opening.line));
    let nodes = &opening.nodes;
    let several =
        if nodes.len() > 1 { " (no one Node fits all: it is a second variable)" } else { "" };
    let why = opening.why_node.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    row("node", format!("{}{several}{why}", nodes.join(", ")));
    let known =
        opening.checked.map(|n| format!(", going on after {}", counted(n, "check", "checks")));
    row("session", format!("{}{}", opening.session, known.unwrap_or_default()));
    text
}

/// About how many turns a search takes: both ends, the halvings, and a control
/// for every other one.
fn turns(length: usize) -> usize {
    let halvings = length.next_power_of_two().ilog2() as usize;
    2 + halvings + halvings.div_ceil(2) + 1
}

/// What the check does beyond a text reply from the agent's own process.
pub(super) fn how(question: &Question) -> Option<String> {
    let mut parts = Vec::new();
    match &question.ask {
        AskBy::Probe(Probe::Text) => {}
        AskBy::Probe(Probe::Tool) => parts.push("a tool call, then the reply".to_owned()),
        AskBy::Probe(Probe::Multitool(calls)) => {
            let calls = counted((*calls).into(), "tool call", "tool calls");
            parts.push(format!("{calls}, then the reply"));
        }
        AskBy::Command(command) => parts.push(format!("`{command}`")),
    }
    if question.through == Through::Gateway {
        parts.push("through the release's own Gateway".to_owned());
    }
    if let Some(config) = &question.config {
        parts.push(format!("with the settings of {config}"));
    }
    if question.carry_state {
        parts.push("in the state that the good end left".to_owned());
    }
    if question.upgrade == Upgrade::Doctor {
        parts.push("after the release's `openclaw doctor --fix`".to_owned());
    }
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// Which candidates have a plugin: a core alone does not behave as a user's does.
fn plugins(line: &[Candidate]) -> String {
    let without = line.iter().filter(|candidate| candidate.plugin.is_none()).count();
    match without {
        0 => "@openclaw/codex for every candidate".to_owned(),
        n if n == line.len() => {
            "none: this registry has no @openclaw/codex for these releases, so each is tested as core only"
                .to_owned()
        }
        n => format!("this registry has no @openclaw/codex for {n} of {}: those are tested as core only", line.len()),
    }
}

/// Prints how a session ended, for a person or as JSON.
pub fn print(report: &BisectReport, form: OutputForm) {
    let ending = SessionEnding::of(report);
    if !print_if_json(form, &ending.json()) {
        terminal::print(ending.text().trim_end());
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
            pinned: pin.map(|pin| (pin.core, report.request.pin_file.as_path())),
        }
    }
}

#[derive(Serialize)]
struct SessionJson<'a> {
    session: &'a str,
    #[serde(flatten)]
    outcome: OutcomeJson,
    question: &'a Question,
    upstream: &'static str,
    checks: usize,
    installs: usize,
    elapsed_ms: u128,
    pinned: Option<Version>,
    pin_file: Option<&'a Utf8Path>,
    changes: Option<&'a Changes>,
    journal: &'a Utf8Path,
    /// Candidates whose turns are paid for in another way than those of the good end.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    billing: Vec<CandidateBilling>,
    /// Candidates that answered both ways, by the ids of their checks.
    contradictions: &'a [Contradiction],
    checked: &'a [CheckRecord],
}

#[derive(Serialize)]
struct CandidateBilling {
    core: Version,
    #[serde(flatten)]
    billing: BillMove,
}

#[derive(Serialize)]
struct OutcomeJson {
    outcome: &'static str,
    last_good: Option<Version>,
    first_bad: Option<Version>,
    /// Candidates between the two that could not be judged.
    skipped: Vec<Version>,
}

impl SessionEnding<'_> {
    fn core(&self, place: usize) -> Version {
        self.request.line[place].core
    }

    fn json(&self) -> SessionJson<'_> {
        let conclusion = self.conclusion;
        let outcome = match &conclusion.outcome {
            Outcome::Found { last_good, first_bad } => {
                self.ends("found", Some(*last_good), Some(*first_bad))
            }
            Outcome::Range { last_good, first_bad } => {
                self.ends("range", Some(*last_good), Some(*first_bad))
            }
            Outcome::NoRegression => {
                self.ends("no-regression", Some(self.request.line.len() - 1), None)
            }
            // Whether an older release answers is not known: the good end is not the first bad one.
            Outcome::GoodEndIsBad => self.ends("good-end-is-bad", None, None),
            Outcome::EndSkipped { .. } => self.ends("end-skipped", None, None),
        };
        SessionJson {
            session: self.session,
            outcome,
            question: &self.request.question,
            upstream: self.request.question.upstream.word(),
            checks: self.asked(),
            installs: conclusion.installs,
            elapsed_ms: conclusion.elapsed.as_millis(),
            pinned: self.pinned.map(|(core, _)| core),
            pin_file: self.pinned.map(|(_, file)| file),
            changes: self.changes,
            journal: self.directory,
            billing: self
                .billing()
                .into_iter()
                .map(|(core, billing)| CandidateBilling { core, billing })
                .collect(),
            contradictions: &conclusion.contradictions,
            checked: &conclusion.checks,
        }
    }

    fn ends(&self, outcome: &'static str, good: Option<usize>, bad: Option<usize>) -> OutcomeJson {
        let between = match (good, bad) {
            (Some(good), Some(bad)) => good + 1..bad,
            _ => 0..0,
        };
        OutcomeJson {
            outcome,
            last_good: good.map(|place| self.core(place)),
            first_bad: bad.map(|place| self.core(place)),
            skipped: between.map(|place| self.core(place)).collect(),
        }
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
            Outcome::EndSkipped { end } => self.end_skipped(&mut text, *end),
        }
        for told in &self.conclusion.contradictions {
            let _ = writeln!(text, "\n{}", self.contradiction(told));
        }
        for (core, billing) in self.billing() {
            let _ = writeln!(text, "\n{}", format!("bill  {core}: {billing}").yellow());
        }
        let _ = writeln!(
            text,
            "\n{} of {}, {}, {}",
            counted(self.asked(), "check", "checks"),
            counted(self.request.line.len(), "candidate", "candidates"),
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
        let headline = format!("{bad} is the first bad release; {good} is the last good one");
        let _ = writeln!(text, "\n{}\n", headline.bold());
        self.why(text, first_bad);
        self.history(text);
        self.pinned_and_next(text, good, bad);
    }

    fn range(&self, text: &mut String, last_good: usize, first_bad: usize) {
        let (good, bad) = (self.core(last_good), self.core(first_bad));
        let headline = format!("the first bad release comes after {good} and not after {bad}");
        let _ = writeln!(text, "\n{}\n", headline.bold());
        let _ = writeln!(text, "between them, nothing could be judged:");
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
        if failure.of_route && place > 0 {
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
        let history = history::lines(&self.conclusion.checks);
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
        Some(format!(
            "codexpin bisect {} {} --any-failure    count {failure} as well",
            ends[0], ends[1]
        ))
    }

    fn pinned_and_next(&self, text: &mut String, good: Version, bad: Version) {
        if let Some(changes) = self.changes {
            let _ = write!(text, "\n{}", changes::block(changes));
        }
        if let Some((core, file)) = self.pinned {
            let _ = writeln!(text, "\npinned {core} in {file}");
        }
        let _ =
            writeln!(text, "\nnext  codexpin apply             roll this machine back to {good}");
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

    fn no_regression(&self, text: &mut String) {
        let (good, bad) = (self.core(0), self.core(self.request.line.len() - 1));
        let headline = format!("no regression: both {good} and {bad} answer");
        let _ = writeln!(text, "\n{}\n", headline.bold());
        self.differs_from_a_users(text);
        let _ =
            writeln!(text, "next  name a newer bad end, or another route: --route provider/model");
        let _ = writeln!(
            text,
            "      If your agent is silent on {bad} all the same, the release alone does not explain it:"
        );
        let _ = writeln!(
            text,
            "      look at the login, the quota and openclaw.json (`openclaw doctor`)."
        );
    }

    fn good_end_is_bad(&self, text: &mut String) {
        let good = self.core(0);
        let bad = self.request.line.len() - 1;
        let both = self.conclusion.check_of(bad).is_some_and(|c| c.counts && c.mark() == Mark::Bad);
        let either = if both { " either" } else { "" };
        let headline = format!("the good end {good} does not answer{either}");
        let _ = writeln!(text, "\n{}\n", headline.bold());
        self.why(text, 0);
        if let Some(remedy) = self.remedy(0) {
            let _ = writeln!(text, "      {remedy}");
        }
        self.differs_from_a_users(text);
        let _ = writeln!(
            text,
            "next  name an older good end, or another route: --route provider/model"
        );
    }

    fn end_skipped(&self, text: &mut String, end: usize) {
        let name = if end == 0 { "good" } else { "bad" };
        let headline = format!(
            "the {name} end {} could not be judged, so nothing between can be",
            self.core(end)
        );
        let _ = writeln!(text, "\n{}\n", headline.bold());
        let Some(CheckRecord { verdict: Verdict::Skip { reason }, .. }) =
            self.conclusion.check_of(end)
        else {
            return;
        };
        let _ = writeln!(text, "why   {reason}");
        if let Some(failure) = reason.failure() {
            let _ = writeln!(text, "      {}", failure_lines(failure)[1]);
        }
        if matches!(reason, SkipReason::Incomplete { .. } | SkipReason::Missing { .. }) {
            self.differs_from_a_users(text);
        }
        let neighbour = if end == 0 { 1 } else { end - 1 };
        let (mut good, mut bad) = (self.core(0), self.core(self.request.line.len() - 1));
        if self.request.line.len() > 2 {
            if end == 0 {
                good = self.core(neighbour);
            } else {
                bad = self.core(neighbour);
            }
            let _ = writeln!(
                text,
                "\nnext  codexpin bisect {good} {bad}    with the release next to it"
            );
        }
        if let Some(remedy) = reason.failure().and_then(|failure| failure.remedy.as_deref()) {
            let _ = writeln!(text, "      {remedy}");
        }
    }

    /// A candidate that answered both ways: what counts, and how to find out more.
    fn contradiction(&self, told: &Contradiction) -> String {
        let core = self.core(told.place);
        let times = |ids: &[u32]| match ids.len() {
            1 => "once".to_owned(),
            n => counted(n, "time", "times"),
        };
        format!(
            "{core} contradicts itself: it answered {} and failed {}; the last answer counts",
            times(&told.good),
            times(&told.bad)
        )
    }

    /// What was tested is not what a user with the plugin has: say so, of those that
    /// were really asked without it.
    fn differs_from_a_users(&self, text: &mut String) {
        let asked = self.conclusion.checks.iter().filter(|check| !check.observations.is_empty());
        let mut asked: Vec<_> = asked.map(CheckRecord::place).collect();
        asked.sort_unstable();
        asked.dedup();
        let without = |place: &usize| self.request.line[*place].plugin.is_none();
        let core_only: Vec<_> = asked.iter().copied().filter(without).collect();
        if core_only.is_empty() {
            return;
        }
        let which = if core_only.len() == asked.len() {
            "these releases, so they were tested as core\n      only".to_owned()
        } else {
            let cores: Vec<_> =
                core_only.iter().map(|place| self.core(*place).to_string()).collect();
            format!("{}: tested as core\n      only", cores.join(", "))
        };
        let _ = writeln!(
            text,
            "      This registry has no @openclaw/codex for {which}, through the embedded runtime. An installation with the plugin runs its turns in the\n      \
             Codex app-server, and can fail where these do not, or answer where these do not."
        );
    }
}

#[cfg(test)]
mod tests;
