//! The tools that the loopback's model knows how to ask for, out of those that
//! a request offers. Names and arguments are those that real requests had.

use serde_json::{Value, json};

use super::script::ScriptedRead;

/// A tool that the model can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tool {
    /// `OpenClaw`'s shell: embedded runtimes 2026.5.12 to 9.5.
    Exec,
    /// `OpenClaw`'s file reader: the same.
    Read,
    /// Codex's shell: the app-server of 2026.9.x.
    ExecCommand,
    /// Codex's shell of older app-servers, a text for a command.
    ShellCommand,
    /// Codex's shell of still older ones, a list for a command.
    Shell,
    /// Codex's shell as a kind of tool of its own.
    LocalShell,
    /// Codex's code mode: JavaScript that calls other tools.
    Code,
    /// `OpenClaw`'s list of agents, which it lends to the Codex app-server
    /// without a detour (2026.9.x): it reads no file, but it shows that a call
    /// goes to `OpenClaw` and back.
    AgentsList,
}

impl Tool {
    const ALL: [Self; 8] = [
        Self::Exec,
        Self::Read,
        Self::ExecCommand,
        Self::ShellCommand,
        Self::Shell,
        Self::LocalShell,
        Self::Code,
        Self::AgentsList,
    ];

    /// The name that clients offer it under.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Exec | Self::Code => "exec",
            Self::Read => "read",
            Self::ExecCommand => "exec_command",
            Self::ShellCommand => "shell_command",
            Self::Shell => "shell",
            Self::LocalShell => "local_shell",
            Self::AgentsList => "agents_list",
        }
    }

    /// The `type` of its entry among a request's tools.
    fn kind(self) -> &'static str {
        match self {
            Self::Code => "custom",
            Self::LocalShell => "local_shell",
            _ => "function",
        }
    }

    /// Whether Codex runs it itself.
    fn is_native(self) -> bool {
        !matches!(self, Self::Exec | Self::Read | Self::AgentsList)
    }

    /// A word for call ids, different for every tool.
    fn tag(self) -> &'static str {
        match self {
            Self::Code => "code",
            other => other.name(),
        }
    }

    /// Whether this output shows that the tool did what it was asked.
    pub(super) fn did(self, read: &ScriptedRead, output: &str) -> bool {
        match self {
            Self::AgentsList => output.contains("\"agents\""),
            _ => read.is_in(output),
        }
    }
}

/// What a request offers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ToolOffer {
    known: Vec<Tool>,
    names: Vec<String>,
}

impl ToolOffer {
    /// Reads a request's `tools`.
    pub(super) fn of(tools: Option<&Value>) -> Self {
        let mut offer = Self::default();
        for tool in tools.and_then(Value::as_array).into_iter().flatten() {
            let kind = tool.get("type").and_then(Value::as_str).unwrap_or("function");
            let name = tool.get("name").and_then(Value::as_str).unwrap_or(kind);
            offer.names.push(name.to_owned());
            let known = Tool::ALL.into_iter().find(|t| t.kind() == kind && t.name() == name);
            offer.known.extend(known.filter(|tool| !offer.known.contains(tool)));
        }
        offer
    }

    /// The names of all that is offered, known or not.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// The tool for a step. Codex's own and those that `OpenClaw` lends it take
    /// turns, and so do the tools within either family.
    pub(super) fn choose(&self, step: usize) -> Option<Tool> {
        let (native, lent): (Vec<_>, Vec<_>) =
            self.known.iter().copied().partition(|tool| tool.is_native());
        let readers: Vec<_> =
            lent.iter().copied().filter(|tool| *tool != Tool::AgentsList).collect();
        let nth = |tools: &[Tool], n: usize| tools.get(n % tools.len().max(1)).copied();
        if native.is_empty() {
            nth(&readers, step)
        } else if lent.is_empty() {
            nth(&native, step)
        } else {
            nth(if step.is_multiple_of(2) { &native } else { &lent }, step / 2)
        }
    }
}

/// A call, as the model asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ReadCall {
    pub(super) tool: Tool,
    pub(super) step: usize,
    pub(super) file: String,
}

impl ReadCall {
    /// The finished output item. `number` makes its ids unique in one loopback.
    pub(super) fn item(&self, number: usize) -> Value {
        let call_id = call_id(number, self.step, self.tool);
        match self.tool {
            Tool::Code => json!({
                "id": self.item_id(number), "type": "custom_tool_call", "status": "completed",
                "call_id": call_id, "name": self.tool.name(), "input": self.argument(),
            }),
            Tool::LocalShell => json!({
                "id": self.item_id(number), "type": "local_shell_call", "status": "completed",
                "call_id": call_id,
                "action": {"type": "exec", "command": ["cat", self.file], "env": {}},
            }),
            _ => json!({
                "id": self.item_id(number), "type": "function_call", "status": "completed",
                "call_id": call_id, "name": self.tool.name(), "arguments": self.argument(),
            }),
        }
    }

    /// The item's id, with the prefix that the service gives to its type.
    pub(super) fn item_id(&self, number: usize) -> String {
        let prefix = match self.tool {
            Tool::Code => "ctc",
            Tool::LocalShell => "lsh",
            _ => "fc",
        };
        format!("{prefix}_{number:048x}")
    }

    /// What is handed to the tool, as the text that is streamed; empty for a
    /// kind of tool whose argument is not.
    pub(super) fn argument(&self) -> String {
        let command = || format!("cat {}", quoted(&self.file));
        match self.tool {
            Tool::Exec | Tool::ShellCommand => json!({"command": command()}).to_string(),
            Tool::Read => json!({"path": self.file}).to_string(),
            // The tool hands back an unfinished call after this time: a slow machine must
            // have finished by then.
            Tool::ExecCommand => json!({"cmd": command(), "yield_time_ms": 30_000}).to_string(),
            Tool::Shell => json!({"command": ["cat", self.file]}).to_string(),
            Tool::Code => format!(
                "const command = {};\n\
                 const run = tools.exec_command ? tools.exec_command({{cmd: command}})\n  \
                 : tools.shell_command({{command}});\n\
                 text(await run);\n",
                json!(command())
            ),
            Tool::AgentsList => "{}".to_owned(),
            Tool::LocalShell => String::new(),
        }
    }
}

/// The id of a call. All that is to be known of it later is in here, since a
/// client may send back no more than the id and the output.
fn call_id(number: usize, step: usize, tool: Tool) -> String {
    format!("call_{number}_{step}_{}", tool.tag())
}

/// A tool's output, as it came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ToolOutput {
    pub(super) tool: Tool,
    pub(super) step: usize,
    pub(super) output: String,
}

impl ToolOutput {
    /// Reads an item of a request's `input`; none where it is no output of a
    /// call that the loopback asked for.
    pub(super) fn of(item: &Value) -> Option<Self> {
        let output = item.get("output")?;
        let id = item.get("call_id").or_else(|| item.get("id"))?.as_str()?;
        let (_, rest) = id.strip_prefix("call_")?.split_once('_')?;
        let (step, tag) = rest.split_once('_')?;
        let tool = Tool::ALL.into_iter().find(|tool| tool.tag() == tag)?;
        let mut texts = Vec::new();
        gather(output, &mut texts);
        Some(Self { tool, step: step.parse().ok()?, output: texts.join("\n") })
    }
}

/// Every text within a value: an output is a text, a list of parts, or an object.
fn gather<'a>(value: &'a Value, texts: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => texts.push(text),
        Value::Array(values) => values.iter().for_each(|value| gather(value, texts)),
        Value::Object(fields) => fields.values().for_each(|value| gather(value, texts)),
        _ => {}
    }
}

/// A word for a POSIX shell.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests;
