//! Node: which one a candidate runs on, and where it comes from.

pub mod choice;
mod platform;
pub mod runtime;

pub use choice::{Node, Nodes, satisfies};
pub use platform::{Platform, platform_package};
pub use runtime::{NodeError, Runtimes};
