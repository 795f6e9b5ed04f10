//! What the responses of one loopback were asked for. A client may go on from
//! one by its id and send only what is new: 2026.9.x to `api.openai.com`, and
//! Codex on a WebSocket.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use super::prompt::TurnRequest;

/// How many responses are remembered; a client goes on from one of its last.
const MOST: usize = 256;
/// How long a text may be that is remembered. Bytes; codexpin asks for less.
const LONGEST: usize = 16 * 1024;

/// By the id of the response, the latest last.
#[derive(Debug, Default)]
pub(super) struct History(Mutex<VecDeque<(String, Option<String>)>>);

impl History {
    /// Fills in what a request leaves to the response that it goes on from. If
    /// that one is not known, the request still names it afterwards.
    pub(super) fn complete(&self, request: &mut TurnRequest) {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let previous = request
            .previous
            .as_ref()
            .and_then(|id| kept.iter().rev().find(|(kept, _)| kept == id).map(|(_, asked)| asked));
        if let Some(asked) = previous {
            request.asked = request.asked.take().or_else(|| asked.clone());
            request.previous = None;
        }
    }

    /// Remembers what a response was asked for.
    pub(super) fn keep(&self, id: String, asked: Option<String>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == MOST {
            kept.pop_front();
        }
        kept.push_back((id, asked.filter(|asked| asked.len() <= LONGEST)));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn request(body: &Value) -> TurnRequest {
        TurnRequest::of(body.as_object().unwrap())
    }

    #[test]
    fn a_later_request_is_completed_from_the_response_that_it_names() {
        let history = History::default();
        history.keep("r1".to_owned(), Some("OK".to_owned()));
        for (body, asked, previous) in [
            (json!({"previous_response_id": "r1", "input": []}), Some("OK"), None),
            (
                json!({"previous_response_id": "r1", "input": "Reply exactly: new"}),
                Some("new"),
                None,
            ),
            (json!({"previous_response_id": "r2", "input": []}), None, Some("r2")),
            (json!({"previous_response_id": null, "input": []}), None, None),
            (json!({"input": []}), None, None),
        ] {
            let mut request = request(&body);
            history.complete(&mut request);
            assert_eq!((request.asked.as_deref(), request.previous.as_deref()), (asked, previous));
        }
    }
}
