//! The search for the first bad candidate on a line. Pure: no process, no file,
//! no clock.
//!
//! ```text
//!            ┌────────────── learn(ask, reading) ◀─────────────┐
//!            ▼                                                 │
//!  answers ─▶ policy ─▶ what each candidate counts as ─▶ halving ─▶ Ask | Wait | Pause | Done
//!  (all kept)  noise    good, bad, skip, or not yet       place
//! ```
//!
//! A [`Strategy`] decides everything: which candidate is asked, when one is asked
//! again, when one that answered serves as a control, when the search pauses, and
//! when it is over. The session that drives it only asks, and reports the readings.
//! What it says is a function of the answers so far, so that a search is resumed by
//! giving a new strategy the old answers.

mod bisection;
mod halving;
mod outcome;
mod policy;
mod strategy;

#[cfg(test)]
mod tests;

pub use halving::Halving;
pub use outcome::{Contradiction, Mark, Outcome};
pub use policy::{NoisePolicy, Purpose};
pub use strategy::{Ask, Belief, FailureKey, Next, Pause, Reading, Reason, Strategy};
