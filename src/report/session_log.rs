//! A session's journal: one line a check, in their order.

use std::fmt::Write as _;
use std::time::Duration;

use super::bisect::newest;
use super::minute;
use super::paint::Paint as _;
use super::{OutputForm, brief, duration, print_if_json, sessions, terminal};
use crate::app::session_log::SessionLog;
use crate::search::{Purpose, Reason};
use crate::session::record::CheckRecord;
use crate::verdict::Verdict;

/// Prints it, for a person or as JSON.
pub fn print(log: &SessionLog, form: OutputForm) {
    if !print_if_json(form, log) {
        terminal::print(text(log).trim_end());
    }
}

fn text(log: &SessionLog) -> String {
    let session = &log.session;
    let mut text = format!("{}\n", sessions::found(session).bold());
    let _ = writeln!(
        text,
        "{}  {} .. {}  through {}\n",
        minute(session.begun),
        session.from,
        session.to,
        session.routes.join(", ")
    );
    for check in &log.checked {
        let _ = writeln!(text, "{}", line(check));
    }
    if !log.newest_checked.is_empty() {
        text.push_str("after the end of the search:\n");
    }
    for check in &log.newest_checked {
        let _ = writeln!(text, "{}", line(check));
    }
    if let Some(bad) = session.first_bad {
        let own = log.checked.iter().rev().find(|check| check.counts && check.core == bad);
        for line in newest::lines(&log.newest, bad, own.and_then(|own| own.verdict.failure())) {
            let _ = writeln!(text, "{line}");
        }
    }
    match &log.replay {
        Some(notes) => {
            let same = notes.recorded == session.end;
            let agrees =
                if same { "the journal says the same" } else { "the journal says otherwise" };
            let _ = writeln!(text, "\nreplay  {agrees}");
            if let Some(next) = notes.next {
                let _ = writeln!(text, "        {next} would be asked next");
            }
        }
        None => {
            let _ = writeln!(text, "\nlogs  {}", session.directory);
        }
    }
    text
}

/// `  3  search   2026.6.1     bad   8.5 s  unknown-model: ...`
fn line(check: &CheckRecord) -> String {
    let why = match check.ask.reason {
        Reason::End => "end".to_owned(),
        Reason::Search => "search".to_owned(),
        Reason::Recheck { of } => format!("again {of}"),
        Reason::Control { of } => format!("control {of}"),
        Reason::Pin => "pin".to_owned(),
    };
    let elapsed = duration(Duration::from_millis(check.elapsed_ms()));
    let (word, showed) = match &check.verdict {
        Verdict::Good => ("good", String::new()),
        Verdict::Bad { failure } => ("bad", failure.key()),
        Verdict::Skip { reason } => ("skip", brief(&reason.to_string())),
    };
    let made = match check.purpose {
        Purpose::Surprise => " (new: asked again)",
        Purpose::Another => " (another failure)",
        Purpose::Pause => " (the search paused)",
        Purpose::Search | Purpose::Controlled | Purpose::Control => "",
    };
    let row = format!(
        "{:>3}  {why:<10} {:<17} {word:<5} {elapsed:>7}  {showed}{made}",
        check.ask.id, check.core
    );
    row.trim_end().to_owned()
}
