//! The corpus: what real releases said, and what codexpin makes of it. One command
//! prints the table: `cargo test --test classification -- --nocapture`.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use codexpin::catalogue::{Catalogue, FailureKind, TextSource};
use codexpin::diagnose::Scan;
use codexpin::observation::Observation;
use codexpin::transcript::LogClock;
use codexpin::verdict::{Verdict, judge};
use serde_json::Value;

mod pasted;

fn clock() -> LogClock {
    LogClock::utc("2026-11-24T12:00:00Z".parse().unwrap())
}

const CORPUS: &str = "tests/corpus";

/// One output, and what it is known to be.
struct Sample {
    path: String,
    expected: String,
    cause: String,
    text: String,
}

impl Sample {
    fn section(&self, name: &str) -> &str {
        let head = format!("== {name}\n");
        let Some((_, rest)) = self.text.split_once(&head) else { return "" };
        rest.split("\n== ").next().unwrap()
    }

    fn observation(&self) -> Option<Observation> {
        let mut seen: Value = serde_json::from_str(self.section("observation")).ok()?;
        seen["stdout"] = self.section("stdout").into();
        seen["stderr"] = self.section("stderr").into();
        serde_json::from_value(seen).ok()
    }
}

/// What is made of a sample.
struct Answer {
    /// `bad unknown-model`; `log port-taken` where there is only a log.
    said: String,
    /// Whose doing it is taken for.
    cause: String,
    blames_the_release: bool,
    quote: Option<String>,
}

impl Answer {
    fn to(sample: &Sample, catalogue: &Catalogue) -> Self {
        let log = sample.section("log");
        if !log.is_empty() {
            return Self::from_log(log, catalogue);
        }
        let observation = sample.observation().unwrap_or_else(|| panic!("{}", sample.path));
        let verdict = judge(&observation, catalogue);
        let failure = verdict.failure();
        let kind = failure.map(|failure| kind(catalogue, &failure.signature));
        Self {
            said: said(&verdict),
            cause: kind.unwrap_or_else(|| "good".to_owned()),
            blames_the_release: matches!(verdict, Verdict::Bad { .. }),
            quote: failure.map(|failure| failure.evidence.text.clone()),
        }
    }

    fn from_log(log: &str, catalogue: &Catalogue) -> Self {
        let mut scan = Scan::new(catalogue, clock(), None);
        scan.feed(log.as_bytes());
        let diagnosis = scan.end();
        let Some(main) = diagnosis.main() else {
            let cause = "good".to_owned();
            return Self {
                said: "log -".to_owned(),
                cause,
                blames_the_release: false,
                quote: None,
            };
        };
        Self {
            said: format!("log {}", main.signature.id),
            cause: main.signature.kind.word().to_owned(),
            blames_the_release: matches!(
                main.signature.kind,
                FailureKind::Release | FailureKind::Route
            ),
            quote: Some(main.first.text.clone()),
        }
    }
}

fn kind(catalogue: &Catalogue, id: &str) -> String {
    catalogue.signature(id).map_or("unknown", |signature| signature.kind.word()).to_owned()
}

/// `expected.tsv`: file, verdict and signature, whose doing it is.
fn corpus() -> Vec<Sample> {
    let table = fs::read_to_string(Path::new(CORPUS).join("expected.tsv")).unwrap();
    let rows = table.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    rows.map(|row| {
        let [path, expected, cause] = row.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{row:?} has not three columns")
        };
        Sample {
            path: path.to_owned(),
            expected: expected.to_owned(),
            cause: cause.to_owned(),
            text: fs::read_to_string(Path::new(CORPUS).join(path)).unwrap(),
        }
    })
    .collect()
}

fn said(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Good => "good".to_owned(),
        Verdict::Bad { failure } => format!("bad {}", failure.signature),
        Verdict::Skip { reason } => match reason.failure() {
            Some(failure) => format!("skip {}", failure.signature),
            None => "skip".to_owned(),
        },
    }
}

#[test]
fn every_sample_of_the_corpus_is_called_what_it_is() {
    let catalogue = Catalogue::built_in();
    let mut confusion: BTreeMap<String, BTreeMap<String, usize>> = BTreeMap::new();
    let mut wrong = Vec::new();
    for sample in corpus() {
        let answer = Answer::to(&sample, &catalogue);
        let row = confusion.entry(sample.cause.clone()).or_default();
        *row.entry(answer.cause).or_default() += 1;
        if answer.said != sample.expected {
            wrong.push(format!("{}: {}, not {}", sample.path, answer.said, sample.expected));
        }
        let blameless = ["account", "environment", "cosmetic", "state", "conversation", "outdated"];
        let innocent = blameless.contains(&sample.cause.as_str());
        assert!(!(answer.blames_the_release && innocent), "{}", sample.path);
        assert!(answer.quote.is_none_or(|quote| !quote.is_empty()), "{}", sample.path);
    }
    print_table(&confusion);
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A row for whose doing it is, a column for whose it is taken for.
fn print_table(confusion: &BTreeMap<String, BTreeMap<String, usize>>) {
    let taken: BTreeSet<_> = confusion.values().flat_map(BTreeMap::keys).collect();
    print!("{:<14}", "");
    for column in &taken {
        print!("{column:>15}");
    }
    println!();
    for (cause, row) in confusion {
        print!("{cause:<14}");
        for column in &taken {
            print!("{:>15}", row.get(*column).map(ToString::to_string).unwrap_or_default());
        }
        println!();
    }
}

#[test]
fn every_file_of_the_corpus_is_in_the_table() {
    let known: Vec<_> = corpus().into_iter().map(|sample| sample.path).collect();
    let files = files(Path::new(CORPUS));
    let strangers: Vec<_> = files.iter().filter(|file| !known.contains(file)).collect();
    assert!(strangers.is_empty(), "{strangers:#?}");
    assert!(known.len() >= 60, "{} samples", known.len());
}

fn files(directory: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut waiting: Vec<PathBuf> = vec![directory.to_owned()];
    while let Some(directory) = waiting.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else if path.extension().is_some_and(|extension| extension == "txt")
                && path.file_name().is_some_and(|name| name != "strings.txt")
            {
                found.push(path.strip_prefix(CORPUS).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found
}

/// The words of upstream issues, in the shapes in which they are printed.
#[test]
fn the_strings_of_the_catalogue_are_recognised_in_every_shape() {
    let catalogue = Catalogue::built_in();
    let strings = fs::read_to_string(Path::new(CORPUS).join("strings.txt")).unwrap();
    let mut named = BTreeSet::new();
    for row in strings.lines().filter(|row| !row.starts_with('#') && !row.is_empty()) {
        let (id, line) = row.split_once('\t').unwrap();
        named.insert(id.to_owned());
        let place = if line.starts_with("npm ") { TextSource::Npm } else { TextSource::Live };
        let found = catalogue.in_line(place, line).map(|found| found.signature.id.clone());
        assert_eq!(found.as_deref(), Some(id), "{line}");
        let json = serde_json::json!({"0": r#"{"subsystem":"x"}"#, "1": line, "_meta": {}});
        let tagged = line.starts_with('[');
        for shape in [
            format!("{line}\r\n"),
            format!("\u{1b}[31m{line}\u{1b}[0m\n"),
            format!("noise\n2026-11-21T08:00:00+0000 box node[7]: {line}\nnoise\n"),
            if place == TextSource::Npm || tagged {
                format!("{line}\n")
            } else {
                format!("{json}\n")
            },
        ] {
            let mut scan = Scan::new(&catalogue, clock(), None);
            scan.feed(shape.as_bytes());
            let ids: Vec<_> =
                scan.end().findings.into_iter().map(|found| found.signature.id).collect();
            assert_eq!(ids, [id], "{shape:?}");
        }
    }
    let unnamed: Vec<_> = catalogue
        .signatures()
        .iter()
        .filter(|signature| {
            !named.contains(&signature.id)
                && signature.id != "wants-refresh"
                && signature.id != "login-loop"
        })
        .map(|signature| signature.id.as_str())
        .collect();
    assert!(unnamed.is_empty(), "no string shows {unnamed:?}");
}

/// Without the upstream's word, a log alone: nothing that is nobody's fault is
/// called the release's.
#[test]
fn a_log_alone_never_calls_the_accounts_or_the_networks_failure_the_releases() {
    let catalogue = Catalogue::built_in();
    for sample in corpus() {
        if !["account", "environment", "cosmetic"].contains(&sample.cause.as_str()) {
            continue;
        }
        let log = [sample.section("stderr"), sample.section("log")].concat();
        let answer = Answer::from_log(&log, &catalogue);
        // What a release swallows, and where a page of Cloudflare's came from, only
        // the upstream can tell.
        let swallowed = ["log bad-request-no-body", "log turn-timed-out", "log cloudflare-403"];
        assert!(
            !answer.blames_the_release || swallowed.contains(&answer.said.as_str()),
            "{}: {}",
            sample.path,
            answer.said
        );
    }
}
