//! What a `codexpin apply` or `codexpin undo` that was cut short has left.

use super::Facts;
use super::finding::{Finding, Level};

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    facts.unfinished.iter().map(finding).collect()
}

fn finding(left: &super::ApplyLeft) -> Finding {
    let (what, command, place) = if left.of_undo {
        ("undo", "codexpin undo", "")
    } else {
        ("apply", "codexpin apply", ", where known-good.toml is,")
    };
    let (level, why) = match (left.changed, left.stopped) {
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
    let title = format!("a codexpin {what} was cut short between {} and {}", left.from, left.to);
    Finding::new("apply-unfinished", level, title).file(&left.directory).why(why).mend(command)
}

/// Whether the service is down because of one, which starts it again.
pub(super) fn keeps_service_stopped(facts: &Facts) -> bool {
    facts.unfinished.iter().any(|left| left.stopped)
}

pub(super) fn sound(_: &Facts) -> Option<String> {
    None
}
