//! What one check showed.

use std::fmt::Write as _;
use std::time::Duration;

use super::paint::Paint as _;
use super::{
    OutputForm, counted, duration, egress, failure_lines, minute, print_if_json, terminal,
};
use crate::app::check::{CheckReport, RouteReport};
use crate::observation::{Isolation, Observation, Times};
use crate::question::{AskBy, Through, Upstream};
use crate::verdict::{SkipReason, Verdict};

/// Prints it, for a person or as JSON; with `egress`, what the candidate tried to
/// reach as well.
pub fn print(report: &CheckReport, form: OutputForm, egress: bool) {
    if print_if_json(form, report) {
        return;
    }
    let mut text = self::text(report);
    if egress {
        if report.prefix.is_some() {
            text.push_str(&egress::of_install(report.install_egress.as_ref()));
        }
        text.push_str(&egress::table(report.routes.iter().map(|route| &route.observation)));
    }
    terminal::print(text.trim_end());
}

pub(super) fn text(report: &CheckReport) -> String {
    let core = report.candidate.core;
    let mut text = String::new();
    let through = report.question.routes_in_words();
    let (good, bad) = match report.question.ask {
        AskBy::Probe(_) => ("answers through", "does not answer through"),
        AskBy::Command(_) => ("passes the check command on", "fails the check command on"),
    };
    let _ = match &report.verdict {
        Verdict::Good => {
            writeln!(text, "{}: {core} {good} {through}", "good".green().bold())
        }
        Verdict::Bad { .. } => {
            writeln!(text, "{}: {core} {bad} {through}", "bad".red().bold())
        }
        Verdict::Skip { reason } => {
            let but = match reason {
                SkipReason::CannotInstall { .. } => "",
                // Whoever asks the live agent wants to know whether it answers.
                _ if is_live(report) => "does not answer, and not by its own doing: ",
                _ => "cannot be judged: ",
            };
            writeln!(text, "{}: {core} {but}{reason}", "skip".yellow().bold())
        }
    };
    if let Some(at) = report.known_since {
        let _ = writeln!(text, "  asked {}, the same of the same files", minute(at));
    }
    match report.routes.as_slice() {
        [] => {}
        [only] => details(only, &mut text, report),
        several => {
            for route in several {
                let _ = writeln!(text, "\n{} through {}", word(&route.verdict), route.route);
                details(route, &mut text, report);
            }
        }
    }
    for billing in report.routes.iter().filter_map(|route| route.billing.as_ref()) {
        let _ = writeln!(text, "  {} {billing}", "bill ".yellow());
    }
    if let Some(scripts) = &report.install_scripts
        && !scripts.not_run.is_empty()
    {
        let packages = scripts.not_run.join(", ");
        let _ = writeln!(text, "  note  npm did not run the install scripts of {packages}");
    }
    text.push_str(&remedies(report));
    for next in next(report) {
        let _ = writeln!(text, "  next  {next}");
    }
    text
}

/// What makes it answer, and what does not.
fn remedies(report: &CheckReport) -> String {
    let mut text = String::new();
    let Some(tried) = &report.remedies else { return text };
    let as_it_is = match report.verdict {
        Verdict::Skip { .. } => "not to be judged as it is",
        Verdict::Good | Verdict::Bad { .. } => "bad as it is",
    };
    let mending: Vec<_> = tried.iter().filter(|r| r.verdict == Verdict::Good).collect();
    let _ = match (tried.is_empty(), mending.first()) {
        (true, _) => {
            writeln!(text, "  nothing is known that could be tried against this failure")
        }
        (false, None) => {
            writeln!(text, "  {as_it_is}, and nothing that was tried makes it answer")
        }
        (false, Some(first)) => {
            writeln!(text, "  {}", format!("{as_it_is}; answers {}", first.words).bold())
        }
    };
    for remedy in tried {
        let elapsed = duration(Duration::from_millis(remedy.elapsed_ms));
        let _ = writeln!(text, "  {}  {}  ({elapsed})", word(&remedy.verdict), remedy.words);
        match remedy.verdict.failure() {
            None => _ = writeln!(text, "        {}", remedy.how.dimmed()),
            Some(failure) => {
                let _ = writeln!(text, "        {}", failure_lines(failure)[1].dimmed());
            }
        }
    }
    text
}

fn next(report: &CheckReport) -> Vec<String> {
    let core = report.candidate.core;
    match &report.verdict {
        Verdict::Good => vec![],
        Verdict::Bad { failure } => {
            let mut next: Vec<String> = failure.remedy.iter().cloned().collect();
            if report.remedies.is_none() && failure.remedy.is_some() {
                next.push(format!(
                    "codexpin check {core} --try-remedies tries in scratch what may mend it"
                ));
            }
            next.push(format!("codexpin bisect GOOD {core} finds the release where it broke"));
            next
        }
        Verdict::Skip { reason: SkipReason::CannotInstall { .. } | SkipReason::Missing { .. } } => {
            vec!["codexpin releases shows the releases near it".to_owned()]
        }
        Verdict::Skip { reason } => {
            let mut next: Vec<String> =
                reason.failure().and_then(|failure| failure.remedy.clone()).into_iter().collect();
            if is_live(report) {
                next.push("codexpin doctor says what is wrong here".to_owned());
            }
            next
        }
    }
}

fn is_live(report: &CheckReport) -> bool {
    report.question.upstream == Upstream::Installation
}

fn word(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Good => "good".green().bold(),
        Verdict::Bad { .. } => "bad".red().bold(),
        Verdict::Skip { .. } => "skip".yellow().bold(),
    }
}

fn details(route: &RouteReport, text: &mut String, report: &CheckReport) {
    let mut row = |name: &str, what: String| {
        let _ = writeln!(text, "  {name:<5} {what}");
    };
    match &route.verdict {
        Verdict::Good => {}
        Verdict::Bad { failure } => {
            let [title, evidence] = failure_lines(failure);
            row("why", title);
            row("", evidence);
        }
        Verdict::Skip { reason } => {
            if let Some(failure) = reason.failure() {
                let [_, evidence] = failure_lines(failure);
                row("why", evidence);
            }
        }
    }
    let observation = &route.observation;
    row("how", how(observation, report));
    row("time", times(observation));
    if let Some(route) = &observation.moved_to {
        row("", format!("`openclaw doctor --fix` moved the route to {route}"));
    }
    for (at, change) in observation.config_changes.iter().enumerate() {
        row(if at == 0 { "conf" } else { "" }, change.clone());
    }
    match &observation.enclosure {
        Isolation::None | Isolation::Namespace { shared_tmp: None } => {}
        Isolation::Namespace { shared_tmp: Some(why) } => {
            row("note", format!("/tmp was the machine's, not one of its own ({why})"));
        }
        Isolation::ProxySettings { why } => row(
            "note",
            format!("not enclosed: only proxy settings kept it from the network ({why})"),
        ),
    }
    if observation.left_running > 0 {
        let left = counted(observation.left_running, "process", "processes");
        let ended = if observation.left_running == 1 { "it was" } else { "they were" };
        row("", format!("it left {left} running; {ended} ended"));
    }
    if let Some(logs) = &observation.logs {
        row("logs", logs.to_string());
    }
}

fn how(observation: &Observation, report: &CheckReport) -> String {
    let mut parts = vec![format!("Node {}", observation.node), observation.upstream.to_string()];
    if let Some(fault) = &report.fault {
        parts.push(format!("fault {fault} on purpose"));
    }
    if observation.through == Through::Gateway {
        parts.push("its own Gateway".to_owned());
    }
    match &observation.ask {
        AskBy::Probe(_) => {
            let turns = observation.requests.iter().filter(|r| r.is_answered_turn()).count();
            if observation.upstream.shows_turns() {
                parts.push(counted(turns, "answered model request", "answered model requests"));
            }
            if observation.expected_tool_calls() > 0 {
                parts.push(tools(observation));
            }
        }
        AskBy::Command(command) => parts.push(format!("`{command}`")),
    }
    let harness = observation.reply.as_ref().and_then(|reply| reply.harness.as_deref());
    parts.extend(harness.map(|harness| format!("harness {harness}")));
    let plugin = match &report.candidate.plugin {
        Some(plugin) if observation.route.may_use_plugin() => {
            format!("plugin {}", plugin.version)
        }
        Some(plugin) => format!("plugin {} not used by this route", plugin.version),
        None if observation.upstream == Upstream::Installation => "no plugin".to_owned(),
        None => "no plugin: the registry has none for it".to_owned(),
    };
    format!("{}; {plugin}", parts.join(", "))
}

/// Which tools ran, by the upstream's record.
fn tools(observation: &Observation) -> String {
    let mut names: Vec<(&str, usize)> = Vec::new();
    for returned in observation.requests.iter().filter_map(|request| request.returned.as_ref()) {
        match names.iter_mut().find(|(name, _)| *name == returned.tool) {
            Some((_, times)) => *times += usize::from(returned.genuine),
            None => names.push((&returned.tool, usize::from(returned.genuine))),
        }
    }
    let names: Vec<_> = names.into_iter().map(|(name, times)| format!("{name} x{times}")).collect();
    if names.is_empty() { "no tool ran".to_owned() } else { format!("tools {}", names.join(" ")) }
}

/// Where the time went.
fn times(observation: &Observation) -> String {
    let shown = |ms: u64| duration(Duration::from_millis(ms));
    let Times { doctor, gateway, to_first_request, turn, agent } = observation.times;
    let mut parts = Vec::new();
    parts.extend(doctor.map(|ms| format!("doctor {}", shown(ms))));
    parts.extend(gateway.map(|ms| format!("Gateway ready {}", shown(ms))));
    match (to_first_request, turn, agent) {
        (Some(start), Some(turn), _) => {
            parts.push(format!("start to first model request {}", shown(start)));
            parts.push(format!("turn and exit {}", shown(turn)));
        }
        (_, _, Some(agent)) => parts.push(format!("agent {}", shown(agent))),
        _ => {}
    }
    let all = shown(observation.elapsed_ms);
    if parts.is_empty() { all } else { format!("{all}: {}", parts.join(", ")) }
}
