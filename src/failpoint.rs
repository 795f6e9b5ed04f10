//! The points at which a test build of codexpin can be made to die, so that
//! tests hold what happens after a kill at any instant. Tests take them from
//! [`Failpoint::all`]; none is written down anywhere else.

use std::fmt;

/// A step of an apply or an undo, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepName {
    /// npm installs the core beside the live one.
    StageCore,
    /// npm installs the plugin beside the live one.
    StagePlugin,
    /// The service stops.
    Stop,
    /// Files are saved.
    Save,
    /// The core is exchanged.
    ExchangeCore,
    /// The plugin is exchanged.
    ExchangePlugin,
    /// The shell's link leads to the live entry point.
    Relink,
    /// A saved config is put in place.
    PutConfig,
    /// A saved config is laid beside the live one.
    LayConfigBeside,
    /// Logins and files go where the release looks for them.
    CarryState,
    /// `OpenClaw` is kept from updating itself, or let go.
    Hold,
    /// The service starts.
    Start,
    /// `openclaw --version` is asked for.
    ProveVersion,
    /// The service must come up and stay up.
    ProveService,
    /// The release must reply.
    ProveReply,
    /// The live agent must reply.
    ProveLiveReply,
}

impl StepName {
    const ALL: [Self; 16] = [
        Self::StageCore,
        Self::StagePlugin,
        Self::Stop,
        Self::Save,
        Self::ExchangeCore,
        Self::ExchangePlugin,
        Self::Relink,
        Self::PutConfig,
        Self::LayConfigBeside,
        Self::CarryState,
        Self::Hold,
        Self::Start,
        Self::ProveVersion,
        Self::ProveService,
        Self::ProveReply,
        Self::ProveLiveReply,
    ];

    /// As journals and messages write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::StageCore => "stage-core",
            Self::StagePlugin => "stage-plugin",
            Self::Stop => "stop",
            Self::Save => "save",
            Self::ExchangeCore => "exchange-core",
            Self::ExchangePlugin => "exchange-plugin",
            Self::Relink => "relink",
            Self::PutConfig => "put-config",
            Self::LayConfigBeside => "lay-config-beside",
            Self::CarryState => "carry-state",
            Self::Hold => "hold",
            Self::Start => "start",
            Self::ProveVersion => "prove-version",
            Self::ProveService => "prove-service",
            Self::ProveReply => "prove-reply",
            Self::ProveLiveReply => "prove-live-reply",
        }
    }
}

/// Where in a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The journal says that the step begins; nothing of it is done.
    Before,
    /// The step is half done.
    During,
    /// The step is done; the journal does not say so yet.
    After,
}

impl Moment {
    const ALL: [Self; 3] = [Self::Before, Self::During, Self::After];

    fn as_str(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::During => "during",
            Self::After => "after",
        }
    }
}

/// A point at which codexpin can be killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failpoint {
    /// A check is in the session's journal; the next one has not begun.
    SessionRecorded,
    /// The journal of an apply or undo is there; no step has begun.
    ApplyPlanned,
    /// A step is taken.
    Step(StepName, Moment),
    /// A step is taken back.
    Revert(StepName, Moment),
    /// All steps are taken, and the journal says so.
    ApplyFinished,
    /// All steps are taken back, and the journal says so.
    ApplyReverted,
}

impl Failpoint {
    /// All of them. A step that nothing has to be done for on the way back has
    /// its points there, too.
    pub fn all() -> Vec<Self> {
        let moments = |point: fn(StepName, Moment) -> Self| {
            StepName::ALL
                .into_iter()
                .flat_map(move |step| Moment::ALL.into_iter().map(move |at| point(step, at)))
        };
        [Self::SessionRecorded, Self::ApplyPlanned]
            .into_iter()
            .chain(moments(Self::Step))
            .chain([Self::ApplyFinished])
            .chain(moments(Self::Revert))
            .chain([Self::ApplyReverted])
            .collect()
    }
}

impl fmt::Display for Failpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SessionRecorded => f.write_str("session-recorded"),
            Self::ApplyPlanned => f.write_str("apply-planned"),
            Self::Step(step, at) => write!(f, "{}:{}", step.as_str(), at.as_str()),
            Self::Revert(step, at) => write!(f, "revert:{}:{}", step.as_str(), at.as_str()),
            Self::ApplyFinished => f.write_str("apply-finished"),
            Self::ApplyReverted => f.write_str("apply-reverted"),
        }
    }
}

/// Ends this process with SIGKILL where `CODEXPIN_KILL_AT` names this point.
/// A release build has no such points.
pub fn reach(point: Failpoint) {
    #[cfg(any(test, debug_assertions))]
    if std::env::var(crate::env::CHECKPOINT).is_ok_and(|wanted| wanted == point.to_string()) {
        use nix::sys::signal::{Signal, kill};
        // The signal cannot be refused or caught; nothing runs after it.
        let _ = kill(nix::unistd::Pid::this(), Signal::SIGKILL);
    }
    #[cfg(not(any(test, debug_assertions)))]
    let _ = point;
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_point_has_a_name_of_its_own() {
        let all = Failpoint::all();
        let names: BTreeSet<_> = all.iter().map(ToString::to_string).collect();
        assert_eq!(names.len(), all.len());
        assert_eq!(all.len(), 4 + 2 * StepName::ALL.len() * Moment::ALL.len());
    }
}
