//! What programs wrote, line by line, in whichever dress it was handed over: a log
//! file, a journal, a container's output, a paste. Pure.
//!
//! ```text
//! bytes ─▶ dress (time, host, level come off) ─▶ json (objects become words) ─▶ line
//!                                   line ─▶ sign (is it of a failure?) · owner (whose is it?)
//! ```

mod excerpt;
mod line;
mod owner;
mod pattern;
mod sign;
mod time;

pub use excerpt::excerpt;
pub use line::{Line, LineLevel, MOST_OF_A_DOCUMENT, document_end};
pub use owner::{owner, speaks_of_another_plugin};
pub use sign::{Depth, Sign, WORDS, answered, raw_part, release, run, turn_begun};
pub use time::LogClock;
