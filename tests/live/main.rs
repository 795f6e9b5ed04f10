//! Logins of real `OpenClaw` releases at a service that plays OpenAI, with
//! accounts, single-use refresh tokens and limits.
//!
//! ```text
//! cargo test --test live
//! ```

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

mod serving;
#[path = "../service/service.rs"]
mod service;
