//! The search for the first bad candidate on a line. Pure: no process, no file,
//! no clock.
//!
//! ```text
//!            ┌──────────────── learn(ask, reading) ◀───────────────┐
//!            ▼                                                     │
//!  answers ─▶ policy ─▶ good, bad, skip, or not yet ─▶ halving ───▶ Ask | Wait | Pause | Done
//!  (all kept) └─────▶ tallies of passes and fails ─▶ hypotheses,
//!                                                    stop rule ──▶ the same
//! ```
//!
//! A [`Strategy`] decides everything: which candidate is asked, when one is asked
//! again, when one that answered serves as a control, when the search pauses, and
//! when it is over. The session that drives it only asks, and reports the readings.
//! What it says is a function of the answers so far, so that a search is resumed by
//! giving a new strategy the old answers.
//!
//! There are two. [`Halving`] takes answers for certain, and asks again only what
//! surprises. [`Bayes`] knows that a good candidate may fail and a bad one pass: it
//! weighs all answers, and ends when one boundary is likely enough. The [`SearchPlan`]
//! of a session says which of the two it uses. A third looks for no boundary: [`LineScan`] asks
//! each of certain candidates for itself, those of a whole line, or the newest ones once a
//! boundary is found.

mod bayes;
mod bisection;
mod halving;
mod hypotheses;
mod outcome;
mod plan;
mod policy;
mod recurrence;
mod scan;
mod stop;
mod strategy;
mod tally;

#[cfg(test)]
mod tests;

pub use bayes::Bayes;
pub use halving::Halving;
pub use outcome::{Contradiction, Mark, Outcome};
pub use plan::{AnswerKind, SearchPlan};
pub use policy::{NoisePolicy, Purpose};
pub use scan::LineScan;
pub use strategy::{Ask, Belief, FailureKey, Next, Pause, Pinning, Reading, Reason, Strategy};
