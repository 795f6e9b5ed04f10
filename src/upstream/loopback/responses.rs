//! A finished turn in the words of OpenAI's Responses API, as a stream of
//! server-sent events or as one object. The order of events is that of the
//! published API reference; 2026.5.12 to 7.1 completed turns on this stream.

use bytes::Bytes;
use serde_json::{Value, json};

/// How many pieces a reply is streamed in, if it has as many characters.
const PIECES: usize = 3;

/// A turn with its reply.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turn<'a> {
    pub(super) model: &'a str,
    pub(super) text: &'a str,
    /// What the ids are made of: unique in one loopback.
    pub(super) number: usize,
    /// Seconds since 1970.
    pub(super) created_at: i64,
}

impl Turn<'_> {
    /// The turn as the events of a stream, each ready to be sent.
    pub(super) fn events(&self) -> Vec<Bytes> {
        let id = self.message_id();
        let at = |mut event: Value| {
            event["item_id"] = json!(id);
            event["output_index"] = json!(0);
            event["content_index"] = json!(0);
            event
        };
        let empty_part =
            json!({"type": "output_text", "text": "", "annotations": [], "logprobs": []});
        let empty_item = json!({"id": id, "type": "message", "status": "in_progress", "role": "assistant", "content": []});
        let mut events = vec![
            json!({"type": "response.created", "response": self.response("in_progress")}),
            json!({"type": "response.in_progress", "response": self.response("in_progress")}),
            json!({"type": "response.output_item.added", "output_index": 0, "item": empty_item}),
            at(json!({"type": "response.content_part.added", "part": empty_part})),
        ];
        events.extend(pieces(self.text).into_iter().map(|piece| {
            at(json!({"type": "response.output_text.delta", "delta": piece, "logprobs": []}))
        }));
        events.extend([
            at(json!({"type": "response.output_text.done", "text": self.text, "logprobs": []})),
            at(json!({"type": "response.content_part.done", "part": self.part()})),
            json!({"type": "response.output_item.done", "output_index": 0, "item": self.item()}),
            json!({"type": "response.completed", "response": self.response("completed")}),
        ]);
        events
            .into_iter()
            .enumerate()
            .map(|(sequence, mut event)| {
                event["sequence_number"] = json!(sequence);
                let name = event["type"].as_str().unwrap_or_default();
                Bytes::from(format!("event: {name}\ndata: {event}\n\n"))
            })
            .collect()
    }

    /// The turn as one object, for a request without a stream.
    pub(super) fn object(&self) -> Value {
        self.response("completed")
    }

    fn response(&self, status: &str) -> Value {
        let completed = status == "completed";
        let output = if completed { json!([self.item()]) } else { json!([]) };
        let usage = if completed { self.usage() } else { Value::Null };
        json!({
            "id": format!("resp_{:048x}", self.number),
            "object": "response",
            "created_at": self.created_at,
            "status": status,
            "error": null,
            "incomplete_details": null,
            "instructions": null,
            "max_output_tokens": null,
            "model": self.model,
            "output": output,
            "parallel_tool_calls": true,
            "previous_response_id": null,
            "reasoning": {"effort": null, "summary": null},
            "store": false,
            "temperature": 1.0,
            "text": {"format": {"type": "text"}},
            "tool_choice": "auto",
            "tools": [],
            "top_p": 1.0,
            "truncation": "disabled",
            "usage": usage,
            "user": null,
            "metadata": {},
        })
    }

    fn item(&self) -> Value {
        json!({
            "id": self.message_id(),
            "type": "message",
            "status": "completed",
            "role": "assistant",
            "content": [self.part()],
        })
    }

    fn part(&self) -> Value {
        json!({"type": "output_text", "text": self.text, "annotations": [], "logprobs": []})
    }

    /// Nobody counts tokens here. The numbers are small and not zero, as a real
    /// turn's never are.
    fn usage(&self) -> Value {
        let output = self.text.split_whitespace().count().max(1);
        json!({
            "input_tokens": 10,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": output,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": 10 + output,
        })
    }

    fn message_id(&self) -> String {
        format!("msg_{:048x}", self.number)
    }
}

/// A text in about [`PIECES`] parts, none of them empty.
fn pieces(text: &str) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    let size = characters.len().div_ceil(PIECES).max(1);
    characters.chunks(size).map(|piece| piece.iter().collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TURN: Turn<'static> =
        Turn { model: "gpt-5.5", text: "two wörds", number: 7, created_at: 1_795_000_000 };

    fn parsed(turn: Turn<'_>) -> Vec<Value> {
        turn.events()
            .iter()
            .map(|event| {
                let text = std::str::from_utf8(event).unwrap();
                let (name, data) = text.split_once('\n').unwrap();
                let data: Value =
                    serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
                assert_eq!(name.strip_prefix("event: ").unwrap(), data["type"]);
                assert!(text.ends_with("\n\n") && !text.trim_end().contains("\n\n"));
                data
            })
            .collect()
    }

    #[test]
    fn a_stream_has_every_event_in_the_order_that_clients_expect() {
        let events = parsed(TURN);
        let names: Vec<_> = events
            .iter()
            .map(|event| event["type"].as_str().unwrap().strip_prefix("response.").unwrap())
            .collect();
        assert_eq!(
            names,
            [
                "created",
                "in_progress",
                "output_item.added",
                "content_part.added",
                "output_text.delta",
                "output_text.delta",
                "output_text.delta",
                "output_text.done",
                "content_part.done",
                "output_item.done",
                "completed",
            ]
        );
        for (number, event) in events.iter().enumerate() {
            assert_eq!(event["sequence_number"], number);
        }
    }

    #[test]
    fn the_pieces_add_up_to_the_text_that_every_later_event_repeats() {
        for text in ["OK", "x", "", "two wörds", "a longer reply, 漢字 and all"] {
            let events = parsed(Turn { text, ..TURN });
            let of = |name: &'static str| events.iter().filter(move |event| event["type"] == name);
            let deltas: String = of("response.output_text.delta")
                .map(|event| event["delta"].as_str().unwrap())
                .collect();
            assert_eq!(deltas, text);
            let completed = of("response.completed").next().unwrap();
            assert_eq!(completed["response"]["output"][0]["content"][0]["text"], text);
            assert_eq!(of("response.output_text.done").next().unwrap()["text"], text);
        }
    }

    #[test]
    fn ids_and_model_are_the_same_throughout() {
        let events = parsed(TURN);
        let item = &events[2]["item"]["id"];
        for event in &events {
            if let Some(response) = event.get("response") {
                assert_eq!(response["id"], events[0]["response"]["id"]);
                assert_eq!(response["model"], "gpt-5.5");
            }
            if let Some(id) = event.get("item_id") {
                assert_eq!(id, item);
            }
        }
        assert_eq!(&TURN.object()["output"][0]["id"], item);
    }

    #[test]
    fn only_a_finished_response_has_output_and_usage() {
        let events = parsed(TURN);
        assert!(events[0]["response"]["usage"].is_null());
        let usage = &events.last().unwrap()["response"]["usage"];
        assert_eq!(
            usage["total_tokens"].as_u64().unwrap(),
            usage["input_tokens"].as_u64().unwrap() + usage["output_tokens"].as_u64().unwrap()
        );
    }
}
