//! Find the `OpenClaw` release where the agent stopped answering, pin the last
//! good one, roll back to it.

pub mod exit_code;
pub mod fs;
pub mod release;
pub mod secret;
pub mod upstream;
