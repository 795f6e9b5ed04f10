//! The sessions of this machine.

use super::minute;
use super::paint::Paint as _;
use super::{OutputForm, counted, print_if_json, terminal};
use crate::app::sessions::{ListedSession, SessionEnd, SessionList};

/// Prints the list, for a person or as JSON.
pub fn print(list: &SessionList, form: OutputForm) {
    if print_if_json(form, list) {
        return;
    }
    let lines: Vec<_> = list.sessions.iter().map(lines_of).collect();
    if lines.is_empty() {
        terminal::print("no session yet: `codexpin bisect GOOD BAD` begins one");
    } else {
        terminal::print(&lines.join("\n"));
    }
    for unreadable in &list.unreadable {
        terminal::warning(unreadable);
    }
}

fn lines_of(session: &ListedSession) -> String {
    let ListedSession { id, begun, from, to, checks, .. } = session;
    let checks = counted(*checks, "check", "checks");
    let command = if session.end == SessionEnd::Unfinished { "resume" } else { "report" };
    format!(
        "{}  {from} .. {to}  {}  ({checks})\n    codexpin {command} {id}",
        minute(*begun),
        found(session)
    )
}

pub(super) fn found(session: &ListedSession) -> String {
    let (good, bad) = (told(session.last_good), told(session.first_bad));
    let (last, first) = if session.find_fix {
        ("last that does not answer", "first that answers again")
    } else {
        ("last good", "first bad")
    };
    match session.end {
        SessionEnd::Found => format!("{first} {bad}, {last} {good}").bold(),
        SessionEnd::Range => format!("{first} after {good}, {bad} at the latest"),
        SessionEnd::Inconclusive => format!("inconclusive: {last} {good}, {first} {bad}"),
        SessionEnd::NoRegression => "no regression: both ends answer".to_owned(),
        SessionEnd::GoodEndIsBad => "the good end does not answer".to_owned(),
        SessionEnd::EndsReversed => {
            "the other way round: the good end fails, the bad one answers".to_owned()
        }
        SessionEnd::Scanned => match (session.last_good, session.first_bad) {
            (Some(_), Some(_)) => format!("scanned: it breaks after {good}, not after {bad}"),
            (Some(_), None) => "scanned: it does not break".to_owned(),
            (None, _) => "scanned: nothing answers".to_owned(),
        },
        SessionEnd::EndSkipped => "an end could not be judged".to_owned(),
        SessionEnd::Unfinished => {
            format!("not finished: {last} {good}, {first} {bad} so far").yellow()
        }
    }
}

fn told(version: Option<crate::release::Version>) -> String {
    version.map_or_else(|| "unknown".to_owned(), |version| version.to_string())
}
