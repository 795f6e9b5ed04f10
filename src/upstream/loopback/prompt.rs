//! The Responses request, as far as an answer depends on it: model, stream or
//! not, and what the last user message asks for.

use serde_json::Value;

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
    /// The text that the reply is to be.
    pub(super) reply: String,
}

impl TurnRequest {
    /// Reads a request body; none where it is no JSON object.
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        let Value::Object(request) = serde_json::from_slice(body).ok()? else { return None };
        let asked = request.get("input").and_then(last_user_text);
        Some(Self {
            model: request.get("model").and_then(Value::as_str).map(str::to_owned),
            stream: request.get("stream").and_then(Value::as_bool).unwrap_or(false),
            reply: asked.as_deref().and_then(wanted).unwrap_or(NO_INSTRUCTION).to_owned(),
        })
    }
}

/// The text of the last user message. `input` is a text, or a list of items of
/// which messages have a role and content; content is a text or a list of parts.
fn last_user_text(input: &Value) -> Option<String> {
    match input {
        Value::String(text) => Some(text.clone()),
        Value::Array(items) => items
            .iter()
            .rev()
            .find(|item| item.get("role").and_then(Value::as_str) == Some("user"))
            .and_then(|message| message.get("content"))
            .map(text_of),
        _ => None,
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

    use super::*;

    fn reply(input: &Value) -> String {
        TurnRequest::parse(json!({"model": "m", "input": input}).to_string().as_bytes())
            .unwrap()
            .reply
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
            (json!([{"role": "developer", "content": "Reply exactly: wrong"}]), NO_INSTRUCTION),
            (json!([user("Reply exactly: old"), user("What now?")]), NO_INSTRUCTION),
            (json!([user("Reply exactly:  ")]), NO_INSTRUCTION),
            (json!([user(7)]), NO_INSTRUCTION),
            (json!(7), NO_INSTRUCTION),
            (json!([]), NO_INSTRUCTION),
        ] {
            assert_eq!(reply(&input), expected, "{input}");
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
