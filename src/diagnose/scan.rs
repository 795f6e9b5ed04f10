//! The pass over a log.

use std::cell::Cell;
use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::finder::Finder;
use super::incident::{FindingKey, Incident};
use super::ownership;
use super::turns::OpenTurns;
use super::{Diagnosis, LogFinding, Quote, UnknownFailure, Weight};
use crate::catalogue::{Catalogue, FailureKind, Match, Rank, Subject};
use crate::transcript::{
    self, Depth, Line, LineLevel, LogClock, MOST_OF_A_DOCUMENT, Sign, document_end, excerpt,
    raw_part,
};

/// A longer line is looked at in pieces. Bytes.
const LONGEST_LINE: usize = 256 * 1024;
/// So many lines after the raw words, a summary is taken for an echo of them.
const ECHO: u64 = 200;
/// What prepares a signature does so for this long, and for as many lines as an echo.
const PREPARES: SignedDuration = SignedDuration::from_mins(10);
/// So many lines more than there are may be looked over for ends that do not come.
const MOST_IN_VAIN: u64 = 20_000;

/// A log that is being read.
#[derive(Debug)]
pub struct Scan<'a> {
    catalogue: &'a Catalogue,
    clock: LogClock,
    finder: Finder,
    since: Option<Timestamp>,
    /// The beginning of a line, or of a document, whose end has not come yet.
    rest: Vec<u8>,
    found: BTreeMap<FindingKey, LogFinding>,
    incident: Incident,
    /// The failure to tell of where the catalogue has none: of a turn or the Gateway,
    /// and of anything else.
    unknown: Option<UnknownFailure>,
    aside: Option<UnknownFailure>,
    /// When the signatures that need a line before theirs had it, by place.
    prepared: BTreeMap<usize, (u64, Option<Timestamp>)>,
    turns: OpenTurns,
    answered: Option<Quote>,
    release: Option<String>,
    raw_at: Option<u64>,
    /// Lines that were looked over for the end of a document that has none.
    in_vain: u64,
    /// Whose the last line was.
    owner: Option<(u64, Subject)>,
    now: Option<Timestamp>,
    /// How far the lines of the block were asked for their time, and the last one.
    timed: (usize, Option<Timestamp>),
    in_code: bool,
    has_code: bool,
    lines: u64,
    bytes: u64,
}

/// Where a statement stands.
#[derive(Debug, Clone, Copy)]
struct Standing<'a> {
    line: u64,
    /// By the line itself, or else by the last one that said.
    at: Option<Timestamp>,
    run: Option<&'a str>,
    /// Whose it is, where it is not the turn's.
    owner: Option<Subject>,
    /// Whether it may be a person's prose about a log.
    loose: bool,
}

impl<'a> Scan<'a> {
    /// Lines from before `since` are passed over, as far as they say their time.
    pub fn new(catalogue: &'a Catalogue, clock: LogClock, since: Option<Timestamp>) -> Self {
        Self {
            catalogue,
            clock,
            finder: Finder::of(catalogue),
            since,
            rest: Vec::new(),
            found: BTreeMap::new(),
            incident: Incident::default(),
            unknown: None,
            aside: None,
            prepared: BTreeMap::new(),
            turns: OpenTurns::default(),
            answered: None,
            release: None,
            raw_at: None,
            in_vain: 0,
            owner: None,
            now: None,
            timed: (0, None),
            in_code: false,
            has_code: false,
            lines: 0,
            bytes: 0,
        }
    }

    /// Takes in what comes next, cut anywhere.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        if self.rest.is_empty() {
            let read = self.whole_lines(bytes);
            self.rest.extend_from_slice(&bytes[read..]);
        } else {
            let mut all = std::mem::take(&mut self.rest);
            all.extend_from_slice(bytes);
            let read = self.whole_lines(&all);
            all.drain(..read);
            self.rest = all;
        }
        if self.rest.len() > LONGEST_LINE && memchr::memchr(b'\n', &self.rest).is_none() {
            let piece = std::mem::take(&mut self.rest);
            self.block(&piece, true);
        }
    }

    /// The end of the log.
    pub fn end(mut self) -> Diagnosis {
        let rest = std::mem::take(&mut self.rest);
        self.block(&rest, true);
        if !rest.is_empty() && !rest.ends_with(b"\n") {
            self.lines += 1;
        }
        self.so_far()
    }

    /// What was found until now.
    pub fn so_far(&self) -> Diagnosis {
        // Beside what programs wrote, a person's words about it count for nothing.
        let firm = self.has_code && self.found.values().any(|finding| !finding.loose);
        let findings: Vec<_> =
            self.found.values().filter(|finding| !(firm && finding.loose)).cloned().collect();
        let explains = |finding: &LogFinding| !finding.is_noise() && finding.is_of_the_turn();
        let explained = findings.iter().any(explains);
        let newest = [self.incident.unknown.as_ref(), self.unknown.as_ref()];
        let of_a_turn = newest.into_iter().flatten().max_by_key(|failure| failure.weight).cloned();
        let aside = self.aside.clone().filter(|aside| {
            // A tool that failed beside a right reply is none of the agent's failures.
            !(aside.subject == Subject::Tool && self.answered.is_some())
        });
        let hung = self.now.and_then(|now| self.turns.hung(now)).filter(|_| of_a_turn.is_none());
        let noise = findings.iter().all(LogFinding::is_noise);
        let unknown = of_a_turn
            .filter(|failure| !explained && (noise || failure.weight >= Weight::Ends))
            .or(hung.filter(|_| !explained))
            .or(aside.filter(|_| noise));
        Diagnosis {
            findings,
            unknown,
            answered: self.answered.clone(),
            newest: self.now,
            release: self.release.clone(),
            lines: self.lines,
            bytes: self.bytes,
        }
    }

    /// The whole lines at the beginning; how many bytes they are.
    fn whole_lines(&mut self, bytes: &[u8]) -> usize {
        let Some(last) = memchr::memrchr(b'\n', bytes) else { return 0 };
        self.block(&bytes[..=last], false)
    }

    /// Whole lines. How many bytes were read: a document whose end is not there yet
    /// waits for it, unless nothing comes any more.
    fn block(&mut self, block: &[u8], is_last: bool) -> usize {
        self.timed = (0, None);
        let mut from = 0;
        let mut read = block.len();
        let (mut counted, mut line_number) = (0, self.lines + 1);
        while let Some(at) = self.finder.next(block, from) {
            let start = memchr::memrchr(b'\n', &block[..at]).map_or(0, |at| at + 1);
            let end = memchr::memchr(b'\n', &block[at..]).map_or(block.len(), |to| at + to);
            line_number += newlines(&block[counted..start]);
            counted = start;
            match self.document(&block[start..], end - start, line_number) {
                Err(()) if !is_last => {
                    read = start;
                    break;
                }
                Ok(Some((text, length))) => {
                    self.line(&text, &block[..start], line_number);
                    from = start + length;
                }
                Ok(None) | Err(()) => {
                    self.line(&block[start..end], &block[..start], line_number);
                    from = end + 1;
                }
            }
            if from >= block.len() {
                break;
            }
        }
        let block = &block[..read];
        if let Some(at) = self.last_time(block) {
            self.now = Some(at);
        }
        self.lines += newlines(block);
        read
    }

    /// The document that begins with the first of these lines, as one line, and how long it
    /// is. An error where its end has not come.
    fn document(
        &mut self,
        lines: &[u8],
        first: usize,
        number: u64,
    ) -> Result<Option<(Vec<u8>, usize)>, ()> {
        // A log of beginnings alone would be read once for each of them.
        let has_no_ends = self.in_vain > MOST_IN_VAIN + number;
        if has_no_ends || !lines[..first].trim_ascii_end().ends_with(b"{") {
            return Ok(None);
        }
        let looked_over = Cell::new(0);
        let undressed = |line: &[u8]| {
            looked_over.set(looked_over.get() + 1);
            Line::undressed(line, &self.clock)
        };
        let length = match document_end(lines, undressed) {
            Ok(Some(length)) => length,
            Err(()) if lines.len() <= MOST_OF_A_DOCUMENT => return Err(()),
            Ok(None) | Err(()) => {
                self.in_vain += looked_over.get();
                return Ok(None);
            }
        };
        let mut text = lines[..first].trim_ascii_end().to_vec();
        for line in lines[first..length].split(|byte| *byte == b'\n') {
            text.push(b' ');
            text.extend_from_slice(undressed(line).as_bytes());
        }
        text.truncate(text.trim_ascii_end().len());
        Ok(Some((text, length)))
    }

    /// One line that may show something, after these.
    fn line(&mut self, text: &[u8], before: &[u8], number: u64) {
        let quoted = text.iter().position(|byte| !b" \t>".contains(byte)).unwrap_or(0);
        if text[quoted..].starts_with(b"```") {
            self.in_code = !self.in_code;
            self.has_code = true;
            return;
        }
        let mut lines = Line::read(text, &self.clock);
        let says = |line: &Line| self.catalogue.in_line(line.place, &line.text).is_some();
        if lines.len() > 1 && lines.iter().any(says) {
            // What one of its statements says needs not be looked for in the whole document.
            for line in &mut lines {
                line.raw = None;
            }
        }
        for line in lines {
            let at = line.at.or_else(|| self.time_before(before)).or(self.now);
            if let (Some(since), Some(at)) = (self.since, at)
                && at < since
            {
                continue;
            }
            self.now = line.at.or(self.now);
            let run = transcript::run(&line.text);
            let loose = !(line.dressed || self.in_code);
            let owner = self.owner_of(&line, number);
            self.statement(&line, Standing { line: number, at, run, owner, loose });
        }
    }

    /// Whose a line is. What follows a line and has no head of its own goes on with it.
    fn owner_of(&mut self, line: &Line, number: u64) -> Option<Subject> {
        let goes_on = |&(last, _): &(u64, Subject)| !line.dressed && last + 1 == number;
        let before = self.owner.filter(goes_on).map(|(_, owner)| owner);
        let owner = transcript::owner(line).or(before);
        self.owner = owner.map(|owner| (number, owner));
        owner
    }

    fn statement(&mut self, line: &Line, place: Standing<'_>) {
        if let Some(release) = transcript::release(&line.text) {
            self.release = Some(release.to_owned());
        }
        for signature in self.catalogue.prepared_by(&line.text) {
            self.prepared.insert(signature, (place.line, place.at));
        }
        self.turns.watch(line, place.run, || quote(line, place, 0));
        if transcript::answered(&line.text) {
            self.answered = Some(quote(line, place, 0));
            return;
        }
        let (known, sign) = (self.known(line, place), line.sign());
        if self.has_code && !place.loose && (known.is_some() || sign.is_some()) {
            // What a person said of it before is no longer of interest.
            let prose = |failure: &mut UnknownFailure| failure.loose;
            self.incident.unknown.take_if(prose);
            self.unknown.take_if(prose);
        }
        match (known, sign) {
            (Some(shown), sign) => match unknown_cause(self.catalogue, &shown, line) {
                Some(at) => {
                    let ends_something = sign.is_some_and(|sign| sign.ends_something);
                    let sign = Sign { depth: Depth::Raw, at, ends_something };
                    self.unknown(line, sign, place);
                }
                None => self.finding(line, &shown, place),
            },
            (None, Some(sign)) => self.unknown(line, sign, place),
            (None, None) => {}
        }
    }

    fn known(&self, line: &Line, place: Standing<'_>) -> Option<Match<'a>> {
        let prepared = |signature: usize| {
            self.prepared.get(&signature).is_some_and(|(before, then)| match (then, place.at) {
                (Some(then), Some(at)) => at.duration_since(*then).abs() <= PREPARES,
                _ => place.line.saturating_sub(*before) <= ECHO,
            })
        };
        let found = self.catalogue.in_line_after(line.place, &line.text, prepared);
        found.or_else(|| {
            let raw = line.raw.as_deref()?;
            Some(Match { at: 0, ..self.catalogue.in_line_after(line.place, raw, prepared)? })
        })
    }

    fn finding(&mut self, line: &Line, shown: &Match<'_>, place: Standing<'_>) {
        let signature = shown.signature;
        let owner = ownership::another_owner(signature, line, place.owner);
        let subject = owner.unwrap_or(signature.subject);
        let of_the_turn = ownership::is_of_the_turn(subject);
        let noise = signature.kind == FailureKind::Cosmetic || owner == Some(Subject::Tool);
        let key = (shown.place, subject);
        let explains = shown.rank == Rank::Raw && !signature.generic && of_the_turn;
        if !noise && of_the_turn {
            self.goes_on(line, place);
            let near = |raw: u64| place.line.saturating_sub(raw) <= ECHO;
            let echo = shown.rank == Rank::Friendly && self.raw_at.is_some_and(near);
            let raw = |failure: &UnknownFailure| failure.depth == Depth::Raw;
            let less = signature.generic && self.incident.unknown.as_ref().is_some_and(raw);
            if !explains && (echo || less || self.incident.explained) {
                return;
            }
            if shown.rank == Rank::Raw {
                self.raw_at = Some(place.line);
            }
            if explains {
                self.explain();
            } else if !self.incident.provisional.iter().any(|(other, _)| *other == key) {
                let before = self.found.get(&key).cloned();
                self.incident.provisional.push((key, before));
            }
        }
        let finding = self.found.entry(key).or_insert_with(|| LogFinding {
            signature: ownership::assigned(signature, owner),
            count: 0,
            rank: shown.rank,
            first: quote(line, place, shown.at),
            last: None,
            last_line: 0,
            loose: true,
        });
        if shown.rank < finding.rank || (finding.loose && !place.loose) {
            (finding.rank, finding.first) = (shown.rank, quote(line, place, shown.at));
        }
        finding.loose &= place.loose;
        finding.count += 1;
        finding.last = finding.last.max(place.at);
        finding.last_line = place.line;
    }

    /// The cause of what is being told has come: what was taken for it gives way.
    fn explain(&mut self) {
        if std::mem::replace(&mut self.incident.explained, true) {
            return;
        }
        self.incident.unknown = None;
        self.give_way();
    }

    fn give_way(&mut self) {
        for (key, before) in std::mem::take(&mut self.incident.provisional) {
            match before {
                Some(before) => _ = self.found.insert(key, before),
                None => _ = self.found.remove(&key),
            }
        }
    }

    /// A line of a failure that nothing in the catalogue names.
    fn unknown(&mut self, line: &Line, sign: Sign, place: Standing<'_>) {
        let owner = place.owner;
        let weight = match (line.level, sign.depth) {
            _ if sign.ends_something => Weight::Ends,
            (Some(LineLevel::Warning), _) | (_, Depth::Echo) => Weight::Warns,
            _ => Weight::Fails,
        };
        let failure = || UnknownFailure {
            quote: quote(line, place, sign.at),
            subject: owner.unwrap_or(Subject::Route),
            depth: sign.depth,
            weight,
            loose: place.loose,
        };
        if owner.is_some_and(|owner| !ownership::is_of_the_turn(owner)) {
            let heavier = |aside: &UnknownFailure| weight >= aside.weight;
            if self.aside.as_ref().is_none_or(heavier) {
                self.aside = Some(failure());
            }
            return;
        }
        if place.loose && self.has_code {
            return;
        }
        self.goes_on(line, place);
        if self.incident.explained {
            return;
        }
        if sign.depth == Depth::Raw {
            self.raw_at = Some(place.line);
            self.give_way();
        }
        self.incident.add_unknown(sign.depth, weight, failure);
    }

    /// Whether the failure that is being told goes on with this line, or another begins.
    fn goes_on(&mut self, line: &Line, place: Standing<'_>) {
        if !self.incident.takes(place.run, place.line, line.at) {
            let ended = std::mem::take(&mut self.incident);
            let heavier = |new: &UnknownFailure| {
                self.unknown.as_ref().is_none_or(|known| new.weight >= known.weight)
            };
            if let Some(unknown) = ended.unknown.filter(heavier) {
                self.unknown = Some(unknown);
            }
        }
        self.incident.goes_on(place.run, place.line, line.at);
    }

    /// The time that the last line of these says which says one; a few are asked.
    fn last_time(&self, block: &[u8]) -> Option<Timestamp> {
        const ASKED: usize = 50;
        let mut lines = block.rsplit(|byte| *byte == b'\n').take(ASKED);
        lines.find_map(|line| Line::time_of(line, &self.clock))
    }

    /// The same of the lines of this block before one. None of them is asked twice.
    fn time_before(&mut self, before: &[u8]) -> Option<Timestamp> {
        let (asked, known) = self.timed;
        self.timed = (before.len(), self.last_time(&before[asked..]).or(known));
        self.timed.1
    }
}

fn quote(line: &Line, place: Standing<'_>, matters: usize) -> Quote {
    Quote { line: place.line, at: place.at, text: excerpt(&line.text, matters) }
}

/// Where a line passes on the words of whoever failed, and the failure that it shows is
/// not in them but in a summary, or in how it ended: the cause is one that nobody knows.
fn unknown_cause(catalogue: &Catalogue, shown: &Match<'_>, line: &Line) -> Option<usize> {
    const LABEL: usize = 16;
    let gives_way = shown.rank == Rank::Friendly || shown.signature.generic;
    let raw = raw_part(&line.text).filter(|_| gives_way)?;
    let within = (raw.start.saturating_sub(LABEL)..raw.end).contains(&shown.at);
    let known = catalogue.in_line(line.place, &line.text[raw.clone()]).is_some();
    (!within && !known).then_some(raw.start)
}

fn newlines(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}

#[cfg(test)]
mod tests;
