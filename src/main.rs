//! The `codexpin` command.
fn main() {}
