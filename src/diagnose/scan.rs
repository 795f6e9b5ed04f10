//! The pass over a log.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::finder::Finder;
use super::line::LogLine;
use super::{Diagnosis, LogFinding, Quote};
use crate::catalogue::{Catalogue, FailureKind, Rank};
use crate::verdict::excerpt;

/// A longer line is looked at in pieces. Bytes.
const LONGEST_LINE: usize = 256 * 1024;
/// So many lines after the raw words, a summary is taken for an echo of them.
const ECHO: u64 = 200;

/// So many lines of a block may only look like an error.
const LOOKED_AT: usize = 50;

/// A log that is being read.
#[derive(Debug)]
pub struct Scan<'a> {
    catalogue: &'a Catalogue,
    finder: Finder,
    since: Option<Timestamp>,
    /// The beginning of a line whose end has not come yet.
    rest: Vec<u8>,
    found: BTreeMap<usize, LogFinding>,
    raw_at: Option<u64>,
    now: Option<Timestamp>,
    unknown: Option<Quote>,
    lines: u64,
    bytes: u64,
}

impl<'a> Scan<'a> {
    /// Lines from before `since` are passed over, as far as they say their time.
    pub fn new(catalogue: &'a Catalogue, since: Option<Timestamp>) -> Self {
        Self {
            catalogue,
            finder: Finder::of(catalogue),
            since,
            rest: Vec::new(),
            found: BTreeMap::new(),
            raw_at: None,
            now: None,
            unknown: None,
            lines: 0,
            bytes: 0,
        }
    }

    /// Takes in what comes next, cut anywhere.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        let Some(last) = memchr::memrchr(b'\n', bytes) else {
            self.rest.extend_from_slice(bytes);
            if self.rest.len() > LONGEST_LINE {
                let piece = std::mem::take(&mut self.rest);
                self.block(&piece);
            }
            return;
        };
        let (whole, rest) = bytes.split_at(last + 1);
        if self.rest.is_empty() {
            self.block(whole);
        } else {
            let first = memchr::memchr(b'\n', whole).map_or(whole.len(), |at| at + 1);
            let mut line = std::mem::take(&mut self.rest);
            line.extend_from_slice(&whole[..first]);
            self.block(&line);
            self.block(&whole[first..]);
        }
        self.rest.extend_from_slice(rest);
    }

    /// The end of the log.
    pub fn end(mut self) -> Diagnosis {
        let rest = std::mem::take(&mut self.rest);
        self.block(&rest);
        if !rest.is_empty() {
            self.lines += 1;
        }
        self.so_far()
    }

    /// What was found until now.
    pub fn so_far(&self) -> Diagnosis {
        let findings: Vec<_> = self.found.values().cloned().collect();
        let unknown = self.unknown.clone().filter(|_| findings.iter().all(LogFinding::is_noise));
        Diagnosis { findings, unknown, lines: self.lines, bytes: self.bytes }
    }

    /// Whole lines.
    fn block(&mut self, block: &[u8]) {
        let mut from = 0;
        let (mut counted, mut line_number) = (0, self.lines + 1);
        while let Some(at) = self.finder.next(block, from) {
            let start = memchr::memrchr(b'\n', &block[..at]).map_or(0, |at| at + 1);
            let end = memchr::memchr(b'\n', &block[at..]).map_or(block.len(), |to| at + to);
            line_number += newlines(&block[counted..start]);
            counted = start;
            self.line(&block[..end], start, line_number);
            if end >= block.len() {
                break;
            }
            from = end + 1;
        }
        self.errors_without_a_name(block);
        if let Some(at) = self.last_time(block) {
            self.now = Some(at);
        }
        self.lines += newlines(block);
    }

    /// One line that may show something: `block` ends where it does.
    fn line(&mut self, block: &[u8], start: usize, number: u64) {
        let line = LogLine::of(&block[start..]);
        let Some(shown) = self.catalogue.in_line(line.place, &line.text) else { return };
        let at = line.at.or_else(|| self.last_time(&block[..start])).or(self.now);
        if let (Some(since), Some(at)) = (self.since, at)
            && at < since
        {
            return;
        }
        let near = |raw: u64| number.saturating_sub(raw) <= ECHO;
        match shown.rank {
            Rank::Raw if shown.signature.kind != FailureKind::Cosmetic => {
                self.raw_at = Some(number);
            }
            Rank::Friendly if self.raw_at.is_some_and(near) => return,
            Rank::Raw | Rank::Friendly => {}
        }
        let Some(place) =
            self.catalogue.signatures().iter().position(|known| known.id == shown.signature.id)
        else {
            return;
        };
        let quote = || Quote { line: number, at, text: excerpt(&line.text, shown.at) };
        let finding = self.found.entry(place).or_insert_with(|| LogFinding {
            signature: shown.signature.clone(),
            count: 0,
            rank: shown.rank,
            first: quote(),
            last: None,
        });
        if shown.rank < finding.rank {
            (finding.rank, finding.first) = (shown.rank, quote());
        }
        finding.count += 1;
        finding.last = finding.last.max(at);
    }

    /// Keeps the last line that speaks of an error and matches nothing in the catalogue,
    /// for a log in which nothing else is found.
    fn errors_without_a_name(&mut self, block: &[u8]) {
        if !self.found.values().all(LogFinding::is_noise) {
            return;
        }
        let mut end = block.len();
        for _ in 0..LOOKED_AT {
            let at = [&b"rror"[..], b"RROR", b"FATAL"]
                .into_iter()
                .filter_map(|word| memchr::memmem::rfind(&block[..end], word))
                .max();
            let Some(at) = at else { return };
            let start = memchr::memrchr(b'\n', &block[..at]).map_or(0, |at| at + 1);
            let stop = memchr::memchr(b'\n', &block[at..]).map_or(block.len(), |to| at + to);
            let line = LogLine::of(&block[start..stop]);
            if let Some(matters) = line.error() {
                self.quote_unknown(block, start, &line, matters);
                return;
            }
            end = start;
        }
    }

    fn quote_unknown(&mut self, block: &[u8], start: usize, line: &LogLine, matters: usize) {
        let at = line.at.or_else(|| self.last_time(&block[..start])).or(self.now);
        if let (Some(since), Some(at)) = (self.since, at)
            && at < since
        {
            return;
        }
        let number = self.lines + 1 + newlines(&block[..start]);
        self.unknown = Some(Quote { line: number, at, text: excerpt(&line.text, matters) });
    }

    /// The time that the last line of these says which says one; a few are asked.
    fn last_time(&self, block: &[u8]) -> Option<Timestamp> {
        const ASKED: usize = 50;
        self.since?;
        block.rsplit(|byte| *byte == b'\n').take(ASKED).find_map(LogLine::time_of)
    }
}

fn newlines(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}

#[cfg(test)]
mod tests;
