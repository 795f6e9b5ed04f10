//! What users paste: logs, journals, replies and issues in every shape, and what each
//! should be told as. `tests/pasted/expected.tsv` has the expectations.

use std::fs;
use std::path::Path;

use codexpin::catalogue::{Catalogue, FailureKind, Rank};
use codexpin::diagnose::next::{OnHand, steps};
use codexpin::diagnose::{Diagnosis, Scan};
use jiff::Timestamp;

use super::clock;

const PASTED: &str = "tests/pasted";

fn diagnosed(text: &str) -> Diagnosis {
    let catalogue = Catalogue::built_in();
    let mut scan = Scan::new(&catalogue, clock(), None);
    scan.feed(text.as_bytes());
    scan.end()
}

/// `conversation conversation history-item`; `unknown route` with the quote's words;
/// `nothing`.
fn told(diagnosis: &Diagnosis) -> String {
    let noise = diagnosis.findings.first();
    match (diagnosis.main(), &diagnosis.unknown, noise) {
        (Some(main), ..) => {
            let signature = &main.signature;
            format!("{} {} {}", signature.kind.word(), signature.subject.word(), signature.id)
        }
        (None, Some(unknown), _) => format!("unknown {}", unknown.subject.word()),
        (None, None, Some(noise)) => {
            let signature = &noise.signature;
            format!("{} {} {}", signature.kind.word(), signature.subject.word(), signature.id)
        }
        (None, None, None) => "nothing".to_owned(),
    }
}

fn rows(file: &str) -> Vec<Vec<String>> {
    let table = fs::read_to_string(Path::new(PASTED).join(file)).unwrap();
    let rows = table.lines().filter(|row| !row.starts_with('#') && !row.is_empty());
    rows.map(|row| row.split('\t').map(str::to_owned).collect()).collect()
}

#[test]
fn whatever_is_pasted_is_told_by_what_failed_whose_it_is_and_what_helps() {
    let mut wrong = Vec::new();
    for row in rows("expected.tsv") {
        let [file, expected, quoted, first] = &row[..] else { panic!("{row:?}") };
        let text = fs::read_to_string(Path::new(PASTED).join(file)).unwrap();
        let diagnosis = diagnosed(&text);
        let said = told(&diagnosis);
        let steps = steps(&diagnosis, &OnHand::default());
        let step = steps.first().map(|step| format!("{} {}", step.say, step.run.join(" ")));
        let quote = diagnosis
            .main()
            .map(|main| &main.first)
            .or_else(|| diagnosis.unknown.as_ref().map(|unknown| &unknown.quote));
        let quote = quote.or(diagnosis.findings.first().map(|finding| &finding.first));
        let quote = quote.map(|quote| quote.text.clone()).unwrap_or_default();
        if said != *expected || !quote.contains(quoted.as_str()) {
            wrong.push(format!("{file}: {said}, not {expected}: {quote:?} with {quoted:?}"));
        }
        // One failure is told once.
        let mut ids: Vec<_> = diagnosis.findings.iter().map(|f| &f.signature.id).collect();
        ids.dedup();
        if ids.len() != diagnosis.findings.len() {
            wrong.push(format!("{file}: told twice: {ids:?}"));
        }
        if !step.clone().unwrap_or_default().contains(first.as_str()) {
            wrong.push(format!("{file}: next {step:?}, not {first:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_pasted_file_has_its_expectation() {
    let known: Vec<_> = rows("expected.tsv").into_iter().map(|row| row[0].clone()).collect();
    for entry in fs::read_dir(PASTED).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let is_table = Path::new(&name).extension().is_some_and(|extension| extension == "tsv");
        assert!(is_table || known.contains(&name), "{name}");
    }
}

/// The public reports of `docs/reports.md`: a line or two of each.
#[test]
fn what_public_reports_quote_is_told_as_the_docs_say() {
    let mut wrong = Vec::new();
    for row in rows("reports.tsv") {
        let [number, expected, quoted] = &row[..] else { panic!("{row:?}") };
        let said = told(&diagnosed(&quoted.replace("\\n", "\n")));
        if said != *expected {
            wrong.push(format!("{number}: {said}, not {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The same failure, whoever hands the line over and however.
#[test]
fn a_paste_says_the_same_in_every_dress() {
    let line = "[agent/embedded] embedded run agent end: runId=1 isError=true error=LLM request timed out. rawError=402 deactivated_workspace";
    let json = serde_json::json!({"0": r#"{"subsystem":"agent/embedded"}"#, "1": &line[17..], "_meta": {"logLevelName": "WARN"}, "time": "2026-11-23T08:00:00Z"});
    let cli = serde_json::json!({"type": "log", "time": "2026-11-23T08:00:00Z", "level": "warn", "subsystem": "agent/embedded", "message": &line[17..]});
    let journal = serde_json::json!({"MESSAGE": line, "__REALTIME_TIMESTAMP": "1795420800000000", "PRIORITY": "6"});
    let docker = serde_json::json!({"log": format!("{line}\n"), "stream": "stderr", "time": "2026-11-23T08:00:00Z"});
    for text in [
        format!("2026-11-23T08:00:00.000Z {line}"),
        format!("08:00:00+00:00 warn agent/embedded {{}} {}", &line[17..]),
        format!("Nov 23 08:00:00 box openclaw[7]: {line}"),
        format!("2026-11-23T08:00:00+0000 box node[7]: {line}"),
        format!("openclaw-gateway-1  | {line}"),
        format!("2026-11-23T08:00:00.000000000Z stderr F {line}"),
        format!("[pod/claw-0/gateway] {line}"),
        format!("> {line}\r"),
        format!("  12\t{line}"),
        format!("12:{line}"),
        format!("```\n{line}\n```"),
        format!("### Logs\n\nit fails\n\n```shell\n$ openclaw logs\n{line}\n```\n"),
        json.to_string(),
        cli.to_string(),
        journal.to_string(),
        docker.to_string(),
        format!("{:#}", serde_json::json!({"status": "error", "error": line})),
    ] {
        let diagnosis = diagnosed(&text);
        assert_eq!(told(&diagnosis), "account account workspace-deactivated", "{text}");
        assert_eq!(diagnosis.main().unwrap().rank, Rank::Raw, "{text}");
    }
}

/// Nothing that is nobody's fault is called the release's, in any of it.
#[test]
fn no_paste_of_somebody_elses_failure_blames_the_release() {
    for row in rows("expected.tsv").into_iter().chain(rows("reports.tsv")) {
        let expected = row[1].split(' ').next().unwrap();
        let text = match fs::read_to_string(Path::new(PASTED).join(&row[0])) {
            Ok(text) => text,
            Err(_) => row[2].replace("\\n", "\n"),
        };
        let diagnosis = diagnosed(&text);
        let blames =
            diagnosis.main().is_some_and(|main| main.signature.kind == FailureKind::Release);
        assert!(!blames || expected == "release", "{row:?}");
    }
}

#[test]
fn since_holds_in_every_form_that_has_a_time() {
    let catalogue = Catalogue::built_in();
    let since: Timestamp = "2026-11-24T10:00:00Z".parse().unwrap();
    for (old, new) in [
        ("Nov 24 08:00:00 box openclaw[7]: ", "Nov 24 11:00:00 box openclaw[7]: "),
        ("08:00:00+00:00 warn gateway ", "11:00:00+00:00 warn gateway "),
        ("2026-11-24 08:00:00 ", "2026-11-24 11:00:00 "),
        ("gateway-1 | 2026-11-24T08:00:00Z ", "gateway-1 | 2026-11-24T11:00:00Z "),
        ("> 7: [2026-11-24 08:00:00] ", "> 8: [2026-11-24 11:00:00] "),
    ] {
        let log = format!("{old}database is locked\n{new}deactivated_workspace\n");
        let mut scan = Scan::new(&catalogue, clock(), Some(since));
        scan.feed(log.as_bytes());
        let ids: Vec<_> = scan.end().findings.into_iter().map(|f| f.signature.id).collect();
        assert_eq!(ids, ["workspace-deactivated"], "{log}");
    }
}
