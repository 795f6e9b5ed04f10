//! Find the `OpenClaw` release where the agent stopped answering, pin the last
//! good one, roll back to it.

pub mod apply;
pub mod bisect;
pub mod check;
pub mod checkpoint;
pub mod cli;
pub mod env;
pub mod event;
pub mod exit_code;
pub mod fs;
pub mod observation;
pub mod paths;
pub mod pin;
pub mod prefix;
pub mod process;
pub mod release;
pub mod report;
pub mod route;
pub mod secret;
pub mod session;
pub mod upstream;
pub mod verdict;
