//! What runs here, and what was done to it.

use std::fmt::Write as _;

use indicatif::DecimalBytes;

use super::apply::versions;
use super::paint::Paint as _;
use super::{OutputForm, counted, minute, print_if_json, terminal};
use crate::app::history::{OperationEnd, OperationHistory, PastOperation, PrunedHistory};
use crate::app::status::{HoldStatus, MachineStatus, PinStanding};

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
        (Some(versions_held), Some(since)) => {
            let what = if hold.moved {
                format!("{} held, and it moved", versions(versions_held))
            } else {
                "held".to_owned()
            };
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
            format!("  codexpin undo {}", operation.backup)
        } else {
            String::new()
        };
        let size = DecimalBytes(operation.bytes).to_string();
        format!("{}\n  {size:>10}{undo}\n", past(operation))
    });
    let mut text: String = lines.collect();
    if text.is_empty() {
        text.push_str("nothing was done yet");
    } else {
        text.push_str(&total_line(history));
    }
    terminal::print(&text);
    for unreadable in &history.unreadable {
        terminal::warning(unreadable);
    }
}

/// Prints what a pruning freed, and what is left.
pub fn print_pruned(pruned: &PrunedHistory, form: OutputForm) {
    if print_if_json(form, pruned) {
        return;
    }
    let mut text = String::new();
    for backup in &pruned.pruned {
        let _ = writeln!(text, "freed  {:>10}  {}", DecimalBytes(backup.freed), backup.backup);
    }
    if pruned.pruned.is_empty() {
        text.push_str("nothing to free\n");
    }
    for operation in pruned.left.operations.iter().filter(|operation| operation.can_be_undone) {
        let _ =
            writeln!(text, "kept   {:>10}  {}", DecimalBytes(operation.bytes), operation.backup);
    }
    text.push_str(&total_line(&pruned.left));
    terminal::print(&text);
    for unreadable in &pruned.left.unreadable {
        terminal::warning(unreadable);
    }
}

fn total_line(history: &OperationHistory) -> String {
    let count = counted(history.operations.len(), "backup", "backups");
    format!("{count}, {} in {}", DecimalBytes(history.bytes), history.directory)
}

fn past(operation: &PastOperation) -> String {
    let name = operation.operation;
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
