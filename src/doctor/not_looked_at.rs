//! What doctor has not looked at, so that "sound" is not taken for more than it is.

use serde::Serialize;

use super::{Facts, OwnLint};

/// Something that was not looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotLookedAt {
    /// What.
    pub what: &'static str,
    /// Where it can be seen.
    pub see: String,
}

/// Everything that was left out, the likeliest cause first.
pub(super) fn of(facts: &Facts) -> Vec<NotLookedAt> {
    let mut left = Vec::new();
    if facts.core.is_none() {
        return left;
    }
    let mut add = |what, see: String| left.push(NotLookedAt { what, see });
    add("whether the service takes the login", "codexpin check live".to_owned());
    add("what the Gateway said", "codexpin diagnose".to_owned());
    add("the histories of conversations", facts.command("sessions"));
    // Those of `exec` and `store` providers; `env.shellEnv` asks the shell.
    add("secrets kept elsewhere, the login shell", facts.command("secrets audit"));
    if let OwnLint::NotRun(why) = &facts.own_lint {
        add("what OpenClaw checks itself", format!("{} ({why})", facts.command("doctor --lint")));
    }
    if facts.unit.is_none() {
        // A system unit, launchd, Docker.
        add("who else starts the Gateway, and how", facts.command("gateway status"));
    }
    if facts.registry.is_none() {
        add("the registry", "codexpin doctor --online".to_owned());
    }
    left
}
