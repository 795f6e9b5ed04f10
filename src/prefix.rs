//! Scratch npm prefixes: one candidate each, installed by the real npm.

pub mod node;
pub mod npm;
