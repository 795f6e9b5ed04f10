//! What the model says, and the words of the Responses API around it.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::claims::{fresh_hex, now};
use super::refusal::{self, Refusal};

/// What is asked for by `Reply exactly: X`.
const ASKED: &str = "Reply exactly:";

/// Responses that may be gone on from, and what their users last asked.
#[derive(Debug, Default)]
pub(super) struct ResponseHistory {
    kept: HashMap<String, Option<String>>,
}

/// A reply on its way.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    pub(super) id: String,
    model: String,
    /// None where nothing was to be said.
    text: Option<String>,
    created: u64,
}

impl ResponseHistory {
    /// Answers a request for a turn. With `keep` it can be gone on from.
    pub(super) fn answer(&mut self, request: &Value, keep: bool) -> Result<Reply, Refusal> {
        let Some(model) = request["model"].as_str().filter(|model| !model.is_empty()) else {
            return Err(refusal::bad_request("you must provide a model parameter"));
        };
        let before = match request["previous_response_id"].as_str() {
            None => None,
            Some(id) => self.kept.get(id).cloned().ok_or_else(|| refusal::unknown_response(id))?,
        };
        let asked = asked(&request["input"]).or(before);
        let id = format!("resp_{}", fresh_hex(24));
        if keep {
            self.kept.insert(id.clone(), asked.clone());
        }
        let said = asked.unwrap_or_else(|| "You asked for nothing exact.".to_owned());
        let text = (request["generate"] != json!(false)).then_some(said);
        Ok(Reply { id, model: model.to_owned(), text, created: now() })
    }
}

/// What the last message asks for that asks for anything.
fn asked(input: &Value) -> Option<String> {
    if let Some(text) = input.as_str() {
        return exact(text);
    }
    let mut messages = input.as_array()?.iter().rev().filter(|item| item["role"] == "user");
    messages.find_map(|message| exact(&text(&message["content"])))
}

fn text(content: &Value) -> String {
    if let Some(text) = content.as_str() {
        return text.to_owned();
    }
    let parts = content.as_array().into_iter().flatten();
    parts.filter_map(|part| part["text"].as_str()).collect::<Vec<_>>().join("\n")
}

fn exact(text: &str) -> Option<String> {
    let (_, rest) = text.rsplit_once(ASKED)?;
    let line = rest.lines().next().unwrap_or_default().trim();
    (!line.is_empty()).then(|| line.to_owned())
}

impl Reply {
    /// As one object, for clients that want no stream.
    pub(super) fn whole(&self) -> Value {
        self.response("completed", &self.items())
    }

    /// As events.
    pub(super) fn events(&self) -> Vec<Value> {
        let begun = self.response("in_progress", &[]);
        let mut events = vec![
            json!({"type": "response.created", "response": begun}),
            json!({"type": "response.in_progress", "response": begun}),
        ];
        if let Some(text) = &self.text {
            self.say(text, &mut events);
        }
        events.push(json!({"type": "response.completed", "response": self.whole()}));
        for (number, event) in events.iter_mut().enumerate() {
            event["sequence_number"] = json!(number);
        }
        events
    }

    fn say(&self, text: &str, events: &mut Vec<Value>) {
        let item = self.item_id();
        let place = |kind: &str, field: &str, value: Value| {
            let mut event =
                json!({"type": kind, "item_id": item, "output_index": 0, "content_index": 0});
            event[field] = value;
            event
        };
        let empty = json!({"type": "output_text", "text": "", "annotations": []});
        let full = json!({"type": "output_text", "text": text, "annotations": []});
        let begun = self.message("in_progress", &[]);
        let done = self.message("completed", std::slice::from_ref(&full));
        let added = "response.output_item.added";
        events.push(json!({"type": added, "output_index": 0, "item": begun}));
        events.push(place("response.content_part.added", "part", empty));
        let middle = text.char_indices().nth(text.chars().count() / 2).map_or(0, |(at, _)| at);
        for piece in [&text[..middle], &text[middle..]] {
            if !piece.is_empty() {
                events.push(place("response.output_text.delta", "delta", json!(piece)));
            }
        }
        events.push(place("response.output_text.done", "text", json!(text)));
        events.push(place("response.content_part.done", "part", full));
        events.push(json!({"type": "response.output_item.done", "output_index": 0, "item": done}));
    }

    fn item_id(&self) -> String {
        self.id.replacen("resp_", "msg_", 1)
    }

    fn message(&self, status: &str, content: &[Value]) -> Value {
        let id = self.item_id();
        json!({"id": id, "type": "message", "role": "assistant", "status": status, "content": content})
    }

    fn items(&self) -> Vec<Value> {
        let text = self.text.iter();
        text.map(|text| {
            let part = json!({"type": "output_text", "text": text, "annotations": []});
            self.message("completed", &[part])
        })
        .collect()
    }

    fn response(&self, status: &str, output: &[Value]) -> Value {
        let usage = (status == "completed").then(|| {
            json!({
                "input_tokens": 11,
                "input_tokens_details": {"cached_tokens": 0},
                "output_tokens": 3,
                "output_tokens_details": {"reasoning_tokens": 0},
                "total_tokens": 14,
            })
        });
        json!({
            "id": self.id,
            "object": "response",
            "created_at": self.created,
            "status": status,
            "model": self.model,
            "output": output,
            "usage": usage,
            "error": null,
            "incomplete_details": null,
            "metadata": {},
        })
    }
}
