//! What a `codexpin apply` or `codexpin undo` that was cut short has left.

use super::Facts;
use super::finding::{Finding, Level};
use crate::apply::Operation;

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    facts.unfinished.iter().map(finding).collect()
}

fn finding(left: &super::ApplyLeft) -> Finding {
    let what = left.operation;
    let command = format!("codexpin {what}");
    // Without its pin file it does nothing.
    let place = if what == Operation::Apply { ", where known-good.toml is," } else { "" };
    let (level, why) = match (left.changed, left.stopped) {
        (true, stopped) if !left.operation.changes_release() => (
            if stopped { Level::Problem } else { Level::Warning },
            format!(
                "what keeps OpenClaw from updating itself may be half changed{}. `{command}` first \
                 finishes it",
                if stopped { ", and the service is stopped: nobody answers" } else { "" }
            ),
        ),
        (true, _) => (
            Level::Problem,
            format!(
                "core, plugin and config may be of two releases now, {}. `{command}`{place} first \
                 finishes it, or puts everything back",
                if left.stopped {
                    "and the service is stopped"
                } else {
                    "whatever the service runs"
                }
            ),
        ),
        (false, true) => (
            Level::Problem,
            format!(
                "it had stopped the service and changed nothing else: nobody answers. `{command}`{place} \
                 first puts it back, and starts the service"
            ),
        ),
        (false, false) => (
            Level::Warning,
            "it had changed nothing yet; the next `codexpin apply` or `codexpin undo` clears it \
             up. If one runs right now, this is it"
                .to_owned(),
        ),
    };
    let between = if left.operation.changes_release() {
        format!("between {} and {}", left.from, left.to)
    } else {
        format!("at {}", left.from)
    };
    let title = format!("a codexpin {what} was cut short {between}");
    Finding::new("apply-unfinished", level, title).file(&left.directory).why(why).mend(command)
}

/// Whether the service is down because of one, which starts it again.
pub(super) fn keeps_service_stopped(facts: &Facts) -> bool {
    facts.unfinished.iter().any(|left| left.stopped)
}

pub(super) fn sound(_: &Facts) -> Option<String> {
    None
}
