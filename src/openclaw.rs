//! What codexpin knows of OpenClaw itself: what changed between its releases
//! ([`edge`]), and the names that follow from it ([`names`]). Nothing else in codexpin
//! compares a release with a version that is written in the code.

pub mod edge;
pub mod names;
mod stamp;

pub use edge::{Change, Edge};
pub use stamp::refuses_config_of;
