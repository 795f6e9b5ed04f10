//! What a check is made for.

use serde::{Deserialize, Serialize};

/// What a check is for, and so whether the search learns from it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// The search asked for it.
    #[default]
    Search,
    /// The search asked for it, and it surprised: the next check of the same
    /// candidate counts in its place.
    Surprise,
    /// The search asked for it, and it failed: it counts once a control has passed.
    Controlled,
    /// The search asked for it, and it failed in another way than the bad end: the
    /// search learns only that it cannot be judged.
    Another,
    /// The search asked for it, and the account, the service or the network failed:
    /// it counts for nothing, and the session pauses.
    Pause,
    /// A candidate that answered is asked once more, to see whether account,
    /// service and network still do their part.
    Control,
}
