//! What going back did.

use jiff::Timestamp;

use super::Issue;
use crate::apply::Versions;
use crate::report::markdown::code;

/// A rollback that was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rollback {
    /// When.
    pub at: Timestamp,
    /// What was installed.
    pub from: Versions,
    /// What was to be.
    pub to: Versions,
    /// How it ended.
    pub end: RollbackEnd,
}

/// How a rollback ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RollbackEnd {
    /// It is installed, and proved itself.
    Proved,
    /// It failed its proof, for this reason, and was put back.
    PutBack(Option<String>),
    /// It is installed, and a proof could not be had, for these reasons.
    Unproven(String),
    /// It was interrupted.
    Unfinished,
}

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
