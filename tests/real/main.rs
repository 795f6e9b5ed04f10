//! Real `OpenClaw` releases from the registry that npm is configured for,
//! installed by the real npm and asked through the loopback upstream. Nothing
//! here is a mock, but for the packages that a coming npm installs. Minutes long, so
//! by its own command:
//!
//! ```text
//! cargo test --test real
//! ```
//!
//! All tests share one cache under `target/`, so that each release is installed
//! once a run. Where the registry cannot be reached they fail, and say so.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

#[expect(dead_code, reason = "of the stand-in, which is shared with tests/it")]
#[path = "../it/agent.rs"]
mod agent;
mod apply;
mod bisect;
mod check;
mod depth;
mod live;
mod locks;
mod logins;
#[expect(dead_code, reason = "shared with tests/it")]
#[path = "../it/machine.rs"]
mod machine;
mod npm;
#[expect(dead_code, reason = "shared with tests/it")]
#[path = "../it/registry.rs"]
mod registry;
mod releases;
#[expect(dead_code, reason = "shared by tests that each use a part of it")]
#[path = "../service/service.rs"]
mod service;
mod settings;
mod support;
#[expect(dead_code, reason = "shared with tests/it")]
#[path = "../it/terminal.rs"]
mod terminal;
mod traces;
mod trees;
#[path = "../shared/user_manager.rs"]
mod user_manager;
