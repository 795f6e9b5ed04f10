//! What codexpin knows of OpenClaw itself: what changed between its releases
//! ([`edge`]), the names that follow from it ([`names`]), and how its commands are
//! called ([`command`]). Nothing else in codexpin compares a release with a
//! version that is written in the code.

pub mod command;
pub mod edge;
pub mod names;
mod stamp;

pub use edge::{Change, Edge};
pub use stamp::refuses_config_of;
