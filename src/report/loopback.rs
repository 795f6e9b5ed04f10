//! The loopback upstream in the foreground: what to export, and what comes in.

use super::terminal;
use crate::observation::{RequestKind, RequestRecord};

/// Shows the requests as they come.
#[derive(Debug)]
pub struct LoopbackReport {
    /// How many have been shown, by their place in the order of arrival.
    shown: usize,
}

impl LoopbackReport {
    /// Prints the environment for a release to be pointed here, and what is
    /// wrong on purpose: a fault's name and what it does.
    pub fn begin(
        base_url: &str,
        environment: &[(&str, String)],
        fault: Option<(&str, &str)>,
    ) -> Self {
        for (name, value) in environment {
            terminal::print_as_it_is(&format!("export {name}={value}"));
        }
        if let Some((name, description)) = fault {
            terminal::note(&format!("every turn meets the fault {name}: {description}"));
        }
        terminal::note(&format!("a custom provider reaches it at {base_url}; Ctrl-C ends it"));
        Self { shown: 0 }
    }

    /// Prints what has come in since the last time.
    pub fn show(&mut self, records: &[RequestRecord]) {
        let new = records.iter().filter(|record| record.sequence >= self.shown);
        let mut last = None;
        for record in new.take_while(|record| is_settled(record)) {
            terminal::say(&line(record));
            last = Some(record.sequence);
        }
        self.shown = last.map_or(self.shown, |last| last + 1);
    }
}

/// A request in a line: status, where it went, and what it was about.
fn line(record: &RequestRecord) -> String {
    let status = record.status.map_or("-".to_owned(), |status| status.to_string());
    let RequestRecord { method, host, port, path, .. } = record;
    let mut line = format!("{status:>3} {method} {host}:{port}{path}");
    let mut add = |words: String| {
        line.push_str("  ");
        line.push_str(&words);
    };
    match record.kind {
        RequestKind::Upgraded => add("WebSocket opened".to_owned()),
        RequestKind::WarmUp => add("warm-up".to_owned()),
        RequestKind::Faulted => add(record.note.clone().unwrap_or_default()),
        _ => {}
    }
    if let Some(back) = &record.returned {
        let verdict = if back.genuine { "genuine" } else { "NOT genuine" };
        add(format!("{} returned, {verdict} (step {})", back.tool, back.step));
    }
    if let Some(call) = &record.called {
        add(format!("asks for {} (step {})", call.tool, call.step));
    }
    line
}

fn is_settled(record: &RequestRecord) -> bool {
    record.kind != RequestKind::Unanswered || record.status.is_some()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::observation::{Credential, Scheme, ToolCall, ToolReturn};

    #[test]
    fn a_line_tells_what_a_request_was_about() {
        let plain = RequestRecord {
            sequence: 0,
            elapsed: Duration::ZERO,
            scheme: Scheme::Https,
            host: "chatgpt.com".to_owned(),
            port: 443,
            method: "POST".to_owned(),
            path: "/x".to_owned(),
            status: Some(200),
            kind: RequestKind::Answered,
            websocket: false,
            model: None,
            credential: Credential::None,
            called: None,
            returned: None,
            retry_after_s: None,
            code: None,
            note: None,
        };
        let call = |step| Some(ToolCall { tool: "exec".to_owned(), step });
        let back = |genuine| Some(ToolReturn { tool: "exec".to_owned(), step: 0, genuine });
        let fault = Some("fault: server-error".to_owned());
        for (record, expected) in [
            (plain.clone(), ""),
            (RequestRecord { called: call(0), ..plain.clone() }, "  asks for exec (step 0)"),
            (
                RequestRecord { called: call(1), returned: back(true), ..plain.clone() },
                "  exec returned, genuine (step 0)  asks for exec (step 1)",
            ),
            (
                RequestRecord { returned: back(false), ..plain.clone() },
                "  exec returned, NOT genuine (step 0)",
            ),
            (RequestRecord { kind: RequestKind::WarmUp, ..plain.clone() }, "  warm-up"),
            (
                RequestRecord { kind: RequestKind::Faulted, note: fault, ..plain.clone() },
                "  fault: server-error",
            ),
        ] {
            assert_eq!(line(&record), format!("200 POST chatgpt.com:443/x{expected}"));
        }
    }
}
