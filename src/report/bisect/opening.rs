//! A session's first lines: what is about to happen, on what.

use std::fmt::Write as _;

use crate::report::paint::Paint as _;

use crate::event::SessionOpening;
use crate::question::{AskBy, Probe, Question, Through, Upgrade, Upstream};
use crate::release::pairing::Candidate;
use crate::report::{counted, terminal};

/// The first lines of a session, to stderr: they are no result.
pub(in crate::report) fn opening(opening: &SessionOpening) {
    terminal::say(opening_text(opening).trim_end());
}

fn opening_text(opening: &SessionOpening) -> String {
    let mut text = String::new();
    let mut row = |name: &str, what: String| {
        let _ = writeln!(text, "{} {what}", format!("{name:<9}").dimmed());
    };
    if let (Some(good), Some(bad)) = (opening.line.first(), opening.line.last()) {
        let candidates = counted(opening.line.len(), "candidate", "candidates");
        let (good, bad) = (good.core, bad.core);
        let ends = if opening.scan.is_some() {
            format!("{good} .. {bad}")
        } else if opening.seeks_good_end {
            format!("{bad} (bad?) and back until one answers, {good} at the furthest")
        } else if opening.find_fix {
            format!("{bad} (bad?) .. {good} (good again?)")
        } else {
            format!("{good} (good?) .. {bad} (bad?)")
        };
        let asked = match opening.scan {
            Some(asked) if asked < opening.line.len() => format!(", {asked} of them asked"),
            Some(_) => ", each of them asked".to_owned(),
            None => String::new(),
        };
        row("line", format!("{ends}, {candidates}{asked}"));
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
        let turns = opening.scan.unwrap_or_else(|| turns(opening.line.len()));
        let about = turns * opening.question.routes.len();
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
pub(in crate::report) fn how(question: &Question) -> Option<String> {
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
