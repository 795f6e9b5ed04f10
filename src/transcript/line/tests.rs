#![allow(clippy::unwrap_used, reason = "a test")]

use proptest::prelude::*;

use super::*;

fn clock() -> LogClock {
    LogClock::utc("2026-11-24T12:00:00Z".parse().unwrap())
}

fn one(line: &str) -> Line {
    let lines = Line::read(line.as_bytes(), &clock());
    assert_eq!(lines.len(), 1, "{line}: {lines:?}");
    lines.into_iter().next().unwrap()
}

#[test]
fn the_same_words_come_out_of_every_shape() {
    let day = "2026-11-21T08:04:18Z";
    for (shape, at) in [
        ("[model] failed: x", None),
        ("\u{1b}[31m[model]\u{1b}[0m failed: x\r", None),
        ("> [model] failed: x", None),
        ("`[model] failed: x`", None),
        ("2026-11-21T08:04:18Z [model] failed: x", Some(day)),
        ("2026-11-21T08:04:18.000000000Z 2026-11-21T08:04:18Z [model] failed: x", Some(day)),
        ("2026-11-21T08:04:18.000000000Z stderr F [model] failed: x", Some(day)),
        ("2026-11-21T08:04:18+0000 box node[77]: [model] failed: x", Some(day)),
        ("Nov 21 08:04:18 box openclaw[77]: [model] failed: x", Some(day)),
        ("Sat 2026-11-21 08:04:18 UTC box node[77]: [model] failed: x", Some(day)),
        ("gateway-1  | 2026-11-21T08:04:18Z [model] failed: x", Some(day)),
        ("[pod/claw-0/gateway] 2026-11-21T08:04:18Z [model] failed: x", Some(day)),
        ("  17\t2026-11-21T08:04:18Z [model] failed: x", Some(day)),
        ("17: 2026-11-21T08:04:18Z [model] failed: x", Some(day)),
        ("> > 17 | 2026-11-21T08:04:18Z [model] failed: x", Some(day)),
        ("2026-11-21T08:04:18+00:00 error model {} failed: x", Some(day)),
        (
            r#"{"0":"{\"subsystem\":\"model\"}","1":"failed: x","_meta":{"hostname":"vm"},"message":"failed: x","time":"2026-11-21T08:04:18.000+00:00"}"#,
            Some(day),
        ),
        (
            r#"{"type":"log","time":"2026-11-21T08:04:18Z","level":"error","subsystem":"model","message":"failed: x"}"#,
            Some(day),
        ),
        (
            r#"{"__REALTIME_TIMESTAMP":"1795248258000000","MESSAGE":"[model] failed: x","PRIORITY":"6","SYSLOG_IDENTIFIER":"node"}"#,
            Some(day),
        ),
        (
            r#"{"log":"[model] failed: x\n","stream":"stderr","time":"2026-11-21T08:04:18Z"}"#,
            Some(day),
        ),
        (r#"time="2026-11-21T08:04:18Z" level=error msg="[model] failed: x""#, Some(day)),
    ] {
        let line = one(shape);
        let read = line.at.map(|at| at.to_string());
        assert_eq!((read.as_deref(), line.text.trim()), (at, "[model] failed: x"), "{shape}");
        let time = Line::time_of(shape.as_bytes(), &clock()).map(|at| at.to_string());
        assert_eq!(time.as_deref(), at, "{shape}");
    }
}

#[test]
fn what_openclaw_logs_prints_is_read_with_level_subsystem_and_fields() {
    let line = one(
        r#"08:00:01+00:00 error agent/embedded {"event":"embedded_run_agent_end","isError":true} run agent end"#,
    );
    assert_eq!(line.level, Some(LineLevel::Error));
    assert_eq!(
        line.text,
        "[agent/embedded] event=embedded_run_agent_end isError=true run agent end"
    );
    assert_eq!(line.at.unwrap().to_string(), "2026-11-24T08:00:01Z");
    let line = one("08:00:01+00:00 warn gateway slow start");
    assert_eq!(
        (line.level, line.text.as_str()),
        (Some(LineLevel::Warning), "[gateway] slow start")
    );
    assert_eq!(one("2026-11-21T08:04:18Z error occurred: x").text, "error occurred: x");
}

#[test]
fn the_fields_of_a_file_log_are_read_as_words() {
    let line = r#"{"0":"{\"subsystem\":\"agent/embedded\"}","1":{"event":"embedded_run_agent_end","isError":true,"rawErrorPreview":"403 <html"},"2":"embedded run agent end","_meta":{"name":"openclaw"},"hostname":"secret-box"}"#;
    assert_eq!(
        one(line).text,
        "[agent/embedded] event=embedded_run_agent_end isError=true rawErrorPreview=403 <html embedded run agent end"
    );
}

#[test]
fn a_document_says_one_thing_a_step() {
    let document = r#"{"status":"error","recovery":{"safe":false},"steps":[{"name":"a","exitCode":0},{"name":"b","exitCode":1}]}"#;
    let said: Vec<_> =
        Line::read(document.as_bytes(), &clock()).into_iter().map(|line| line.text).collect();
    assert_eq!(said, ["status=error safe=false", "name=a exitCode=0", "name=b exitCode=1"]);
}

#[test]
fn a_message_that_journald_hands_out_as_bytes_is_read() {
    let line =
        r#"{"MESSAGE":[27,91,51,49,109,102,97,105,108,101,100],"PRIORITY":"3","_COMM":"node"}"#;
    let line = one(line);
    assert_eq!((line.text.as_str(), line.level), ("failed", Some(LineLevel::Error)));
    assert_eq!(line.program.as_deref(), Some("node"));
}

#[test]
fn npms_lines_are_npms_and_a_status_is_no_line_number() {
    assert_eq!(one("npm error code E404").place, TextSource::Npm);
    assert_eq!(one("403: <html>").text, "403: <html>");
    assert_eq!(one("429 Too Many Requests").text, "429 Too Many Requests");
}

proptest! {
    #[test]
    fn no_line_makes_the_reading_panic(line in r#"([>\[{0-9: TZ|+-]{0,30}|\{"(time|ts|MESSAGE|0|_meta|log)":(-?[0-9]{1,19}|"[^"]{0,20}"|\[[0-9,]{0,9}\]),"x":\[\{"a":1\}\]\})\PC{0,60}"#) {
        for line in Line::read(line.as_bytes(), &clock()) {
            let _ = (line.sign(), crate::transcript::owner(&line), line.names_another_host());
        }
        let _ = Line::time_of(line.as_bytes(), &clock());
    }
}
