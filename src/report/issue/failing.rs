//! The failure itself: the lines around the evidence, and what was asked of the
//! upstream.

use std::fmt::Write as _;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use super::super::markdown::{code, fence, shortened, table};
use super::super::{counted, duration};
use super::Issue;
use crate::observation::{AgentEnding, CheckStage, Observation, RequestKind, RequestRecord};
use crate::question::AskBy;
use crate::verdict::{self, EvidenceSource, Failure, Verdict};

/// How many lines before the evidence are quoted, and how many after it.
const BEFORE: usize = 5;
const AFTER: usize = 6;
/// How many requests are listed.
const REQUESTS: usize = 20;

/// The section; none where nothing failed.
pub(super) fn section(issue: &Issue<'_>) -> Option<String> {
    let (_, bad) = issue.session.ends();
    let bad = bad?;
    let (checked, failure) = issue.bad_check(bad)?;
    let shows = |observation: &&Observation| matches!(verdict::judge(observation, issue.catalogue), Verdict::Bad { failure: of } if of.signature == failure.signature);
    let observation =
        checked.observations.iter().find(shows).or_else(|| checked.observations.first())?;
    let elapsed = duration(Duration::from_millis(observation.elapsed_ms));
    let mut text = format!("{}: {} after {elapsed}", issue.spec(bad), ended(observation));
    if checked.observations.len() > 1 {
        let _ = write!(text, ", through {}", code(&observation.route.to_string()));
    }
    text.push_str(".\n\n");
    text.push_str(&quoted(observation, failure, &issue.session.directory));
    text.push_str(&requests(observation));
    Some(text)
}

fn ended(observation: &Observation) -> String {
    let how = match observation.ending {
        AgentEnding::Exited(status) => format!("exit status {status}"),
        AgentEnding::Signalled(signal) => format!("ended by signal {signal}"),
        AgentEnding::TimedOut => "stopped at the time limit".to_owned(),
        AgentEnding::Limited(limit) => format!("stopped, since {limit}"),
    };
    match observation.stopped_at {
        None => how,
        Some(CheckStage::Doctor) => format!("`openclaw doctor --fix` failed, {how}"),
        Some(CheckStage::Gateway) => format!("its Gateway did not get ready, {how}"),
    }
}

/// The line that decided, among its neighbours; where no line did, the last ones.
fn quoted(observation: &Observation, failure: &Failure, session: &Utf8Path) -> String {
    let evidence = &failure.evidence;
    let output = match evidence.source {
        EvidenceSource::Stdout => &observation.stdout,
        EvidenceSource::Gateway => &observation.gateway,
        EvidenceSource::Stderr
        | EvidenceSource::Upstream
        | EvidenceSource::Reply
        | EvidenceSource::Process => &observation.stderr,
    };
    let lines: Vec<&str> = output.lines().collect();
    let of_output = matches!(
        evidence.source,
        EvidenceSource::Stdout | EvidenceSource::Stderr | EvidenceSource::Gateway
    );
    let at = evidence.line.filter(|line| of_output && (1..=lines.len()).contains(line));
    let mut text = String::new();
    if !of_output {
        let _ = writeln!(text, "What decided: {}\n", code(&evidence.text));
    }
    let range = match at {
        Some(line) => (line - 1).saturating_sub(BEFORE)..(line + AFTER).min(lines.len()),
        None => lines.len().saturating_sub(BEFORE + AFTER)..lines.len(),
    };
    let quoted: Vec<_> = lines[range].iter().map(|line| shortened(line)).collect();
    if quoted.iter().all(|line| line.trim().is_empty()) {
        return text;
    }
    let source = if of_output { evidence.source } else { EvidenceSource::Stderr };
    let file = log(observation, source, session);
    let _ = match at.filter(|line| is_numbered(&lines[..*line])) {
        Some(line) => writeln!(text, "{}, line {line} and around it:\n", code(file.as_str())),
        None => writeln!(text, "From {}:\n", code(file.as_str())),
    };
    text.push_str(&fence("text", &quoted.join("\n")));
    text.push('\n');
    text
}

/// Whether a line's number is the one that it has in the file: nothing before it
/// was left out.
fn is_numbered(before: &[&str]) -> bool {
    !before.iter().any(|line| line.ends_with("bytes left out]"))
}

/// The log file that a line is from, in the session's directory.
fn log(observation: &Observation, source: EvidenceSource, session: &Utf8Path) -> Utf8PathBuf {
    let ran = match (observation.stopped_at, &observation.ask) {
        (Some(CheckStage::Doctor), _) => "doctor",
        (_, AskBy::Command(_)) => "command",
        _ => "agent",
    };
    let name = match source {
        // Both of its streams, one after the other.
        EvidenceSource::Gateway => "gateway.*".to_owned(),
        source => format!("{ran}.{source}"),
    };
    let logs = observation.logs.as_deref().unwrap_or(Utf8Path::new("logs"));
    logs.strip_prefix(session).unwrap_or(logs).join(name)
}

/// What the upstream saw of the turn.
fn requests(observation: &Observation) -> String {
    if !observation.upstream.shows_turns() {
        return String::new();
    }
    let told = |request: &&RequestRecord| request.kind != RequestKind::Tunnel;
    let all: Vec<_> = observation.requests.iter().filter(told).collect();
    if all.is_empty() {
        return "No request reached the upstream.\n".to_owned();
    }
    let rows: Vec<_> = all.iter().take(REQUESTS).map(|request| row(request)).collect();
    let mut text = "What the upstream saw:\n\n".to_owned();
    text.push_str(&table(["#", "request", "model", "answer"], &rows));
    if all.len() > REQUESTS {
        let more = counted(all.len() - REQUESTS, "more request", "more requests");
        let _ = writeln!(text, "\nand {more}.");
    }
    text
}

fn row(request: &RequestRecord) -> [String; 4] {
    let RequestRecord { sequence, method, host, path, status, kind, note, .. } = request;
    let kind = serde_json::to_value(kind).ok().and_then(|kind| kind.as_str().map(str::to_owned));
    let status = status.map_or("-".to_owned(), |status| status.to_string());
    let note = note.as_deref().map(|note| format!(", {}", code(note))).unwrap_or_default();
    [
        (sequence + 1).to_string(),
        code(&format!("{method} {host}{path}")),
        request.model.as_deref().map(code).unwrap_or_default(),
        format!("{status} {}{note}", kind.unwrap_or_default()),
    ]
}
