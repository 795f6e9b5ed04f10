use super::*;

fn function(name: &str) -> Value {
    json!({"type": "function", "name": name, "parameters": {}})
}

fn offer(tools: &[Value]) -> ToolOffer {
    ToolOffer::of(Some(&json!(tools)))
}

fn choices(offer: &ToolOffer, steps: usize) -> Vec<Option<Tool>> {
    (0..steps).map(|step| offer.choose(step)).collect()
}

fn code() -> Value {
    json!({"type": "custom", "name": "exec", "format": {"type": "grammar"}})
}

#[test]
fn the_tools_of_an_embedded_runtime_take_turns() {
    let offer = offer(&[function("agents_list"), function("exec"), function("read")]);
    let (exec, read) = (Some(Tool::Exec), Some(Tool::Read));
    assert_eq!(choices(&offer, 4), [exec, read, exec, read]);
}

#[test]
fn codex_and_openclaw_take_turns_where_both_offer_tools() {
    let offer = offer(&[
        code(),
        function("wait"),
        function("exec_command"),
        function("agents_list"),
        json!({"type": "namespace", "name": "openclaw_direct", "tools": []}),
        json!({"type": "web_search"}),
    ]);
    let lent = Some(Tool::AgentsList);
    assert_eq!(
        choices(&offer, 5),
        [Some(Tool::Code), lent, Some(Tool::ExecCommand), lent, Some(Tool::Code)]
    );
}

#[test]
fn codex_alone_is_asked_for_its_own_tools_and_a_stranger_for_none() {
    let shell = offer(&[function("shell")]);
    assert_eq!(choices(&shell, 2), [Some(Tool::Shell); 2]);
    assert_eq!(offer(&[json!({"type": "local_shell"})]).choose(0), Some(Tool::LocalShell));
    for tools in [&[][..], &[function("agents_list"), function("write")], &[json!(7)]] {
        assert_eq!(offer(tools).choose(0), None, "{tools:?}");
    }
    assert_eq!(ToolOffer::of(None).choose(0), None);
    let names = offer(&[function("write"), json!({"type": "web_search"})]);
    assert_eq!(names.names(), ["write", "web_search"]);
}

#[test]
fn every_call_names_the_file_and_comes_back_by_its_id() {
    for tool in Tool::ALL {
        let call = ReadCall { tool, step: 17, file: "/w/it's a file".to_owned() };
        let item = call.item(4);
        let says_it = item.to_string().contains("a file");
        assert_eq!(says_it, tool != Tool::AgentsList, "{item}");
        let back = json!({
            "type": "function_call_output", "call_id": item["call_id"], "output": "x",
        });
        let returned = ToolOutput { tool, step: 17, output: "x".to_owned() };
        assert_eq!(ToolOutput::of(&back), Some(returned), "{back}");
    }
}

#[test]
fn a_shell_sees_a_file_name_as_one_word() {
    let call = ReadCall { tool: Tool::Exec, step: 0, file: "/w/it's a file".to_owned() };
    let argument: Value = serde_json::from_str(&call.argument()).unwrap();
    assert_eq!(argument["command"], r"cat '/w/it'\''s a file'");
}

#[test]
fn an_output_is_found_in_whatever_it_is_wrapped() {
    for output in [
        json!("Exit code: 0\nnonce-1"),
        json!([{"type": "input_text", "text": "nonce-1"}]),
        json!({"content": [{"text": "x nonce-1 y"}], "success": true}),
        json!("{\"output\":\"nonce-1\\n\",\"metadata\":{}}"),
    ] {
        let item = json!({"type": "x", "call_id": "call_0_0_exec", "output": output});
        let read = ScriptedRead { file: "/f".into(), content: "nonce-1\n".to_owned() };
        let returned = ToolOutput::of(&item).unwrap();
        assert!(returned.tool.did(&read, &returned.output), "{item}");
    }
}

#[test]
fn what_is_no_output_of_an_own_call_is_not_read_as_one() {
    for item in [
        json!({"type": "function_call_output", "call_id": "call_abc", "output": "x"}),
        json!({"type": "function_call_output", "call_id": "call_1_x_exec", "output": "x"}),
        json!({"type": "function_call_output", "call_id": "call_1_1_other", "output": "x"}),
        json!({"type": "function_call_output", "output": "x"}),
        json!({"type": "function_call", "call_id": "call_1_1_exec"}),
        json!(7),
    ] {
        assert_eq!(ToolOutput::of(&item), None, "{item}");
    }
}

#[test]
fn a_result_without_the_content_is_not_genuine() {
    let read = ScriptedRead { file: "/f".into(), content: "nonce-1".to_owned() };
    assert!(!Tool::Exec.did(&read, "cat: /f: No such file or directory"));
    assert!(!Tool::AgentsList.did(&read, "unsupported call: agents_list"));
    assert!(Tool::AgentsList.did(&read, "{\"requester\": \"main\", \"agents\": []}"));
    let empty = ScriptedRead { content: "  \n".to_owned(), ..read };
    assert!(!Tool::Exec.did(&empty, "anything"));
}
