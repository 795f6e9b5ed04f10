//! What a `codexpin apply` that was cut short has left.

use super::Facts;
use super::finding::{Finding, Level};

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let finding = |left: &super::ApplyLeft| {
        let (level, why) = if left.changed {
            (
                Level::Problem,
                "core, plugin and config may be of two releases now. `codexpin apply`, \
                 where known-good.toml is, first finishes it, or puts everything back",
            )
        } else {
            (
                Level::Warning,
                "it had changed nothing yet; the next `codexpin apply` or `codexpin undo` clears it up. \
                 If one runs right now, this is it",
            )
        };
        let title = format!("codexpin was cut short between {} and {}", left.from, left.to);
        Finding::new("apply-unfinished", level, title)
            .file(&left.directory)
            .why(why)
            .mend("codexpin apply")
    };
    facts.unfinished.iter().map(finding).collect()
}

pub(super) fn sound(_: &Facts) -> Option<String> {
    None
}
