//! What one check showed.

use std::fmt::Write as _;
use std::time::Duration;

use owo_colors::OwoColorize as _;
use serde::Serialize;

use super::{counted, duration, failure_lines, print_json, terminal};
use crate::observation::Observation;
use crate::prefix::Prefix;
use crate::release::pairing::Candidate;
use crate::route::Route;
use crate::verdict::{SkipReason, Verdict};

/// One check of one candidate.
#[derive(Debug, Serialize)]
pub struct CheckReport {
    /// What was checked.
    pub candidate: Candidate,
    /// The route that it was asked through.
    pub route: Route,
    /// The Node that it ran on.
    pub node: Option<String>,
    /// What the check says.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// What was seen; none where it could not be installed.
    pub observation: Option<Observation>,
    /// Where it is installed.
    #[serde(skip)]
    pub prefix: Option<Prefix>,
}

impl CheckReport {
    /// Prints it, for a person or as JSON.
    pub fn print(&self, json: bool) {
        if json {
            print_json(self);
        } else {
            terminal::print(self.text().trim_end());
        }
    }

    fn text(&self) -> String {
        let core = self.candidate.core;
        let mut text = String::new();
        let mut add = |line: String| {
            let _ = writeln!(text, "{line}");
        };
        match &self.verdict {
            Verdict::Good => {
                add(format!("{}: {core} answers through {}", "good".green().bold(), self.route));
            }
            Verdict::Bad { failure } => {
                let [title, evidence] = failure_lines(failure);
                add(format!(
                    "{}: {core} does not answer through {}",
                    "bad".red().bold(),
                    self.route
                ));
                add(format!("  why   {title}"));
                add(format!("        {evidence}"));
            }
            Verdict::Skip { reason } => {
                let but = match reason {
                    SkipReason::CannotInstall { .. } => "",
                    _ => "cannot be judged: ",
                };
                add(format!("{}: {core} {but}{reason}", "skip".yellow().bold()));
                if let Some(failure) = reason.failure() {
                    add(format!("  why   {}", failure_lines(failure)[1]));
                }
            }
        }
        if let Some(observation) = &self.observation {
            add(format!("  how   {}", self.how(observation)));
            if observation.left_running > 0 {
                let left = counted(observation.left_running, "process", "processes");
                let ended = if observation.left_running == 1 { "it was" } else { "they were" };
                add(format!("        it left {left} running; {ended} ended"));
            }
            if let Some(logs) = &observation.logs {
                add(format!("  logs  {}", logs.parent().unwrap_or(logs)));
            }
        }
        for next in self.next() {
            add(format!("  next  {next}"));
        }
        text
    }

    fn how(&self, observation: &Observation) -> String {
        let elapsed = duration(Duration::from_millis(observation.elapsed_ms));
        let harness = observation.reply.as_ref().and_then(|reply| reply.harness.as_deref());
        let harness = harness.map(|harness| format!(", harness {harness}")).unwrap_or_default();
        let turns = observation.requests.iter().filter(|r| r.is_answered_turn()).count();
        let turns = counted(turns, "answered model request", "answered model requests");
        let plugin = match &self.candidate.plugin {
            Some(plugin) => format!("plugin {} not used by this route", plugin.version),
            None => "no plugin: the registry has none for it".to_owned(),
        };
        format!(
            "Node {}, loopback upstream, {elapsed}, {turns}{harness}; {plugin}",
            observation.node
        )
    }

    fn next(&self) -> Vec<String> {
        let core = self.candidate.core;
        match &self.verdict {
            Verdict::Good => vec![],
            Verdict::Bad { failure } => {
                let mut next: Vec<String> = failure.remedy.iter().cloned().collect();
                next.push(format!("codexpin bisect GOOD {core} finds the release where it broke"));
                next
            }
            Verdict::Skip { reason: SkipReason::CannotInstall { .. } } => {
                vec!["codexpin releases shows the releases near it".to_owned()]
            }
            Verdict::Skip { reason } => {
                reason.failure().and_then(|failure| failure.remedy.clone()).into_iter().collect()
            }
        }
    }
}
