//! Reading what `openclaw agent --json` prints: `{payloads, meta}` with
//! `--local`, the same inside `result` through a Gateway. Warnings may stand
//! before it, and colours in it.

use serde::Deserialize;
use serde_json::Value;

use crate::observation::Reply;
use crate::redact::Person;

/// The text without terminal escapes and carriage returns.
pub(super) fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string().replace("\r\n", "\n")
}

/// The text, or its beginning and its end with what is missing said between.
pub(super) fn excerpt(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let head = text.floor_char_boundary(limit / 2);
    let tail = text.ceil_char_boundary(text.len() - limit / 2);
    format!("{}\n[{} bytes left out]\n{}", &text[..head], tail - head, &text[tail..])
}

/// The reply as it may be kept. A text that is only masked like the one that was
/// asked for is still another one.
pub(super) fn masked(reply: Reply, asked: &str, person: &Person) -> Reply {
    let masked = |text: String| person.line(&text).into_owned();
    let as_asked = masked(asked.to_owned());
    let said = |text: String| match masked(text.clone()) {
        alike if alike.trim() == as_asked && text.trim() != asked => format!("{alike} (masked)"),
        said => said,
    };
    Reply {
        texts: reply.texts.into_iter().map(said).collect(),
        provider: reply.provider.map(masked),
        model: reply.model.map(masked),
        harness: reply.harness.map(masked),
        transport: reply.transport.map(masked),
        fallback_from: reply.fallback_from.map(masked),
        ..reply
    }
}

/// The reply in what was printed. 2026.4.23 and 4.24 print all of it on stderr.
pub(super) fn in_either(stdout: &str, stderr: &str) -> Option<Reply> {
    let in_stdout = read(&plain(stdout));
    in_stdout.or_else(|| read(&plain(stderr)).filter(|_| stdout.trim().is_empty()))
}

/// The reply in a text; none where no JSON object with payloads is in it.
fn read(stdout: &str) -> Option<Reply> {
    let starts = stdout.match_indices('{').map(|(at, _)| at).filter(|at| {
        // Only an object that begins a line: others are parts of one.
        stdout[..*at].rsplit('\n').next().is_some_and(|line| line.trim().is_empty())
    });
    starts.map(|at| &stdout[at..]).find_map(|text| {
        let mut documents = serde_json::Deserializer::from_str(text).into_iter::<Value>();
        let document = documents.next()?.ok()?;
        let result = document.get("result").unwrap_or(&document);
        result.get("payloads")?.as_array()?;
        let reply = WireReply::deserialize(result).ok()?.into_reply();
        // Only a Gateway's answer is wrapped, with a run id and a status beside it.
        Some(Reply { through_gateway: document.get("result").is_some(), ..reply })
    })
}

#[derive(Deserialize)]
struct WireReply {
    payloads: Vec<Payload>,
    #[serde(default)]
    meta: Meta,
}

#[derive(Deserialize)]
struct Payload {
    text: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Meta {
    execution_trace: Trace,
    #[serde(rename = "agentMeta")]
    agent: AgentMeta,
    transport: Option<String>,
    fallback_from: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Trace {
    winner_provider: Option<String>,
    winner_model: Option<String>,
    fallback_used: bool,
    attempts: Vec<Attempt>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Attempt {
    result: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct AgentMeta {
    provider: Option<String>,
    model: Option<String>,
    agent_harness_id: Option<String>,
    fallback_attempts: Vec<Value>,
}

impl WireReply {
    fn into_reply(self) -> Reply {
        let Meta { execution_trace: trace, agent, transport, fallback_from } = self.meta;
        let failed = |attempt: &&Attempt| attempt.result.as_deref().is_some_and(|r| r != "success");
        Reply {
            texts: self.payloads.into_iter().filter_map(|payload| payload.text).collect(),
            failed_attempts: trace.attempts.iter().filter(failed).count()
                + agent.fallback_attempts.len(),
            // `fallbackUsed: false` alone has been wrong (openclaw#81213), so who
            // won is read as well.
            provider: trace.winner_provider.or(agent.provider),
            model: trace.winner_model.or(agent.model),
            harness: agent.agent_harness_id,
            fallback_used: trace.fallback_used,
            transport,
            fallback_from,
            through_gateway: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{
  "payloads": [{"text": "OK", "mediaUrl": null}],
  "meta": {
    "agentMeta": {"provider": "openai-codex", "model": "gpt-5.5", "agentHarnessId": "pi"},
    "executionTrace": {"winnerProvider": "openai-codex", "winnerModel": "gpt-5.5",
      "attempts": [{"result": "success"}], "fallbackUsed": false, "runner": "embedded"}
  }
}"#;

    fn good() -> Reply {
        Reply {
            texts: vec!["OK".to_owned()],
            provider: Some("openai-codex".to_owned()),
            model: Some("gpt-5.5".to_owned()),
            harness: Some("pi".to_owned()),
            ..Reply::default()
        }
    }

    #[test]
    fn a_reply_on_stderr_counts_where_nothing_is_on_stdout() {
        let reply = "warning\n{\"payloads\": [{\"text\": \"OK\"}], \"meta\": {}}\n";
        assert_eq!(in_either("\n", reply).unwrap().texts, ["OK"]);
        assert!(in_either("something else", reply).is_none());
    }

    #[test]
    fn an_embedded_reply_is_read() {
        assert_eq!(read(GOOD), Some(good()));
    }

    #[test]
    fn a_gateway_reply_is_read_from_its_result() {
        let answer = format!(r#"{{"runId": "1", "status": "ok", "result": {GOOD}}}"#);
        assert_eq!(read(&answer), Some(Reply { through_gateway: true, ..good() }));
    }

    #[test]
    fn warnings_and_other_objects_before_the_reply_do_not_hide_it() {
        let noisy =
            format!("(node:1) Warning: {{ odd\n{{\"level\":\"warn\"}}\n{{broken\n{GOOD}\nbye\n");
        assert_eq!(read(&noisy), Some(good()));
    }

    #[test]
    fn what_is_no_reply_gives_none() {
        for text in
            ["", "{", "OK", r#"{"error": "x"}"#, r#"{"payloads": 3}"#, r#"[{"payloads": []}]"#]
        {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn a_fallback_is_seen_however_it_is_told() {
        let attempts = GOOD.replace(
            r#"[{"result": "success"}]"#,
            r#"[{"result": "error"}, {"result": "success"}]"#,
        );
        assert_eq!(read(&attempts).unwrap().failed_attempts, 1);
        let meta =
            GOOD.replace(r#""agentHarnessId""#, r#""fallbackAttempts": [{}], "agentHarnessId""#);
        assert_eq!(read(&meta).unwrap().failed_attempts, 1);
        assert!(
            read(&GOOD.replace("\"fallbackUsed\": false", "\"fallbackUsed\": true"))
                .unwrap()
                .fallback_used
        );
    }

    #[test]
    fn a_reply_that_was_masked_equals_only_the_one_that_was_asked_for() {
        let said = |text: &str| {
            let reply = Reply { texts: vec![text.to_owned()], ..good() };
            masked(reply, "one@example.com", &Person::default()).texts.remove(0)
        };
        assert_eq!(said("one@example.com"), "[e-mail]");
        assert_eq!(said("two@example.com"), "[e-mail] (masked)");
        assert_eq!(masked(good(), "OK", &Person::default()), good());
    }

    #[test]
    fn colours_and_carriage_returns_are_dropped() {
        assert_eq!(plain("\u{1b}[31merror\u{1b}[0m\r\n"), "error\n");
    }

    #[test]
    fn an_excerpt_keeps_both_ends_and_never_splits_a_character() {
        let text = "é".repeat(1000);
        let short = excerpt(&text, 101);
        assert!(short.contains("bytes left out") && short.starts_with('é') && short.ends_with('é'));
    }
}
