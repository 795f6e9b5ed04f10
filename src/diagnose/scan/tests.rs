#![allow(clippy::unwrap_used, reason = "a test")]

use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(Catalogue::built_in);

fn clock() -> LogClock {
    LogClock::utc("2026-11-24T12:00:00Z".parse().unwrap())
}

fn diagnose(log: &[u8]) -> Diagnosis {
    let mut scan = Scan::new(&CATALOGUE, clock(), None);
    scan.feed(log);
    scan.end()
}

fn ids(diagnosis: &Diagnosis) -> Vec<(&str, u64)> {
    diagnosis.findings.iter().map(|f| (f.signature.id.as_str(), f.count)).collect()
}

const LOG: &str = "\
[gateway] ready
[openai-transport] [responses] error status=429 code=undefined message=429 The usage limit has been reached
FailoverError: ⚠️ API rate limit reached. Please try again later.
FailoverError: Unknown model: openai-codex/gpt-5.5
FailoverError: Unknown model: openai-codex/gpt-5.5
";

#[test]
fn known_failures_are_counted_and_the_first_line_of_each_is_quoted() {
    let diagnosis = diagnose(LOG.as_bytes());
    assert_eq!(ids(&diagnosis), [("usage-limit", 1), ("unknown-model", 2)]);
    assert_eq!(diagnosis.findings[1].first.line, 4);
    assert_eq!((diagnosis.lines, diagnosis.unknown.is_none()), (5, true));
}

#[test]
fn a_summary_counts_only_where_nothing_raw_was_said_before_it() {
    let alone = diagnose(b"FailoverError: API rate limit reached.\n");
    assert_eq!(ids(&alone), [("rate-limit", 1)]);
}

#[test]
fn a_log_of_beginnings_without_ends_is_not_read_once_for_each() {
    let lines = 100_000;
    let mut scan = Scan::new(&CATALOGUE, clock(), None);
    scan.feed("{\n".repeat(lines).as_bytes());
    scan.feed(b"FailoverError: Unknown model: openai-codex/gpt-5.5\n");
    let most = MOST_IN_VAIN + 2_000 + lines as u64;
    assert!(scan.in_vain <= most, "{} lines looked over", scan.in_vain);
    assert_eq!(ids(&scan.end()), [("unknown-model", 1)]);
}

#[test]
fn an_error_that_nobody_knows_is_quoted_as_unknown() {
    let diagnosis = diagnose(b"start\nTypeError: x is not a function\nbye");
    let unknown = diagnosis.unknown.unwrap().quote;
    assert_eq!((unknown.line, unknown.text.as_str()), (2, "TypeError: x is not a function"));
    assert_eq!(diagnosis.lines, 3);
    assert!(diagnose(b"all is well\n").unknown.is_none());
}

#[test]
fn noise_hides_neither_a_summary_nor_an_error_that_nobody_knows() {
    let noise = "[plugins] duplicate plugin id detected: codex (bundled wins)\n";
    let summary = diagnose(format!("{noise}FailoverError: LLM request timed out.\n").as_bytes());
    assert_eq!(summary.main().unwrap().signature.id, "turn-timed-out");
    let unknown = diagnose(format!("{noise}TypeError: x is not a function\n").as_bytes());
    assert_eq!(unknown.unknown.unwrap().quote.line, 2);
}

#[test]
fn an_error_is_known_by_its_level_and_not_by_a_field_that_denies_it() {
    let leveled = r#"{"0":"it broke","_meta":{"logLevelName":"ERROR"}}"#;
    assert_eq!(diagnose(leveled.as_bytes()).unknown.unwrap().quote.text, "it broke");
    let denied = r#"{"0":{"event":"run end","isError":false},"_meta":{"logLevelName":"INFO"}}"#;
    assert!(diagnose(denied.as_bytes()).unknown.is_none());
    assert!(diagnose(b"ERROR: it broke\n").unknown.is_some());
}

#[test]
fn the_fields_of_a_line_of_json_are_found_as_words() {
    for (fields, id) in [
        (r#""causeCode":"ECONNRESET""#, "connection-reset"),
        (r#""status": 429,"x":1"#, "rate-limit"),
        (r#""reason":"active_work_without_progress""#, "run-without-progress"),
    ] {
        let log =
            format!(r#"{{"0":"{{\"subsystem\":\"a\"}}","1":{{{fields}}},"2":"x","_meta":{{}}}}"#);
        assert_eq!(ids(&diagnose(log.as_bytes())), [(id, 1)], "{log}");
    }
}

#[test]
fn a_users_pattern_may_be_bound_to_the_ends_of_a_line() {
    let own = "[[signature]]\nid = \"own\"\nkind = \"account\"\ntitle = \"t\"\nraw = ['^our proxy said no$']\n";
    let catalogue = Catalogue::with(own).unwrap();
    for line in ["our proxy said no\r\n", "2026-11-21T08:00:00Z our proxy said no\n"] {
        let mut scan = Scan::new(&catalogue, clock(), None);
        scan.feed(line.as_bytes());
        assert_eq!(ids(&scan.end()), [("own", 1)], "{line:?}");
    }
}

#[test]
fn quotation_marks_in_a_line_of_json_are_seen_through() {
    let log = br#"{"0":"{\"subsystem\":\"agent\"}","1":"No API key found for provider \"openai-codex\"","_meta":{},"time":"2026-11-21T08:00:00Z"}"#;
    assert_eq!(ids(&diagnose(log)), [("no-api-key", 1)]);
}

#[test]
fn lines_from_before_since_are_passed_over() {
    let log = "2026-11-21T08:00:00Z Unknown model: a\nUnknown model: of the line before\n\
               2026-11-21T10:00:00Z [gateway] 403 <html\nno time 403 <html\n";
    let mut scan = Scan::new(&CATALOGUE, clock(), Some("2026-11-21T09:00:00Z".parse().unwrap()));
    scan.feed(log.as_bytes());
    let diagnosis = scan.end();
    assert_eq!(ids(&diagnosis), [("cloudflare-403", 2)]);
    assert_eq!(diagnosis.findings[0].last, Some("2026-11-21T10:00:00Z".parse().unwrap()));
}

#[test]
fn a_line_without_end_is_looked_at_in_bounded_memory() {
    let mut scan = Scan::new(&CATALOGUE, clock(), None);
    for _ in 0..64 {
        scan.feed(&vec![b'x'; 100_000]);
        assert!(scan.rest.len() <= LONGEST_LINE + 100_000);
    }
    scan.feed(b" Unknown model: y\n");
    assert_eq!(ids(&scan.end()), [("unknown-model", 1)]);
}

/// What a log may be mixed with, and made of.
fn noise() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,80}",
        Just("[gateway] heartbeat ok".to_owned()),
        Just("\u{1b}[2m[ws]\u{1b}[0m connected".to_owned()),
        Just("{\"0\":\"{\\\"subsystem\\\":\\\"x\\\"}\",\"1\":\"ok\",\"_meta\":{}}".to_owned()),
    ]
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic_and_where_they_are_cut_does_not_matter(
        bytes in proptest::collection::vec(any::<u8>(), 0..2000), cut in 0usize..2000
    ) {
        let whole = diagnose(&bytes);
        let mut scan = Scan::new(&CATALOGUE, clock(), Some(Timestamp::UNIX_EPOCH));
        let cut = cut.min(bytes.len());
        scan.feed(&bytes[..cut]);
        scan.feed(&bytes[cut..]);
        prop_assert_eq!(scan.end().lines, whole.lines);
    }

    #[test]
    fn a_failure_is_found_among_any_noise_in_any_order_colour_and_line_end(
        before in proptest::collection::vec(noise(), 0..30),
        after in proptest::collection::vec(noise(), 0..30),
        crlf: bool, coloured: bool, cut in 0usize..500,
    ) {
        // Noise that happens to be a known line would be another test.
        prop_assume!(!before.iter().chain(&after).any(|line| CATALOGUE.may_be_in(line)));
        let failure = if coloured {
            "\u{1b}[31mFailoverError:\u{1b}[39m Unknown model: openai-codex/gpt-5.5\u{1b}[0m"
        } else {
            "FailoverError: Unknown model: openai-codex/gpt-5.5"
        };
        let end = if crlf { "\r\n" } else { "\n" };
        let lines: Vec<_> = before.iter().map(String::as_str)
            .chain([failure]).chain(after.iter().map(String::as_str)).collect();
        let mut log = lines.join(end).into_bytes();
        log.insert(0, 0xff);
        let mut scan = Scan::new(&CATALOGUE, clock(), None);
        let cut = cut.min(log.len());
        scan.feed(&log[..cut]);
        scan.feed(&log[cut..]);
        let diagnosis = scan.end();
        prop_assert_eq!(ids(&diagnosis), [("unknown-model", 1)]);
    }
}
