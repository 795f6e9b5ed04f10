//! The corpus: what real releases said, and what codexpin makes of it. One command
//! prints the table: `cargo test --test classification -- --nocapture`.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use codexpin::catalogue::{Catalogue, Kind, Place};
use codexpin::diagnose::Scan;
use codexpin::observation::Observation;
use codexpin::verdict::{Verdict, judge};
use serde_json::Value;

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
    let mut confusion: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for sample in corpus() {
        let observation = sample.observation().unwrap_or_else(|| panic!("{}", sample.path));
        let verdict = judge(&observation, &catalogue);
        let said = said(&verdict);
        let mark = said.split(' ').next().unwrap().to_owned();
        *confusion.entry((sample.cause.clone(), mark)).or_default() += 1;
        if said != sample.expected {
            wrong.push(format!("{}: {said}, not {}", sample.path, sample.expected));
        }
        let blameless = ["account", "environment", "cosmetic", "state"];
        let blamed = matches!(verdict, Verdict::Bad { .. });
        assert!(!(blamed && blameless.contains(&sample.cause.as_str())), "{}", sample.path);
        if let Some(failure) = verdict.failure() {
            assert!(!failure.evidence.text.is_empty(), "{} quotes nothing", sample.path);
        }
    }
    println!("{:<14}{:>6}{:>6}{:>6}", "whose doing", "good", "bad", "skip");
    let causes: std::collections::BTreeSet<_> = confusion.keys().map(|(cause, _)| cause).collect();
    for cause in causes {
        let count = |mark: &str| {
            confusion.get(&(cause.clone(), mark.to_owned())).copied().unwrap_or_default()
        };
        println!("{cause:<14}{:>6}{:>6}{:>6}", count("good"), count("bad"), count("skip"));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_file_of_the_corpus_is_in_the_table() {
    let known: Vec<_> = corpus().into_iter().map(|sample| sample.path).collect();
    let files = files(Path::new(CORPUS));
    let strangers: Vec<_> = files.iter().filter(|file| !known.contains(file)).collect();
    assert!(strangers.is_empty(), "{strangers:#?}");
    assert!(known.len() >= 60 || cfg!(debug_assertions), "{} samples", known.len());
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
    let mut named = std::collections::BTreeSet::new();
    for row in strings.lines().filter(|row| !row.starts_with('#') && !row.is_empty()) {
        let (id, line) = row.split_once('\t').unwrap();
        named.insert(id.to_owned());
        let place = if line.starts_with("npm ") { Place::Npm } else { Place::Log };
        let found = catalogue.in_line(place, line).map(|found| found.signature.id.clone());
        assert_eq!(found.as_deref(), Some(id), "{line}");
        let json = serde_json::json!({"0": r#"{"subsystem":"x"}"#, "1": line, "_meta": {}});
        let tagged = line.starts_with('[');
        for shape in [
            format!("{line}\r\n"),
            format!("\u{1b}[31m{line}\u{1b}[0m\n"),
            format!("noise\n2026-11-21T08:00:00+0000 box node[7]: {line}\nnoise\n"),
            if place == Place::Npm || tagged { format!("{line}\n") } else { format!("{json}\n") },
        ] {
            // Cuts npm's own word off, as journald would.
            if place == Place::Npm && shape.starts_with("noise") {
                continue;
            }
            let mut scan = Scan::new(&catalogue, None);
            scan.feed(shape.as_bytes());
            let ids: Vec<_> =
                scan.end().findings.into_iter().map(|found| found.signature.id).collect();
            assert_eq!(ids, [id], "{shape:?}");
        }
    }
    let unnamed: Vec<_> = catalogue
        .signatures()
        .iter()
        .filter(|signature| !named.contains(&signature.id) && signature.id != "wants-refresh")
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
        let mut scan = Scan::new(&catalogue, None);
        scan.feed(sample.section("stderr").as_bytes());
        let diagnosis = scan.end();
        let Some(main) = diagnosis.main() else { continue };
        // What a release swallows, only the upstream can tell.
        let swallowed =
            main.signature.id == "bad-request-no-body" || main.signature.id == "turn-timed-out";
        assert!(
            main.signature.kind != Kind::Release || swallowed,
            "{}: {}",
            sample.path,
            main.signature.id
        );
    }
}
