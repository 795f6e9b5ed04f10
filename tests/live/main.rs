//! Logins of real `OpenClaw` releases at a service that plays OpenAI, with
//! accounts, single-use refresh tokens and limits.
//!
//! ```text
//! cargo test --test live
//! ```

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

mod agent;
mod lending;
mod logins;
#[expect(dead_code, reason = "shared by tests that each use a part of it")]
#[path = "../service/service.rs"]
mod service;
mod serving;
#[expect(dead_code, reason = "shared with the tests of real releases")]
#[path = "../real/support.rs"]
mod support;
