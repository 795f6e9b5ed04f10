//! The Responses request, as far as an answer depends on it: model, stream or
//! not, what the last user message asks for, and how far the turn has come.

use serde_json::{Map, Value};

use super::tool::{ToolOffer, ToolOutput};

/// The words before the text that a probe wants back.
const REQUEST: &str = "Reply exactly:";

/// The reply where no instruction came through: a check that waits for another
/// text passes only if its own text went all the way.
pub(super) const NO_INSTRUCTION: &str = "no instruction found";

/// A request for a turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TurnRequest {
    pub(super) model: Option<String>,
    pub(super) stream: bool,
    /// Whether it wants an answer; Codex first sends a request without, so that
    /// a WebSocket is warm when the turn begins.
    pub(super) generate: bool,
    /// Whether the service is to keep the response, so that a later request can
    /// go on from it. True where the request does not say.
    pub(super) store: bool,
    /// The response that it goes on from, until [`super::history`] has filled
    /// in what was asked for there.
    pub(super) previous: Option<String>,
    /// The text that the reply is to be; none where no user message came along.
    pub(super) asked: Option<String>,
    pub(super) offer: ToolOffer,
    pub(super) progress: ToolProgress,
}

/// How far a turn has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ToolProgress {
    /// No tool has been called since the user spoke.
    Begun,
    Returned(ToolOutput),
    /// A tool's output came back, and not under an id of the loopback's.
    Astray,
}

impl TurnRequest {
    /// Reads a request body; none where it is no JSON object.
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        let Value::Object(request) = serde_json::from_slice(body).ok()? else { return None };
        Some(Self::of(&request))
    }

    /// Reads a request.
    pub(super) fn of(request: &Map<String, Value>) -> Self {
        let text = |name| request.get(name).and_then(Value::as_str).map(str::to_owned);
        let flag = |name| request.get(name).and_then(Value::as_bool);
        let (asked, since) = match request.get("input") {
            Some(Value::String(text)) => (Some(text.clone()), &[][..]),
            Some(Value::Array(items)) => last_user_message(items),
            _ => (None, &[][..]),
        };
        Self {
            model: text("model"),
            stream: flag("stream").unwrap_or(false),
            generate: flag("generate").unwrap_or(true),
            store: flag("store").unwrap_or(true),
            previous: text("previous_response_id"),
            asked: asked.map(|text| wanted(&text).unwrap_or(NO_INSTRUCTION).to_owned()),
            offer: ToolOffer::of(request.get("tools")),
            progress: progress(since),
        }
    }
}

/// The text of the last message in which the user speaks, and what follows it.
/// Messages have a role and content; content is a text or a list of parts.
fn last_user_message(items: &[Value]) -> (Option<String>, &[Value]) {
    let said = |(place, item): (usize, &Value)| {
        let user = item.get("role").and_then(Value::as_str) == Some("user");
        let text = item.get("content").filter(|_| user).map(text_of)?;
        (!is_context(&text)).then_some((place, text))
    };
    match items.iter().enumerate().rev().find_map(said) {
        Some((place, text)) => (Some(text), &items[place + 1..]),
        None => (None, items),
    }
}

/// Whether a client, and not its user, wrote this user message: `OpenClaw`'s
/// `<<<BEGIN_OPENCLAW_INTERNAL_CONTEXT>>>` (2026.9.x, after the user's own) and
/// Codex's `<environment_context>` begin with a tag and ask for nothing.
fn is_context(text: &str) -> bool {
    text.trim_start().starts_with('<') && wanted(text).is_none()
}

fn progress(since: &[Value]) -> ToolProgress {
    let is_output = |item: &&Value| {
        let kind = item.get("type").and_then(Value::as_str);
        kind.is_some_and(|kind| kind.ends_with("_output"))
    };
    match since.iter().rev().find(is_output) {
        Some(item) => ToolOutput::of(item).map_or(ToolProgress::Astray, ToolProgress::Returned),
        None => ToolProgress::Begun,
    }
}

fn text_of(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            let texts: Vec<_> =
                parts.iter().filter_map(|part| part.get("text").and_then(Value::as_str)).collect();
            texts.join("\n")
        }
        _ => String::new(),
    }
}

/// The rest of the last line that asks for a reply.
fn wanted(text: &str) -> Option<&str> {
    text.lines()
        .rev()
        .find_map(|line| line.rsplit_once(REQUEST))
        .map(|(_, rest)| rest.trim())
        .filter(|rest| !rest.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tool::Tool;
    use super::*;

    fn parsed(input: &Value) -> TurnRequest {
        TurnRequest::parse(json!({"model": "m", "input": input}).to_string().as_bytes()).unwrap()
    }

    fn user(content: impl Into<Value>) -> Value {
        json!({"type": "message", "role": "user", "content": content.into()})
    }

    #[test]
    fn the_reply_is_what_the_last_user_message_asks_for() {
        let part = |text: &str| json!([{"type": "input_text", "text": text}]);
        for (input, expected) in [
            (json!("Reply exactly: OK"), "OK"),
            (json!([user("Reply exactly: OK")]), "OK"),
            (json!([user(part("Reply exactly: OK"))]), "OK"),
            (json!([user(part("[Sat 2026-11-21 07:44 UTC] Reply exactly: OK"))]), "OK"),
            (
                json!([user(part("Context\n\nReply exactly:   two words  \r\n[id: 7]"))]),
                "two words",
            ),
            (json!([user(part("Reply exactly: old\nReply exactly: new"))]), "new"),
            (json!([user("Reply exactly: old"), user("Reply exactly: new")]), "new"),
            (
                json!([
                    user("Reply exactly: OK"),
                    {"type": "function_call", "name": "exec"},
                    {"type": "function_call_output", "output": "Reply exactly: wrong"},
                    {"role": "assistant", "content": "Reply exactly: wrong"},
                ]),
                "OK",
            ),
            (
                json!([{"role": "user", "content": [
                    {"type": "input_text", "text": "Reply exactly: OK"},
                    {"type": "input_image", "image_url": "data:"},
                ]}]),
                "OK",
            ),
            (json!([user("Reply exactly: old"), user("What now?")]), NO_INSTRUCTION),
            (json!([user("Reply exactly: OK"), user("<<<BEGIN_CONTEXT>>>\nnone")]), "OK"),
            (json!([user("<context/> Reply exactly: OK")]), "OK"),
            (json!([user("Reply exactly:  ")]), NO_INSTRUCTION),
            (json!([user(7)]), NO_INSTRUCTION),
        ] {
            assert_eq!(parsed(&input).asked.as_deref(), Some(expected), "{input}");
        }
    }

    #[test]
    fn without_a_user_message_nothing_is_asked() {
        for input in [json!(7), json!([]), json!([{"role": "developer", "content": "x"}])] {
            assert_eq!(parsed(&input).asked, None, "{input}");
        }
    }

    #[test]
    fn a_turn_has_come_as_far_as_the_last_output_after_the_user_s_message() {
        let output =
            |id: &str| json!({"type": "function_call_output", "call_id": id, "output": "x"});
        let ask = || user("Reply exactly: OK");
        let returned = |step| {
            ToolProgress::Returned(ToolOutput { tool: Tool::Exec, step, output: "x".to_owned() })
        };
        let (first, second) = (output("call_1_0_exec"), output("call_2_1_exec"));
        for (input, expected) in [
            (json!([ask()]), ToolProgress::Begun),
            (json!([ask(), first]), returned(0)),
            (json!([ask(), first, {"type": "function_call"}, second]), returned(1)),
            (json!([ask(), first, user("<context/>")]), returned(0)),
            (
                json!([ask(), first, {"role": "assistant", "content": "OK"}, ask()]),
                ToolProgress::Begun,
            ),
            (json!([second]), returned(1)),
            (json!([ask(), output("other")]), ToolProgress::Astray),
            (json!("Reply exactly: OK"), ToolProgress::Begun),
        ] {
            assert_eq!(parsed(&input).progress, expected, "{input}");
        }
    }

    #[test]
    fn a_request_without_stream_wants_one_object() {
        let parse = |body: Value| TurnRequest::parse(body.to_string().as_bytes());
        assert!(!parse(json!({"input": "x"})).unwrap().stream);
        assert!(parse(json!({"input": "x", "stream": true})).unwrap().stream);
    }

    #[test]
    fn what_is_no_json_object_is_no_request() {
        for body in [&b""[..], b"[]", b"{", b"\xff\xfe", b"null"] {
            assert_eq!(TurnRequest::parse(body), None);
        }
    }
}
