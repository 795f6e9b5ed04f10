//! What going back did.

use super::Issue;
use crate::app::issue::{Rollback, RollbackEnd};
use crate::apply::Versions;
use crate::report::markdown::code;

pub(super) fn section(issue: &Issue<'_>) -> Option<String> {
    let (good, bad) = issue.session.ends();
    let (good, _) = (good?, bad?);
    let Some(rollback) = &issue.rollback else {
        return Some(format!(
            "Not tried on a live installation. {} answers where the later release does not.",
            issue.spec(good)
        ));
    };
    let versions = |versions: Versions| match versions.plugin {
        Some(plugin) => format!("{} with plugin {plugin}", versions.core),
        None => versions.core.to_string(),
    };
    let Rollback { at, from, to, end } = rollback;
    let what = format!(
        "`codexpin apply`, from {} to {} on {}",
        versions(*from),
        versions(*to),
        at.strftime("%Y-%m-%d %H:%M UTC")
    );
    Some(match end {
        RollbackEnd::Proved => format!("{what}: it starts and answers again."),
        RollbackEnd::PutBack(why) => {
            let why = why.as_deref().map(|why| format!(" ({})", code(why)));
            format!("{what}: everything was put back{}.", why.unwrap_or_default())
        }
        RollbackEnd::Unproven(why) => {
            format!("{what}: applied, but it could not be proved ({}).", code(why))
        }
        RollbackEnd::Unfinished => format!("{what}: interrupted."),
    })
}
