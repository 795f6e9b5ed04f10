//! What a candidate tried to reach.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::npm::egress::{Egress, EgressEntry, EgressOutcome};
use crate::observation::{Observation, RequestKind, RequestRecord};

/// A line for each place that an install tried to reach.
pub(super) fn of_install(egress: Option<&Egress>) -> String {
    let mut text = "\negress: what its install tried to reach\n".to_owned();
    let Some(egress) = egress else {
        text.push_str("  not recorded: it was installed by an older codexpin\n");
        return text;
    };
    for EgressEntry { method, host, port, path, outcome, count } in &egress.reached {
        let what = match outcome {
            EgressOutcome::Passed => "passed",
            EgressOutcome::Refused => "refused",
            EgressOutcome::Failed => "not there",
        };
        let path = path.as_deref().unwrap_or_default();
        let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        let again = if *count > 1 { format!("  x{count}") } else { String::new() };
        let _ = writeln!(text, "  {what:<9} {method} {host}:{port}{path}{again}");
    }
    if egress.reached.is_empty() && egress.note.is_none() {
        text.push_str("  nothing\n");
    }
    if let Some(note) = &egress.note {
        let _ = writeln!(text, "  note      {note}");
    }
    text
}

/// A line for each host and path, in the order of their first request.
pub(super) fn table<'a>(observations: impl Iterator<Item = &'a Observation>) -> String {
    let mut order = Vec::new();
    let mut times: BTreeMap<(String, &'static str), usize> = BTreeMap::new();
    for request in observations.flat_map(|observation| &observation.requests) {
        // The requests in a tunnel have lines of their own.
        if request.kind == RequestKind::Tunnel {
            continue;
        }
        let key = (place(request), meaning(request.kind));
        if !times.contains_key(&key) {
            order.push(key.clone());
        }
        *times.entry(key).or_default() += 1;
    }
    let mut text = "\negress: what it tried to reach in its turns\n".to_owned();
    if order.is_empty() {
        text.push_str("  nothing\n");
    }
    for key in order {
        let count = times.get(&key).copied().unwrap_or_default();
        let (place, what) = key;
        let again = if count > 1 { format!("  x{count}") } else { String::new() };
        let _ = writeln!(text, "  {what:<9} {place}{again}");
    }
    text
}

fn place(request: &RequestRecord) -> String {
    let (method, host, port) = (&request.method, &request.host, request.port);
    // The query says nothing about where it goes, and is different each time.
    let path = request.path.split('?').next().unwrap_or_default();
    format!("{method} {host}:{port}{path}")
}

fn meaning(kind: RequestKind) -> &'static str {
    match kind {
        RequestKind::Blocked => "blocked",
        RequestKind::Answered | RequestKind::WarmUp | RequestKind::Upgraded => "answered",
        RequestKind::Faulted => "faulted",
        RequestKind::Declined => "not there",
        RequestKind::Refused
        | RequestKind::RefreshRefused
        | RequestKind::Malformed
        | RequestKind::Limited => "refused",
        RequestKind::Passed | RequestKind::Forwarded | RequestKind::Registry => "passed",
        RequestKind::Unreachable => "no answer",
        RequestKind::TlsFailed => "no trust",
        RequestKind::Unanswered | RequestKind::Tunnel => "left",
    }
}
