//! Find the `OpenClaw` release where the agent stopped answering, pin the last
//! good one, roll back to it.

pub mod apply;
pub mod checkpoint;
pub mod env;
pub mod exit_code;
pub mod fs;
pub mod paths;
pub mod pin;
pub mod prefix;
pub mod process;
pub mod release;
pub mod secret;
