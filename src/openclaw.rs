//! What codexpin knows of OpenClaw itself: what changed between its releases
//! ([`edge`]), the names that follow from it ([`names`]), and how a release is kept from
//! updating itself ([`updates`]). Nothing else in codexpin
//! compares a release with a version that is written in the code.

pub mod edge;
pub mod names;
mod stamp;
pub mod updates;

pub use edge::{Change, Edge};
pub use stamp::refuses_config_of;
