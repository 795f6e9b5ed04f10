//! The loopback's model: what it puts out for a turn, given how far the turn
//! has come and what it is to do before it replies.

use serde_json::json;

use super::answer::{Content, Flow, LoopbackAnswer};
use super::prompt::{NO_INSTRUCTION, ToolProgress, TurnRequest};
use super::responses::Output;
use super::script::{NO_TOOL, NOT_GENUINE, Script};
use super::tool::ReadCall;
use crate::observation::{RequestKind, ToolCall, ToolReturn};

/// Runs the model `name` for one request.
pub(super) fn run(request: &TurnRequest, name: &str, script: &Script) -> LoopbackAnswer {
    let answer = |kind, output| LoopbackAnswer {
        content: Content::Turn {
            model: name.to_owned(),
            output,
            flow: if request.stream { Flow::Stream } else { Flow::Object },
        },
        ..LoopbackAnswer::empty(200, kind)
    };
    let says = |text: &str| answer(RequestKind::Answered, Output::Text(text.to_owned()));
    if !request.generate {
        return answer(RequestKind::WarmUp, Output::Nothing);
    }
    let reply = || says(request.asked.as_deref().unwrap_or(NO_INSTRUCTION));
    let (step, returned) = match &request.progress {
        _ if script.reads.is_empty() => return reply(),
        ToolProgress::Begun => (0, None),
        ToolProgress::Astray => {
            return says(NOT_GENUINE).noted("a tool's result came back under an unknown call id");
        }
        ToolProgress::Returned(back) => {
            let read = script.reads.get(back.step);
            let genuine = read.is_some_and(|read| back.tool.did(read, &back.output));
            let (tool, step) = (back.tool.name().to_owned(), back.step);
            let returned = Some(ToolReturn { tool, step, genuine });
            if !genuine {
                return LoopbackAnswer { returned, ..says(NOT_GENUINE) }.noted(NOT_GENUINE);
            }
            (step + 1, returned)
        }
    };
    let Some(read) = script.reads.get(step) else { return LoopbackAnswer { returned, ..reply() } };
    let Some(tool) = request.offer.choose(step) else {
        let offered = json!(request.offer.names());
        return LoopbackAnswer { returned, ..says(NO_TOOL) }.noted(format!("{NO_TOOL}: {offered}"));
    };
    let call = ReadCall { tool, step, file: read.file.to_string() };
    LoopbackAnswer {
        called: Some(ToolCall { tool: tool.name().to_owned(), step }),
        returned,
        ..answer(RequestKind::Answered, Output::Call(call))
    }
}

#[cfg(test)]
mod tests {
    use camino::Utf8PathBuf;
    use serde_json::Value;

    use super::super::script::ScriptedRead;
    use super::super::tool::Tool;
    use super::*;

    fn script(reads: usize) -> Script {
        let read = |n| ScriptedRead {
            file: Utf8PathBuf::from(format!("/w/{n}")),
            content: format!("nonce-{n}"),
        };
        Script { reads: (0..reads).map(read).collect() }
    }

    fn request(input: &Value, tools: &Value) -> TurnRequest {
        let body = json!({"model": "m", "stream": true, "tools": tools, "input": input});
        TurnRequest::parse(body.to_string().as_bytes()).unwrap()
    }

    fn shell() -> Value {
        json!([{"type": "function", "name": "exec"}, {"type": "web_search"}])
    }

    fn user() -> Value {
        json!({"role": "user", "content": "Reply exactly: OK"})
    }

    fn output(step: usize, output: &str) -> Value {
        let id = format!("call_9_{step}_exec");
        json!({"type": "function_call_output", "call_id": id, "output": output})
    }

    fn put_out(answer: &LoopbackAnswer) -> Output {
        let Content::Turn { output, .. } = &answer.content else { panic!("{answer:?}") };
        output.clone()
    }

    fn call(step: usize) -> Output {
        Output::Call(ReadCall { tool: Tool::Exec, step, file: format!("/w/{step}") })
    }

    fn text(text: &str) -> Output {
        Output::Text(text.to_owned())
    }

    #[test]
    fn it_asks_for_one_file_after_the_other_and_then_replies() {
        let returned = |step, genuine| Some(ToolReturn { tool: "exec".to_owned(), step, genuine });
        for (reads, input, expected, back) in [
            (0, vec![user()], text("OK"), None),
            (0, vec![user(), output(0, "x")], text("OK"), None),
            (2, vec![user()], call(0), None),
            (2, vec![user(), output(0, "nonce-0")], call(1), returned(0, true)),
            (
                2,
                vec![user(), output(0, "nonce-0"), output(1, "nonce-1")],
                text("OK"),
                returned(1, true),
            ),
            (2, vec![output(1, "nonce-1")], text(NO_INSTRUCTION), returned(1, true)),
            (2, vec![user(), output(0, "nonce-1")], text(NOT_GENUINE), returned(0, false)),
            (2, vec![user(), output(0, "")], text(NOT_GENUINE), returned(0, false)),
            (2, vec![user(), output(2, "nonce-0")], text(NOT_GENUINE), returned(2, false)),
            (2, vec![user(), output(0, "nonce-0"), user()], call(0), None),
        ] {
            let input = json!(input);
            let answer = run(&request(&input, &shell()), "m", &script(reads));
            assert_eq!(put_out(&answer), expected, "{input}");
            let called = match expected {
                Output::Call(call) => Some(ToolCall { tool: "exec".to_owned(), step: call.step }),
                _ => None,
            };
            assert_eq!((answer.called, answer.returned), (called, back), "{input}");
        }
    }

    #[test]
    fn where_no_tool_is_known_it_says_so_and_lists_what_is_offered() {
        let tools = json!([{"type": "function", "name": "write"}, {"type": "web_search"}]);
        let answer = run(&request(&json!([user()]), &tools), "m", &script(1));
        assert_eq!(put_out(&answer), text(NO_TOOL));
        assert_eq!(answer.note.unwrap(), format!("{NO_TOOL}: [\"write\",\"web_search\"]"));
    }

    #[test]
    fn a_result_under_a_strange_id_is_not_asked_for_again() {
        let stray = json!({"type": "function_call_output", "call_id": "x", "output": "nonce-0"});
        let answer = run(&request(&json!([user(), stray]), &shell()), "m", &script(1));
        assert_eq!(put_out(&answer), text(NOT_GENUINE));
    }

    #[test]
    fn a_warm_up_runs_nothing() {
        let asked = TurnRequest { generate: false, ..request(&json!([user()]), &shell()) };
        let answer = run(&asked, "m", &script(1));
        assert_eq!((put_out(&answer), answer.kind), (Output::Nothing, RequestKind::WarmUp));
    }
}
