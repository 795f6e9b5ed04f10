//! What runs here, and what was done to it.

use std::fmt::Write as _;

use super::apply::versions;
use super::paint::Paint as _;
use super::{OutputForm, minute, print_if_json, terminal};
use crate::app::history::{OperationEnd, OperationHistory, PastOperation};
use crate::app::status::{HoldStatus, MachineStatus, PinStanding};
use crate::apply::Operation;

/// Prints what runs here.
pub fn print(status: &MachineStatus, form: OutputForm) {
    if !print_if_json(form, status) {
        terminal::print(text_of(status).trim_end());
    }
}

fn text_of(status: &MachineStatus) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "{}", headline(status));
    let mut line = |name: &str, told: &str| _ = writeln!(text, "  {name:<9}{told}");
    line("core", &format!("{}  {}", status.core, status.directory));
    match &status.plugin {
        Some(plugin) => {
            line("plugin", &format!("{}  {}", plugin.version, plugin.directory));
            let codex = plugin.codex_cli.as_deref().unwrap_or("not there");
            line("codex", &format!("@openai/codex {codex}"));
        }
        None => line("plugin", "none"),
    }
    match &status.node {
        Some(node) => line("node", &format!("{}  {}", node.version, node.bin)),
        None => line("node", "not found"),
    }
    line("state", status.state.as_str());
    match &status.service {
        Some(service) => line("service", &format!("{}  {}", service.told, service.unit)),
        None => line("service", "none"),
    }
    if let Some(other) = &status.on_path_instead {
        line("on PATH", &format!("{other}, which is not what the service runs"));
    }
    if let Some(pin) = &status.pin {
        let plugin = pin.plugin.map(|plugin| format!(" with plugin {plugin}")).unwrap_or_default();
        line("pin", &format!("{}{plugin}  {}", pin.core, pin.file));
    }
    if let Some(why) = &status.pin_refused {
        line("pin", why.lines().next().unwrap_or_default());
    }
    line("hold", &hold_line(&status.hold));
    if let Some(last) = &status.last {
        line("last", &past(last));
    }
    if let Some(why) = &status.not_for_apply {
        line("but", &format!("`codexpin apply` would not change it: {why}"));
    }
    for next in next_steps(status) {
        line("next", &next);
    }
    text
}

/// The answer: does what is pinned run?
fn headline(status: &MachineStatus) -> String {
    let core = status.core;
    let down = match &status.service {
        Some(service) if service.is_running == Some(false) => ", and its service does not run",
        _ => "",
    };
    let standing = match &status.pin {
        None if status.pin_refused.is_some() => format!("{core}, and the pin here cannot be read"),
        None => format!("{core}, and no pin here"),
        Some(pin) if pin.drift.is_empty() => format!("{core}, as pinned"),
        Some(pin) => format!("{core}: not as pinned ({})", drift(pin)),
    };
    let moved = match (&status.hold.held, status.hold.moved) {
        (Some(held), true) => format!(", although {} is held", versions(*held)),
        _ => String::new(),
    };
    let is_well = down.is_empty()
        && moved.is_empty()
        && status.pin_refused.is_none()
        && status.pin.as_ref().is_none_or(|pin| pin.drift.is_empty());
    let line = format!("{standing}{moved}{down}");
    if is_well { line.bold() } else { line.yellow().bold() }
}

fn hold_line(hold: &HoldStatus) -> String {
    if let Some(why) = &hold.refused {
        return format!("not known: {why}");
    }
    match (hold.held, hold.since) {
        (Some(held), Some(since)) => {
            let what = if hold.moved { format!("{} held, and it moved", versions(held)) } else { "held".to_owned() };
            let gone = hold.gone.first().map(|gone| format!(", but {gone}")).unwrap_or_default();
            format!("{what}, since {}{gone}", minute(since))
        }
        _ => match hold.updates_itself {
            Some(true) => "not held: OpenClaw updates itself",
            Some(false) => "not held; OpenClaw does not update itself",
            None => "not held",
        }
        .to_owned(),
    }
}

fn drift(pin: &PinStanding) -> String {
    let parts = pin.drift.iter().map(|drift| match drift.installed {
        Some(installed) => format!("{} {installed} in place of {}", drift.part, drift.pinned),
        None => format!("no {} in place of {}", drift.part, drift.pinned),
    });
    parts.collect::<Vec<_>>().join(", ")
}

fn next_steps(status: &MachineStatus) -> Vec<String> {
    let mut next = Vec::new();
    if status.last.as_ref().is_some_and(|last| last.end == OperationEnd::CutShort) {
        next.push("codexpin undo    ends what was cut short".to_owned());
    }
    if status.pin.as_ref().is_some_and(|pin| !pin.drift.is_empty()) {
        next.push("codexpin apply    brings this machine to the pin".to_owned());
    }
    let hold = &status.hold;
    let is_loose = hold.held.is_none() && hold.updates_itself == Some(true);
    if is_loose || hold.moved || !hold.gone.is_empty() {
        next.push("codexpin hold     holds what is installed".to_owned());
    }
    if let Some(undo) = &status.undo {
        next.push(format!("codexpin undo     goes back to {}", versions(undo.from)));
    }
    next.push("codexpin check live    asks the agent for a reply".to_owned());
    next
}

/// Prints what was done to this machine.
pub fn print_history(history: &OperationHistory, form: OutputForm) {
    if print_if_json(form, history) {
        return;
    }
    let lines = history.operations.iter().map(|operation| {
        let undo = if operation.can_be_undone {
            format!("\n    codexpin undo {}", operation.backup)
        } else {
            String::new()
        };
        format!("{}{undo}\n", past(operation))
    });
    let text: String = lines.collect();
    terminal::print(if text.is_empty() { "nothing was done yet" } else { text.trim_end() });
    for unreadable in &history.unreadable {
        terminal::warning(unreadable);
    }
}

fn past(operation: &PastOperation) -> String {
    let name = match operation.operation {
        Operation::Apply => "apply",
        Operation::Undo => "undo",
        Operation::Hold => "hold",
        Operation::Unhold => "unhold",
    };
    let end = match operation.end {
        OperationEnd::Done => "done".green(),
        OperationEnd::Unproven => "done, not proved".yellow(),
        OperationEnd::PutBack => "put back".yellow(),
        OperationEnd::CutShort => "cut short".red(),
    };
    let why = operation.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    let (from, to) = (versions(operation.from), versions(operation.to));
    let what = if operation.from == operation.to { from } else { format!("{from} -> {to}") };
    format!("{}  {name}  {what}  {end}{why}", minute(operation.at))
}
