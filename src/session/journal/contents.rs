//! A journal's lines: read in today's format and the three before it, and written in
//! today's. A journal may come from anywhere.

use camino::Utf8Path;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{JournalError, SessionRequest};
use crate::search::Outcome;
use crate::session::record::CheckRecord;
use crate::session::{format3, format4};

/// The format of the journal: 2 has questions of several routes, 3 says what each
/// check is for, 4 names the ask that each check answers, 5 says how the line is searched,
/// 6 has checks of the newest releases after the end of the search.
pub(super) const FORMAT: u32 = 6;
/// The one before this: the same, but that nothing comes after the end.
const FORMAT_5: u32 = 5;
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "entry")]
pub(super) enum JournalEntry {
    Begun { format: u32, at: Timestamp, request: Box<SessionRequest> },
    Checked(Box<CheckRecord>),
    Concluded { at: Timestamp, outcome: Outcome },
}

/// A journal's lines, read.
pub(in crate::session) struct JournalContents {
    pub(super) format: u32,
    pub(in crate::session) begun: Timestamp,
    pub(in crate::session) request: SessionRequest,
    pub(in crate::session) checks: Vec<CheckRecord>,
    pub(in crate::session) concluded: Option<(Timestamp, Outcome)>,
    pub(in crate::session) newest_checks: Vec<CheckRecord>,
}

/// Reads the lines that are whole.
pub(in crate::session) fn parse(
    path: &Utf8Path,
    text: &[u8],
) -> Result<JournalContents, JournalError> {
    let mut begun: Option<(Timestamp, SessionRequest)> = None;
    let (mut checks, mut concluded, mut newest_checks) = (Vec::new(), None, Vec::new());
    let mut format = FORMAT;
    let lines = whole(text).split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    for (at, line) in lines.enumerate() {
        let damaged = |error: serde_json::Error| JournalError::Damaged {
            path: path.to_owned(),
            line: at + 1,
            reason: error.to_string(),
        };
        if at == 0 {
            format = format_of(line, path)?;
        }
        if format == format3::FORMAT && format3::is_check(line) {
            let check = serde_json::from_slice(line).map_err(damaged)?;
            let length = begun.as_ref().map_or(0, |(_, request)| request.line.len());
            checks.push(format3::converted(check, &checks, length));
            continue;
        }
        match serde_json::from_slice(line).map_err(damaged)? {
            JournalEntry::Begun { at, mut request, .. } => {
                if format <= format4::FORMAT {
                    request.search = format4::search_of(line).map_err(damaged)?;
                }
                begun = Some((at, *request));
            }
            JournalEntry::Checked(check) if concluded.is_some() => newest_checks.push(*check),
            JournalEntry::Checked(check) => checks.push(*check),
            JournalEntry::Concluded { at, outcome } => concluded = Some((at, outcome)),
        }
    }
    let (begun, request) = begun.ok_or_else(|| JournalError::Damaged {
        path: path.to_owned(),
        line: 1,
        reason: "the session was never begun".to_owned(),
    })?;
    let contents = JournalContents { format, begun, request, checks, concluded, newest_checks };
    match contents.unsound() {
        None => Ok(contents),
        Some((line, reason)) => Err(JournalError::Damaged { path: path.to_owned(), line, reason }),
    }
}

impl JournalContents {
    /// A line that names a candidate that there is not, and why it cannot be; none where all
    /// is sound. A journal may come from anywhere.
    fn unsound(&self) -> Option<(usize, String)> {
        let length = self.request.line.len();
        if length < 2 {
            return Some((1, "its line has fewer than two candidates".to_owned()));
        }
        let all = length + self.request.newest.len();
        let of_line = self.request.scan.iter().flatten().map(|place| (1, *place, length));
        let checks = self.checks.iter().enumerate();
        let checks = checks.map(|(at, check)| (at + 2, check.place(), length));
        let end = self.checks.len() + 2;
        let outcome = self.concluded.iter().flat_map(|(_, outcome)| outcome.places());
        let outcome = outcome.map(|place| (end, place, length));
        let newest = self.newest_checks.iter().enumerate();
        let newest = newest.map(|(at, check)| (end + 1 + at, check.place(), all));
        let mut named = of_line.chain(checks).chain(outcome).chain(newest);
        let (line, place, of) = named.find(|(_, place, of)| place >= of)?;
        Some((line, format!("it names candidate {} of {of}", place + 1)))
    }

    /// The same journal in today's format.
    pub(super) fn lines(&self) -> serde_json::Result<Vec<u8>> {
        let request = Box::new(self.request.clone());
        let first = JournalEntry::Begun { format: FORMAT, at: self.begun, request };
        let checked = |check: &CheckRecord| JournalEntry::Checked(Box::new(check.clone()));
        let checks = self.checks.iter().map(checked);
        let end =
            self.concluded.clone().map(|(at, outcome)| JournalEntry::Concluded { at, outcome });
        let newest = self.newest_checks.iter().map(checked);
        let mut text = Vec::new();
        for entry in std::iter::once(first).chain(checks).chain(end).chain(newest) {
            serde_json::to_writer(&mut text, &entry)?;
            text.push(b'\n');
        }
        Ok(text)
    }
}

/// Without the line that a crash cut short, or that is being written.
pub(super) fn whole(text: &[u8]) -> &[u8] {
    &text[..text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1)]
}

fn format_of(line: &[u8], path: &Utf8Path) -> Result<u32, JournalError> {
    #[derive(Deserialize)]
    struct FormatLine {
        format: u32,
    }
    match serde_json::from_slice::<FormatLine>(line) {
        Ok(FormatLine {
            format: format @ (format3::FORMAT | format4::FORMAT | FORMAT_5 | FORMAT),
        }) => Ok(format),
        Ok(FormatLine { format }) => {
            Err(JournalError::OtherFormat { path: path.to_owned(), found: format })
        }
        // Whoever parses the line next reports what is wrong with it.
        Err(_) => Ok(FORMAT),
    }
}
