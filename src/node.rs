//! Node: which one a candidate runs on, and where it comes from.

pub mod choice;
pub mod runtime;

pub use choice::{Node, Nodes, platform_package, satisfies};
pub use runtime::{NodeError, Runtimes};
