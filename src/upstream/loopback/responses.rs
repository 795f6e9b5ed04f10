//! A finished turn in the words of OpenAI's Responses API, as a stream of
//! server-sent events or as one object. The order of events is that of the
//! published API reference; 2026.5.12 to 7.1 completed turns on this stream.

use bytes::Bytes;
use serde_json::{Value, json};

use super::tool::{ReadCall, Tool};

/// How many pieces a reply is streamed in, if it has as many characters.
const PIECES: usize = 3;

/// A turn with what it puts out.
#[derive(Debug, Clone, Copy)]
pub(super) struct ResponseTurn<'a> {
    pub(super) model: &'a str,
    pub(super) output: &'a Output,
    /// What the ids are made of: unique in one loopback.
    pub(super) number: usize,
    /// Seconds since 1970.
    pub(super) created_at: i64,
}

/// What a model puts out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Output {
    /// Nothing: the connection was only to be made ready.
    Nothing,
    Text(String),
    Call(ReadCall),
}

/// An event as a stream of server-sent events has it.
pub(super) fn server_sent(event: &Value) -> Bytes {
    let name = event["type"].as_str().unwrap_or_default();
    Bytes::from(format!("event: {name}\ndata: {event}\n\n"))
}

/// The id of a response.
pub(super) fn response_id(number: usize) -> String {
    format!("resp_{number:048x}")
}

/// What the service sends so that a connection which waits does not look dead.
pub(super) fn keep_alive(sequence: usize) -> Value {
    json!({"type": "keepalive", "sequence_number": sequence})
}

impl ResponseTurn<'_> {
    /// The turn as the events of a stream.
    pub(super) fn events(&self) -> Vec<Value> {
        let mut events = vec![
            json!({"type": "response.created", "response": self.response("in_progress")}),
            json!({"type": "response.in_progress", "response": self.response("in_progress")}),
        ];
        events.extend(match self.output {
            Output::Nothing => Vec::new(),
            Output::Text(text) => self.text_events(text),
            Output::Call(call) => self.call_events(call),
        });
        events.push(json!({"type": "response.completed", "response": self.response("completed")}));
        for (sequence, event) in events.iter_mut().enumerate() {
            event["sequence_number"] = json!(sequence);
        }
        events
    }

    fn text_events(&self, text: &str) -> Vec<Value> {
        let id = self.message_id();
        let at = |mut event: Value| {
            event["item_id"] = json!(id);
            event["output_index"] = json!(0);
            event["content_index"] = json!(0);
            event
        };
        let empty_item = json!({"id": id, "type": "message", "status": "in_progress", "role": "assistant", "content": []});
        let mut events = vec![
            json!({"type": "response.output_item.added", "output_index": 0, "item": empty_item}),
            at(json!({"type": "response.content_part.added", "part": part("")})),
        ];
        events.extend(pieces(text).into_iter().map(|piece| {
            at(json!({"type": "response.output_text.delta", "delta": piece, "logprobs": []}))
        }));
        events.extend([
            at(json!({"type": "response.output_text.done", "text": text, "logprobs": []})),
            at(json!({"type": "response.content_part.done", "part": part(text)})),
            json!({"type": "response.output_item.done", "output_index": 0, "item": self.message(text)}),
        ]);
        events
    }

    fn call_events(&self, call: &ReadCall) -> Vec<Value> {
        let (item, argument) = (call.item(self.number), call.argument());
        let mut begun = item.clone();
        begun["status"] = json!("in_progress");
        let streamed = match call.tool {
            Tool::LocalShell => None,
            Tool::Code => Some(("response.custom_tool_call_input", "input")),
            _ => Some(("response.function_call_arguments", "arguments")),
        };
        if let Some((_, field)) = streamed {
            begun[field] = json!("");
        }
        let at = |mut event: Value| {
            event["item_id"] = item["id"].clone();
            event["output_index"] = json!(0);
            event
        };
        let mut events =
            vec![json!({"type": "response.output_item.added", "output_index": 0, "item": begun})];
        if let Some((name, field)) = streamed {
            events.push(at(json!({"type": format!("{name}.delta"), "delta": argument})));
            let mut done = at(json!({"type": format!("{name}.done")}));
            done[field] = json!(argument);
            events.push(done);
        }
        events.push(json!({"type": "response.output_item.done", "output_index": 0, "item": item}));
        events
    }

    /// The turn as one object, for a request without a stream.
    pub(super) fn object(&self) -> Value {
        self.response("completed")
    }

    fn response(&self, status: &str) -> Value {
        let completed = status == "completed";
        let output = if completed { self.items() } else { Vec::new() };
        let usage = if completed { self.usage() } else { Value::Null };
        json!({
            "id": response_id(self.number),
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

    fn items(&self) -> Vec<Value> {
        match self.output {
            Output::Nothing => Vec::new(),
            Output::Text(text) => vec![self.message(text)],
            Output::Call(call) => vec![call.item(self.number)],
        }
    }

    fn message(&self, text: &str) -> Value {
        json!({
            "id": self.message_id(),
            "type": "message",
            "status": "completed",
            "role": "assistant",
            "content": [part(text)],
        })
    }

    /// Tokens are not counted. The numbers are small and not zero, as a real
    /// turn's never are.
    fn usage(&self) -> Value {
        let output = match self.output {
            Output::Nothing => 0,
            Output::Text(text) => text.split_whitespace().count().max(1),
            Output::Call(call) => call.argument().split_whitespace().count().max(1),
        };
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

fn part(text: &str) -> Value {
    json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []})
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

    fn turn(output: &Output) -> ResponseTurn<'_> {
        ResponseTurn { model: "gpt-5.5", output, number: 7, created_at: 1_795_000_000 }
    }

    fn text(text: &str) -> Output {
        Output::Text(text.to_owned())
    }

    fn names(events: &[Value]) -> Vec<&str> {
        events
            .iter()
            .map(|event| event["type"].as_str().unwrap().strip_prefix("response.").unwrap())
            .collect()
    }

    #[test]
    fn a_server_sent_event_is_a_name_a_line_of_data_and_an_empty_line() {
        let event = json!({"type": "response.created", "x": "a\nb"});
        let expected = format!("event: response.created\ndata: {event}\n\n");
        assert_eq!(server_sent(&event), expected);
        assert_eq!(expected.lines().count(), 3);
    }

    #[test]
    fn a_call_is_streamed_with_its_argument_and_repeated_when_it_is_whole() {
        for (tool, between) in [
            (Tool::Exec, &["function_call_arguments.delta", "function_call_arguments.done"][..]),
            (Tool::Code, &["custom_tool_call_input.delta", "custom_tool_call_input.done"]),
            (Tool::LocalShell, &[]),
        ] {
            let call = ReadCall { tool, step: 2, file: "/w/f".to_owned() };
            let output = Output::Call(call.clone());
            let events = turn(&output).events();
            let mut expected = vec!["created", "in_progress", "output_item.added"];
            expected.extend(between);
            expected.extend(["output_item.done", "completed"]);
            assert_eq!(names(&events), expected);
            let [.., done, completed] = events.as_slice() else { panic!() };
            assert_eq!(done["item"], call.item(7));
            assert_eq!(completed["response"]["output"], json!([call.item(7)]));
            assert_eq!(events[2]["item"]["call_id"], done["item"]["call_id"]);
        }
    }

    #[test]
    fn a_warm_up_is_completed_without_output() {
        let events = turn(&Output::Nothing).events();
        assert_eq!(names(&events), ["created", "in_progress", "completed"]);
        assert_eq!(events[2]["response"]["output"], json!([]));
    }

    #[test]
    fn a_stream_has_every_event_in_the_order_that_clients_expect() {
        let output = text("two wörds");
        let events = turn(&output).events();
        assert_eq!(
            names(&events),
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
            let output = Output::Text(text.to_owned());
            let events = turn(&output).events();
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
        let output = text("two wörds");
        let events = turn(&output).events();
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
        assert_eq!(&turn(&output).object()["output"][0]["id"], item);
    }

    #[test]
    fn only_a_finished_response_has_output_and_usage() {
        let output = text("two wörds");
        let events = turn(&output).events();
        assert!(events[0]["response"]["usage"].is_null());
        let usage = &events.last().unwrap()["response"]["usage"];
        assert_eq!(
            usage["total_tokens"].as_u64().unwrap(),
            usage["input_tokens"].as_u64().unwrap() + usage["output_tokens"].as_u64().unwrap()
        );
    }
}
